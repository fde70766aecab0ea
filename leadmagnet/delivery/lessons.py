"""Draws the lessons of a batch of results in the transaction that records them: counts, brakes, notices."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from leadmagnet.audience import list_bombing
from leadmagnet.clock import Clock
from leadmagnet.delivery import copies, guard, notices, reputation, tally
from leadmagnet.delivery.letters import Claimed
from leadmagnet.delivery.outcomes import GIVEN_UP, OUTAGE_WAIT, Accepted, Deferred, Failed, Outcome
from leadmagnet.delivery.queue import TRANSACTIONAL
from leadmagnet.delivery.tally import Tallies, Written
from leadmagnet.mail.smtp_replies import ReplyClass
from leadmagnet.store.database import Database

log = logging.getLogger(__name__)

Result = tuple[Claimed, Outcome]


@dataclass(frozen=True, slots=True)
class Learned:
    """What a transaction that is not committed yet teaches this process."""

    written: Written
    braked: frozenset[str]  # scopes of brakes that hold


class Lessons:
    """One per process. `learn` and `committed` belong to its committing thread, `wait_of` to every sender."""

    def __init__(self) -> None:
        self._tallies = Tallies()
        self._braked: dict[str, datetime] = {}  # scope → until when letters already in hand go back
        self._copied: set[str] = set()  # watched letters that the operator has seen enough of

    def learn(self, session: Session, recorded: Sequence[Result], *, now: datetime) -> Learned:
        """Counts, and judges what failed. Last in its transaction: other workers wait for the same counts."""
        written = self._tallies.write(session, recorded, now=now)
        if asked := sum(letter.kind == "confirm" and type(outcome) is Accepted for letter, outcome in recorded):
            list_bombing.sent(session, asked, now=now)
        if watched := copies.watched(recorded):
            self._copy(session, watched, now)
        trouble = _trouble(recorded) if written.has_trouble else ()
        if not trouble:
            return Learned(written, frozenset())
        try:
            # A defect in here must not keep a result out of the database: its row would never be settled.
            with session.begin_nested():
                return Learned(written, _judged(session, trouble, now))
        except Exception:
            log.exception("what the failed letters mean could not be judged")
            return Learned(written, frozenset())

    def _copy(self, session: Session, watched: Sequence[Claimed], now: datetime) -> None:
        try:
            with session.begin_nested():
                copies.queue(session, watched, self._copied, now=now)
        except Exception:  # as below: the result of a reader's mail counts more than a copy of it
            log.exception("the copies of a watched letter could not be queued")

    def committed(self, learned: Learned) -> None:
        """Says that the transaction is in the database."""
        self._tallies.committed(learned.written)
        if learned.braked:
            now = learned.written.now
            holding = {scope: until for scope, until in self._braked.items() if until > now}
            self._braked = holding | dict.fromkeys(learned.braked, now + OUTAGE_WAIT)

    def wait_of(self, letter: Claimed, clock: Clock) -> datetime | None:
        """Until when a letter in hand goes back instead of out, since it was braked after its claim; None: out."""
        if not self._braked or letter.kind != "step":
            return None
        now = clock()
        for scope in _scopes(letter):
            until = self._braked.get(scope)
            if until is not None and now < until:
                return until
        return None

    def finish(self, database: Database, *, now: datetime) -> None:
        """Writes the counts that are left, when the process ends."""
        if self._tallies.is_empty:
            return
        try:
            with database.write() as session:
                written = self._tallies.flush(session, now=now)
            self._tallies.committed(written)
        except Exception as error:  # they are only counts
            log.warning("the last counts of accepted mails could not be written (%s)", type(error).__name__)


def is_own_fault(letter: Claimed, outcome: Outcome) -> bool:
    """Whether the next mail of the same letter is likely to fail as well."""
    return type(outcome) is Failed and letter.kind == "step" and outcome.reason in guard.OWN_FAULT


def _trouble(recorded: Sequence[Result]) -> list[tuple[Claimed, Failed | Deferred]]:
    """The results that teach something: failures, and refusals of us as a sender."""
    # Trouble with a mail to the operator is no trouble of the readers, and must not make another such mail.
    return [
        (letter, outcome)
        for letter, outcome in recorded
        if letter.kind not in tally.TO_OPERATOR
        and (
            isinstance(outcome, Failed)
            or (isinstance(outcome, Deferred) and outcome.reply_class == ReplyClass.REPUTATION)
        )
    ]


def _judged(session: Session, trouble: Sequence[tuple[Claimed, Failed | Deferred]], now: datetime) -> frozenset[str]:
    failed = [(letter, outcome) for letter, outcome in trouble if isinstance(outcome, Failed)]
    refused = [letter for letter, outcome in trouble if isinstance(outcome, Deferred)]
    braked = frozenset[str]()
    if failed:
        braked |= guard.watch(session, [letter for letter, _outcome in failed], now=now)
    if refused:
        braked |= reputation.watch(session, refused, now=now)
    for letter, outcome in failed:
        if letter.lane == TRANSACTIONAL and outcome.reason == GIVEN_UP:
            notices.tell(session, letter.published, notices.given_up(letter.kind, outcome.code), now=now)
    return braked


def _scopes(letter: Claimed) -> tuple[str, ...]:
    course = letter.course
    group = (f"domain:{course.person.domain_group}",) if course is not None else ()
    return ("letters", f"letter:{tally.letter_of(letter)}", *group)
