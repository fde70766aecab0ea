"""Signed names: whatever the world may hand back to us, a URL or a return path, is made and read here."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache

_MAC_BYTES = 12  # 96 bits: 2^96 guesses against an online check; and the token stays under 32 characters
#: The row that the links of a test mail name: nobody's, so that the operator can follow them.
SAMPLE = 0
_URL_SAFE = bytes.maketrans(b"+/", b"-_")
_BODY_BYTES = 10  # purpose, key number, row id
_RETURN_PREFIX = "b+"  # "+": one mailbox `b` on the bounce domain gets them all (RFC 5233)


class Purpose(IntEnum):
    """What a token may be used for; a token of one purpose is worthless for another."""

    CONFIRM = 1  # row: enrollment
    GUIDE = 2  # row: enrollment
    LEAVE = 3  # row: subscriber
    CLICK = 4  # row: delivery
    RETURN = 5  # row: delivery
    ADDRESS = 6  # row: address change
    STARTED = 7  # row: a moment, in milliseconds since 1970


@dataclass(frozen=True, slots=True)
class Keys:
    """Signing keys by number: `signing` makes new tokens, every key verifies.

    A key's number is derived from the key itself, so that the order of the list, which rotation
    changes, never matters to a token that is already out.
    """

    signing: int
    by_number: Mapping[int, bytes]

    @classmethod
    def of(cls, secrets: tuple[str, ...]) -> "Keys":
        """Keys for `secrets`, the first of which signs. Raises ValueError if there is none or two collide."""
        if not secrets:
            raise ValueError("at least one secret key is needed")
        by_number = {_key_number(secret): secret.encode() for secret in secrets}
        if len(by_number) != len(set(secrets)):
            raise ValueError("two secret keys share a number: make one of them anew")
        return cls(signing=_key_number(secrets[0]), by_number=by_number)


def _key_number(secret: str) -> int:
    return hashlib.blake2b(secret.encode(), digest_size=1, person=b"lm-number").digest()[0]


@lru_cache(maxsize=16)
def _keyed(key: bytes) -> "hashlib.blake2b":
    # A keyed hash takes 64 bytes at most; a secret may have any length.
    return hashlib.blake2b(key=hashlib.sha256(key).digest(), digest_size=_MAC_BYTES, person=b"lm-token")


def _mac(key: bytes, body: bytes) -> bytes:
    mac = _keyed(key).copy()
    mac.update(body)
    return mac.digest()


def _signed(purpose: Purpose, row: int, keys: Keys) -> bytes:
    body = bytes([purpose, keys.signing]) + row.to_bytes(8, "big")
    return body + _mac(keys.by_number[keys.signing], body)


def _row(raw: bytes, purpose: Purpose, keys: Keys) -> int | None:
    body, mac = raw[:_BODY_BYTES], raw[_BODY_BYTES:]
    key = keys.by_number.get(body[1])
    if key is None or body[0] != purpose or not hmac.compare_digest(mac, _mac(key, body)):
        return None
    return int.from_bytes(body[2:], "big")


def mint(purpose: Purpose, row: int, keys: Keys) -> str:
    """A token of 30 characters: base64url of purpose, key number, row id and a 96-bit MAC."""
    return _spelled(_signed(purpose, row, keys))


def _spelled(raw: bytes) -> str:
    """Base64url without its padding (RFC 4648 §5, §3.2)."""
    return binascii.b2a_base64(raw, newline=False).translate(_URL_SAFE).rstrip(b"=").decode()


def read(token: str, purpose: Purpose, keys: Keys) -> int | None:
    """The row id that `token` names, or None if it is not a token of ours for this purpose."""
    if len(token) != 30 or not token.isascii():
        return None
    try:
        raw = base64.b64decode(token + "==", altchars=b"-_", validate=True)
    except ValueError:
        return None
    # 22 bytes leave four spare bits in the last character: only the spelling that we mint is ours.
    if _spelled(raw) != token:
        return None
    return _row(raw, purpose, keys)


def return_path(delivery_id: int, domain: str, keys: Keys) -> str:
    """The envelope sender of one mail, "b+TOKEN@domain", which a bounce comes back to: it names the mail in every DSN.

    The token is 36 letters of base32 in small case, as servers on the way may change the case of a local part,
    though none should (RFC 5321 §2.4); with "b+" it stays far under the 64 that a local part may have (§4.5.3.1.1).
    """
    token = base64.b32encode(_signed(Purpose.RETURN, delivery_id, keys)).rstrip(b"=").decode().lower()
    return f"{_RETURN_PREFIX}{token}@{domain}"


def read_return_path(address: str, keys: Keys) -> int | None:
    """The delivery that a return path in any case, at any domain, with or without `<>`, names; None: not one of ours.

    Never raises, whatever `address` holds: it comes from the world.
    """
    local = address.strip().strip("<>").rpartition("@")[0].lower()
    token = local.removeprefix(_RETURN_PREFIX)
    if len(token) != 36 or token == local or not token.isascii():
        return None
    try:
        raw = base64.b32decode(token.upper() + "====")
    except ValueError:
        return None
    if base64.b32encode(raw).rstrip(b"=").decode().lower() != token:  # spare bits, as in `read`
        return None
    return _row(raw, Purpose.RETURN, keys)


class Clicks(str):
    """What the counted links of one mail begin with; called with a link's number it is that whole link."""

    __slots__ = ()

    def __call__(self, number: int) -> str:
        return self + self.ending(number)

    @staticmethod
    def ending(number: int) -> str:
        """What tells link `number` from the others of its mail."""
        return f"{number:02d}"


@dataclass(frozen=True, slots=True)
class Links:
    """Builds absolute URLs on `base_url` (no trailing slash): never from a Host header."""

    base_url: str
    keys: Keys
    bounce_domain: str | None = None  # where mail of ours that cannot be delivered is received; None: nowhere

    def form(self, guide: str) -> str:
        return f"{self.base_url}/f/{guide}"

    def confirm(self, enrollment_id: int) -> str:
        return f"{self.base_url}/c/{mint(Purpose.CONFIRM, enrollment_id, self.keys)}"

    def guide(self, enrollment_id: int) -> str:
        return f"{self.base_url}{self.guide_path(enrollment_id)}"

    def sample_guide(self, guide: str | None) -> str:
        """The page of a guide as a test mail links to it: it belongs to nobody, so the link says which guide."""
        return self.guide(SAMPLE) if guide is None else f"{self.guide(SAMPLE)}?guide={guide}"

    def guide_path(self, enrollment_id: int) -> str:
        """The guide page's path alone, for a redirect that stays on the host at hand."""
        return f"/g/{mint(Purpose.GUIDE, enrollment_id, self.keys)}"

    def click(self, delivery_id: int, number: int) -> str:
        """A counted link of one mail. `number` is not signed: it only chooses among the links of that letter."""
        return self.clicks(delivery_id)(number)

    def clicks(self, delivery_id: int) -> Clicks:
        """`click` for all links of one mail, which share a token."""
        return Clicks(f"{self.base_url}/l/{mint(Purpose.CLICK, delivery_id, self.keys)}")

    def address(self, change_id: int) -> str:
        """Where a new address is confirmed, from the mail that was sent to it."""
        return f"{self.base_url}/a/{mint(Purpose.ADDRESS, change_id, self.keys)}"

    def leave(self, subscriber_id: int) -> str:
        """The page to leave or change what one gets; RFC 8058 posts to the same URL."""
        return f"{self.base_url}/u/{mint(Purpose.LEAVE, subscriber_id, self.keys)}"

    def return_path(self, delivery_id: int) -> str | None:
        """The envelope sender of one mail of any kind; None while no domain receives bounces.

        A mail to the operator has one too: only reports about other mail go out with none (RFC 5321 §4.5.5).
        """
        return return_path(delivery_id, self.bounce_domain, self.keys) if self.bounce_domain else None
