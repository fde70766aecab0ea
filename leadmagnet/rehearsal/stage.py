"""A mail server made up for a rehearsal: takes every message, unless it is told to refuse or to be away."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from leadmagnet.mail.addresses import wire_address
from leadmagnet.mail.handover import (
    Following,
    Handover,
    HandoverError,
    Refused,
    Reply,
    Unreachable,
    check_lines,
)
from leadmagnet.rehearsal.onward import Onward


@dataclass(frozen=True, slots=True)
class Taken:
    """One message that was accepted, at the rehearsal's own time."""

    at: datetime
    sender: str
    recipient: str
    raw: bytes


class Stage:
    """The server. `taken` is its mailbox, `offered` the message it saw last, whether it took it or not."""

    def __init__(self, clock: Callable[[], datetime], onward: Onward | None = None) -> None:
        """`onward`: where every message goes besides."""
        self.clock = clock
        self.onward = onward
        self.taken: list[Taken] = []
        self.offered = b""
        self.refuses = False  # the next message, for good
        self.away_until: datetime | None = None
        self.trouble: HandoverError | None = None  # that the real server had

    def connect(self) -> Handover:
        """A connection, as to any server. Raises Unreachable while it is away, and what the real server says."""
        if self.away_until is not None and self.clock() < self.away_until:
            raise Unreachable("The mail server of the rehearsal is away.")
        with self.noting():
            return _Connection(self, self.onward.connect() if self.onward is not None else None)

    @contextmanager
    def noting(self) -> Iterator[None]:
        """Keeps what goes wrong with the real server."""
        try:
            yield
        except HandoverError as error:
            self.trouble = error
            raise


class _Connection:
    """Hands messages over to a stage; satisfies `handover.Handover`."""

    def __init__(self, stage: Stage, beyond: Handover | None) -> None:
        self._stage = stage
        self._beyond = beyond
        self._offered: Taken | None = None
        self._open = True

    @property
    def usable(self) -> bool:
        return self._open and self._offered is None and (self._beyond is None or self._beyond.usable)

    @property
    def smtputf8(self) -> bool:
        return self._beyond is None or self._beyond.smtputf8

    @property
    def pipelining(self) -> bool:
        return False

    @property
    def letters_header(self) -> bytes:
        return b"" if self._beyond is None else self._beyond.letters_header

    def offer(self, sender: str, recipient: str, raw: bytes) -> None:
        """See `Handover.offer`."""
        check_lines(raw)
        for address in (sender, recipient) if sender else (recipient,):
            wire_address(address, smtputf8=True)  # what no server would take must not pass here either
        self._stage.offered = raw
        if self._stage.refuses:
            self._stage.refuses = False
            raise Refused(550, f"5.1.1 <{recipient}>: there is no such mailbox", "rcpt")
        if self._beyond is not None and self._stage.onward is not None:
            with self._stage.noting():
                self._beyond.offer(sender, self._stage.onward.recipient, self._stage.onward.rewritten(raw))
        self._offered = Taken(self._stage.clock(), sender, recipient, raw)

    def accept(self, _following: Following | None = None, /) -> Reply:
        """See `Handover.accept`."""
        if self._offered is None:
            raise RuntimeError("no message is on offer")
        reply = Reply(250, "2.0.0 taken")
        if self._beyond is not None:
            with self._stage.noting():
                reply = self._beyond.accept()
        self._stage.taken.append(self._offered)
        self._offered = None
        return reply

    def abandon(self) -> None:
        """See `Handover.abandon`."""
        self._offered, self._open = None, False
        if self._beyond is not None:
            self._beyond.abandon()

    def reset(self) -> None:
        """See `Handover.reset`."""
        self._offered = None
        if self._beyond is not None:
            self._beyond.reset()

    def quit(self) -> None:
        """See `Handover.quit`."""
        self._offered, self._open = None, False
        if self._beyond is not None:
            self._beyond.quit()
