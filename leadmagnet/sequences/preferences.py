"""The way out and back in: leaving at once and for good, until the person herself returns, if she may."""

from datetime import datetime
from typing import Literal

from sqlalchemy import case, func, select, update
from sqlalchemy.orm import Session

from leadmagnet.audience import consent, history, subscribers, suppressions
from leadmagnet.audience.consent import Origin
from leadmagnet.content.published import Published
from leadmagnet.sequences import deliveries, enrollments
from leadmagnet.store.models import AuditEvent, Delivery, Subscriber

#: What the world says of an address so that nothing is sent to it any more.
BlockedBy = Literal["bounced", "complained"]
#: Why somebody left, if she cares to say; never asked for before.
REASONS = ("too many", "not what I expected", "not running now", "other")
#: How her history calls her answer.
SAID_WHY = "said why"


def leave(session: Session, subscriber_id: int, origin: Origin, *, now: datetime) -> bool:
    """Stops all letters to a person; False if she had left before, or was forgotten.

    The subscriber's row is written in the same transaction as the block: a gate that holds a lock on
    that row either opened before this commit, or will see it.
    """
    subscriber = subscribers.get(session, subscriber_id)
    if subscriber is None or subscriber.status == "unsubscribed":
        return False
    session.execute(
        update(Subscriber).where(Subscriber.id == subscriber_id).values(status="unsubscribed", unsubscribed_at=now)
    )
    suppressions.add(session, subscriber.address_key, "letters", "unsubscribed", now=now)
    enrollments.leave(session, subscriber_id, "unsubscribed", now=now)
    consent.record(session, subscriber_id, "withdrawn", now=now, origin=origin)
    return True


def say_why(session: Session, subscriber_id: int, reason: str, *, now: datetime) -> bool:
    """Keeps why somebody left, one of `REASONS`, in her history; False if she has not left, or said it already."""
    subscriber = subscribers.get(session, subscriber_id)
    if subscriber is None or subscriber.status != "unsubscribed" or said_why(session, subscriber) is not None:
        return False
    history.write(session, subscriber_id, SAID_WHY, by="reader", now=now, reason=reason)
    return True


def said_why(session: Session, subscriber: Subscriber) -> str | None:
    """Why somebody left this time, in her words of `REASONS`; None: she has not said."""
    told = select(AuditEvent.detail).where(AuditEvent.subscriber_id == subscriber.id, AuditEvent.event == SAID_WHY)
    if subscriber.unsubscribed_at is not None:
        told = told.where(AuditEvent.at >= subscriber.unsubscribed_at)
    detail = session.scalars(told.limit(1)).first()
    return str(detail["reason"]) if detail is not None else None


def block(
    session: Session,
    subscriber_id: int,
    reason: str,
    ended: BlockedBy,
    *,
    message_id: str,
    now: datetime,
) -> bool:
    """Stops every mail to a person for good, because of one that bounced or that she complained about.

    Her row is written with the block, as in `leave`. Who has not confirmed stays unconfirmed: after a week only the
    block is left of her. A complaint takes back what she agreed to. False if she was
    blocked before, or forgotten.
    """
    subscriber = subscribers.get(session, subscriber_id)
    if subscriber is None:
        return False
    session.execute(
        update(Subscriber)
        .where(Subscriber.id == subscriber_id)
        .values(
            status=case((Subscriber.status == "pending", "pending"), else_="unsubscribed"),
            unsubscribed_at=func.coalesce(Subscriber.unsubscribed_at, now),
            finishing_at=None,
        )
    )
    new = suppressions.add(session, subscriber.address_key, "all", reason, now=now)
    enrollments.leave(session, subscriber_id, ended, now=now)
    deliveries.cancel_pending(session, ended, Delivery.subscriber_id == subscriber_id, now=now)
    if new and ended == "complained":
        consent.record(session, subscriber_id, "withdrawn", now=now, origin=Origin(), message_id=message_id)
    return new


def come_back(session: Session, published: Published, subscriber_id: int, origin: Origin, *, now: datetime) -> bool:
    """Takes up the letters again where they stopped, with her wishes; False unless she left and may be written to."""
    subscriber = subscribers.get(session, subscriber_id)
    if subscriber is None or subscriber.status != "unsubscribed":
        return False
    if "all" in suppressions.scopes(session, subscriber.address_key):
        return False
    if subscriber.confirmed_at is None:
        return False  # she left before confirming: only a confirmation can start anything
    suppressions.lift(session, subscriber.address_key)
    subscribers.activate(session, subscriber_id, now=now)
    enrollments.resume(session, published, subscriber, now=now)
    if not enrollments.running(session, subscriber):  # to leave after the series that runs: none does
        session.execute(update(Subscriber).where(Subscriber.id == subscriber_id).values(finishing_at=None))
    consent.record(session, subscriber_id, "renewed", now=now, origin=origin)
    return True
