"""Places where a test lets the process die, to see what a crash there leaves behind."""

import os
import signal
from threading import Lock

#: In the order in which a letter passes them.
POINTS = (
    "before_claim_commit",
    "after_claim",
    "after_begin",
    "after_mail",
    "after_rcpt",
    "after_data",
    "after_body",
    "after_gate",
    "after_dot",
    "after_250",
    "after_journal",
    "after_record",
)


class _Armed:
    """The one point that is armed, and how often it may still be passed."""

    name: str | None = None
    passes = 0
    lock = Lock()


def arm(spec: str | None) -> None:
    """`name` or `name:n`: the process kills itself, as with -9, when it reaches the point for the n-th time."""
    if spec is None:
        _Armed.name = None
        return
    name, _, times = spec.partition(":")
    _Armed.name, _Armed.passes = name, int(times or 1)


def reach(name: str) -> None:
    """Marks a point. Without a test it costs one comparison."""
    if _Armed.name != name:
        return
    with _Armed.lock:
        _Armed.passes -= 1
        if _Armed.passes <= 0:
            os.kill(os.getpid(), signal.SIGKILL)
