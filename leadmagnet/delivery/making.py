"""Notes how a mail was put together: what its bytes hang on beside its release and its reader's facts."""

import hashlib
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from leadmagnet.links import Links
from leadmagnet.mail import dkim_key
from leadmagnet.mail.sign import Signer

#: Where it stands among the facts of a delivery.
KEY = "made"
#: Bytes of a mail that are summed up, with its length: its whole head, and the signature, which covers the rest.
_SUMMED = 2048
UNSIGNED = "-"


@dataclass(slots=True)
class Making:
    """The last time that one letter was put together; empty until then. Belongs to the sender that has it in hand."""

    second: int = 0  # of its Date header, and of its signature
    key: int = 0  # number of the key that signs its links
    base: str = ""  # hash of base_url
    signed: str = ""  # hash of the DKIM key and its selector
    check: int = 0  # of its bytes: whoever makes the same ones again gets the same number
    header: str = ""  # what the mail server wanted on top of it

    def note(self, raw: bytes, links: Links, signer: Signer | None, *, now: datetime) -> None:
        """Notes the way that `raw` was made. Every letter passes here: no more of it is read than its beginning."""
        self.second, self.check, self.header = int(now.timestamp()), checksum(raw), ""
        self.key = links.keys.signing
        self.base, self.signed = base_of(links.base_url), key_of(signer)

    def to_json(self) -> list[object]:
        """As it is recorded: short, because every mail has one."""
        made: list[object] = [self.second, self.key, self.base, self.signed, self.check]
        return [*made, self.header] if self.header else made

    @classmethod
    def of(cls, facts: Mapping[str, Any]) -> "Making | None":
        """What stands among the recorded facts; None for a mail that was sent before it was noted."""
        return cls(*facts[KEY]) if KEY in facts else None

    @property
    def at(self) -> datetime:
        return datetime.fromtimestamp(self.second, UTC)


def checksum(raw: bytes) -> int:
    """One number for the length of `raw` and its beginning."""
    return zlib.crc32(raw[:_SUMMED], len(raw))


@lru_cache(maxsize=4)
def base_of(base_url: str) -> str:
    return _short(base_url)


@lru_cache(maxsize=4)
def key_of(signer: Signer | None) -> str:
    return _short(f"{signer.selector} {dkim_key.record(signer.key)}") if signer is not None else UNSIGNED


def _short(words: str) -> str:
    return hashlib.sha256(words.encode()).hexdigest()[:8]
