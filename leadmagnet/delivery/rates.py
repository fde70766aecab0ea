"""Warns of too many bounces or complaints within seven days, stops the letters when there are far too many.

The limits are those of mailbox providers: Gmail wants complaints under 0.1 %, never 0.3 %; Amazon SES looks into a
sender at 5 % bounces.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from leadmagnet.content.published import Published
from leadmagnet.delivery import guard, notices, tally
from leadmagnet.mail.smtp_replies import ReplyClass
from leadmagnet.store.models import Tally

_DAYS = 7
_SAMPLE = 200
#: Of a thousand mails: so many are a warning, so many stop the letters.
_BOUNCES, _COMPLAINTS = (20, 50), (1, 3)
#: Outcomes that the world tells later; whoever hears of one tallies it.
BOUNCED, COMPLAINED = "bounced:", "complained"  # the class of the bounce stands behind the colon


@dataclass(frozen=True, slots=True)
class Week:
    """What became of the mails to readers of the last seven days."""

    mails: int  # accepted, lost or failed
    bounces: int  # addresses that are none
    complaints: int


@dataclass(frozen=True, slots=True)
class Excess:
    """More than is good: a warning, or more than is possible: a `stop`."""

    what: str
    count: int
    mails: int
    stop: bool

    @property
    def share(self) -> str:
        return f"{100 * self.count / self.mails:.1f} %"

    def __str__(self) -> str:
        """For the operator."""
        return f"{self.share} {self.what} in seven days ({self.count} of {self.mails} mails)"


def judge(week: Week) -> tuple[Excess, ...]:
    """What is too much; nothing while there are too few mails to tell."""
    if week.mails < _SAMPLE:
        return ()
    found = (("bounces", week.bounces, _BOUNCES), ("complaints", week.complaints, _COMPLAINTS))
    return tuple(
        Excess(what, count, week.mails, stop=1000 * count >= stop * week.mails)
        for what, count, (warn, stop) in found
        if 1000 * count >= warn * week.mails
    )


def of_week(session: Session, *, now: datetime) -> Week:
    """Today and the six days before it, from the tallies."""
    since = tally.day_of(now - timedelta(days=_DAYS - 1))
    counts: dict[str, int] = {}
    rows = session.execute(
        select(Tally.outcome, func.sum(Tally.count))
        .where(Tally.day >= since, Tally.letter.not_in(tally.TO_OPERATOR), Tally.letter.not_like(f"{tally.MEMORY}%"))
        .group_by(Tally.outcome)
    )
    for outcome, count in rows:
        counts[outcome] = int(count)
    failed = sum(count for outcome, count in counts.items() if outcome.startswith(tally.FAILED))
    return Week(
        mails=counts.get(tally.ACCEPTED, 0) + counts.get(tally.LOST, 0) + failed,
        bounces=counts.get(f"{tally.FAILED}{ReplyClass.BAD_ADDRESS}", 0)
        + counts.get(f"{BOUNCED}{ReplyClass.BAD_ADDRESS}", 0),
        complaints=counts.get(COMPLAINED, 0),
    )


def watch(session: Session, published: Published, *, now: datetime) -> None:
    """Stops the letters when there are far too many; once a day, so that a resume stands."""
    for excess in judge(of_week(session, now=now)):
        if not excess.stop:
            continue
        notice = notices.too_many(excess.what, excess.share, excess.count, excess.mails)
        if notices.tell(session, published, notice, now=now):
            guard.brake(session, "letters", str(excess), until=None, now=now)
