"""Holds letters back where mail servers do not trust the sender: nothing a reader could help."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from leadmagnet.delivery import guard, notices, tally
from leadmagnet.delivery.letters import Claimed
from leadmagnet.store.models import Brake, Delivery

#: How long the letters to one domain group wait before one of them tries again.
WAIT = timedelta(hours=1)
#: So many domain groups that distrust us at once are no quirk of one provider.
_EVERYWHERE = 3
_REASON = "its mail servers refuse us as a sender: reputation, or authentication (SPF, DKIM, DMARC)"


def watch(session: Session, refused: Sequence[Claimed], *, now: datetime) -> frozenset[str]:
    """Brakes the domain groups that just refused us as a sender, all letters if they are many; returns the scopes."""
    ids, published = [letter.id for letter in refused], refused[0].published
    groups = sorted(session.scalars(select(Delivery.domain_group).where(Delivery.id.in_(ids)).distinct()))
    scopes = [f"domain:{group}" for group in groups]
    # Holding this row until the commit, the second of two workers sees the first one's brakes.
    tally.add(session, {(tally.day_of(now), f"{tally.MEMORY}reputation", "judged"): 1})
    new = [
        group
        for group, scope in zip(groups, scopes, strict=True)
        if guard.brake(session, scope, _REASON, until=now + WAIT, now=now)
    ]
    if new:
        notices.tell(session, published, notices.distrusted(new), now=now)
        if _distrusting(session, now) >= _EVERYWHERE:
            reason = f"{_EVERYWHERE} or more mail providers refuse us as a sender"
            if guard.brake(session, "letters", reason, until=None, now=now):
                notices.tell(session, published, notices.distrusted_everywhere(), now=now)
    return frozenset(guard.braked(session, [*scopes, "letters"], now=now))


def _distrusting(session: Session, now: datetime) -> int:
    return session.scalar(select(func.count()).where(Brake.reason == _REASON, Brake.until > now)) or 0
