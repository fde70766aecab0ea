"""Finds what in a report may tell which mail it is about."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from email.message import Message

from leadmagnet.mail import received

#: Where a mail server writes down whom the report itself was for; each program has its own.
_SENT_TO = (
    "Delivered-To",
    "X-Original-To",
    "Envelope-To",
    "X-Envelope-To",
    "X-Delivered-To",
    "Original-Recipient",
    "To",
)
_MANY = 50

_ADDRESS = re.compile(r"[\w.+=-]{1,64}@[\w.-]{1,255}")
_ID = r"<([!-;=?-~]{3,250})>"  # printable ASCII: a database takes no NUL
_MESSAGE_ID = re.compile(rf"^Message-ID:\s*{_ID}", re.IGNORECASE | re.MULTILINE)
_RETURN_PATH = re.compile(r"^(?:Return-Path|X-Envelope-From):\s*<?([^<>\s]{3,320})>?", re.IGNORECASE | re.MULTILINE)
_DELIVERY_ID = re.compile(r"^X-Delivery-Id:\s*(\d{1,18})\s*$", re.IGNORECASE | re.MULTILINE)
_UNSUBSCRIBE = re.compile(r"^List-Unsubscribe:\s*<([^<>\s]{1,250})>", re.IGNORECASE | re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Traces:
    """What in a report may tell which mail it is about. Nothing of it is true until somebody has checked it."""

    return_paths: tuple[str, ...] = ()  # addresses, one of which may be the return path of a mail of ours
    message_ids: tuple[str, ...] = ()  # without angle brackets
    delivery_id: int | None = None  # X-Delivery-Id: a number that anybody can count up to
    unsubscribe_url: str | None = None  # of the returned List-Unsubscribe


def find(mail: Message, addresses: Iterable[str] = (), ids: Iterable[str] = ()) -> Traces:
    """Whatever is there: the report's own address first, then what it returns.

    `addresses` and `ids` are lines which hold return paths and Message-IDs by the report's own structure.
    """
    returned = "\n".join([*_returned(mail), *(f"Message-ID: {line}" for line in ids)])
    paths = [*received.headers(mail, *_SENT_TO), *addresses, *_RETURN_PATH.findall(returned)]
    replied = re.findall(_ID, received.header(mail, "In-Reply-To"))
    delivery_id, url = _DELIVERY_ID.search(returned), _UNSUBSCRIBE.search(returned)
    return Traces(
        return_paths=_unique(found for line in paths for found in _ADDRESS.findall(line)),
        message_ids=_unique([*_MESSAGE_ID.findall(returned), *replied]),
        delivery_id=int(delivery_id[1]) if delivery_id else None,
        unsubscribe_url=url[1] if url else None,
    )


def _unique(found: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(found))[:_MANY]


def _returned(mail: Message) -> Iterator[str]:
    """The headers of the mail that came back, wherever a report may carry them."""
    for part in received.parts(mail):
        kind = part.get_content_type()
        if kind in ("message/rfc822", "message/global"):
            yield from map(received.all_headers, received.messages(part))
        elif kind in ("text/rfc822-headers", "message/global-headers", "text/plain"):
            yield received.text(part)
