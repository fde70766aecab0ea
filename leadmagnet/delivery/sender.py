"""Senders: each drives one connection, phase by phase, and every letter ends in a row."""

import logging
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from threading import Lock

from leadmagnet import failpoints, waiting
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
from leadmagnet.mail.sign import Signer
from leadmagnet.mail.smtp_replies import ReplyClass

log = logging.getLogger(__name__)

#: An idle connection is closed by us before the server does it: mailbox providers do so without a word.
_IDLE_SECONDS = 5.0

Connect = Callable[[], Handover]


class InHand:
    """Claimed letters waiting for a sender: what somebody waits for goes first. Thread-safe."""

    def __init__(self) -> None:
        self._letters: dict[str, deque[Claimed]] = {lane: deque() for lane in LANES}
        self._idle: deque[waiting.Event] = deque()
        self._lock = Lock()
        self._closed = False

    def put(self, letters: Iterable[Claimed]) -> None:
        """Adds letters, oldest first."""
        with self._lock:
            for letter in letters:
                self._letters[letter.lane].append(letter)
            idle = [self._idle.popleft() for _ in range(min(len(self._idle), len(self)))]
        for event in idle:
            event.set()

    def close(self) -> list[Claimed]:
        """From now on nobody gets a letter, and nobody waits for one; returns those that nobody has got."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, deque()
            left = [letter for letters in self._letters.values() for letter in letters]
        for event in idle:
            event.set()
        return left

    def get(self, timeout: float) -> Claimed | None:
        """The next letter, or None if none came within `timeout` seconds."""
        deadline = time.monotonic() + timeout
        while True:
            with self._lock:
                letter = self._next()
                if letter is not None or self._closed:
                    return letter
                event = waiting.event()
                self._idle.append(event)
            if not event.wait(max(0.0, deadline - time.monotonic())):
                with self._lock:
                    if event in self._idle:
                        self._idle.remove(event)
                        return None

    def _next(self) -> Claimed | None:
        if self._closed:
            return None
        return next((letters.popleft() for letters in self._letters.values() if letters), None)

    def __len__(self) -> int:
        return sum(map(len, self._letters.values()))


@dataclass(frozen=True, slots=True)
class Road:
    """What every letter of a process passes: shared by all its senders."""

    connect: Connect
    commits: GroupCommit
    journal: Journal
    links: Links
    breaker: Breaker
    clock: Clock
    signer: Signer | None = None  # None: the mail server signs


class Sender:
    """One connection's conversation; `taken` is called whenever it takes a letter in hand."""

    def __init__(self, road: Road, in_hand: InHand, *, taken: Callable[[], None]) -> None:
        self._road = road
        self._in_hand = in_hand
        self._taken = taken
        self._connection: Handover | None = None
        self._slot = road.journal.slot()
        self._stopping = False

    def stop(self) -> None:
        """Asks `run` to return after the letter it has begun."""
        self._stopping = True

    def run(self) -> None:
        """Sends whatever is in hand, until it is stopped."""
        while not self._stopping:
            letter = self._in_hand.get(timeout=_IDLE_SECONDS)
            if letter is None:
                self.hang_up()
            else:
                self._taken()
                self._send(letter)
        self.hang_up()

    def _send(self, letter: Claimed) -> None:
        try:
            outcome = self._begin(letter) or self.deliver(letter)
        except Exception:  # a defect of ours, before the dot: the others go on, and this one is tried again
            log.exception("delivery %s: the sender failed", letter.id, extra={"delivery": letter.id})
            self._drop()
            outcome = Returned(self._road.clock() + outcomes.OUTAGE_WAIT)
        self._road.journal.end(self._slot, plain=isinstance(outcome, Accepted))
        if outcome is not None:
            self._road.commits.tell(letter, outcome)

    def _begin(self, letter: Claimed) -> Outcome | None:
        """Notes that this letter is really begun: should the process die of it, no other is to blame."""
        if not self._road.journal.begin(self._slot, letter.id, letter.token, tries=letter.begun):
            return Returned(self._road.clock() + outcomes.OUTAGE_WAIT)
        failpoints.reach("after_begin")
        return None

    def deliver(self, letter: Claimed) -> Outcome | None:
        """Hands one letter over; None when the gate has settled the row, or the lease was lost."""
        reused = self._is_connected()
        try:
            outcome = self._offer(letter)
            if isinstance(outcome, Returned) and reused:
                outcome = self._offer(letter)  # the kept connection had gone stale: nothing was accepted
        except (RenderError, HeaderError, Unsupported, NotAnAddress) as error:
            reason = "render" if isinstance(error, RenderError | HeaderError) else "unsupported"
            log.error("delivery %s: %s", letter.id, error, extra={"delivery": letter.id})
            return Failed(reason)
        return outcome if outcome is not None else self._hand_over(letter)

    def _offer(self, letter: Claimed) -> Outcome | None:
        """Everything up to the dot; None when the letter stands before the gate."""
        now = self._road.clock()
        # Before connecting: what cannot be put together needs no server.
        raw = message.build(letter, self._road.links, now=now, signer=self._road.signer)
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
            log.info("delivery %s: gate shut: %s", letter.id, answer, extra={"delivery": letter.id})
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
            name = type(error).__name__
            log.warning(
                "delivery %s: the answer to the dot was lost (%s)", letter.id, name, extra={"delivery": letter.id}
            )
            return Lost(self._road.clock())
        failpoints.reach("after_250")
        return self._accepted(letter, self._road.clock())

    def _accepted(self, letter: Claimed, at: datetime) -> Accepted:
        if log.isEnabledFor(logging.DEBUG):
            known = {"delivery": letter.id, "kind": letter.kind, "release": letter.published.number}
            log.debug("delivery %s: sent", letter.id, extra=known)
        try:
            self._road.journal.accepted(letter.id, letter.message_id, at=at)
            failpoints.reach("after_journal")
        except OSError as error:  # nothing after a 250 may bring a letter back, not even a full disk
            log.error("the journal cannot be written (%s): only the database knows what is sent", error.strerror)
        return Accepted(at)

    def _connected(self) -> Handover:
        if self._connection is None or not self._connection.usable:
            self._drop()
            self._connection = waiting.apart(self._road.connect)
            self._road.breaker.worked()
        return self._connection

    def _is_connected(self) -> bool:
        return self._connection is not None and self._connection.usable

    def _refused(self, letter: Claimed, error: Refused) -> Outcome:
        if self._connection is not None:
            self._connection.reset()
        meaning = smtp_replies.classify(error.code, error.text)
        outcome = outcomes.of_refusal(letter, error.code, meaning, now=self._road.clock())
        level = logging.WARNING if isinstance(outcome, Failed) else logging.INFO
        known = {"delivery": letter.id, "class": str(meaning)}
        log.log(level, "delivery %s: refused: %s (%s)", letter.id, error, meaning, extra=known)
        if meaning is ReplyClass.CREDENTIALS:
            self._drop()  # every letter would be told the same: our login or our right to send is at fault
            self._road.breaker.failed(f"The mail server {error}.", now=self._road.clock())
        return outcome

    def _interrupted(self, letter: Claimed, error: NotAccepted) -> Outcome:
        self._drop()
        log.info("delivery %s: not accepted: %s", letter.id, error, extra={"delivery": letter.id})
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
