"""Counts what became of mails, by day and letter: what warnings and brakes are judged by.

Counting costs a letter one addition in memory. The counts are written by a commit that happens anyway: once a
second, or at once with anything but an acceptance. `kill -9` loses the acceptances of that second at most.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from leadmagnet.delivery.letters import Claimed
from leadmagnet.delivery.outcomes import Accepted, Deferred, Failed, Lost, Outcome
from leadmagnet.store.dialect import table, upserting
from leadmagnet.store.models import Tally

#: (day, letter, outcome), as in the table.
Key = tuple[str, str, str]

ACCEPTED, LOST = "accepted", "lost"
FAILED = "failed:"

#: Mails to the operator, at the operator's wish or at ours: they say nothing about readers.
TO_OPERATOR = ("test", "notice")
#: Sign-ups are counted here too, by what became of them: they are no mail.
SIGNUPS = "signup"
#: What a guard remembers of its own stands beside the counts, under the letter's name with this in front.
MEMORY = "guard:"

_EVERY = timedelta(seconds=1)
_LONGEST_OUTCOME = 48

_tally = table(Tally)


def day_of(now: datetime) -> str:
    """The day that is counted under: UTC, because every worker must mean the same one."""
    return now.astimezone(UTC).date().isoformat()


def letter_of(letter: Claimed) -> str:
    """ "hip-openers/tight-hips" for a letter of a series; the kind of any other mail."""
    course = letter.course
    return f"{course.sequence.slug}/{course.step.slug}" if course is not None else letter.kind


def counted(results: Iterable[tuple[Claimed, Outcome]], *, now: datetime) -> Counter[Key]:
    """The counts of a batch. What was returned after an outage is no outcome: it says nothing about the letter."""
    words = Counter((letter_of(letter), _word(outcome)) for letter, outcome in results)
    day = day_of(now)
    return Counter({(day, letter, word): count for (letter, word), count in words.items() if word is not None})


def _word(outcome: Outcome) -> str | None:
    """What an outcome is counted as; None: not at all."""
    if type(outcome) is Accepted:  # nearly every one
        return ACCEPTED
    match outcome:
        case Lost():
            return LOST
        case Deferred(_code, reply_class):
            return f"deferred:{reply_class}"[:_LONGEST_OUTCOME]
        case Failed(reason):
            return f"{FAILED}{reason}"[:_LONGEST_OUTCOME]
    return None


def add(session: Session, counts: Mapping[Key, int]) -> None:
    """Adds the counts to the table. Rows are locked in one order by everybody, so nobody waits in a circle."""
    if not counts:
        return
    adding = upserting(session, Tally)
    adding = adding.on_conflict_do_update(
        index_elements=["day", "letter", "outcome"], set_={"count": _tally.c.count + adding.excluded.count}
    )
    rows = [
        {"day": day, "letter": letter, "outcome": outcome, "count": counts[day, letter, outcome]}
        for day, letter, outcome in sorted(counts)
    ]
    session.connection().execute(adding, rows)


def outcomes_of(session: Session, letters: Collection[str], *, since: str) -> dict[str, Counter[tuple[str, str]]]:
    """For each letter its counts by (day, outcome), from the day `since` on."""
    found: dict[str, Counter[tuple[str, str]]] = {letter: Counter() for letter in letters}
    rows = session.execute(
        select(Tally.letter, Tally.day, Tally.outcome, Tally.count).where(
            Tally.letter.in_(sorted(letters)), Tally.day >= since
        )
    )
    for letter, day, outcome, count in rows:
        found[letter][day, outcome] = count
    return found


@dataclass(frozen=True, slots=True)
class Written:
    """What a transaction that is not committed yet does to the counts in memory."""

    counts: Counter[Key]
    flushed: bool
    now: datetime

    @property
    def has_trouble(self) -> bool:
        """Whether anything but an acceptance is among them."""
        return any(outcome != ACCEPTED for _day, _letter, outcome in self.counts)


class Tallies:
    """The counts of one process. Belongs to the committing thread.

    A batch counts once its transaction is committed: rolled back, it leaves no trace here or there, and comes again.
    """

    def __init__(self) -> None:
        self._kept: Counter[Key] = Counter()  # committed as results, not yet as counts
        self._flushed_at: datetime | None = None

    def write(self, session: Session, results: Iterable[tuple[Claimed, Outcome]], *, now: datetime) -> Written:
        """Counts the results, and writes what is due to be written; `committed` must follow the commit."""
        counts = counted(results, now=now)
        written = Written(counts, self._is_due(now), now)
        if written.has_trouble:
            written = replace(written, flushed=True)
        if written.flushed:
            add(session, self._kept + counts)
        return written

    def flush(self, session: Session, *, now: datetime) -> Written:
        """Writes whatever is left, at the end of the process."""
        add(session, self._kept)
        return Written(Counter(), True, now)

    def committed(self, written: Written) -> None:
        """Says that the transaction of `written` is in the database."""
        if written.flushed:
            self._kept.clear()
            self._flushed_at = written.now
        else:
            self._kept.update(written.counts)

    @property
    def is_empty(self) -> bool:
        return not self._kept

    def _is_due(self, now: datetime) -> bool:
        at = self._flushed_at
        # A clock that was set back must not keep us from writing for as long as it was.
        return at is None or not at <= now < at + _EVERY
