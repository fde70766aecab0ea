"""Takes sign-ups in: those that come at the same moment are committed together, before any of them is answered.

Caught bots and addresses that get nothing take the same way, wait for the same commit, and no answer comes sooner than
the slowest kind would: a stranger with a clock learns next to nothing about an address.
"""

import time
import uuid
from collections.abc import Sequence
from datetime import datetime

from leadmagnet.audience import limits
from leadmagnet.audience.limits import Full, Limit
from leadmagnet.clock import Clock
from leadmagnet.publishing.releases import Live
from leadmagnet.sequences import requests
from leadmagnet.sequences.requests import Request, Requested
from leadmagnet.store.database import Database, Session
from leadmagnet.store.signals import something_is_due
from leadmagnet.store.together import Together

_Piece = tuple[Request, Limit | None]

#: No answer comes sooner, in seconds. Rows that are not written save half a millisecond, which a clock would see. Where
#: one alone takes longer than this, it does so still; where many come at once all of them do, and none waits for this.
_SHORTEST = 0.01


class Intake:
    """One per process."""

    def __init__(self, database: Database, live: Live, clock: Clock, *, limits: bool) -> None:
        self._live = live
        self._clock = clock
        self._limits = limits
        self._process = uuid.uuid4().hex
        self._together: Together[_Piece, Requested | Full] = Together(database, self._take_in)

    def ask(self, asked: Request, limit: Limit | None = None) -> Requested | Full:
        """What the request led to, once that is on disk; Full: its network has no place in `limit`."""
        begun = time.monotonic()
        led_to = self._together.do((asked, limit))
        # Not even for nothing when it is late: a sleep hands Python's lock to another thread.
        if (early := begun + _SHORTEST - time.monotonic()) > 0:
            time.sleep(early)
        return led_to

    def _take_in(self, session: Session, pieces: Sequence[_Piece]) -> list[Requested | Full]:
        published = self._live.get(session)
        now = self._clock()
        full = _without_place(session, pieces, now)
        let_in = [asked for place, (asked, _limit) in enumerate(pieces) if place not in full]
        led_to = iter(requests.take_in(session, published, let_in, limits=self._limits, now=now))
        answers = [full[place] if place in full else next(led_to) for place in range(len(pieces))]
        requests.leave_mark(session, self._process, now=now)
        something_is_due(session)
        return answers


def _without_place(session: Session, pieces: Sequence[_Piece], now: datetime) -> dict[int, Full]:
    """Those whose network has no place left, by where they stand in `pieces`; the others have taken one."""
    wanted = {place: limit for place, (_asked, limit) in enumerate(pieces) if limit is not None}
    found = limits.take_each(session, list(wanted.values()), now=now)
    return {place: one for place, one in zip(wanted, found, strict=True) if isinstance(one, Full)}
