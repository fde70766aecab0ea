"""What the page of a guide offers to its reader: letters that only a tap of her own starts."""

from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.orm import Session

from leadmagnet.audience import suppressions
from leadmagnet.store.models import Enrollment, Subscriber


class Offer(StrEnum):
    """Which letters would come."""

    START = "those of this guide begin"
    GO_ON = "those that she stopped go on, these among them"
    BEGIN_AGAIN = "those of this guide begin for somebody who had left"
    BEGIN_AND_GO_ON = "those of this guide begin, and others that she stopped go on"


def offer(session: Session, subscriber: Subscriber, enrollment: Enrollment) -> Offer | None:
    """The offer, or None where no letters would come.

    Whoever has had them all has none to start. She who never said yes, or may not be written to any more, could not.
    """
    if subscriber.status == "active":
        return Offer.START if enrollment.status == "pending" else None
    waits = enrollment.status == "pending" or enrollment.exit_reason == "unsubscribed"
    if subscriber.status == "pending" or subscriber.confirmed_at is None or not waits:
        return None
    if "all" in suppressions.scopes(session, subscriber.address_key):
        return None
    stopped = _stopped(session, subscriber.id)
    if enrollment.id in stopped:
        return Offer.GO_ON
    return Offer.BEGIN_AND_GO_ON if stopped else Offer.BEGIN_AGAIN


def _stopped(session: Session, subscriber_id: int) -> set[int]:
    """The enrollments whose letters her leaving has stopped."""
    found = select(Enrollment.id).where(
        Enrollment.subscriber_id == subscriber_id,
        Enrollment.exit_reason == "unsubscribed",
        Enrollment.start_at.is_not(None),
    )
    return set(session.scalars(found))
