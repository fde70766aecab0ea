"""Signs a message with DKIM (RFC 6376): rsa-sha256, relaxed/relaxed.

The signature names the important fields once more than they are there, so that it also breaks when somebody puts a
second one on top (RFC 6376 §5.4.2): mail readers differ in which of two they show.
"""

import base64
import hashlib
import re
import textwrap
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING

from leadmagnet.mail.addresses import ascii_domain

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

#: Signed whether they are there or not: nobody may add a first or a second one.
OVERSIGNED = (
    "From",
    "To",
    "Subject",
    "Date",
    "Message-ID",
    "Reply-To",
    "MIME-Version",
    "Content-Type",
    "List-Id",
    "List-Unsubscribe",
    "List-Unsubscribe-Post",
    "Feedback-ID",
)
#: Signed as often as they are there: a server on the way may answer for itself.
SIGNED = ("Auto-Submitted",)

_NAMES = {name.lower().encode(): name for name in (*OVERSIGNED, *SIGNED)}
_LINE = 76
# Two literal blanks and more: the pattern's fixed beginning lets `re` search plainly, several times faster than " +".
_RUN = re.compile(rb"   *")
_BEFORE_LINE_END = re.compile(rb" \r\n")


class Signer:
    """One key under its selector; one object serves all threads, and the costly part releases the GIL."""

    def __init__(self, selector: str, key: "RSAPrivateKey") -> None:
        # Imported here: a site without a key, or a command that sends nothing, does not wait for it.
        from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
        from cryptography.hazmat.primitives.hashes import SHA256

        self.selector = selector
        self.key = key
        self._padding, self._hash = PKCS1v15(), SHA256()

    def sign(self, raw: bytes, domain: str, *, now: datetime) -> bytes:
        """The field `DKIM-Signature: …`, in CRLF lines, that belongs in front of `raw`, a whole message in CRLF lines.

        `domain` is the From address's: with any other, the signature proves nothing to DMARC (RFC 7489 §3.1.1).
        """
        head, _, body = raw.partition(b"\r\n\r\n")
        fields = _fields(head)
        body_hash = base64.b64encode(hashlib.sha256(relaxed_body(body)).digest()).decode()
        unsigned = (
            f"DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; t={int(now.timestamp())};\r\n"
            f"{_place(domain, self.selector)}{_named(tuple(map(len, fields.values())))}\r\n bh={body_hash};\r\n b="
        )
        signed = [name + b":" + value for name, values in fields.items() for value in values]
        signed.append(b"dkim-signature:" + _relaxed(unsigned.partition(":")[2].encode()))
        signature = self.key.sign(b"\r\n".join(signed), self._padding, self._hash)
        return f"{unsigned}{_folded(base64.b64encode(signature).decode())}\r\n".encode()


def relaxed_body(body: bytes) -> bytes:
    """`body`, in CRLF lines, as it is hashed (RFC 6376 §3.4.4).

    White space within a line counts as one blank, at a line's end as nothing, and so do empty lines at the body's end.
    """
    body = _BEFORE_LINE_END.sub(b"\r\n", _RUN.sub(b" ", body.replace(b"\t", b" ")))
    end = len(body)
    while body.endswith(b"\r\n", 0, end):
        end -= 2
    return body[:end] + b"\r\n" if end else b""


def _fields(head: bytes) -> dict[bytes, list[bytes]]:
    """The relaxed values of each field that may be signed, by name, in the order of signing: from the bottom up."""
    found: dict[bytes, list[bytes]] = {name: [] for name in _NAMES}
    unfolded = head.replace(b"\r\n ", b" ").replace(b"\r\n\t", b" ")
    for line in reversed(unfolded.split(b"\r\n")):
        name, _, value = line.partition(b":")
        values = found.get(name.lower())
        if values is not None:
            values.append(_relaxed(value))
    return found


def _relaxed(value: bytes) -> bytes:
    """A field's value as it is signed (RFC 6376 §3.4.2)."""
    unfolded = value.replace(b"\r\n", b"").replace(b"\t", b" ")
    return _RUN.sub(b" ", unfolded).strip(b" ")


@lru_cache(maxsize=16)
def _place(domain: str, selector: str) -> str:
    """Where the public key stands, in a line for each tag: neither may be folded within."""
    return f" d={ascii_domain(domain)};\r\n s={selector};\r\n"


@lru_cache(maxsize=64)
def _named(counts: tuple[int, ...]) -> str:
    """The tag h= for fields that are there so many times each."""
    names = [
        name for name, count in zip(_NAMES.values(), counts, strict=True) for _ in range(count + (name in OVERSIGNED))
    ]
    lines = textwrap.wrap(f"h={': '.join(names)};", _LINE - 1, break_on_hyphens=False)
    return "\r\n".join(f" {line}" for line in lines)


def _folded(value: str) -> str:
    first, rest = value[: _LINE - len(" b=")], value[_LINE - len(" b=") :]
    return "".join([first, *(f"\r\n {rest[at : at + _LINE - 1]}" for at in range(0, len(rest), _LINE - 1))])
