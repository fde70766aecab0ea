"""Waits for what another thread or process is about to do."""

import time
from collections.abc import Callable

#: Far more than anything here takes: only a broken promise waits that long.
PATIENCE = 60.0


def until(what: Callable[[], bool], *, wait: Callable[[], object] = lambda: time.sleep(0.005)) -> None:
    """Returns once `what()` is true; an AssertionError after a minute. `wait` lets others go on."""
    deadline = time.monotonic() + PATIENCE
    while not what():
        assert time.monotonic() < deadline, "it never came true"
        wait()
