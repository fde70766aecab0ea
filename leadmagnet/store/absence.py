"""A database that is away: how often to try again, and how often to speak of it."""

import logging
import random
import time
from threading import Lock

from leadmagnet.store import outage

log = logging.getLogger(__name__)

_LONGEST = 30.0
#: Between two lines about the same absence: twice as long each time.
_SAY_AGAIN = 60.0


def pause(failures: int) -> float:
    """Seconds to wait after so many failures in a row: twice as long each time up to half a minute, and spread."""
    return min(2.0 ** min(failures - 1, 10), _LONGEST) * random.uniform(0.5, 1.0)  # noqa: S311 - it spreads, and hides nothing


def is_away(error: BaseException) -> bool:
    """Whether the database is out of reach or out of order, rather than at odds with one statement."""
    if outage.is_outage(error):
        return True
    # Imported here: it takes a tenth of a second, and commands on SQLite do without. What serves has loaded it already.
    import psycopg

    # Class 57: the server is shutting down, or the operator ended the connection.
    return isinstance(error, psycopg.OperationalError) and (error.sqlstate or "57").startswith("57")


class Absence:
    """One per process: whoever meets it says so here, and the log gets one line, then one for each longer while."""

    def __init__(self) -> None:
        self._since: float | None = None
        self._say_at = 0.0
        self._again = _SAY_AGAIN
        self._lock = Lock()

    def met(self, error: BaseException) -> bool:
        """Notes that the database did not answer; False if `error` is of another kind."""
        if not is_away(error):
            return False
        now = time.monotonic()
        with self._lock:
            if self._since is None:
                self._since, self._say_at, self._again = now, now, _SAY_AGAIN
            if now < self._say_at:
                return True
            self._say_at, self._again = now + self._again, self._again * 2
            seconds = now - self._since
        log.warning("%s, for %.0f seconds now. Nothing is sent; it is tried again.", outage.words(error), seconds)
        return True

    def over(self) -> None:
        """The database answered."""
        if self._since is None:
            return
        with self._lock:
            if self._since is None:
                return
            seconds, self._since = time.monotonic() - self._since, None
        log.warning("the database is back after %.0f seconds: sending goes on", seconds)
