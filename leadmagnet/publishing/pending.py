"""Tells what is saved and not published."""

from collections.abc import Mapping

from sqlalchemy.orm import Session

from leadmagnet.content.compiled import Build
from leadmagnet.content.files import SETTINGS_FILE
from leadmagnet.content.published import Published
from leadmagnet.content.site import SiteSettings
from leadmagnet.publishing import releases
from leadmagnet.publishing.releases import Live, NothingPublished


def changes(session: Session, live: Live, build: Build) -> int:
    """How many files differ from what is live; all of them while nothing is."""
    try:
        published = live.get(session)
    except NothingPublished:
        return len(build.files) + 1
    if published.digest == build.digest:
        return 0
    return max(1, len(paths(session, published, build.files, build.settings)))


def paths(session: Session, live: Published, files: Mapping[str, bytes], settings: SiteSettings | None) -> list[str]:
    """The files that differ from what is `live`, the content tables of leadmagnet.toml among them.

    Compared byte by byte, without compiling: a few milliseconds. `settings`: None where they do not read.
    """
    then = releases.files(session, live.number)
    differ = [path for path in sorted(then.keys() | files.keys()) if then.get(path) != files.get(path)]
    if settings is not None and settings != live.compiled.settings:
        differ.append(SETTINGS_FILE)
    return differ
