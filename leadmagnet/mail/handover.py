"""The four phases in which one message is handed over, the same for a mail server and the test mailbox.

    HandoverError         a message was not, or perhaps not, handed over
    ├── NotAccepted       certainly not accepted, and not the message's fault: trouble on the way, or a 421
    │   └── Unavailable   no conversation came about; the operator can mend it
    │       ├── NameNotFound          the server's name has no address
    │       ├── Unreachable           nobody answers there, or a port is blocked
    │       ├── UntrustedCertificate  TLS works, but the certificate is not the server's
    │       ├── TLSNotOffered         encryption is required here, not offered there
    │       └── WrongPassword         the login was refused
    ├── Refused           certainly not accepted: an explicit 4xx or 5xx, or a limit the server had announced
    └── Unknown           the final dot was sent, the last word was lost: it may have been accepted

`offer` also raises addresses.Unsupported and addresses.NotAnAddress, before a single byte has been sent.
No text of these holds a password or an address; a server's own words stand, unabridged, in `reply`.
"""

import re
from typing import Literal, Protocol

from leadmagnet.errors import LeadmagnetError
from leadmagnet.records import record

#: What was answered: `size` is our own answer to the limit that a server announces; `body` came unasked for.
Phase = Literal["size", "mail", "rcpt", "data", "body", "dot"]

#: The next message on a connection, as `offer` will be given it: sender, recipient, raw.
Following = tuple[str, str, bytes]

_NO_LINE_END = bytes(set(range(256)) - set(b"\r\n"))
_ADDRESS = re.compile(r"\S*@\S*")
_QUOTED = 300  # characters of a server's words that an error shows


@record
class Reply:
    """What a server said: three digits, and its lines joined by newlines (RFC 5321 §4.2)."""

    code: int
    text: str

    def __str__(self) -> str:
        """One printable line without any address: servers like to repeat the recipient's."""
        words = _ADDRESS.sub("<…>", self.text)
        line = "".join(c if c.isprintable() else " " for c in words)
        return f"{self.code} {' '.join(line.split())}"[:_QUOTED].rstrip()


class HandoverError(LeadmagnetError):
    """A message was not, or perhaps not, handed over."""


class NotAccepted(HandoverError):
    """The message was certainly not accepted, through no fault of its own; `reply` is what was said, if anything."""

    def __init__(self, text: str, reply: Reply | None = None) -> None:
        self.reply = reply
        super().__init__(text)


class Unavailable(NotAccepted):
    """The server could not be used at all; the text says why, and what the operator can do."""


class NameNotFound(Unavailable):
    """The server's host name has no address."""


class Unreachable(Unavailable):
    """Nobody answers at the server's port."""


class UntrustedCertificate(Unavailable):
    """The certificate does not prove that this is the server."""


class TLSNotOffered(Unavailable):
    """The connection would not be encrypted, and has to be."""


class WrongPassword(Unavailable):
    """The server refused the login."""


class Refused(HandoverError):
    """The server said no to this message, in so many words; `phase` is what it answered."""

    def __init__(self, code: int, text: str, phase: Phase) -> None:
        self.code = code
        self.text = text
        self.phase = phase
        self.reply = Reply(code, text)
        super().__init__(f"refused at {phase}: {self.reply}")


class Unknown(HandoverError):
    """Nobody can tell whether the message was accepted: only evidence decides (RFC 1047)."""


class Handover(Protocol):
    """One connection, one message at a time: offer → (the caller's gate) → accept.

    After Refused: `reset` before the next offer. After NotAccepted or Unknown: a new connection. When the gate
    says no: `abandon`. Whatever happened, `usable` tells whether another message can be offered.
    """

    @property
    def usable(self) -> bool:
        """Whether `offer` may be called now."""
        ...

    @property
    def smtputf8(self) -> bool:
        """Whether addresses with a non-ASCII local part can be carried (RFC 6531)."""
        ...

    @property
    def pipelining(self) -> bool:
        """Whether `accept` takes the envelope of the next message along (RFC 2920)."""
        ...

    @property
    def letters_header(self) -> bytes:
        """A header line that this server wants on top of letters of a series; empty for nearly all."""
        ...

    def offer(self, sender: str, recipient: str, raw: bytes) -> None:
        """Hands over everything but the final dot: until `accept`, the message cannot be accepted.

        `sender` and `recipient` are addr-specs (an empty sender: the null return path), `raw` is a whole
        message in CRLF lines. Raises NotAccepted, Refused, Unsupported, NotAnAddress.
        """
        ...

    def accept(self, following: Following | None = None, /) -> Reply:
        """Sends the final dot; returns the 2xx reply. Raises NotAccepted, Refused, Unknown.

        With `pipelining` the envelope of the `following` message travels with the dot, which saves a round trip: it
        must be the next to be offered, this very `raw`.
        """
        ...

    def abandon(self) -> None:
        """Ends the connection without a dot, so that the message offered is discarded. Never raises."""
        ...

    def reset(self) -> None:
        """Clears away what was refused. Never raises: a connection that cannot be reset is no longer usable."""
        ...

    def quit(self) -> None:
        """Ends the connection politely. Never raises: nothing that happens here concerns a message."""
        ...


class Message(bytes):
    """A whole message whose lines were checked when it was put together, and of which none begins with a dot."""


def check_lines(raw: bytes) -> None:
    """Raises ValueError unless every line of `raw`, the last one too, ends with CRLF, which is a defect of ours.

    A bare CR or LF is read as a line end by some servers: a dot between two would smuggle a second message.
    """
    line_ends = raw.translate(None, _NO_LINE_END)
    if len(line_ends) != 2 * raw.count(b"\r\n") or not raw.endswith(b"\r\n"):
        raise ValueError("a message must be made of CRLF lines alone")
