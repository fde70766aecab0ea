"""Sender threads: each drives one connection, phase by phase, and every letter ends in a row."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from queue import Empty, PriorityQueue
from threading import Event, Thread

from leadmagnet import failpoints
from leadmagnet.clock import Clock
from leadmagnet.delivery import message, outcomes
from leadmagnet.delivery.gate import Gate
from leadmagnet.delivery.group_commit import GroupCommit
from leadmagnet.delivery.journal import Journal
from leadmagnet.delivery.letters import Claimed
from leadmagnet.delivery.outcomes import Accepted, Failed, Lost, Outcome, Returned
from leadmagnet.delivery.queue import LANES
from leadmagnet.delivery.throttle import Breaker
from leadmagnet.links import Links
from leadmagnet.mail import smtp_replies
from leadmagnet.mail.addresses import NotAnAddress, Unsupported
from leadmagnet.mail.handover import Handover, NotAccepted, Refused, Unavailable
from leadmagnet.mail.headers import HeaderError
from leadmagnet.mail.render import RenderError
from leadmagnet.mail.smtp_replies import ReplyClass

log = logging.getLogger(__name__)

#: An idle connection is closed by us before the server does it: mailbox providers do so without a word.
_IDLE_SECONDS = 5.0

Connect = Callable[[], Handover]


class InHand:
    """Claimed letters waiting for a sender: what somebody waits for goes first."""

    def __init__(self) -> None:
        self._waiting: PriorityQueue[tuple[int, int, Claimed | None]] = PriorityQueue()
        self._count = 0

    def put(self, letter: Claimed) -> None:
        self._count += 1
        self._waiting.put((LANES.index(letter.lane), self._count, letter))

    def wake(self) -> None:
        """Lets one sender that waits look up from its waiting."""
        self._waiting.put((-1, 0, None))

    def get(self, timeout: float) -> Claimed | None:
        """The next letter, or None if none came within `timeout` seconds."""
        try:
            return self._waiting.get(timeout=timeout)[2]
        except Empty:
            return None

    def __len__(self) -> int:
        return self._waiting.qsize()


@dataclass(frozen=True, slots=True)
class Road:
    """What every letter of a process passes: shared by all its senders."""

    connect: Connect
    commits: GroupCommit
    journal: Journal
    links: Links
    breaker: Breaker
    clock: Clock


class Sender:
    """One connection's thread; `taken` is called whenever it takes a letter in hand."""

    def __init__(self, road: Road, in_hand: InHand, *, taken: Callable[[], None], name: str) -> None:
        self._road = road
        self._in_hand = in_hand
        self._taken = taken
        self._connection: Handover | None = None
        self._stopping = Event()
        self._thread = Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Asks the thread to end after the letter it has begun."""
        self._stopping.set()

    def join(self, timeout: float) -> bool:
        """Waits for the thread; False if it is still busy with a slow server."""
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while not self._stopping.is_set():
            letter = self._in_hand.get(timeout=_IDLE_SECONDS if self._connection else 0.5)
            if letter is None:
                self.hang_up()
                continue
            self._taken()
            try:
                outcome = self.deliver(letter)
            except Exception:  # a defect of ours, before the dot: the others go on, and this one is tried again
                log.exception("delivery %s: the sender failed", letter.id)
                self._drop()
                outcome = Returned(self._road.clock() + outcomes.OUTAGE_WAIT)
            if outcome is not None:
                self._road.commits.tell(letter, outcome)
        self.hang_up()

    def deliver(self, letter: Claimed) -> Outcome | None:
        """Hands one letter over; None when the gate has settled the row, or the lease was lost."""
        wait = self._road.commits.lessons.wait_of(letter, self._road.clock)
        if wait is not None:
            return Returned(wait)
        reused = self._is_connected()
        try:
            outcome = self._offer(letter)
            if isinstance(outcome, Returned) and reused:
                outcome = self._offer(letter)  # the kept connection had gone stale: nothing was accepted
        except (RenderError, HeaderError, Unsupported, NotAnAddress) as error:
            reason = "render" if isinstance(error, RenderError | HeaderError) else "unsupported"
            log.error("delivery %s: %s", letter.id, error)
            return Failed(reason)
        return outcome if outcome is not None else self._hand_over(letter)

    def _offer(self, letter: Claimed) -> Outcome | None:
        """Everything up to the dot; None when the letter stands before the gate."""
        now = self._road.clock()
        # Before connecting: what cannot be put together needs no server.
        raw = message.build(letter, self._road.links, now=now)
        if not self._is_connected() and self._road.breaker.letters(1, now=now) == 0:
            return Returned(now + outcomes.OUTAGE_WAIT)  # claimed before another sender found the server away
        try:
            connection = self._connected()
        except NotAccepted as error:
            self._road.breaker.failed(str(error), now=now)
            return Returned(now + outcomes.OUTAGE_WAIT)
        try:
            connection.offer(letter.published.sender_address, letter.recipient, raw)
        except Refused as error:
            return self._refused(letter, error)
        except NotAccepted as error:
            return self._interrupted(letter, error)
        return None

    def _hand_over(self, letter: Claimed) -> Outcome | None:
        """The gate, the dot, and the server's last word."""
        connection = self._connection
        if connection is None:
            raise AssertionError("a letter stands before the gate on a connection")
        answer = self._road.commits.gate(letter)
        if answer is not Gate.OPEN:
            self._drop()
            log.info("delivery %s: gate shut: %s", letter.id, answer)
            return Returned(self._road.clock()) if answer is Gate.UNKNOWN else None
        failpoints.reach("after_gate")
        try:
            connection.accept()
        except Refused as error:
            return self._refused(letter, error)
        except NotAccepted as error:
            return self._interrupted(letter, error)
        except Exception as error:  # Unknown, or a defect of ours, after which nobody can tell either
            self._drop()
            log.warning("delivery %s: the answer to the dot was lost (%s)", letter.id, type(error).__name__)
            return Lost(self._road.clock())
        failpoints.reach("after_250")
        return self._accepted(letter, self._road.clock())

    def _accepted(self, letter: Claimed, at: datetime) -> Accepted:
        try:
            self._road.journal.accepted(letter.id, letter.message_id, at=at)
            failpoints.reach("after_journal")
        except OSError as error:  # nothing after a 250 may bring a letter back, not even a full disk
            log.error("the journal cannot be written (%s): only the database knows what is sent", error.strerror)
        return Accepted(at)

    def _connected(self) -> Handover:
        if self._connection is None or not self._connection.usable:
            self._drop()
            self._connection = self._road.connect()
            self._road.breaker.worked()
        return self._connection

    def _is_connected(self) -> bool:
        return self._connection is not None and self._connection.usable

    def _refused(self, letter: Claimed, error: Refused) -> Outcome:
        if self._connection is not None:
            self._connection.reset()
        meaning = smtp_replies.classify(error.code, error.text, phase=error.phase)
        log.warning("delivery %s: refused: %s (%s)", letter.id, error, meaning)
        if meaning is ReplyClass.CREDENTIALS:
            self._drop()  # every letter would be told the same: our login or our right to send is at fault
            self._road.breaker.failed(f"The mail server {error}.", now=self._road.clock())
        return outcomes.of_refusal(letter, error.code, meaning, now=self._road.clock())

    def _interrupted(self, letter: Claimed, error: NotAccepted) -> Outcome:
        self._drop()
        log.warning("delivery %s: not accepted: %s", letter.id, error)
        if isinstance(error, Unavailable):
            self._road.breaker.failed(str(error), now=self._road.clock())
        return Returned(self._road.clock() + outcomes.OUTAGE_WAIT)

    def hang_up(self) -> None:
        """Ends an idle connection politely."""
        if self._connection is not None:
            self._connection.quit()
            self._connection = None

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.abandon()
            self._connection = None
