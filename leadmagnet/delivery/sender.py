"""Senders: each drives one connection, phase by phase, and every letter ends in a row."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from leadmagnet import failpoints, waiting
from leadmagnet.clock import Clock
from leadmagnet.delivery import message, outcomes, throttle
from leadmagnet.delivery.breaker import Breaker
from leadmagnet.delivery.gate import Gate
from leadmagnet.delivery.group_commit import GroupCommit
from leadmagnet.delivery.in_hand import InHand
from leadmagnet.delivery.journal import Journal
from leadmagnet.delivery.letters import Claimed
from leadmagnet.delivery.outcomes import Accepted, Failed, Lost, Outcome, Returned
from leadmagnet.delivery.queue import SEQUENCE
from leadmagnet.delivery.stops import Stops
from leadmagnet.delivery.turns import Turn, Turns
from leadmagnet.links import Links
from leadmagnet.mail import smtp_replies
from leadmagnet.mail.addresses import NotAnAddress, Unsupported
from leadmagnet.mail.handover import Following, Handover, Message, NotAccepted, Refused, Reply, WrongPassword
from leadmagnet.mail.headers import HeaderError
from leadmagnet.mail.render import RenderError
from leadmagnet.mail.sign import Signer
from leadmagnet.mail.smtp_replies import ReplyClass
from leadmagnet.store import absence

log = logging.getLogger(__name__)

#: An idle connection is closed by us before the server does it: mailbox providers do so without a word.
_IDLE_SECONDS = 5.0

Connect = Callable[[], Handover]


@dataclass(frozen=True, slots=True)
class Road:
    """What every letter of a process passes: shared by all its senders."""

    connect: Connect
    commits: GroupCommit
    journal: Journal
    links: Links
    breaker: Breaker
    stops: Stops
    clock: Clock
    signer: Signer | None = None  # None: the mail server signs, or nobody does


class Sender:
    """One connection's conversation; `taken`: see `Turns`."""

    def __init__(self, road: Road, in_hand: InHand, *, taken: Callable[[], None]) -> None:
        self._road = road
        self._in_hand = in_hand
        self._turns = Turns(in_hand, road.journal, taken=taken)
        self._connection: Handover | None = None
        self._announced: Message | None = None  # what the connection expects to be offered
        self._turned_away = 0  # connections in a row that did not come about
        self._rest = 0.0  # seconds to hold back, so that a server may limit its connections in peace

    def run(self) -> None:
        """Sends whatever is in hand, until there will be no more."""
        while not self._turns.are_over:
            turn = self._turns.next(_IDLE_SECONDS)
            if turn is None:
                self.hang_up()
                continue
            self._send(turn)
            if self._rest:
                self._in_hand.rest(self._rest)
                self._rest = 0.0
        self.hang_up()

    def _send(self, turn: Turn) -> None:
        letter, self._announced = turn.letter, turn.raw
        outcome: Outcome | None
        try:
            may_begin = self._turns.begin(turn)
            outcome = self.deliver(letter) if may_begin else Returned(self._road.clock() + outcomes.OUTAGE_WAIT)
        except Exception:  # a defect of ours, before the dot: the others go on, and this one is tried again
            log.exception("delivery %s: the sender failed", letter.id, extra={"delivery": letter.id})
            self._drop()
            outcome = Returned(self._road.clock() + outcomes.OUTAGE_WAIT)
        if self._announced is not None:  # its envelope is out, and no body came
            self._drop()
        self._turns.end(plain=isinstance(outcome, Accepted))
        if outcome is not None:
            self._road.commits.tell(letter, outcome)
        self._road.breaker.done(letter.id)
        self._turns.done(letter, accepted=isinstance(outcome, Accepted))

    def deliver(self, letter: Claimed) -> Outcome | None:
        """Hands one letter over; None when the gate has settled the row, or the lease was lost."""
        wait = self._road.commits.lessons.wait_of(letter, self._road.clock)
        if wait is not None:
            return Returned(wait)
        if self._in_hand.is_stopped(letter.domain_group):
            return Returned(None)
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
        kept = self._is_connected()
        announced, self._announced = self._announced if kept else None, None
        # Before connecting: what cannot be put together needs no server.
        raw = announced or self._built(letter)
        if not kept and not self._road.breaker.may_try(letter.id):
            return Returned(None)  # claimed before another sender found the server away
        try:
            connection = self._connected()
        except NotAccepted as error:
            return self._turned_down(letter, error)
        try:
            connection.offer(
                self._return_path(letter), letter.recipient, announced or self._headed(connection, letter, raw)
            )
        except Refused as error:
            return self._refused(letter, error)
        except NotAccepted as error:
            return self._interrupted(letter, error, stale=kept)
        return None

    def _hand_over(self, letter: Claimed) -> Outcome | None:
        """The gate, the dot, and the server's last word."""
        connection = self._connection
        if connection is None:
            raise AssertionError("a letter stands before the gate on a connection")
        following = self._following(connection, letter)
        answer = self._road.commits.gate(letter)
        if answer is not Gate.OPEN:
            self._drop()
            log.info("delivery %s: gate shut: %s", letter.id, answer, extra={"delivery": letter.id})
            return Returned(self._road.clock()) if answer is Gate.UNKNOWN else None
        failpoints.reach("after_gate")
        try:
            connection.accept(following)
        except Refused as error:
            return self._refused(letter, error)
        except NotAccepted as error:
            return self._interrupted(letter, error)
        except Exception as error:  # Unknown, or a defect of ours, after which nobody can tell either
            self._drop()
            log.warning(
                "delivery %s: the answer to the dot was lost (%s)",
                letter.id,
                type(error).__name__,
                extra={"delivery": letter.id},
            )
            reason = f"The mail server's answers are lost: {error}"
            self._road.breaker.failed(letter.id, reason, now=self._road.clock(), alone=True)
            return Lost(self._road.clock())
        failpoints.reach("after_250")
        accepted = self._accepted(letter, self._road.clock())
        self._road.breaker.answered(letter.id)
        return accepted

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

    def _following(self, connection: Handover, at_hand: Claimed) -> Following | None:
        """The next letter, whose envelope travels with the dot of the one at hand.

        Put together before the gate: should the process die of it, the one at hand is certainly unsent.
        """
        turn = self._turns.look_ahead(at_hand) if connection.pipelining else None
        if turn is None or self._road.commits.lessons.wait_of(turn.letter, self._road.clock) is not None:
            return None
        letter = turn.letter
        try:
            raw = self._headed(connection, letter, self._built(letter))
            following = self._return_path(letter), letter.recipient, raw
        except Exception as error:  # it is tried again at its own turn, and fails there
            why = type(error).__name__
            log.info("delivery %s: not announced (%s)", letter.id, why, extra={"delivery": letter.id})
            return None
        turn.raw = raw
        return following

    def _built(self, letter: Claimed) -> Message:
        return message.build(letter, self._road.links, now=self._road.clock(), signer=self._road.signer)

    def _headed(self, connection: Handover, letter: Claimed, raw: Message) -> Message:
        """With the line on top that this server wants on letters of a series."""
        if not connection.letters_header or letter.lane != SEQUENCE:
            return raw
        letter.making.header = connection.letters_header.decode()
        return Message(connection.letters_header + raw)

    def _return_path(self, letter: Claimed) -> str:
        return self._road.links.return_path(letter.id) or letter.published.sender_address

    def _connected(self) -> Handover:
        if self._connection is None or not self._connection.usable:
            self._drop()
            self._connection = waiting.apart(self._road.connect)
            self._turned_away = 0
        return self._connection

    def _is_connected(self) -> bool:
        return self._connection is not None and self._connection.usable

    def _refused(self, letter: Claimed, error: Refused) -> Outcome:
        if self._connection is not None:
            self._connection.reset()
        meaning = smtp_replies.classify(error.code, error.text, phase=error.phase)
        outcome = outcomes.of_refusal(letter, error.code, meaning, now=self._road.clock())
        level = logging.WARNING if isinstance(outcome, Failed) else logging.INFO
        known = {"delivery": letter.id, "class": str(meaning)}
        log.log(level, "delivery %s: refused: %s (%s)", letter.id, error, meaning, extra=known)
        if meaning is ReplyClass.CREDENTIALS:
            self._drop()  # every letter would be told the same: our login or our right to send is at fault
            reason = f"The mail server {error}."
            self._road.breaker.failed(letter.id, reason, now=self._road.clock(), at_once=True)
        else:
            self._road.breaker.answered(letter.id)
        self._slow_down(letter, error.reply, meaning)
        return outcome

    def _turned_down(self, letter: Claimed, error: NotAccepted) -> Returned:
        """No conversation came about: nothing was said of the letter."""
        now, breaker = self._road.clock(), self._road.breaker
        self._turned_away += 1
        self._rest = absence.pause(self._turned_away)
        breaker.failed(letter.id, str(error), now=now, at_once=isinstance(error, WrongPassword))
        # While the breaker is open, it alone says when to try again: the letter keeps its place.
        return Returned(now + outcomes.OUTAGE_WAIT if breaker.may_try(letter.id) else None)

    def _interrupted(self, letter: Claimed, error: NotAccepted, *, stale: bool = False) -> Outcome:
        """`stale`: the connection had been kept, so that its end says nothing of the server or the letter."""
        self._drop()
        log.info("delivery %s: not accepted: %s", letter.id, error, extra={"delivery": letter.id})
        now, breaker = self._road.clock(), self._road.breaker
        if not stale:
            breaker.failed(letter.id, str(error), now=now, alone=True)
            if error.reply is not None:
                self._slow_down(letter, error.reply, smtp_replies.classify(error.reply.code, error.reply.text))
        return Returned(breaker.behind(now + outcomes.OUTAGE_WAIT))

    def _slow_down(self, letter: Claimed, reply: Reply, meaning: ReplyClass) -> None:
        """What a reply means for the other letters to the same domain group."""
        if throttle.asks_to_stop(reply.code, reply.text):
            self._road.stops.asked(letter.domain_group)
            self._in_hand.stop(letter.domain_group)
        elif throttle.asks_for_less(reply.code, meaning):
            self._in_hand.slow_down(letter.domain_group)

    def hang_up(self) -> None:
        """Ends an idle connection politely."""
        if self._connection is not None:
            self._connection.quit()
            self._connection = None

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.abandon()
            self._connection = None
