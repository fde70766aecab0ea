"""How many mails may go now, by what the operator has set: a rate, a cap for the day, a warm-up.

A claim asks for `room` before it looks for letters, and `take`s for those that it will really send. Asking locks
nothing. Taking locks one row for each limit, as the last thing before the commit: whoever holds these locks waits
for nobody. Of two workers that saw the same room, the later one finds too much taken, and puts letters back.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, bindparam, literal, select
from sqlalchemy.orm import Session

from leadmagnet.content.published import Published
from leadmagnet.delivery import daily, queue, warm_up
from leadmagnet.delivery.daily import Day
from leadmagnet.delivery.letters import Claimed
from leadmagnet.delivery.outcomes import Outcome, Returned
from leadmagnet.delivery.queue import TRANSACTIONAL
from leadmagnet.delivery.rate import Rate
from leadmagnet.errors import LeadmagnetError
from leadmagnet.settings import Settings
from leadmagnet.store.dialect import table
from leadmagnet.store.models import DailyQuota, RateBucket

_bucket, _day = table(RateBucket), table(DailyQuota)
_always = select(literal(1).label("one")).subquery("always")
# One look for all limits; a row that is not there yet is as good as an empty one.
_LOOK = select(_bucket.c.used_until, _day.c.taken, _day.c.letters, _day.c.warm_up_step).select_from(
    _always.outerjoin(_bucket, _bucket.c.relay == bindparam("relay")).outerjoin(
        _day, and_(_day.c.domain == bindparam("domain"), _day.c.day == bindparam("day"))
    )
)


class CapReached(LeadmagnetError):
    """No mail may go before midnight."""


@dataclass(frozen=True, slots=True)
class Room:
    """How many letters of `lane` may be claimed, and what counts them."""

    lane: str
    letters: int
    day: Day | None = None  # None: no day is limited
    wait: float | None = None  # seconds until the rate has room again; None: it is not the rate that holds back

    @property
    def date(self) -> str | None:
        """What a claimed row carries, so that it can be given back to the right day."""
        return self.day.date if self.day is not None else None


@dataclass(frozen=True, slots=True)
class Quota:
    """The limits of one machine's settings; without any, nothing is ever asked of the database."""

    rate: Rate | None = None
    cap: int | None = None
    warm_up: bool = False

    @classmethod
    def of(cls, settings: Settings, *, relay: str) -> "Quota":
        """The limits that are set; `relay` is the mail server as host:port."""
        rate = Rate(relay, settings.rate_per_second) if settings.rate_per_second is not None else None
        return cls(rate, settings.daily_cap, settings.warm_up == "on")

    @property
    def limits_days(self) -> bool:
        """Whether mails are counted by the day."""
        return self.cap is not None or self.warm_up

    def in_hand(self, capacity: int) -> int:
        """How many of `capacity` letters may wait claimed in one process."""
        return self.rate.in_hand(capacity) if self.rate is not None else capacity

    def room(self, session: Session, published: Published, *, lane: str, wanted: int, now: datetime) -> Room:
        """How many of `wanted` letters of a lane may be claimed now. Locks nothing."""
        if self.rate is None and not self.limits_days:
            return Room(lane, wanted)
        used_until, day = self._look(session, published, now)
        left = day.left(lane) if day is not None else None
        if left is not None:
            wanted = max(0, min(wanted, left))
        if self.rate is None or not wanted:
            return Room(lane, wanted, day)
        tokens = self.rate.tokens(used_until, now=now)
        room = self.rate.room(tokens, lane=lane, wanted=wanted)
        return Room(lane, room, day, None if room else self.rate.wait(tokens, lane=lane, wanted=wanted))

    def take(self, session: Session, letters: list[Claimed], room: Room, *, now: datetime) -> list[Claimed]:
        """Counts the letters that were claimed in `room`; returns those that may really go, the others wait again."""
        if not letters:
            return letters
        over = self._count(session, len(letters), room, now)
        if not over:
            return letters
        kept, surplus = letters[: len(letters) - over], letters[len(letters) - over :]
        queue.put_back(session, [(letter.id, letter.token) for letter in surplus])
        daily.give_back(session, map(_counted, surplus))
        if self.rate is not None:
            self.rate.give_back(session, over)
        return kept

    def take_one(self, session: Session, published: Published, *, now: datetime) -> str | None:
        """Counts a mail that does not queue: a test mail; returns the day it was counted in. Raises CapReached.

        The rate does not hold it back, it makes the next one wait.
        """
        day = self.today(session, published, now=now)
        if day is not None and day.take(session, 1, lane=TRANSACTIONAL):
            raise CapReached(
                f"today's {day.cap} mails have gone (daily_cap): the next may go after midnight, "
                f"{published.site.timezone}."
            )
        if self.rate is not None:
            self.rate.take(session, 1, now=now)
        return day.date if day is not None else None

    def give_back(
        self, session: Session, unsent: Sequence[tuple[Claimed, Outcome]], shut: Collection[Claimed] = ()
    ) -> None:
        """Uncounts letters that were not accepted, and those whose gate stayed shut, where that is recorded.

        A server that says "later" has used up a token all the same: otherwise the more it puts off, the faster it
        would be asked.
        """
        daily.give_back(session, map(_counted, [*(letter for letter, _outcome in unsent), *shut]))
        if self.rate is not None:
            untried = len(shut) + sum(isinstance(outcome, Returned) for _letter, outcome in unsent)
            if untried:
                self.rate.give_back(session, untried)

    def today(self, session: Session, published: Published, *, now: datetime) -> Day | None:
        """The day so far, for people; None when no day is limited."""
        return self._look(session, published, now)[1] if self.limits_days else None

    def _look(self, session: Session, published: Published, now: datetime) -> tuple[float | None, Day | None]:
        domain, date = published.sender_domain, daily.date_of(published, now)
        relay = self.rate.relay if self.rate is not None else ""
        found = session.connection().execute(_LOOK, {"relay": relay, "domain": domain, "day": date}).one()
        if not self.limits_days:
            return found.used_until, None
        step = found.warm_up_step if self.warm_up else None
        if self.warm_up and step is None:
            step = warm_up.step_of(session, domain, date)
        return found.used_until, Day(domain, date, found.taken or 0, found.letters or 0, self.cap, step)

    def _count(self, session: Session, count: int, room: Room, now: datetime) -> int:
        over = room.day.take(session, count, lane=room.lane) if room.day is not None else 0
        return max(over, self.rate.take(session, count, now=now)) if self.rate is not None else over


#: What counts when nothing is set.
UNLIMITED = Quota()


def _counted(letter: Claimed) -> tuple[str, str | None, str]:
    return letter.published.sender_domain, letter.quota_day, letter.lane
