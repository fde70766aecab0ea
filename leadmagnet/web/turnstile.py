"""Counts what became of sign-ups, without a trace of who made them."""

from collections import Counter
from datetime import datetime, timedelta
from threading import Lock

from leadmagnet.delivery import tally
from leadmagnet.store.database import Database

#: How long counts may wait in memory, so that a flood of bots costs no commit for each.
_EVERY = timedelta(minutes=1)


class Turnstile:
    """One per process. What was counted in its last minute is lost with it."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._counts: Counter[tuple[str, str, str]] = Counter()
        self._since: datetime | None = None

    def count(self, database: Database, outcome: str, *, now: datetime) -> None:
        """Counts one sign-up; every minute or so what was counted is written. To be called outside of transactions."""
        with self._lock:
            self._counts[tally.day_of(now), tally.SIGNUPS, outcome] += 1
            self._since = self._since or now
            if timedelta() <= now - self._since < _EVERY:
                return
            counts, self._counts, self._since = self._counts, Counter(), None
        with database.write() as session:
            tally.add(session, counts)
