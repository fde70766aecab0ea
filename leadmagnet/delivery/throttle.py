"""Holds back when the mail server is away, so that an outage costs nothing but time."""

import logging
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Lock

log = logging.getLogger(__name__)

_FIRST, _LONGEST = timedelta(seconds=30), timedelta(minutes=15)


@dataclass
class Breaker:
    """Opens when no connection comes about; afterwards one letter probes, and twice the wait follows a failure.

    Forgetting it loses nothing: rows that were returned carry their own time.
    """

    tries_again: bool = True  # what the operator is told; a single test mail is not tried again
    _wait: timedelta = _FIRST
    _open_until: datetime | None = None
    _lock: Lock = field(default_factory=Lock)

    def letters(self, wanted: int, *, now: datetime) -> int:
        """How many letters may be claimed: all that are wanted, one as a probe, or none."""
        with self._lock:
            if self._open_until is None:
                return wanted
            return min(wanted, 1) if now >= self._open_until else 0

    def failed(self, reason: str, *, now: datetime) -> None:
        """No connection came about; `reason` is for the operator."""
        with self._lock:
            if self._open_until is not None and now < self._open_until:
                return  # another connection has said so already
            again = self._wait
            self._open_until, self._wait = now + again, min(again * 2, _LONGEST)
        then = f" Trying again in {again.total_seconds():.0f} seconds." if self.tries_again else ""
        log.error("no mail can be sent: %s%s", reason, then)

    def worked(self) -> None:
        """A connection came about."""
        with self._lock:
            was_open, self._open_until, self._wait = self._open_until is not None, None, _FIRST
        if was_open:
            log.warning("the mail server is back: sending again")
