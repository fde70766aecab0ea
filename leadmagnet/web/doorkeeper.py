"""Decides whether a sign-up may come in, before anybody looks whose address it bears.

So the answer says nothing about an address: whoever is turned away would have been with any other one.
"""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock

from flask import Request

from leadmagnet.audience import limits, list_bombing
from leadmagnet.audience.limits import Full, Limit
from leadmagnet.links import Keys, Purpose, mint, read
from leadmagnet.settings import Settings
from leadmagnet.store.database import Database, Session
from leadmagnet.web.origin import public_address

#: Nobody finds the box, has an address filled in and sends it within this time of the page's coming.
_FASTEST = timedelta(seconds=1)
#: A tab that was left open for longer tells nothing by its age.
_OLDEST = timedelta(days=1)
#: While addresses seem to be a stranger's, so many sign-ups an hour are let in from everywhere.
TRICKLE = Limit("trickle", 20)
#: And each address is mailed once in this time at most.
_APART_WHEN_BOMBED = timedelta(hours=24)
#: What one process may hold of the places for everybody, as a share: their row is asked for so many sign-ups at once.
_SHARE = 50
#: How old our last look at the confirmations may be.
_LOOK = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class Welcome:
    """Come in. No address is mailed twice within `apart`, besides the usual."""

    apart: timedelta = timedelta()


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
        self._looked_at: datetime | None = None
        self._bombed = False

    def let_in(self, database: Database, settings: Settings, *, now: datetime) -> Welcome | TurnedAway:
        """Whether there is room for one more from everywhere together; to be asked outside of any transaction."""
        if settings.signup_limits == "off":
            return Welcome()
        with self._lock:
            if self._is_bombed(database, now):
                with database.write() as session:
                    found = limits.take(session, TRICKLE, now=now)
                return _bombed() if isinstance(found, Full) else Welcome(_APART_WHEN_BOMBED)
            full = self._draw(database, settings.signups_per_hour, now)
            return Welcome() if full is None else _too_many(full)

    def let_in_from(
        self, session: Session, request: Request, settings: Settings, secret: bytes, *, now: datetime
    ) -> TurnedAway | None:
        """Why the visitor's network has to wait, or None; in the sign-up's own transaction, so that it counts both."""
        if settings.signup_limits == "off":
            return None
        address = public_address(request, settings.trusted_proxies)
        if address is None:
            return None
        found = limits.take(session, limits.of_network(address, secret, settings.signups_per_network), now=now)
        return _too_many_from_there(found) if isinstance(found, Full) else None

    def give_back(self, welcome: Welcome) -> None:
        """Puts the place back that `let_in` gave and nobody took."""
        if not welcome.apart:
            with self._lock:
                self._in_hand += 1

    def _draw(self, database: Database, per_hour: int, now: datetime) -> Full | None:
        # One row that every sign-up of every process had to lock until its commit would make them all take turns.
        if self._in_hand:
            self._in_hand -= 1
            return None
        everybody, block = Limit("all", per_hour), max(1, per_hour // _SHARE)
        with database.write() as session:
            found = limits.take(session, everybody, block, now=now)
            if isinstance(found, Full) and block > 1:
                block, found = 1, limits.take(session, everybody, now=now)
        if isinstance(found, Full):
            return found
        self._in_hand = block - 1
        return None

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


def _too_many_from_there(full: Full) -> TurnedAway:
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
    return "a minute" if minutes <= 1 else f"{minutes} minutes"
