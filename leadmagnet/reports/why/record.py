"""Everything that the database has about one person, read once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from leadmagnet.delivery import brakes, breaker
from leadmagnet.delivery.brakes import Brakes
from leadmagnet.delivery.breaker import Open
from leadmagnet.mail import answers
from leadmagnet.sequences import facts as people_facts
from leadmagnet.sequences.schedule import Facts
from leadmagnet.store.models import (
    AuditEvent,
    Consent,
    Delivery,
    Enrollment,
    Feedback,
    Subscriber,
    SubscriberTag,
    Suppression,
)


@dataclass(frozen=True, slots=True)
class Record:
    """The rows of one person, each kind in the order of its making, with what holds mail back at the moment."""

    person: Subscriber
    series: Mapping[int, Enrollment]  # by id
    mails: Sequence[Delivery]
    consents: Sequence[Consent]
    tags: Sequence[SubscriberTag]
    blocks: Sequence[Suppression]
    noted: Sequence[AuditEvent]
    bounces: Mapping[int, str]  # what the last bounce of a mail said, in words, by delivery id
    facts: Mapping[int, Facts]  # by enrollment id, of those whose letters have started
    brakes: Brakes
    breaker: Open | None

    @property
    def blocked(self) -> str | None:
        """Why nothing at all may be sent to her; None: she may be written to."""
        return next((block.reason for block in self.blocks if block.scope == "all"), None)


def read(session: Session, person: Subscriber, *, now: datetime) -> Record:
    """Some ten statements, each by an index."""
    mails = session.scalars(select(Delivery).where(Delivery.subscriber_id == person.id).order_by(Delivery.id)).all()
    series = session.scalars(
        select(Enrollment).where(Enrollment.subscriber_id == person.id).order_by(Enrollment.id)
    ).all()
    started = {one.id: people_facts.series_of(one, person) for one in series if one.start_at is not None}
    hers = or_(AuditEvent.subscriber_id == person.id, AuditEvent.delivery_id.in_([mail.id for mail in mails]))
    return Record(
        person=person,
        series={one.id: one for one in series},
        mails=mails,
        consents=session.scalars(
            select(Consent).where(Consent.subscriber_id == person.id).order_by(Consent.at, Consent.id)
        ).all(),
        tags=session.scalars(
            select(SubscriberTag).where(SubscriberTag.subscriber_id == person.id).order_by(SubscriberTag.given_at)
        ).all(),
        blocks=blocks(session, person.address_key),
        noted=session.scalars(select(AuditEvent).where(hers).order_by(AuditEvent.at, AuditEvent.id)).all(),
        bounces=_bounces(session, [mail for mail in mails if mail.bounced_at is not None]),
        facts=people_facts.gather(session, started) if started else {},
        brakes=brakes.active(session, now=now),
        breaker=breaker.read(session),
    )


def blocks(session: Session, address_key: str) -> Sequence[Suppression]:
    """The blocks of an address, oldest first; they stay when the person is forgotten."""
    query = select(Suppression).where(Suppression.address_key == address_key)
    return session.scalars(query.order_by(Suppression.at, Suppression.id)).all()


def _bounces(session: Session, bounced: list[Delivery]) -> Mapping[int, str]:
    query = select(Feedback.delivery_id, Feedback.smtp_class).where(
        Feedback.delivery_id.in_([row.id for row in bounced]), Feedback.kind == "bounce"
    )
    told = session.execute(query.order_by(Feedback.id)).all() if bounced else []
    return {row.delivery_id: answers.meaning(row.smtp_class) for row in told}
