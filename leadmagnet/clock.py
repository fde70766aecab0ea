"""The one place that reads the clock: doors call it and pass the time on."""

from collections.abc import Callable
from datetime import UTC, datetime

#: What a door is given so that tests and rehearsals can move time.
Clock = Callable[[], datetime]


def now() -> datetime:
    """The present moment, aware, in UTC."""
    return datetime.now(UTC)
