"""Commits the gates and results of all messages in flight together: one fsync for many messages.

Senders post requests and wait. While one commit runs, the next batch gathers by itself; no timer.
"""

import logging
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from queue import SimpleQueue

from leadmagnet import failpoints, waiting
from leadmagnet.clock import Clock
from leadmagnet.delivery import gate, lessons, record
from leadmagnet.delivery.gate import Gate
from leadmagnet.delivery.journal import Journal
from leadmagnet.delivery.lessons import Lessons
from leadmagnet.delivery.letters import Claimed
from leadmagnet.delivery.outcomes import Accepted, Lost, Outcome
from leadmagnet.delivery.quota import UNLIMITED, Quota
from leadmagnet.store import absence
from leadmagnet.store.database import Database

log = logging.getLogger(__name__)

#: Keeps a SQLite transaction near ten milliseconds, so that sign-ups never wait long.
_LARGEST_BATCH = 200
#: Requests that are handed on together at most.
_TOGETHER = 100
#: Before a locked row is asked for again; whoever changes it is a web request, or an operator at a prompt.
_BUSY_SECONDS = 0.01
#: How long a sender waits to learn what the failure of its letter means for the next one; as a rule a commit's time.
_LESSON_SECONDS = 1.0


@dataclass(eq=False, slots=True)
class _Asked:
    """A gate that a sender waits for."""

    letter: Claimed
    answered: waiting.Event = field(default_factory=waiting.event)
    answer: Gate = Gate.UNKNOWN


@dataclass(eq=False, slots=True)
class _Told:
    """A result on its way into the database; nobody waits for it."""

    letter: Claimed
    outcome: Outcome
    taken: waiting.Event | None = None  # whoever waits until the database has it; None: nobody does


class GroupCommit:
    """One per process. `gate` blocks until the answer is committed, `tell` returns at once."""

    def __init__(self, database: Database, journal: Journal, clock: Clock, *, quota: Quota = UNLIMITED) -> None:
        self._database = database
        self._journal = journal
        self._clock = clock
        self._quota = quota
        self.lessons = Lessons()
        self._requests: SimpleQueue[list[_Asked | _Told]] = SimpleQueue()
        self._gathered: list[_Asked | _Told] = []  # of conversations that share a thread, until none can go on
        self._owed: list[_Told] = []  # results that the database has not taken yet
        self._failures = 0
        self._syncing = ThreadPoolExecutor(1, thread_name_prefix="journal")
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="group-commit", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def gate(self, letter: Claimed) -> Gate:
        """Asks for permission to send the dot, and waits for the committed answer."""
        asked = _Asked(letter)
        self._hand_in(asked)
        asked.answered.wait()
        return asked.answer

    def tell(self, letter: Claimed, outcome: Outcome) -> None:
        """Hands in a result; it is committed for ever tried again, the send never is."""
        told = _Told(letter, outcome)
        if lessons.is_own_fault(letter, outcome):
            # Senders would fail the letters in their hands long before the database has heard of the first.
            told.taken = waiting.event()
            self._hand_in(told)
            told.taken.wait(_LESSON_SECONDS)
        else:
            self._hand_in(told)

    def _hand_in(self, one: "_Asked | _Told") -> None:
        """Gathers what conversations of one thread ask and tell until none can go on: fewer, larger batches."""
        if waiting.current.get() is None:
            self._requests.put([one])
            return
        if not self._gathered:
            waiting.when_idle(self._pass_on)
        self._gathered.append(one)

    def _pass_on(self) -> None:
        # One by one, the first would be committed alone, as the other thread would not wait for the rest.
        gathered, self._gathered = self._gathered, []
        for start in range(0, len(gathered), _TOGETHER):
            self._requests.put(gathered[start : start + _TOGETHER])

    def stop(self) -> bool:
        """Commits what was handed in and ends; False if the database would not take every result."""
        self._stopping.set()
        self._requests.put([])  # it may be waiting for a request
        self._thread.join()
        self._syncing.shutdown()
        self.lessons.finish(self._database, now=self._clock())
        return not self._owed

    def _run(self) -> None:
        while True:
            batch = self._gather()
            asked = [one for one in batch if isinstance(one, _Asked)]
            self._owed += [one for one in batch if isinstance(one, _Told)]
            self._commit(asked)
            if self._stopping.is_set() and self._requests.empty():
                return

    def _gather(self) -> Sequence[_Asked | _Told]:
        # With results owed to a database that is away, come back soon even if nobody asks anything.
        batch: list[_Asked | _Told] = []
        if self._owed:
            self._stopping.wait(absence.pause(max(self._failures, 1)))
        else:
            batch += self._requests.get()
        while len(batch) <= _LARGEST_BATCH - _TOGETHER and not self._requests.empty():
            batch += self._requests.get()
        return batch

    def _commit(self, asked: Sequence[_Asked]) -> None:
        try:
            answers = self._transact(self._owed, asked)
        except Exception as error:  # whatever went wrong, the senders wait for an answer
            self._failures += 1
            self._journal.sync()  # the results may have to wait for long
            if self._database.absence.met(error):
                answers = {}
            else:
                log.warning("the database did not take a batch (%s)", type(error).__name__)
                answers = self._one_by_one(asked)
        else:
            self._failures = 0
            self._database.absence.over()
            if self._owed:
                failpoints.reach("after_record")
            self._owed = []
        if asked and set(answers.values()) == {Gate.BUSY}:
            self._stopping.wait(_BUSY_SECONDS)
        for one in asked:
            one.answer = answers.get(one.letter.id, Gate.UNKNOWN)
            if one.answer is Gate.BUSY and not self._stopping.is_set():
                self._requests.put([one])  # somebody is changing her row this moment: the next batch
            else:
                one.answered.set()

    def _transact(self, told: Sequence[_Told], asked: Sequence[_Asked]) -> dict[int, Gate]:
        if not told and not asked:
            return {}
        covered = self._cover()
        now = self._clock()
        with self._database.write() as session:
            recorded = record.apply(session, [(one.letter, one.outcome) for one in told], now=now)
            # No gate opens for a mail whose 250 could not be written down.
            letters = [one.letter for one in asked] if covered() else []
            answers = gate.open_gates(session, letters, now=now) if letters else {}
            # What locks counts comes last, in this order everywhere: whoever holds those locks waits for nobody.
            learned = self.lessons.learn(session, recorded, now=now)
            unsent = [result for result in recorded if not isinstance(result[1], Accepted | Lost)]
            shut = [letter for letter in letters if answers[letter.id] in (Gate.REFUSED, Gate.PAUSED)]
            if unsent or shut:
                self._quota.give_back(session, unsent, shut)
        self.lessons.committed(learned)
        for one in told:
            if one.taken is not None:
                one.taken.set()
        self._journal.committed(sum(isinstance(one.outcome, Accepted) for one in told))
        return answers

    def _cover(self) -> Callable[[], bool]:
        """Sees to it that the journal is on disk before its results are committed; tells whether it could be written.

        A database of its own may die before it is told. SQLite dies with this machine alone: its commit, which comes
        now, makes the same results as durable as the journal's fsync would, and as soon.
        """
        if self._database.is_sqlite:
            return lambda: self._journal.is_sound
        return self._syncing.submit(self._journal.sync).result

    def _one_by_one(self, asked: Sequence[_Asked]) -> dict[int, Gate]:
        """After a statement failed: one bad row must not hold up the others."""
        still_owed = []
        for told in self._owed:
            try:
                self._transact([told], [])
            except Exception:
                log.exception(
                    "delivery %s: its result cannot be recorded", told.letter.id, extra={"delivery": told.letter.id}
                )
                still_owed.append(told)
        self._owed = still_owed
        answers: dict[int, Gate] = {}
        for one in asked:
            try:
                answers |= self._transact([], [one])
            except Exception:
                log.exception(
                    "delivery %s: its gate cannot be judged", one.letter.id, extra={"delivery": one.letter.id}
                )
        return answers
