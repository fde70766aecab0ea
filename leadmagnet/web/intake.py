"""Takes sign-ups in: those that come at the same moment are committed together, before any of them is answered.

Caught bots and addresses that get nothing take the same way and wait for the same commit, so that a stranger with a
clock learns nothing about an address.
"""

import uuid
from collections.abc import Sequence

from leadmagnet.clock import Clock
from leadmagnet.publishing.releases import Live
from leadmagnet.sequences import requests
from leadmagnet.sequences.requests import Request, Requested
from leadmagnet.store.database import Database, Session
from leadmagnet.store.signals import something_is_due
from leadmagnet.store.together import Together


class Intake:
    """One per process."""

    def __init__(self, database: Database, live: Live, clock: Clock, *, limits: bool) -> None:
        self._live = live
        self._clock = clock
        self._limits = limits
        self._process = uuid.uuid4().hex
        self._together: Together[Request, Requested] = Together(database, self._take_in)

    def ask(self, asked: Request) -> Requested:
        """What the request led to, once that is on disk."""
        return self._together.do(asked)

    def _take_in(self, session: Session, asked: Sequence[Request]) -> list[Requested]:
        published = self._live.get(session)
        now = self._clock()
        answers = requests.take_in(session, published, asked, limits=self._limits, now=now)
        requests.leave_mark(session, self._process, now=now)
        something_is_due(session)
        return answers
