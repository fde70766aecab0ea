"""Everything about one address: what happened, what did not, what comes next, each with its reason."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from leadmagnet.content.published import Published
from leadmagnet.reports.why import record as rows
from leadmagnet.reports.why.answer import Coming, End, Event, HeldGuide, Mail, Why
from leadmagnet.reports.why.course import course
from leadmagnet.reports.why.guides import Editions, held
from leadmagnet.reports.why.mails import mails as mails_of
from leadmagnet.reports.why.timeline import timeline
from leadmagnet.store.models import Subscriber

__all__ = ["Coming", "End", "Event", "HeldGuide", "Mail", "Why", "why"]


def why(session: Session, published: Published, address_key: str, *, now: datetime) -> Why | None:
    """What is known of the person with this address key; None if there is nobody (see `why.absent`)."""
    person = session.scalars(select(Subscriber).where(Subscriber.address_key == address_key)).one_or_none()
    if person is None:
        return None
    record = rows.read(session, person, now=now)
    mails = mails_of(record, published, now=now)
    editions = Editions(session, published)
    coming, ends = course(record, published, now=now)
    return Why(
        address=person.address,
        state=person.status,
        zone=person.timezone,
        asked_at=person.asked_at,
        confirmed_at=person.confirmed_at,
        unsubscribed_at=person.unsubscribed_at,
        blocked=record.blocked,
        mails=mails,
        guides=tuple(held(record, published, editions)),
        timeline=timeline(record, published, mails, editions),
        coming=coming,
        ends=ends,
    )
