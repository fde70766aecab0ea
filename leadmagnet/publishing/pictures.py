"""Keeps the pictures of letters and guides where mails and pages find them, for ever."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from sqlalchemy import select, tuple_
from sqlalchemy.orm import Session

from leadmagnet.content.compiled import Build, Compiled, Letter
from leadmagnet.content.guides import Guide
from leadmagnet.content.painting import draw_png
from leadmagnet.content.pictures import Picture
from leadmagnet.store.dialect import insert_ignoring
from leadmagnet.store.models import Media


def prepare(session: Session, build: Build) -> None:
    """Draws what `keep` will want, so that nothing is drawn while other writers wait. It only reads."""
    if build.compiled is not None:
        for picture in _missing(session, shown_by(build.compiled)):
            _content(picture, build.files)


def shown_by(compiled: Compiled) -> list[Letter | Guide]:
    """All that shows pictures."""
    return [*compiled.letters.values(), *compiled.guides.values()]


def keep(session: Session, pages: Iterable[Letter | Guide], files: Mapping[str, bytes], *, now: datetime) -> None:
    """Writes the pictures of `pages` that are not there yet; `files` are those of the site, by path.

    What is there stays as it is: an address stands in mails that were sent.
    """
    rows = [
        {
            "digest": picture.digest,
            "name": picture.name,
            "media_type": picture.media_type,
            "content": _content(picture, files),
            "made_at": now,
        }
        for picture in _missing(session, pages)
    ]
    if rows:
        # Another process may write the same at this moment: whoever comes first is right, since they are the same.
        session.execute(insert_ignoring(session, Media), rows)


def _missing(session: Session, pages: Iterable[Letter | Guide]) -> Iterable[Picture]:
    wanted = {(one.digest, one.name): one for page in pages for one in page.pictures}
    if not wanted:
        return ()
    key = tuple_(Media.digest, Media.name)
    there = set(map(tuple, session.execute(select(Media.digest, Media.name).where(key.in_(wanted)))))
    return [picture for address, picture in wanted.items() if address not in there]


def _content(picture: Picture, files: Mapping[str, bytes]) -> bytes:
    if picture.figure is not None:
        return draw_png(picture.figure, mirrored=picture.mirrored)
    return files[picture.file or ""]
