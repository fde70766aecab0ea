"""Decides when an address that failed softly, again and again, has failed for good."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, func, select
from sqlalchemy.orm import Session

from leadmagnet.delivery.letters import Claimed
from leadmagnet.delivery.outcomes import Failed
from leadmagnet.mail.smtp_replies import ReplyClass
from leadmagnet.sequences import moving
from leadmagnet.store.models import Delivery, Feedback


@dataclass(frozen=True, slots=True)
class _Patience:
    """So many failures in a row, the first so long ago, are enough."""

    failures: int
    over: timedelta
    reason: str


_PATIENCE: dict[str, _Patience] = {
    ReplyClass.MAILBOX: _Patience(3, timedelta(days=7), "mailbox full or disabled for a week, three mails failed"),
    ReplyClass.UNEXPLAINED: _Patience(2, timedelta(hours=24), "refused twice without a reason, a day apart"),
}


def verdict(session: Session, letter: Claimed, failed: Failed, *, now: datetime) -> str | None:
    """Why the address is blocked from now on, in words; None: it is not. `failed` must be recorded already."""
    if letter.subscriber_id is None:
        return None
    return of_address(session, letter.subscriber_id, failed.reply_class or "", before=now, now=now)


def of_address(
    session: Session, subscriber_id: int, reply_class: str, *, before: datetime, now: datetime
) -> str | None:
    """The same when the failure came back as a bounce, of a mail that left at `before`.

    A mail that arrived in between shows that the mailbox works: counted anew. Whether one that left later has
    arrived is not known yet.
    """
    patience = _PATIENCE.get(reply_class)
    if patience is None:
        return None
    # What was asked at another address says nothing about hers, and a new one begins anew.
    hers = and_(Delivery.subscriber_id == subscriber_id, Delivery.kind != "address")
    arrived = session.scalar(
        select(func.max(Delivery.sent_at)).where(
            hers, Delivery.state == "sent", Delivery.bounced_at.is_(None), Delivery.sent_at <= before
        )
    )
    arrived = max(filter(None, (arrived, moving.last_move(session, subscriber_id))), default=None)
    refused = select(func.count(), func.min(Delivery.ended_at)).where(
        hers,
        Delivery.state == "failed",
        Delivery.smtp_class == reply_class,
        *_between(Delivery.ended_at, arrived, before),
    )
    bounced = select(func.count(), func.min(Delivery.bounced_at)).where(
        hers, *_between(Delivery.sent_at, arrived, before), _bounced_so(reply_class)
    )
    count, first = 0, now
    for query in (refused, bounced):
        number, at = session.execute(query).one()
        count, first = count + number, min(first, at or now)
    if count < patience.failures or first > now - patience.over:
        return None
    return patience.reason


def _bounced_so(reply_class: str) -> Any:
    said = select(Feedback.id).where(Feedback.delivery_id == Delivery.id, Feedback.smtp_class == reply_class)
    return said.exists()


def _between(column: Any, arrived: datetime | None, before: datetime) -> list[Any]:
    return [column <= before] if arrived is None else [column > arrived, column <= before]
