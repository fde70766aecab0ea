"""Does what many threads want written in one transaction: one commit, one wait for the disk.

While one transaction runs, what comes next gathers behind it; no timer.
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import Generic, TypeVar

from leadmagnet.store import absence
from leadmagnet.store.database import Database, Session

Piece = TypeVar("Piece")
Outcome = TypeVar("Outcome")


def _closed() -> Lock:
    lock = Lock()
    lock.acquire()
    return lock


@dataclass(eq=False, slots=True)
class _Waiting(Generic[Piece, Outcome]):
    """A thread that waits, with what it wants done and what came of it."""

    piece: Piece
    # Open once its piece is done, or it is its turn to do those that wait. Not an `Event`, which wakes a thread only to
    # have it wait for whoever woke it.
    call: Lock = field(default_factory=_closed)
    is_done: bool = False
    outcome: Outcome | None = None
    error: Exception | None = None


class Together(Generic[Piece, Outcome]):
    """One per process and kind of work. `work` does any number of pieces in a session, and says what came of each.

    There is no thread for it: the first to come does it for all who wait, then the first of those who came meanwhile.
    """

    def __init__(
        self, database: Database, work: Callable[[Session, Sequence[Piece]], Sequence[Outcome]], *, largest: int = 100
    ) -> None:
        self._database = database
        self._work = work
        self._largest = largest
        self._waiting: deque[_Waiting[Piece, Outcome]] = deque()
        self._is_under_way = False
        self._lock = Lock()

    def do(self, piece: Piece) -> Outcome:
        """What came of this piece, once that is committed. Raises what doing it raises, if need be alone."""
        mine: _Waiting[Piece, Outcome] = _Waiting(piece)
        with self._lock:
            self._waiting.append(mine)
            is_first, self._is_under_way = not self._is_under_way, True
        if not is_first:
            mine.call.acquire()
        if not mine.is_done:
            self._take_turn()
        if mine.error is not None:
            raise mine.error
        return mine.outcome  # type: ignore[return-value]  # it is done

    def _take_turn(self) -> None:
        """Does those who wait, the caller among them, and calls whose turn is next."""
        group = self._do_those_who_wait()
        with self._lock:
            following = self._waiting[0] if self._waiting else None
            self._is_under_way = following is not None
        for one in group:
            one.is_done = True
            one.call.release()
        if following is not None:
            following.call.release()

    def _do_those_who_wait(self) -> list[_Waiting[Piece, Outcome]]:
        group: list[_Waiting[Piece, Outcome]] = []
        try:
            with self._database.write() as session:
                group = self._next()  # only now: more have come while other writers were waited for
                outcomes = self._work(session, [one.piece for one in group])
        except Exception as error:
            group = group or self._next()
            self._fail(group, error)
        else:
            for one, outcome in zip(group, outcomes, strict=True):
                one.outcome = outcome
        return group

    def _next(self) -> list[_Waiting[Piece, Outcome]]:
        with self._lock:
            return [self._waiting.popleft() for _ in range(min(self._largest, len(self._waiting)))]

    def _fail(self, group: list[_Waiting[Piece, Outcome]], error: Exception) -> None:
        """Nothing was written. One piece must not fail its neighbours, so each is tried alone.

        Where the database itself is away, each would wait as long for the same answer.
        """
        is_for_all = len(group) == 1 or absence.is_away(error)
        for one in group:
            if is_for_all:
                one.error = error
            else:
                self._do_alone(one)

    def _do_alone(self, one: _Waiting[Piece, Outcome]) -> None:
        try:
            with self._database.write() as session:
                (one.outcome,) = self._work(session, [one.piece])
        except Exception as error:
            one.error = error
