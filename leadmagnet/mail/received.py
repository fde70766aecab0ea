"""Takes a mail of the world apart, whatever it holds: in bounded time, and without ever raising."""

import email
import re
from collections.abc import Iterator
from email.message import Message
from itertools import islice

#: What is looked at. A mail of ours has under 100 KB, and whoever returns it says first what became of it.
LOOKED_AT = 500_000
#: Parts, and headers inside one another, beyond which no mail server's report goes.
_PARTS = 50
_BOUNDARIES = 30
_LONGEST_VALUE = 4_000

_BOUNDARY = re.compile(rb"boundary[*0-9]*=", re.IGNORECASE)
_CONTENT_TYPE = re.compile(rb"^content-type[ \t]*:[^\n]*(?:\n[ \t][^\n]*)*", re.IGNORECASE | re.MULTILINE)


def parse(raw: bytes) -> Message | None:
    """The beginning of the mail, taken apart; None if nobody could have meant it to be read.

    The standard library's parser takes a time that grows with the square of nested parts and long parameters, and
    gives up on messages within a few hundred messages: such a mail is turned away before.
    """
    looked_at = raw[:LOOKED_AT].replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    if len(_BOUNDARY.findall(looked_at)) > _BOUNDARIES:
        return None
    if any(len(found[0]) > _LONGEST_VALUE for found in _CONTENT_TYPE.finditer(looked_at)):
        return None
    try:
        return email.message_from_bytes(looked_at)
    except (RecursionError, ValueError, LookupError):
        return None


def parts(mail: Message) -> Iterator[Message]:
    """The mail and its first parts, outer before inner."""
    return islice(mail.walk(), _PARTS)


def messages(part: Message) -> list[Message]:
    """The first messages, or blocks of headers, that lie in a part."""
    content = part.get_payload()
    return [one for one in content[:_PARTS] if isinstance(one, Message)] if isinstance(content, list) else []


def header(part: Message, name: str) -> str:
    """The first header of this name in one line; "" if there is none."""
    return next(iter(headers(part, name)), "")


def headers(part: Message, *names: str) -> list[str]:
    """All headers of these names, each in one line, in the order of `names`."""
    return [_line(value) for name in names for value in islice(_values(part, name), _PARTS)]


def all_headers(part: Message) -> str:
    """The headers as they would stand in a message, one a line."""
    return "\n".join(f"{name}: {_line(value)}" for name, value in islice(part.raw_items(), 4 * _PARTS))


def text(part: Message) -> str:
    """What a part without parts says; "" for one that cannot be read."""
    try:
        content = part.get_payload(decode=True)
    except (ValueError, LookupError):
        return ""
    if not isinstance(content, bytes):
        return ""
    return content.decode("utf-8", "replace").replace("\r\n", "\n")


def _values(part: Message, name: str) -> Iterator[object]:
    return (value for known, value in part.raw_items() if known.lower() == name.lower())


def _line(value: object) -> str:
    # Bytes beyond ASCII arrive as lone surrogates; UTF-8 is what they should be (RFC 6532).
    words = str(value)[:_LONGEST_VALUE].encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return " ".join(words.split())
