"""How many of those who asked for a guide have confirmed, and opened it."""

from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from leadmagnet.sequences.signup import UNCONFIRMED_LIFE
from leadmagnet.store.models import Enrollment, Subscriber


@dataclass(frozen=True, slots=True)
class Funnel:
    """One guide's people of the last seven days: whoever did not confirm within them is forgotten, and not counted."""

    guide: str
    asked: int
    confirmed: int
    opened: int  # confirming opens the guide; a second guide is opened by its own button

    def to_json(self) -> dict[str, object]:
        """One entry of `funnel`."""
        return asdict(self)


def funnels(session: Session, *, now: datetime) -> tuple[Funnel, ...]:
    """Each guide that somebody has asked for lately."""
    query = (
        select(
            Enrollment.guide,
            func.count(),
            func.count(Subscriber.confirmed_at),
            func.count(Enrollment.guide_opened_at),
        )
        .join(Subscriber, Subscriber.id == Enrollment.subscriber_id)
        .where(Enrollment.created_at > now - UNCONFIRMED_LIFE, Enrollment.guide.is_not(None))
        .group_by(Enrollment.guide)
        .order_by(Enrollment.guide)
    )
    rows = session.execute(query)
    return tuple(Funnel(guide or "", asked, confirmed, opened) for guide, asked, confirmed, opened in rows)
