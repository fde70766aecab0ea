"""A lock that serves whoever came first: a loop that takes it again and again starves nobody."""

from collections import deque
from threading import Lock


class FairLock:
    """As `threading.Lock` in a `with` block, first come, first served."""

    def __init__(self) -> None:
        self._guard = Lock()
        self._held = False
        self._waiting: deque[Lock] = deque()

    @property
    def is_awaited(self) -> bool:
        """Whether somebody waits for it."""
        return bool(self._waiting)

    def __enter__(self) -> None:
        with self._guard:
            if not self._held:
                self._held = True
                return
            turn = Lock()
            turn.acquire()
            self._waiting.append(turn)
        turn.acquire()  # released by whoever held the lock, which passes it on

    def __exit__(self, *_error: object) -> None:
        with self._guard:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._held = False
