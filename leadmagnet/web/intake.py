"""Takes sign-ups in: those that come at the same moment are committed together, before any of them is answered.

Caught bots and addresses that get nothing take the same way and wait for the same commit, so that a stranger with a
clock learns nothing about an address.
"""

from collections.abc import Sequence

from leadmagnet.clock import Clock
from leadmagnet.content.published import Published
from leadmagnet.sequences import requests
from leadmagnet.sequences.requests import Request, Requested
from leadmagnet.store.database import Database, Session
from leadmagnet.store.signals import something_is_due
from leadmagnet.store.together import Together


class Intake:
    """One per process."""

    def __init__(self, database: Database, clock: Clock, *, limits: bool) -> None:
        self._clock = clock
        self._limits = limits
        self._together: Together[tuple[Published, Request], Requested] = Together(database, self._take_in)

    def ask(self, published: Published, asked: Request) -> Requested:
        """What the request led to, once that is on disk."""
        return self._together.do((published, asked))

    def _take_in(self, session: Session, asked: Sequence[tuple[Published, Request]]) -> list[Requested]:
        # Somebody may have published between two of them: the newest of their releases plans the mail of both.
        published = max((release for release, _request in asked), key=lambda release: release.number)
        answers = requests.take_in(
            session, published, [request for _release, request in asked], limits=self._limits, now=self._clock()
        )
        something_is_due(session)
        return answers
