"""The way in: a visitor asks for a guide, then confirms.

What the visitor sees is the same for a new, known, departed and blocked address; what happens differs,
and is returned as a value for tests and counters.
"""

from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import Row, select
from sqlalchemy.orm import Session

from leadmagnet.audience import consent, list_bombing, subscribers
from leadmagnet.audience.consent import Origin
from leadmagnet.content.published import Published
from leadmagnet.sequences import deliveries, enrollments, preferences, requests
from leadmagnet.sequences.requests import Request, Requested
from leadmagnet.store.models import Delivery, Enrollment, Subscriber

__all__ = ["Confirmed", "Request", "Requested"]

#: How long an unconfirmed address is kept, and its confirm link lives.
UNCONFIRMED_LIFE = timedelta(days=7)
#: How long after it a confirmation that nobody answered is repeated, once.
REMIND_AFTER = timedelta(hours=24)


def request(session: Session, published: Published, asked: Request, *, limits: bool, now: datetime) -> Requested:
    """Takes a request in: a confirmation for somebody new, the guide itself for somebody known."""
    (answer,) = requests.take_in(session, published, [asked], limits=limits, now=now)
    return answer


class Confirmed(StrEnum):
    """What a tap on the confirm button led to."""

    NOW = "confirmed, letters started"
    BEFORE = "nothing to change: confirmed earlier, or left since"
    EXPIRED = "the unconfirmed address was forgotten"


def confirm(session: Session, published: Published, enrollment_id: int, origin: Origin, *, now: datetime) -> Confirmed:
    """Confirms an address and starts the letters; a second tap, or one after leaving, changes nothing."""
    enrollment = session.get(Enrollment, enrollment_id)
    subscriber = subscribers.get(session, enrollment.subscriber_id) if enrollment is not None else None
    if enrollment is None or subscriber is None or _too_late(subscriber, now):
        return Confirmed.EXPIRED
    if subscriber.status == "unsubscribed" or enrollment.status != "pending":
        return Confirmed.BEFORE
    if not enrollments.start(session, published, subscriber, enrollment, now=now):
        return Confirmed.BEFORE
    first = subscribers.activate(session, subscriber.id, now=now)
    answered = _answered_mail(session, enrollment.id)
    _prove_confirmed(session, published, enrollment, origin, answered.message_id if answered else None, now=now)
    if first:
        _settle_other_requests(session, published, subscriber, enrollment.id, now=now)
        if answered is not None and answered.kind == "confirm" and answered.sent_at is not None:
            list_bombing.answered(session, answered.sent_at)
    return Confirmed.NOW


def start_letters(session: Session, published: Published, enrollment_id: int, origin: Origin, *, now: datetime) -> bool:
    """Starts the letters of a guide a confirmed person holds, or takes them up again after she left."""
    enrollment = session.get(Enrollment, enrollment_id)
    subscriber = subscribers.get(session, enrollment.subscriber_id) if enrollment is not None else None
    if enrollment is None or subscriber is None or subscriber.status == "pending":
        return False
    if subscriber.status == "unsubscribed":
        back = preferences.come_back(session, published, subscriber.id, origin, now=now)
        if back and enrollments.start(session, published, subscriber, enrollment, now=now):
            _prove_confirmed(session, published, enrollment, origin, None, now=now)
        return back
    if not enrollments.start(session, published, subscriber, enrollment, now=now):
        return False
    _prove_confirmed(session, published, enrollment, origin, None, now=now)
    return True


def expired(session: Session, enrollment_id: int, *, now: datetime) -> bool:
    """True if a confirm link can no longer confirm; changes nothing."""
    enrollment = session.get(Enrollment, enrollment_id)
    subscriber = session.get(Subscriber, enrollment.subscriber_id) if enrollment is not None else None
    return subscriber is None or _too_late(subscriber, now)


def would_start(session: Session, enrollment: Enrollment) -> bool:
    """True if confirming would start letters, and not just open a guide that is hers already; changes nothing."""
    subscriber = session.get(Subscriber, enrollment.subscriber_id)
    return subscriber is not None and subscriber.status != "unsubscribed" and enrollment.status == "pending"


def remind(session: Session, published: Published, *, after: timedelta, limit: int, now: datetime) -> int:
    """Queues the one reminder for people whose confirmation is `after` old; returns how many."""
    reminded = select(Delivery.id).where(Delivery.enrollment_id == Enrollment.id, Delivery.kind == "reminder")
    confirmation = select(Delivery.id).where(
        Delivery.enrollment_id == Enrollment.id, Delivery.kind == "confirm", Delivery.sent_at < now - after
    )
    rows = session.execute(
        select(Subscriber, Enrollment.id)
        .join(Enrollment, Enrollment.subscriber_id == Subscriber.id)
        .where(Subscriber.status == "pending", Enrollment.status == "pending", Subscriber.asked_at <= now - after)
        .where(Subscriber.asked_at > now - UNCONFIRMED_LIFE, confirmation.exists(), ~reminded.exists())
        .limit(limit)
    ).all()
    for subscriber, enrollment_id in rows:
        deliveries.plan_reminder(session, published, subscriber, enrollment_id, now=now)
    return len(rows)


def forget_unconfirmed(session: Session, *, limit: int, now: datetime) -> int:
    """Forgets people who never confirmed, with all that belongs to them; returns how many."""
    return subscribers.forget_unconfirmed(session, before=now - UNCONFIRMED_LIFE, limit=limit)


def _too_late(subscriber: Subscriber, now: datetime) -> bool:
    return subscriber.status == "pending" and subscriber.asked_at < now - UNCONFIRMED_LIFE


def _prove_confirmed(
    session: Session,
    published: Published,
    enrollment: Enrollment,
    origin: Origin,
    answered: str | None,
    *,
    now: datetime,
) -> None:
    """Keeps the proof of a tap that started letters; `answered` is the Message-ID of the mail it answers."""
    guide = published.guide(enrollment.guide) if enrollment.guide is not None else None
    consent.record(
        session,
        enrollment.subscriber_id,
        "confirmed",
        now=now,
        origin=origin,
        guide=enrollment.guide,
        wording=guide.consent if guide is not None else None,
        message_id=answered,
    )


def _answered_mail(session: Session, enrollment_id: int) -> Row[str, str, datetime | None] | None:
    """Message-ID, kind and `sent_at` of the newest confirmation that went out: the mail this tap answers."""
    return session.execute(
        select(Delivery.message_id, Delivery.kind, Delivery.sent_at)
        .where(Delivery.enrollment_id == enrollment_id, Delivery.kind.in_(["confirm", "reminder"]))
        .order_by(Delivery.sent_at.desc().nulls_last(), Delivery.id.desc())
        .limit(1)
    ).first()


def _settle_other_requests(
    session: Session, published: Published, subscriber: Subscriber, confirmed_id: int, *, now: datetime
) -> None:
    """The address is hers now: further confirmations are pointless, and a second guide she asked for can go."""
    mails = Delivery.kind.in_(["confirm", "reminder"])
    deliveries.cancel_pending(session, "confirmed", Delivery.subscriber_id == subscriber.id, mails, now=now)
    others = session.scalars(
        select(Enrollment)
        .where(Enrollment.subscriber_id == subscriber.id, Enrollment.id != confirmed_id)
        .where(Enrollment.status == "pending", Enrollment.guide.is_not(None))
    ).all()
    for other in others:
        deliveries.plan_guide(session, published, subscriber, other, now=now)
