"""Makes what letters and guides show beside their words: each file once, kept for ever."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import select, tuple_
from sqlalchemy.orm import Session

from leadmagnet.content import press
from leadmagnet.content.compiled import Compiled, Letter
from leadmagnet.content.guides import Guide
from leadmagnet.content.pdf import Paper
from leadmagnet.content.press import Order
from leadmagnet.publishing import editions
from leadmagnet.store.dialect import insert_ignoring
from leadmagnet.store.models import Media


@dataclass(frozen=True, slots=True)
class Item:
    """A file to keep under its digest and name: its bytes, or what they are made from."""

    digest: str
    name: str
    media_type: str
    content: bytes | Order


def missing(session: Session, compiled: Compiled, files: Mapping[str, bytes], *, now: datetime) -> list[Item]:
    """What the letters and guides show and nobody kept yet; `files` are those of the site, by path.

    It only reads.
    """
    pages: tuple[Letter | Guide, ...] = (*compiled.letters.values(), *compiled.guides.values())
    return _not_there(session, (*_pictures(pages, files), *_papers(session, compiled, files, now)))


def missing_pictures(session: Session, letter: Letter, files: Mapping[str, bytes]) -> list[Item]:
    """Likewise for the pictures of one letter."""
    return _not_there(session, _pictures((letter,), files))


def make(items: Iterable[Item]) -> list[Item]:
    """`items` with their bytes. Takes a second or two, and no transaction may wait for it.

    Raises PdfError, naming the file.
    """
    items = list(items)
    orders = [one.content for one in items if not isinstance(one.content, bytes)]
    made = iter(press.make(orders))
    return [one if isinstance(one.content, bytes) else replace(one, content=next(made)) for one in items]


def keep(session: Session, made: Sequence[Item], *, now: datetime) -> None:
    """Writes what `make` made. What is there stays as it is: its address stands in mails that were sent."""
    rows = [
        {"digest": one.digest, "name": one.name, "media_type": one.media_type, "content": one.content, "made_at": now}
        for one in made
    ]
    if rows:
        # Another process may write the same at this moment: whoever comes first is right, since they are the same.
        session.execute(insert_ignoring(session, Media), rows)


def media_type(session: Session, digest: str, name: str) -> str | None:
    """What kind of file is kept there; None if there is none."""
    return session.scalar(select(Media.media_type).where(Media.digest == digest, Media.name == name))


def content(session: Session, digest: str, name: str) -> bytes:
    """The bytes of a file that is kept."""
    return session.scalars(select(Media.content).where(Media.digest == digest, Media.name == name)).one()


def _not_there(session: Session, items: Iterable[Item]) -> list[Item]:
    wanted = {(one.digest, one.name): one for one in items}
    if not wanted:
        return []
    key = tuple_(Media.digest, Media.name)
    there = set(map(tuple, session.execute(select(Media.digest, Media.name).where(key.in_(wanted)))))
    return [one for address, one in wanted.items() if address not in there]


def _pictures(pages: Iterable[Letter | Guide], files: Mapping[str, bytes]) -> Iterator[Item]:
    for page in pages:
        for one in page.pictures:
            content = one if one.figure is not None else files[one.file or ""]
            yield Item(one.digest, one.name, one.media_type, content)


def _papers(session: Session, compiled: Compiled, files: Mapping[str, bytes], now: datetime) -> Iterator[Item]:
    """The PDF of each guide, with the day on which its edition was first kept."""
    site = compiled.settings.site
    guides = compiled.guides.values()
    known = editions.first_kept(session, guides)
    for guide in guides:
        on = known.get(guide.edition, now).astimezone(ZoneInfo(site.timezone)).date()
        paper = Paper.of(guide, site.name, on, files)
        yield Item(paper.digest, editions.kept_as(guide), "application/pdf", paper)
