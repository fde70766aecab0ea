"""Sends the mails of a rehearsal on into a real inbox: the same words, another address, today's date."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime

from leadmagnet.mail import headers
from leadmagnet.mail.addresses import wire_address
from leadmagnet.mail.handover import Handover, Message
from leadmagnet.mail.sign import Signer

_DATE = re.compile(rb"^Date: (.*)\r\n", re.MULTILINE)
_TO = re.compile(rb"^To: .*\r\n", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Onward:
    """The way into the real inbox. `domain` is the one that signs, if anybody signs here."""

    connect: Callable[[], Handover]
    recipient: str
    domain: str
    signer: Signer | None
    clock: Callable[[], datetime]

    def rewritten(self, raw: bytes) -> Message:
        """`raw`, a whole message, to the real recipient.

        A date of next month is a mark of spam, so that the day it stands for moves to X-Rehearsal-Date. It is signed
        after that; the subject and the words stay as they are.
        """
        head, blank, body = raw.partition(b"\r\n\r\n")
        now = self.clock()
        to = headers.address("To", wire_address(self.recipient, smtputf8=True))
        dated = headers.structured("Date", format_datetime(now))
        head = _TO.sub(lambda _found: to, head + b"\r\n", count=1)
        head = _DATE.sub(lambda found: dated + b"X-Rehearsal-Date: " + found[1] + b"\r\n", head, count=1)
        message = Message(head.removesuffix(b"\r\n") + blank + body)
        if self.signer is None:
            return message
        return Message(self.signer.sign(message, self.domain, now=now) + message)
