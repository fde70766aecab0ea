"""Keeps the transactions of a long re-plan short, so that senders and sign-ups never notice it."""

import time
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from leadmagnet.publishing.releases import Live
from leadmagnet.publishing.replan import Replan
from leadmagnet.store.database import Database

#: Below this many rows a transaction costs more than what is in it, however slow the machine is.
_FEWEST, _MOST = 25, 4_000


@dataclass(frozen=True, slots=True)
class _Pace:
    """How many seconds the work of one transaction may take, and the share of it to rest before the next."""

    seconds: float
    rest: float


#: SQLite: its one writer's turn, less what the commit takes. Rests are for other processes, which poll for theirs.
_ON_SQLITE = _Pace(0.005, 0.25)
#: PostgreSQL: nobody waits for these rows but who wants one of these very people; a claim passes over them.
_ON_POSTGRESQL = _Pace(0.05, 0.0)


class Replanner:
    """A loop's re-plan, chunk after chunk, each with as many rows as fit."""

    def __init__(self, database: Database, live: Live) -> None:
        self._live = live
        self._replan = Replan()
        self._pace = _ON_SQLITE if database.is_sqlite else _ON_POSTGRESQL
        self._took = 0.0
        self.rows = _FEWEST

    def chunk(self, session: Session, now: datetime) -> int:
        """Puts the next people right; returns how many were looked at. Raises NothingPublished."""
        published = self._live.get(session)
        began = time.monotonic()
        looked_at = self._replan.chunk(session, published, limit=self.rows, now=now)
        self._took = time.monotonic() - began
        if looked_at == self.rows:  # fewer are too few to learn from
            fitting = int(looked_at * self._pace.seconds / max(self._took, 1e-6))
            self.rows = max(_FEWEST, min(fitting, 2 * looked_at, _MOST))
        return looked_at

    def rest(self) -> float:
        """Seconds to leave the database to others before the next chunk."""
        return self._took * self._pace.rest
