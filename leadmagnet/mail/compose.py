"""Puts one message together, byte by byte.

By hand, as the standard library's `EmailMessage` may not write these headers: it encodes a long List-Unsubscribe, so
that no mailbox finds the URL, and CPython before its repair (cpython #121650) turns an encoded-word into a new header.
"""

import hashlib
import re
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import lru_cache

from leadmagnet.mail import headers
from leadmagnet.mail.addresses import wire_address
from leadmagnet.mail.handover import Message, check_lines
from leadmagnet.mail.headers import HeaderError
from leadmagnet.mail.render import Rendered
from leadmagnet.records import record

_MAILBOX = re.compile(r"(?:(?P<name>[^<>]*?)\s*<(?P<angle>[^<>\s]+)>|(?P<bare>[^<>\s]+))")
_MESSAGE_ID = re.compile(r"[A-Za-z0-9._+-]+@[A-Za-z0-9.-]+")
_LIST_ID = re.compile(r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)+")  # RFC 2919 §2: dot-atom with at least one dot
_URL = re.compile(r"https?://[A-Za-z0-9._~:/?\[\]@!$&'()*+;=%-]+")  # no comma: it would part two URIs (RFC 2369 §2)
_FEEDBACK_ID = re.compile(r"[^:\s]*:[^:\s]*:[^:\s]*:[^:\s]{5,15}")  # Gmail: three fields of ours, then the sender's id
_MAX_URL = 200
_PLAIN_PART = b'Content-Type: text/plain; charset="utf-8"\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n'
_HTML_PART = _PLAIN_PART.replace(b"plain", b"html")


@record
class Headers:
    """What stands above a letter, beside its subject.

    `sender` and `reply_to` are mailboxes ("Maya <maya@mail.example.com>"), `recipient` is an addr-spec, `date` is
    aware. `message_id` and `list_id` come without angle brackets. `list_id` and `unsubscribe_url` belong on letters
    and guide mails, never on a confirmation or reminder; `auto_submitted` on all that answers a visitor's own request.
    """

    sender: str
    recipient: str
    message_id: str
    date: datetime
    delivery_id: str
    reply_to: str | None = None
    list_id: str | None = None
    unsubscribe_url: str | None = None
    one_click: bool = True  # says that a bare POST to the URL unsubscribes (RFC 8058); without a URL it says nothing
    auto_submitted: bool = False
    feedback_id: str | None = None
    smtputf8: bool = False  # whether the server at hand takes a non-ASCII local part


def compose(rendered: Rendered, of: Headers) -> Message:
    """One whole message in CRLF lines: each header once, then the text part, then the HTML part.

    Raises HeaderError for a value that its header cannot carry, Unsupported and NotAnAddress for an address.
    """
    message_id = _matching("Message-ID", _MESSAGE_ID, of.message_id)
    boundary = _boundary(message_id)
    head = b"".join(
        (
            _mailbox("From", of.sender),
            headers.address("To", wire_address(of.recipient, smtputf8=of.smtputf8)),
            headers.text("Subject", _subject(rendered)),
            _date(of.date),
            headers.structured("Message-ID", f"<{message_id}>"),
            *_optional(of),
            headers.structured("X-Delivery-Id", of.delivery_id),
            b"MIME-Version: 1.0\r\n",
            f'Content-Type: multipart/alternative;\r\n boundary="{boundary}"\r\n\r\n'.encode(),
        )
    )
    check_lines(head)  # the bodies' lines are made by `encoding`, most of them when the template was built
    delimiter = f"--{boundary}\r\n".encode()
    end = f"\r\n--{boundary}--\r\n".encode()
    text = (delimiter, _PLAIN_PART, rendered.text_body, b"\r\n")
    return Message(b"".join((head, *text, delimiter, _HTML_PART, rendered.html_body, end)))


def _optional(of: Headers) -> list[bytes]:
    fields = []
    if of.reply_to is not None:
        fields.append(_mailbox("Reply-To", of.reply_to))
    if of.list_id is not None:
        fields.append(_list_id(of.list_id))
    if of.unsubscribe_url is not None:
        fields.append(headers.structured("List-Unsubscribe", f"<{_url(of.unsubscribe_url)}>"))
        if of.one_click:
            fields.append(b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n")
    if of.feedback_id is not None:
        fields.append(_feedback_id(of.feedback_id))
    if of.auto_submitted:
        fields.append(b"Auto-Submitted: auto-generated\r\n")  # RFC 3834 §5
    return fields


@lru_cache(maxsize=256)  # a site has few senders
def _mailbox(name: str, value: str) -> bytes:
    match = _MAILBOX.fullmatch(value.strip(" "))
    if match is None:
        raise HeaderError(f'{name} is not a mailbox: write it as "Maya <maya@mail.example.com>".')
    display = match["name"] or ""
    if len(display) > 1 and display[0] == display[-1] == '"':
        display = re.sub(r"\\(.)", r"\1", display[1:-1])
    return headers.mailbox(name, display, wire_address(match["angle"] or match["bare"]))


@lru_cache(maxsize=256)
def _list_id(value: str) -> bytes:
    return headers.structured("List-Id", f"<{_matching('List-Id', _LIST_ID, value)}>")


@lru_cache(maxsize=256)
def _feedback_id(value: str) -> bytes:
    return headers.structured("Feedback-ID", _matching("Feedback-ID", _FEEDBACK_ID, value))


def _subject(rendered: Rendered) -> str:
    if not rendered.subject.strip():
        raise HeaderError("Subject is empty.")
    return rendered.subject


def _date(date: datetime) -> bytes:
    if date.tzinfo is None:
        raise ValueError("a message's date must be aware")
    return _date_of(int(date.timestamp()))


@lru_cache(maxsize=8)
def _date_of(second: int) -> bytes:
    # UTC: the operator's zone is nobody's business.
    return headers.structured("Date", format_datetime(datetime.fromtimestamp(second, UTC)))


def _url(value: str) -> str:
    if len(value) > _MAX_URL:
        raise HeaderError(f"List-Unsubscribe has a URL of {len(value)} characters; {_MAX_URL} are safe.")
    return _matching("List-Unsubscribe", _URL, value)


def _matching(name: str, pattern: re.Pattern[str], value: str) -> str:
    if not pattern.fullmatch(value):
        raise HeaderError(f"{name} does not have the shape that this header needs.")
    return value


def _boundary(message_id: str) -> str:
    # "=_" is no quoted-printable, so no part can ever hold it (RFC 2045 §6.7); the rest is the same for a resend.
    return "=_" + hashlib.sha256(message_id.encode()).hexdigest()[:32]
