"""Decides when an address that failed softly, again and again, has failed for good."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from leadmagnet.delivery.letters import Claimed
from leadmagnet.delivery.outcomes import Failed
from leadmagnet.mail.smtp_replies import ReplyClass
from leadmagnet.store.models import Delivery


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
    """Why the address is blocked from now on, in words; None: it is not.

    `failed` must be recorded already. A mail that arrived in between shows that the mailbox works: counted anew.
    """
    patience = _PATIENCE.get(failed.reply_class or "")
    if patience is None or letter.subscriber_id is None:
        return None
    hers = Delivery.subscriber_id == letter.subscriber_id
    arrived = session.scalar(select(func.max(Delivery.sent_at)).where(hers, Delivery.state == "sent"))
    such = select(func.count(), func.min(Delivery.ended_at)).where(
        hers, Delivery.state == "failed", Delivery.smtp_class == failed.reply_class
    )
    if arrived is not None:
        such = such.where(Delivery.ended_at > arrived)
    count, first = session.execute(such).one()
    if first is None or count < patience.failures or first > now - patience.over:
        return None
    return patience.reason
