"""Writes header fields that cannot become two."""

import base64
import re
from collections.abc import Callable
from functools import lru_cache

from leadmagnet.errors import LeadmagnetError

#: RFC 5322 §2.1.1: what a line should, and must not, exceed, without its CRLF.
_SHORT = 78
_LONGEST = 998
#: RFC 2047 §2: an encoded-word, and a line that holds one, are no longer.
_WORD = 75
_WORD_LINE = 76
_SPECIALS = re.compile(r"[^A-Za-z0-9!#$%&\'*+/=?^_`{|}~ -]")  # RFC 5322 §3.2.3: what a phrase holds only in quotes


class HeaderError(LeadmagnetError):
    """A value that a header field cannot carry; the text names the field, never the value."""


def structured(name: str, value: str) -> bytes:
    """The field as it is, in ASCII, in one line: for what programs read, and would not decode (RFC 2047 §5)."""
    checked(name, value)
    if len(name) + len(value) + 2 > _LONGEST:
        raise HeaderError(f"{name} has a part that is too long for a line.")
    return f"{name}: {value}\r\n".encode("ascii")


def address(name: str, value: str) -> bytes:
    """The field with one addr-spec and nothing else; UTF-8 only where the addr-spec is so (RFC 6532 §3.2)."""
    # Blanks beyond " " are not printable.
    if " " in value or not value.isprintable():
        raise HeaderError(f"{name} holds a character that an address cannot have.")
    return f"{name}: {value}\r\n".encode()


@lru_cache(maxsize=256)  # most subjects are the same for everybody
def text(name: str, value: str) -> bytes:
    """The field with words for people: plain and folded if they are ASCII, else encoded-words (RFC 2047)."""
    _refuse_controls(name, value)
    if _is_plain(value):
        return _field(name, _foldable(value))
    return _field(name, _encoded_words(value, first=_WORD_LINE - len(name) - len(": ")))


def mailbox(name: str, display: str, addr_spec: str) -> bytes:
    """The field with one mailbox: `display` may be empty, `addr_spec` is written as it is."""
    _refuse_controls(name, display)
    angle = f"<{checked(name, addr_spec)}>"
    if not display:
        return _field(name, [addr_spec])
    if not _is_plain(display):
        return _field(name, [*_encoded_words(display, first=_WORD_LINE - len(name) - len(": ")), f" {angle}"])
    if _SPECIALS.search(display):
        display = '"' + display.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return _field(name, [*_foldable(display), f" {angle}"])


def checked(name: str, value: str) -> str:
    """`value` if a structured field can carry it as it is. Raises HeaderError."""
    if not value or not value.isascii() or not value.isprintable() or "=?" in value:
        raise HeaderError(f"{name} is empty, or holds a character that cannot stand in it unencoded.")
    return value


def _refuse_controls(name: str, value: str) -> None:
    # Line ends start another field, NUL ends the message for some; lone surrogates have no bytes at all.
    if any(ord(c) < 32 or 127 <= ord(c) < 160 or c in "\u2028\u2029" or 0xD800 <= ord(c) < 0xE000 for c in value):
        raise HeaderError(f"{name} holds a line break or control character.")


def _is_plain(value: str) -> bool:
    # What looks like an encoded-word is encoded, so that no reader decodes it to something else. Outer spaces
    # would be lost, words that no line can hold would have to be broken.
    return (
        value.isascii()
        and "=?" not in value
        and value == value.strip()
        and max(map(len, value.split(" "))) <= _LONGEST // 2
    )


def _foldable(value: str) -> list[str]:
    return re.findall(r" *[^ ]+", value)


def _field(name: str, tokens: list[str]) -> bytes:
    """`tokens` joined, a line broken before a token that would make it longer than 78; the first never is."""
    line = f"{name}: {tokens[0]}"
    lines = []
    for token in tokens[1:]:
        if len(line) + len(token) > (_WORD_LINE if "=?" in line else _SHORT) or "=?" in token:
            lines.append(line)
            line = token
        else:
            line += token
    lines.append(line)
    if max(map(len, lines)) > _LONGEST:
        raise HeaderError(f"{name} has a part that is too long for a line.")
    return ("\r\n".join(lines) + "\r\n").encode("ascii")


def _encoded_words(value: str, *, first: int) -> list[str]:
    """`value` as encoded-words, each from the second on with the space that parts them, which readers drop."""
    q, b = _q(value), _b(value)
    letter, encode = ("q", _q) if len(q) <= len(b) else ("b", _b)
    words: list[str] = []
    rest = value
    while rest:
        room = min(first if not words else _WORD_LINE - 1, _WORD) - len("=?utf-8?q??=")
        taken = _fitting(rest, room, encode)
        words.append(f"{' ' if words else ''}=?utf-8?{letter}?{encode(rest[:taken])}?=")
        rest = rest[taken:]
    return words


def _fitting(value: str, room: int, encode: Callable[[str], str]) -> int:
    """How many characters of `value` fit: a character is never divided between two words (RFC 2047 §5)."""
    taken = 1
    while taken < len(value) and len(encode(value[: taken + 1])) <= room:
        taken += 1
    return taken


def _q(value: str) -> str:
    # RFC 2047 §5 (3): the narrow set that is safe in a phrase as well as in a text.
    return "".join(
        "_" if c == " " else c if c.isascii() and c.isalnum() else "".join(f"={o:02X}" for o in c.encode())
        for c in value
    )


def _b(value: str) -> str:
    return base64.b64encode(value.encode()).decode()
