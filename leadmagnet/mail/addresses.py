"""Spells an email address the way the wire wants it."""

import re
from functools import lru_cache

import idna

from leadmagnet.errors import LeadmagnetError

_ATEXT = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]"
_LOCAL = re.compile(rf"{_ATEXT}+(?:\.{_ATEXT}+)*")
# RFC 6531 §3.3 adds every non-ASCII character to atext; controls, spaces and invisible ones stay out.
_LOCAL_UTF8 = re.compile(rf"(?:{_ATEXT}|[^\x00-\x7f])+(?:\.(?:{_ATEXT}|[^\x00-\x7f])+)*")
_ENCODED_WORD = re.compile(r"=\?.*\?=")
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_DOMAIN = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_MAX_LOCAL = 64  # bytes, RFC 5321 §4.5.3.1.1
_MAX_DOMAIN = 253  # RFC 5321 §4.5.3.1.2 says 255 with the root's label


class NotAnAddress(LeadmagnetError):
    """A text that no mail server takes as an address. Its words never hold the text."""


class Unsupported(LeadmagnetError):
    """An address that only a server with SMTPUTF8 (RFC 6531) can carry; no other spelling of it exists."""


def wire_address(address: str, *, smtputf8: bool = False) -> str:
    """`address` as an addr-spec with its domain in A-labels, the local part untouched (RFC 5891, RFC 5321 §4.1.2).

    "ada@bücher.example" → "ada@xn--bcher-kva.example". A local part beyond ASCII needs `smtputf8`.
    Raises Unsupported for one without it, NotAnAddress for what can be no address at all.
    """
    spelt = _spelt(address)
    if not (smtputf8 or spelt.isascii()):
        raise Unsupported(
            "The address has letters beyond ASCII before its @, which needs a mail server that offers SMTPUTF8. "
            "Ask for another address, or send through such a server."
        )
    return spelt


@lru_cache(maxsize=1024)  # a header needs it, then the envelope
def _spelt(address: str) -> str:
    local, at, domain = address.rpartition("@")
    if not at or len(local.encode(errors="replace")) > _MAX_LOCAL:
        raise NotAnAddress("An address needs one @ and at most 64 bytes before it.")
    atoms = _LOCAL if local.isascii() else _LOCAL_UTF8
    # An encoded-word is legal atext, but a header that shows one is decoded by careless readers.
    if not local.isprintable() or not atoms.fullmatch(local) or _ENCODED_WORD.search(local):
        raise NotAnAddress("The part of the address before the @ holds a character that mail servers do not take.")
    return f"{local}@{ascii_domain(domain)}"


def comparable(address: str) -> str:
    """Equal for two spellings of one mailbox: small letters, domain in A-labels. Takes anything, never raises."""
    local, _at, domain = address.rpartition("@")
    try:
        return f"{local.casefold()}@{ascii_domain(domain)}"
    except NotAnAddress:
        return address.casefold()


@lru_cache(maxsize=256)  # most addresses share a few
def ascii_domain(domain: str) -> str:
    """`domain` in A-labels, in small letters (RFC 5891). Raises NotAnAddress."""
    labels = domain.lower()
    if not domain.isascii():
        try:
            labels = idna.encode(domain, uts46=True).decode()
        except idna.IDNAError:  # from None: its words quote the domain
            raise NotAnAddress("The domain of the address cannot be written in A-labels (IDNA).") from None
    if len(labels) > _MAX_DOMAIN or not _DOMAIN.fullmatch(labels):
        raise NotAnAddress("The domain of the address is not a host name.")
    return labels
