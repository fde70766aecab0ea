"""Counts what is saved and not published."""

from sqlalchemy.orm import Session

from leadmagnet.content.compiled import Build
from leadmagnet.publishing import releases
from leadmagnet.publishing.releases import Live, NothingPublished


def changes(session: Session, live: Live, build: Build) -> int:
    """How many files, counting the content tables of leadmagnet.toml as one, differ from what is live."""
    try:
        published = live.get(session)
    except NothingPublished:
        return len(build.files) + 1
    if published.digest == build.digest:
        return 0
    then = releases.files(session, published.number)
    changed = sum(then.get(path) != build.files.get(path) for path in then.keys() | build.files.keys())
    # The digest is over the files and these tables, and nothing else.
    settings = build.compiled.settings if build.compiled is not None else published.compiled.settings
    return max(changed + (settings != published.compiled.settings), 1)
