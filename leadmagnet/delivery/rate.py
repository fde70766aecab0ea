"""The rate of one mail server: a bucket of tokens that all workers share, kept as one number.

The number is the moment up to which the rate is used up. What has passed since then makes the tokens, never
more than the bucket holds; taking `n` moves it on by `n / rate` (the generic cell rate algorithm, ITU-T I.371).
So one statement refills, takes and locks, and no arithmetic with dates is left to a database.
"""

import math
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Float, bindparam, case, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from leadmagnet.delivery.queue import TRANSACTIONAL
from leadmagnet.store.dialect import insert_or_update, table
from leadmagnet.store.models import RateBucket
from leadmagnet.store.statements import Statement

#: Seconds of sending that the bucket holds: idle time is not saved up, so no minute exceeds twice the rate.
_HOLDS = 2.0
#: Seconds of sending that are claimed at once: a claim for every single letter would cost more than the letter.
_AT_ONCE = 0.25
#: Seconds of sending that wait in hand at most: a server that stalls gets no flood afterwards.
_IN_HAND = 30.0
#: A bucket used up until later than this, in seconds, was written by a clock that was wrong: it counts as full.
_ASTRAY = 300.0
#: What the rounding of seconds since 1970 may cost a token.
_ROUNDING = 1e-3

_bucket = table(RateBucket)


@Statement
def _taking(for_sqlite: bool) -> sqlite.Insert | postgresql.Insert:
    full, astray, cost = (bindparam(name, type_=Float) for name in ("full", "astray", "cost"))
    used = _bucket.c.used_until
    mended = case((used < full, full), (used > astray, full), else_=used)
    values = {"relay": bindparam("relay"), "used_until": full + cost}
    return insert_or_update(_bucket, for_sqlite, values, {"used_until": mended + cost}).returning(used)  # type: ignore[return-value]


_GIVING_BACK = (
    update(_bucket)
    .where(_bucket.c.relay == bindparam("of"))
    .values(used_until=_bucket.c.used_until - bindparam("cost", type_=Float))
)


@dataclass(frozen=True, slots=True)
class Rate:
    """At most `per_second` mails through `relay` (host:port), by all workers together."""

    relay: str
    per_second: float

    @property
    def holds(self) -> float:
        """Tokens in a full bucket; less than one would never let a mail go."""
        return max(1.0, self.per_second * _HOLDS)

    def in_hand(self, capacity: int) -> int:
        """How many of `capacity` letters may wait claimed in one process."""
        return min(capacity, max(1, int(self.per_second * _IN_HAND)))

    def tokens(self, used_until: float | None, *, now: datetime) -> float:
        """Mails that may go at `now`; below nought, so many went too early. `used_until` None: no bucket yet."""
        at = now.timestamp()
        if used_until is None or not self._full(at) <= used_until <= self._astray(at):
            return self.holds
        return (at - used_until) * self.per_second

    def room(self, tokens: float, *, lane: str, wanted: int) -> int:
        """How many of `wanted` letters may be claimed; those of a series wait until it is worth a claim."""
        if tokens + _ROUNDING < self._least(lane, wanted):
            return 0
        return min(wanted, int(tokens + _ROUNDING))

    def wait(self, tokens: float, *, lane: str, wanted: int) -> float:
        """Seconds until there is room for such a claim."""
        return max(0.0, (self._least(lane, wanted) - tokens) / self.per_second)

    def take(self, session: Session, count: int, *, now: datetime) -> int:
        """Takes `count` tokens; returns how many of them were not there: others have been faster."""
        at = now.timestamp()
        limits = {"full": self._full(at), "astray": self._astray(at)}
        (bucket,) = _taking.run(session, relay=self.relay, cost=count / self.per_second, **limits)
        used_until: float = bucket.used_until
        missing = math.ceil((used_until - at) * self.per_second - _ROUNDING)
        return min(count, max(0, missing))

    def give_back(self, session: Session, count: int) -> None:
        """Puts `count` tokens back; what the bucket cannot hold is lost at the next look."""
        session.connection().execute(_GIVING_BACK, {"of": self.relay, "cost": count / self.per_second})

    def _least(self, lane: str, wanted: int) -> float:
        return 1.0 if lane == TRANSACTIONAL else max(1.0, min(wanted, self.per_second * _AT_ONCE))

    def _full(self, at: float) -> float:
        return at - self.holds / self.per_second

    def _astray(self, at: float) -> float:
        # At a very low rate a few test mails honestly use it up further ahead than that.
        return at + max(_ASTRAY, 20.0 / self.per_second)
