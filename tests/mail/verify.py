"""Verifies signatures as the world does: an independent reader, and the record that DNS would give it."""

from functools import cache

import dkim

from leadmagnet.mail import dkim_key
from leadmagnet.mail.sign import Signer


@cache
def signer() -> Signer:
    """One signer for all tests: making a key takes a while."""
    return Signer("leadmagnet", dkim_key.read(pem(), "the tests' key"))


@cache
def pem() -> str:
    return dkim_key.make()


def is_signed(raw: bytes, *, by: Signer | None = None, domain: str = "mail.example.com") -> bool:
    """Whether the message carries a signature that holds, of the key whose record stands at `domain`."""
    found = by or signer()
    return holds(raw, dkim_key.record_name(found.selector, domain), dkim_key.record(found.key))


def holds(raw: bytes, name: str, record: str) -> bool:
    """Whether the message carries a signature that holds in a world whose DNS knows this record alone."""
    records = {f"{name}.".encode(): record.encode()}
    try:
        return bool(dkim.verify(raw, dnsfunc=lambda asked, timeout=5: records.get(asked), minkey=2048))
    except dkim.DKIMException:
        return False
