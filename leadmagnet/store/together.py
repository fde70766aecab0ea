"""Does what many threads want written in one transaction: one commit, one wait for the disk.

While one transaction runs, the next ones to come gather behind it; no timer.
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Generic, TypeVar

from leadmagnet.store import absence
from leadmagnet.store.database import Database, Session

Piece = TypeVar("Piece")
Outcome = TypeVar("Outcome")


@dataclass(eq=False, slots=True)
class _Waiting(Generic[Piece, Outcome]):
    """A thread that waits, with what it wants done and what came of it."""

    piece: Piece
    is_done: bool = False
    outcome: Outcome | None = None
    error: Exception | None = None


class Together(Generic[Piece, Outcome]):
    """One per process and kind of work. `work` does any number of pieces in a session, and says what came of each.

    There is no thread for it: whoever's turn it is does it for all who wait.
    """

    def __init__(
        self, database: Database, work: Callable[[Session, Sequence[Piece]], Sequence[Outcome]], *, largest: int = 100
    ) -> None:
        self._database = database
        self._work = work
        self._largest = largest
        self._waiting: deque[_Waiting[Piece, Outcome]] = deque()
        self._turn = Lock()

    def do(self, piece: Piece) -> Outcome:
        """What came of this piece, once that is committed. Raises what doing it raises, if need be alone."""
        mine: _Waiting[Piece, Outcome] = _Waiting(piece)
        self._waiting.append(mine)
        with self._turn:
            while not mine.is_done:  # as a rule somebody else has done it by now
                self._do_those_who_wait()
        if mine.error is not None:
            raise mine.error
        return mine.outcome  # type: ignore[return-value]  # it is done

    def _do_those_who_wait(self) -> None:
        group: list[_Waiting[Piece, Outcome]] = []
        try:
            self._transact(group)
        except Exception as error:
            # Nothing of it was written. One that fails must not fail its neighbours, so each is tried alone; but where
            # the database itself is away, each would wait as long for the same answer.
            group = group or self._next()
            if len(group) == 1 or absence.is_away(error):
                for one in group:
                    one.error = error
            else:
                for one in group:
                    self._do_alone(one)
        for one in group:
            one.is_done = True

    def _do_alone(self, one: _Waiting[Piece, Outcome]) -> None:
        try:
            with self._database.write() as session:
                (one.outcome,) = self._work(session, [one.piece])
        except Exception as error:
            one.error = error

    def _transact(self, group: list[_Waiting[Piece, Outcome]]) -> None:
        with self._database.write() as session:
            group += self._next()  # only now: more have come while other writers were waited for
            outcomes = self._work(session, [one.piece for one in group])
        for one, outcome in zip(group, outcomes, strict=True):
            one.outcome = outcome

    def _next(self) -> list[_Waiting[Piece, Outcome]]:
        return [self._waiting.popleft() for _ in range(min(self._largest, len(self._waiting)))]
