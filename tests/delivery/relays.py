"""A mail server in memory, for tests of what many letters and long times do to the rooms that drive it."""

import threading
from collections.abc import Callable
from datetime import datetime

from leadmagnet.mail.handover import Following, NotAccepted, Refused, Reply, Unreachable
from tests.mail.servers import Arrived
from tests.workers import Arrivals


class Relay:
    """Takes mail like a server next door; `away`, it cannot be reached. Its clock is the test's."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self.clock = clock
        self.away = False
        self.answer: Callable[[str], Reply | None] = lambda _recipient: None  # to the dot; None: 250
        self.knocks: list[datetime] = []  # every try to connect
        self.arrived = Arrivals()
        self.most_at_once = 0
        self._at_once = 0
        self._lock = threading.Lock()

    def connect(self) -> "Conversation":
        self.knocks.append(self.clock())
        if self.away:
            raise Unreachable("Nothing listens there.")
        return Conversation(self)

    def takes(self, sender: str, recipient: str, raw: bytes) -> None:
        """The dot of one message."""
        reply = self.answer(recipient)
        if reply is None:
            self.arrived.append(Arrived(sender, recipient, raw))
        elif reply.code == 421:
            raise NotAccepted(f"at dot, {reply}", reply)
        else:
            raise Refused(reply.code, reply.text, "dot")

    def under_way(self, change: int) -> None:
        with self._lock:
            self._at_once += change
            self.most_at_once = max(self.most_at_once, self._at_once)


class Conversation:
    """One connection; satisfies `handover.Handover`."""

    smtputf8 = pipelining = False
    letters_header = b""

    def __init__(self, relay: Relay) -> None:
        self._relay = relay
        self._offered: tuple[str, str, bytes] | None = None
        self.usable = True

    def offer(self, sender: str, recipient: str, raw: bytes) -> None:
        self._relay.under_way(1)
        self._offered = sender, recipient, raw

    def accept(self, _following: Following | None = None, /) -> Reply:
        assert self._offered is not None
        try:
            self._relay.takes(*self._offered)
        finally:
            self.reset()
        return Reply(250, "2.0.0 taken")

    def abandon(self) -> None:
        self.reset()
        self.usable = False

    def reset(self) -> None:
        if self._offered is not None:
            self._relay.under_way(-1)
        self._offered = None

    def quit(self) -> None:
        self.abandon()
