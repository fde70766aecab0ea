"""Editions of guides: since when there is which, and its PDF."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

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


def find(session: Session, published: Published, guide: Guide) -> Edition | None:
    """The live edition of a guide; None while it has no PDF, as after an upgrade that sets it anew."""
    digest = Paper.of(guide, published.site.name, date.min).digest
    rows = select(Media.digest, Media.made_at).where(Media.name == kept_as(guide))
    kept = {row.digest: row.made_at for row in session.execute(rows)}
    if digest not in kept:
        return None
    return Edition(guide.edition, min(kept.values()).astimezone(published.zone), digest)


def first_kept(session: Session, guides: Iterable[Guide]) -> dict[str, datetime]:
    """When the edition of each guide was first kept, by its name. Another site name, say, is no other edition."""
    names = {kept_as(guide): guide.edition for guide in guides}
    rows = session.execute(
        select(Media.name, func.min(Media.made_at)).where(Media.name.in_(names)).group_by(Media.name)
    )
    return {names[name]: since for name, since in rows}


def kept_as(guide: Guide) -> str:
    """The name that all PDFs of this edition are kept under."""
    return f"{guide.edition}.pdf"


def file_name(slug: str) -> str:
    """What the PDF is called when it is saved."""
    return f"{slug}.pdf"
