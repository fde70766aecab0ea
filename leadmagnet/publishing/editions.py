"""Editions of guides: each has one PDF, made when it is published, kept for ever."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from leadmagnet.content.compiled import Build, Compiled
from leadmagnet.content.guides import Guide
from leadmagnet.content.pdf import Paper
from leadmagnet.content.published import Published
from leadmagnet.store.models import Media


@dataclass(frozen=True, slots=True)
class Edition:
    """One edition of a guide: its name, when it was first published (in the site's zone), and its PDF's digest."""

    name: str
    since: datetime
    digest: str


def prepare(session: Session, build: Build, *, now: datetime) -> None:
    """Makes the PDFs that `keep` will want, so that nothing is made while other writers wait. It only reads.

    Raises PdfError, naming the file.
    """
    if build.compiled is not None:
        for paper in _missing(session, build.compiled, build.files, now):
            _pdf(paper)


def keep(session: Session, compiled: Compiled, files: Mapping[str, bytes], *, now: datetime) -> None:
    """Stores the PDF of every guide that has none yet in this edition; `files` are those of the site, by path.

    Raises PdfError, naming the file.
    """
    for paper in _missing(session, compiled, files, now):
        session.execute(
            insert(Media).values(
                digest=paper.digest,
                name=file_name(paper.slug),
                media_type="application/pdf",
                content=_pdf(paper),
                made_at=now,
            )
        )


def find(session: Session, published: Published, guide: Guide) -> Edition | None:
    """The live edition of a guide; None if it was published by a version that made no PDFs."""
    digest = Paper.of(guide, published.site.name, date.min).digest
    made_at = session.scalar(select(Media.made_at).where(Media.digest == digest, Media.name == file_name(guide.slug)))
    return Edition(guide.edition, made_at.astimezone(published.zone), digest) if made_at is not None else None


def pdf(session: Session, edition: Edition, guide: Guide) -> bytes:
    """The PDF of an edition that `find` found."""
    return session.scalars(
        select(Media.content).where(Media.digest == edition.digest, Media.name == file_name(guide.slug))
    ).one()


def file_name(slug: str) -> str:
    """What the PDF is called when it is saved."""
    return f"{slug}.pdf"


def _missing(session: Session, compiled: Compiled, files: Mapping[str, bytes], now: datetime) -> Iterator[Paper]:
    site = compiled.settings.site
    today = now.astimezone(ZoneInfo(site.timezone)).date()
    for guide in compiled.guides.values():
        paper = Paper.of(guide, site.name, today, files)
        stands = select(Media.digest).where(Media.digest == paper.digest, Media.name == file_name(guide.slug))
        if session.scalar(stands) is None:
            yield paper


@lru_cache(maxsize=4)
def _pdf(paper: Paper) -> bytes:
    """Remembered from `prepare` to `keep`."""
    return paper.pdf()
