"""The wish to leave with the end of the series that runs."""

from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from leadmagnet.audience import history, subscribers
from leadmagnet.audience.consent import Origin
from leadmagnet.sequences import enrollments, preferences
from leadmagnet.store.models import Enrollment, Subscriber

#: How the proof of such a withdrawal calls its source, beside when she asked for it.
SOURCE = "her wish to leave after the series"


def finish(session: Session, subscriber: Subscriber, *, by: str, now: datetime) -> bool:
    """Lets a person's running series go on to their end and no other start; False if none runs, or she asked before.

    `subscriber` is locked by `subscribers.get`. Until the end she agrees to the letters that come: her withdrawal is
    proven when it takes effect, and says when she asked for it. A series that she herself starts by a tap counts as
    one that runs.
    """
    if subscriber.finishing_at is not None or not enrollments.running(session, subscriber):
        return False
    _write(session, subscriber, now)
    history.write(session, subscriber.id, "finishing", by=by, now=now)
    return True


def go_on(session: Session, subscriber: Subscriber, *, by: str, now: datetime) -> bool:
    """Takes that wish back; False if there is none."""
    if subscriber.finishing_at is None or subscriber.status != "active":
        return False
    _write(session, subscriber, None)
    history.write(session, subscriber.id, "not finishing", by=by, now=now)
    return True


def _write(session: Session, subscriber: Subscriber, at: datetime | None) -> None:
    session.execute(update(Subscriber).where(Subscriber.id == subscriber.id).values(finishing_at=at))
    session.refresh(subscriber)


def over(session: Session, *, limit: int) -> list[int]:
    """The subscriber ids of those who wished to leave, and of whom no series runs any more, however it ended."""
    runs = select(Enrollment.id).where(Enrollment.subscriber_id == Subscriber.id, Enrollment.status == "active")
    wished = (Subscriber.finishing_at.is_not(None), Subscriber.status == "active")
    return list(session.scalars(select(Subscriber.id).where(*wished, ~runs.exists()).limit(limit)))


def leave_finished(session: Session, subscriber_id: int, *, now: datetime) -> bool:
    """Lets one of those who are `over` leave; False if she changed her mind, or started letters, this moment.

    Not in the transaction that ends a series: that one holds her series, and would wait for her row, while a tap of
    hers holds her row and waits for her series. Nothing can start for her meanwhile.
    """
    subscriber = subscribers.get(session, subscriber_id)
    if subscriber is None or subscriber.finishing_at is None or enrollments.running(session, subscriber):
        return False
    asked = {"from": SOURCE, "asked": subscriber.finishing_at.isoformat()}
    _write(session, subscriber, None)
    return preferences.leave(session, subscriber_id, Origin(source=asked), now=now)
