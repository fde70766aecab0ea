"""Decides whether a sign-up may come in, before anybody looks whose address it bears.

So the answer says nothing about an address: whoever is turned away would have been with any other one.
"""

import math
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from threading import Lock

from leadmagnet.audience import limits, list_bombing
from leadmagnet.audience.limits import Full, Limit
from leadmagnet.links import Keys, Purpose, mint, read
from leadmagnet.settings import Settings
from leadmagnet.store.database import Database
from leadmagnet.web.origin import is_public

#: Nobody sends the form so soon after it has come into sight, not even with an address that the browser filled in.
#: A program needs a tenth of that.
_FASTEST = timedelta(seconds=0.5)
#: A tab that was left open for longer tells nothing by its age.
_OLDEST = timedelta(days=1)
#: While addresses seem to be a stranger's, so many sign-ups an hour are let in from everywhere.
TRICKLE = Limit("trickle", 20)
#: And so many from one network: whoever types in strangers has a few of them, honest people have one each.
_FEW = 2
#: Each address is mailed once in this time at most.
_APART_WHEN_BOMBED = timedelta(hours=24)
#: What one process may hold of the places for everybody, as a share: their row is asked for so many sign-ups at once.
_SHARE = 50
#: How old our last look at the confirmations may be.
_LOOK = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class Welcome:
    """Come in. No address is mailed twice within `apart`, besides the usual."""

    apart: timedelta = timedelta()
    there: Limit | None = None  # of her network, where a place has still to be taken; None: nowhere


@dataclass(frozen=True, slots=True)
class TurnedAway:
    """Not now: what the visitor is told, in words, as a status, and in seconds."""

    why: str  # network, all, bombed: for counting
    status: int
    message: str
    wait: int


class Doorkeeper:
    """One per process. The limits stand in the database; a few places of theirs are kept in hand."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._in_hand = 0
        self._full: dict[str, tuple[datetime, Full]] = {}  # by scope, what the database answered, and when
        self._looked_at: datetime | None = None
        self._bombed = False

    def let_in(
        self,
        database: Database,
        settings: Settings,
        there: Limit | None = None,
        *,
        by_a_person: bool = True,
        once_more: bool = False,
        now: datetime,
    ) -> Welcome | TurnedAway:
        """Whether there is room for one more from everywhere together; to be asked outside of any transaction.

        `there` is the limit of the visitor's network. A caught bot hears what a person would, and takes no place.
        `once_more`: the same browser has asked already, so that nothing would go out while addresses wait for a day.
        """
        if settings.signup_limits == "off":
            return Welcome()
        there = there if by_a_person or there is None else replace(there, is_spent=False)
        with self._lock:
            if self._is_bombed(database, now):
                return _bombed() if once_more else self._trickle(database, there, by_a_person, now)
            full = self._draw(database, settings.signups_per_hour, now)
            if full is not None:
                return _too_many(full)
            self._in_hand += not by_a_person
            return Welcome(there=there)

    def give_back(self, welcome: Welcome) -> None:
        """Puts the place back that `let_in` gave and a full network did not take."""
        if welcome.there is not None and welcome.there.is_spent:
            with self._lock:
                self._in_hand += 1

    def _trickle(
        self, database: Database, there: Limit | None, by_a_person: bool, now: datetime
    ) -> Welcome | TurnedAway:
        wanted = [replace(TRICKLE, is_spent=by_a_person)]
        if there is not None:  # looked at before, so that who is refused there takes no place from others
            few = replace(there, per_hour=min(_FEW, there.per_hour))
            wanted = [replace(few, is_spent=False), *wanted, few]
        if self._is_full_still(TRICKLE, now) is not None:
            return _bombed()
        with database.write() as session:
            for limit in wanted:
                found = limits.take(session, limit, now=now)
                if isinstance(found, Full):
                    if limit.scope == TRICKLE.scope:
                        self._full[limit.scope] = (now, found)
                    return _bombed()
        return Welcome(_APART_WHEN_BOMBED)

    def _draw(self, database: Database, per_hour: int, now: datetime) -> Full | None:
        # One row that every sign-up of every process had to lock until its commit would make them all take turns.
        if self._in_hand:
            self._in_hand -= 1
            return None
        everybody, block = Limit("all", per_hour), max(1, per_hour // _SHARE)
        full = self._take(database, everybody, block, now)
        if full is not None and block > 1:
            block, full = 1, self._take(database, everybody, 1, now)
        if full is None:
            self._in_hand = block - 1
        return full

    def _take(self, database: Database, limit: Limit, count: int, now: datetime) -> Full | None:
        """Why there is no room, or None."""
        if (full := self._is_full_still(limit, now)) is not None:
            return full
        with database.write() as session:
            found = limits.take(session, limit, count, now=now)
        if not isinstance(found, Full):
            return None
        if count == 1:
            self._full[limit.scope] = (now, found)
        return found

    def _is_full_still(self, limit: Limit, now: datetime) -> Full | None:
        """What was full a moment ago still is: a flood asks the database no more."""
        at, full = self._full.get(limit.scope, (now, Full(0)))
        passed = (now - at).total_seconds()
        return Full(full.wait - passed) if 0 <= passed < full.wait else None

    def _is_bombed(self, database: Database, now: datetime) -> bool:
        if self._looked_at is None or not timedelta() <= now - self._looked_at < _LOOK:
            with database.read() as session:
                self._bombed = list_bombing.suspected(session, now=now) is not None
            self._looked_at = now
        return self._bombed


def started(keys: Keys, *, now: datetime) -> str:
    """What a script sends back with the form, to show since when the visitor has seen it."""
    return mint(Purpose.STARTED, int(now.timestamp() * 1000), keys)


def is_caught(website: str, begun: str, keys: Keys, *, now: datetime) -> bool:
    """True for a bot: it fills the field that nobody sees, sends what we never signed, or is faster than any hand.

    Without `begun` no script ran, which proves nothing. Neither does a tab of yesterday: to be silent towards a
    person costs more than to let in a bot that keeps an old stamp, which it could as well leave out.
    """
    if website.strip():
        return True
    if not begun:
        return False
    at = read(begun, Purpose.STARTED, keys)
    if at is None:
        return True
    return timedelta() <= now - datetime.fromtimestamp(at / 1000, now.tzinfo) < _FASTEST


def limit_there(address: str | None, settings: Settings, secret: bytes) -> Limit | None:
    """The limit of the network that the visitor's IP address belongs to; None: nothing is counted there."""
    if settings.signup_limits == "off" or address is None or not is_public(address):
        return None
    return limits.of_network(address, secret, settings.signups_per_network)


def too_many_from_there(full: Full) -> TurnedAway:
    """What somebody is told whose network's limit is full."""
    message = f"Many people signed up from your network just now. Please try again in {_minutes(full.wait)}."
    return TurnedAway("network", 429, message, math.ceil(full.wait))


def _too_many(full: Full) -> TurnedAway:
    message = f"We are getting an unusual number of sign-ups just now. Please try again in {_minutes(full.wait)}."
    return TurnedAway("all", 503, message, math.ceil(full.wait))


def _bombed() -> TurnedAway:
    message = "We are getting an unusual number of sign-ups and have slowed down. Please try again in an hour."
    return TurnedAway("bombed", 503, message, 3600)


def _minutes(seconds: float) -> str:
    minutes = math.ceil(seconds / 60)
    if minutes >= 60:
        return "an hour"  # no bucket takes longer for one place
    return "a minute" if minutes <= 1 else f"{minutes} minutes"
