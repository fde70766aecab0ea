"""Drives mail transactions over a connection that is greeted and logged in.

The standard library's `data()` and `sendmail()` cannot tell "never sent" from "accepted": here each phase has its own
exception, and the caller's gate stands between the body and the final dot.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto

from leadmagnet import failpoints
from leadmagnet.errors import LeadmagnetError
from leadmagnet.mail.addresses import wire_address
from leadmagnet.mail.handover import (
    Following,
    Message,
    NotAccepted,
    Phase,
    Refused,
    Reply,
    Unknown,
    check_lines,
)
from leadmagnet.mail.server import Server
from leadmagnet.mail.wire import Lost, Wire


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds that each phase may take; a shorter one than the server's own turns slow mail into lost answers."""

    connect: float = 30.0
    greeting: float = 300.0  # RFC 5321 §4.5.3.2.1; EHLO, STARTTLS and AUTH, for which it names none, wait as long
    mail: float = 300.0  # §4.5.3.2.2
    rcpt: float = 300.0  # §4.5.3.2.3
    data: float = 120.0  # §4.5.3.2.4
    body: float = 180.0  # §4.5.3.2.5
    dot: float = 600.0  # §4.5.3.2.6: "a spurious timeout … would … typically result in delivery of multiple copies"
    quit: float = 10.0  # nothing depends on its answer


STANDARD = Timeouts()


class _State(Enum):
    IDLE = auto()
    BUSY = auto()  # an exception from elsewhere, a signal's say, must not leave a connection usable in mid-sentence
    OFFERED = auto()  # the body is out, the dot is not
    ANNOUNCED = auto()  # the envelope of the next message is out, its answers are not read
    REFUSED = auto()  # RSET comes next
    CLOSED = auto()


@dataclass(slots=True)
class _Announced:
    """The next message, whose envelope goes with the dot of the one at hand."""

    raw: bytes
    envelope: list[tuple[Phase, bytes]]
    behind_refusal: bool = False  # the one at hand was refused


def _together(group: list[tuple[Phase, bytes]]) -> bytes:
    return b"".join(command for _phase, command in group)


class Transactions:
    """One conversation with one mail server, logged in; satisfies `handover.Handover`. Belongs to one thread."""

    def __init__(self, wire: Wire, server: Server, extensions: Mapping[str, str], timeouts: Timeouts) -> None:
        """`extensions`: what EHLO offered, in lower case, with its parameters."""
        self._wire = wire
        self._server = server
        self._timeouts = timeouts
        self._pipelining = "pipelining" in extensions
        self._smtputf8 = "smtputf8" in extensions
        self._size = int(extensions["size"]) if extensions.get("size", "").isdecimal() else None
        self._state = _State.IDLE
        self._announced: _Announced | None = None

    @property
    def usable(self) -> bool:
        """Whether another message can be offered now: the announced one, if one was."""
        return self._state in (_State.IDLE, _State.ANNOUNCED)

    @property
    def smtputf8(self) -> bool:
        """Whether the server takes addresses with a non-ASCII local part."""
        return self._smtputf8

    @property
    def pipelining(self) -> bool:
        """Whether the server takes commands in groups."""
        return self._pipelining

    @property
    def letters_header(self) -> bytes:
        """See `Handover.letters_header`."""
        return self._server.letters_header

    def offer(self, sender: str, recipient: str, raw: bytes) -> None:
        """Sends the envelope and the body of `raw`, but not the final dot: see `Handover.offer`.

        With PIPELINING the envelope is one write and one wait (RFC 2920 §3.1: DATA last in its group).
        """
        if self._state is _State.ANNOUNCED:
            self._hear_announced(raw)
        else:
            self._must_be(_State.IDLE)
            commands = self._checked_envelope(sender, recipient, raw)
            self._state = _State.BUSY
            for group in [commands] if self._pipelining else [[command] for command in commands]:
                self._write(_together(group))
                self._hear(group)
        # RFC 5321 §4.5.2. In CRLF lines, the only place for a dot that needs stuffing is behind a CRLF.
        body = raw if isinstance(raw, Message) else raw.replace(b"\r\n.", b"\r\n..")
        try:
            self._wire.send(b"." + body if body.startswith(b".") else body, self._timeouts.body)
        except Lost as lost:
            if self._wire.has_spoken():  # a server that refuses a body may hang up in the middle of it
                self._interrupted()
            self.abandon()
            raise NotAccepted(f"{self._server}: in the body, {lost}") from lost
        self._state = _State.OFFERED
        failpoints.reach("after_body")

    def accept(self, following: Following | None = None, /) -> Reply:
        """Sends the final dot and returns the 2xx reply: see `Handover.accept`.

        RFC 2920 §3.1 lets the next envelope stand in one group with the end of a message.
        """
        self._must_be(_State.OFFERED)
        self._announced = self._announcement(following) if self._pipelining and following is not None else None
        self._state = _State.BUSY
        # Who has already refused or hung up cannot accept: found out now, it is a certainty; after the dot, a riddle.
        if self._wire.has_spoken():
            self._interrupted()
        envelope = _together(self._announced.envelope) if self._announced is not None else b""
        try:
            self._wire.send(b".\r\n" + envelope, self._timeouts.body)
            failpoints.reach("after_dot")
            reply = self._wire.reply(self._timeouts.dot)
        except Lost as lost:
            self.abandon()
            raise Unknown(f"{self._server} got the whole message, then {lost}") from lost
        if reply.code // 100 == 3:
            self.abandon()
            raise Unknown(f"{self._server} got the whole message, then answered {reply}")
        refusal = self._refusal("dot", reply) if reply.code // 100 != 2 else None
        if self._announced is None:
            if refusal is None:
                self._state = _State.IDLE
        elif self._state is not _State.CLOSED:
            self._announced.behind_refusal = refusal is not None
            self._state = _State.ANNOUNCED
        if refusal is not None:
            raise refusal
        return reply

    def abandon(self) -> None:
        """Closes the socket without a dot: the server must discard what it has (RFC 5321 §4.1.1.4)."""
        self._state = _State.CLOSED
        self._announced = None
        self._wire.close()

    def reset(self) -> None:
        """RSET; see `Handover.reset`."""
        if self._state is _State.OFFERED:
            self.abandon()  # in the middle of a body, RSET would be a line of text
        if self._state is not _State.REFUSED:
            return
        try:
            self._wire.send(b"RSET\r\n", self._timeouts.mail)
            clear = self._wire.reply(self._timeouts.mail).code // 100 == 2
        except Lost:
            clear = False
        if clear:
            self._state = _State.IDLE
        else:
            self.abandon()

    def quit(self) -> None:
        """QUIT; see `Handover.quit`."""
        if self._state in (_State.IDLE, _State.REFUSED):
            try:
                self._wire.send(b"QUIT\r\n", self._timeouts.quit)
                self._wire.reply(self._timeouts.quit)
            except Lost:
                pass  # a 421 or a hang-up here is a goodbye like any other
        self.abandon()

    def _envelope(self, sender: str, recipient: str, raw: bytes) -> list[tuple[Phase, bytes]]:
        start = wire_address(sender, smtputf8=self._smtputf8) if sender else ""
        end = wire_address(recipient, smtputf8=self._smtputf8)
        parameters = ""
        if self._size is not None:
            if 0 < self._size < len(raw):  # RFC 1870 §6.1; 0 is "no limit" (§4)
                raise Refused(552, f"5.3.4 message of {len(raw)} bytes; the server takes {self._size}", "size")
            parameters += f" SIZE={len(raw)}"
        if not (start.isascii() and end.isascii()):
            parameters += " BODY=8BITMIME SMTPUTF8"  # RFC 6531 §3.4: header fields may be UTF-8 as well
        return [
            ("mail", f"MAIL FROM:<{start}>{parameters}\r\n".encode()),
            ("rcpt", f"RCPT TO:<{end}>\r\n".encode()),
            ("data", b"DATA\r\n"),
        ]

    def _announcement(self, following: Following) -> "_Announced | None":
        try:
            return _Announced(following[2], self._checked_envelope(*following))
        except LeadmagnetError:  # it has no envelope here, as it will be told when it is offered
            return None

    def _checked_envelope(self, sender: str, recipient: str, raw: bytes) -> list[tuple[Phase, bytes]]:
        if not isinstance(raw, Message):
            check_lines(raw)
        return self._envelope(sender, recipient, raw)

    def _hear_announced(self, raw: bytes) -> None:
        """The answers to the envelope of `raw`, which went with the dot before."""
        announced, self._announced = self._announced, None
        if announced is None or announced.raw is not raw:
            raise RuntimeError("another message was announced on this connection")
        self._state = _State.BUSY
        try:
            self._hear(announced.envelope)
        except Refused as refused:
            if not announced.behind_refusal:
                raise
            # It may be that the server was not done with the message that it had refused: no word on this one.
            self.abandon()
            raise NotAccepted(
                f"{self._server}: behind a refused message, at {refused.phase}: {refused.reply}"
            ) from refused

    def _hear(self, group: list[tuple[Phase, bytes]]) -> None:
        """The answers to a group of commands; ready for the body unless it raises."""
        waits = {"mail": self._timeouts.mail, "rcpt": self._timeouts.rcpt, "data": self._timeouts.data}
        refused: tuple[Phase, Reply] | None = None
        for phase, _ in group:
            try:
                reply = self._wire.reply(waits[phase])
            except Lost as lost:
                self.abandon()
                if refused is None:
                    raise NotAccepted(f"{self._server}: at {phase}, {lost}") from lost
                break
            failpoints.reach(f"after_{phase}")
            goes_on = reply.code == 354 if phase == "data" else reply.code // 100 == 2
            if not goes_on and refused is None:
                refused = phase, reply
                if reply.code == 421:  # the last thing that it says (RFC 5321 §3.8)
                    break
            elif refused is not None and reply.code == 354:
                self.abandon()  # after a refusal it still waits for a body; a lone dot might send an empty letter
        if refused is not None:
            raise self._refusal(*refused)

    def _refusal(self, phase: Phase, reply: Reply) -> Refused | NotAccepted:
        if reply.code == 421 or reply.code // 100 not in (4, 5):
            self.abandon()
            return NotAccepted(f"{self._server}: at {phase}, {reply}", reply)
        if self._state is not _State.CLOSED:
            self._state = _State.REFUSED
        return Refused(reply.code, reply.text, phase)

    def _interrupted(self) -> None:
        try:
            reply = self._wire.reply(self._timeouts.mail)
        except Lost as lost:
            self.abandon()
            raise NotAccepted(f"{self._server}: in the body, {lost}") from lost
        self.abandon()  # it may answer the dot a second time: its replies can no longer be told apart
        raise self._refusal("body", reply)

    def _write(self, commands: bytes) -> None:
        try:
            self._wire.send(commands, self._timeouts.mail)
        except Lost as lost:
            self.abandon()
            raise NotAccepted(f"{self._server}: {lost}") from lost

    def _must_be(self, state: _State) -> None:
        if self._state is not state:
            raise RuntimeError(f"the connection is {self._state.name}, not {state.name}")
