"""The warm-up of a sending domain: few letters a day at first, more each day that they are taken well.

Mailbox providers distrust a domain that sends much from one day to the next; each day may bring at most half as
much again. The curve is held for a day when the last one met with too much resistance.
"""

import math
from datetime import UTC, datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from leadmagnet.delivery.tally import SIGNUPS
from leadmagnet.store.models import DailyQuota, Delivery, Tally

#: Letters on each of the first days.
_CURVE = (50, 100, 150, 225, 340, 500, 750, 1_100, 1_700, 2_500, 3_800, 5_600)
_GROWTH = 1.5
#: Further than this nobody's list goes: the numbers must stay finite.
_FURTHEST = 60
#: Shares of what was handed over: above them a provider is not at ease with us yet.
_DEFERRED, _FAILED, _COMPLAINED = 0.10, 0.02, 0.001


def letters(step: int) -> int:
    """How many letters may go on the day that stands at `step` of the curve, from 0."""
    if step < len(_CURVE):
        return _CURVE[step]
    return int(_CURVE[-1] * math.pow(_GROWTH, min(step, _FURTHEST) - len(_CURVE) + 1))


def step_of(session: Session, domain: str, day: str) -> int:
    """Where `day` (an ISO date) stands on the curve of `domain`, judged by the last day before it.

    A day on which no letter went moves nothing: the curve is about what providers have seen.
    """
    before = session.execute(
        select(DailyQuota.day, DailyQuota.letters, DailyQuota.warm_up_step)
        .where(DailyQuota.domain == domain, DailyQuota.day < day, DailyQuota.warm_up_step.is_not(None))
        .order_by(DailyQuota.day.desc())
        .limit(1)
    ).one_or_none()
    if before is None or before.warm_up_step is None:
        return 0
    step: int = before.warm_up_step
    held = before.letters <= 0 or _met_resistance(session, before.day)
    return step if held else step + 1


def _met_resistance(session: Session, day: str) -> bool:
    """Whether too many mails of that day were put off, refused or complained about. Its bounds here are UTC's."""
    mails = (Tally.day == day, Tally.letter != SIGNUPS)
    counted = select(Tally.outcome, func.sum(Tally.count)).where(*mails).group_by(Tally.outcome)
    tally = {outcome: int(count) for outcome, count in session.execute(counted)}
    handed = sum(tally.values())
    if not handed:
        return False
    deferred = sum(count for outcome, count in tally.items() if outcome.startswith("deferred:"))
    failed = sum(count for outcome, count in tally.items() if outcome.startswith("failed:"))
    if deferred >= handed * _DEFERRED or failed >= handed * _FAILED:
        return True
    complaints = _complaints(session, datetime.fromisoformat(day).replace(tzinfo=UTC))
    return complaints > 0 and complaints >= tally.get("accepted", 0) * _COMPLAINED


def _complaints(session: Session, start: datetime) -> int:
    # People, not mails: one of them may complain about each of hers.
    told = select(func.count(Delivery.subscriber_id.distinct()))
    told = told.where(Delivery.complained_at >= start, Delivery.complained_at < start + timedelta(days=1))
    return session.scalar(told) or 0
