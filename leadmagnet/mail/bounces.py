"""Says what the world has to say of a mail of ours: it bounced, it was complained about, or neither.

What is read here is a claim that anybody can send. Beside its meaning a report leaves `Traces`, and whoever acts on it
asks these for a proof (`delivery.feedback`): an address proves nothing, since everybody can type one.
"""

import logging
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from email.message import Message
from email.utils import getaddresses
from types import MappingProxyType

from leadmagnet.mail import received
from leadmagnet.mail.addresses import comparable
from leadmagnet.mail.handover import Phase
from leadmagnet.mail.smtp_replies import ReplyClass, classify

#: The class is the one of the same answer given at once.
_MEANINGS: Mapping[str, str] = MappingProxyType(
    {
        ReplyClass.BAD_ADDRESS: "the mailbox does not exist",
        ReplyClass.MAILBOX: "the mailbox is full or disabled",
        ReplyClass.UNEXPLAINED: "the address was refused without a reason",
        ReplyClass.REPUTATION: "its mail server does not trust this sender",
        ReplyClass.CONTENT: "its mail server does not take what the mail says",
        ReplyClass.RETRY: "its mail server could not be reached, or had trouble",
        ReplyClass.THROTTLE: "its mail server was sent too much at once",
        ReplyClass.UNSUPPORTED: "its mail server cannot carry such an address",
    }
)
_UNKNOWN_MEANING = "its mail server did not take it"

#: The types of RFC 5965 §7.3, and of its registry, by which a reader says "this is spam"; others say something else.
_COMPLAINTS = frozenset({"abuse", "fraud", "opt-out", "opt-out-list"})
#: RFC 3464 §2.3.3: all but "failed" are no end.
_NO_FAILURE = {
    "delayed": "a delay (the mail server keeps trying)",
    "delivered": "a report that it was delivered",
    "relayed": "a report that it was passed on",
    "expanded": "a report that it was passed on",
}
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
_STATUS = re.compile(r"[245]\.\d{1,3}\.\d{1,3}")
_REPLY = re.compile(r"(?<![\d.])([45]\d\d)[ -]([^\n]{1,500})")
_QMAIL = re.compile(r"\(#([45]\.\d{1,3}\.\d{1,3})\)")
_AT_RCPT = re.compile(r"\bRCPT TO\b")
_MAIL_SYSTEM = re.compile(r"mailer-daemon|postmaster|mail delivery (?:sub)?system|^<>$", re.IGNORECASE)
_AUTOMATIC = re.compile(
    r"auto(?:matic|mated)?[ -]?(?:reply|response)|out of (?:the )?office|abwesenheit|vacation|on holiday", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Traces:
    """What in a report may tell which mail it is about. Nothing of it is true until somebody has checked it."""

    return_paths: tuple[str, ...] = ()  # addresses, one of which may be the return path of a mail of ours
    message_ids: tuple[str, ...] = ()  # without angle brackets
    delivery_id: int | None = None  # X-Delivery-Id: a number that anybody can count up to
    unsubscribe_url: str | None = None  # of the returned List-Unsubscribe


@dataclass(frozen=True, slots=True)
class Bounce:
    """A mail server has given the mail up. `status` is the enhanced code (RFC 3463), None if there was none."""

    traces: Traces
    reply_class: ReplyClass
    status: str | None = None
    recipients: frozenset[str] = frozenset()  # `comparable`, whom it was about; empty: it does not say


@dataclass(frozen=True, slots=True)
class Complaint:
    """A reader has called the mail spam, and her provider passes that on (RFC 5965)."""

    traces: Traces


@dataclass(frozen=True, slots=True)
class NotFeedback:
    """Something else; `reason` names it for the operator: "an auto-reply"."""

    reason: str


Said = Bounce | Complaint | NotFeedback


def meaning(reply_class: str) -> str:
    """What a class of bounce says to people."""
    return _MEANINGS.get(reply_class, _UNKNOWN_MEANING)


def read(raw: bytes) -> Said:
    """What a mail says of one of ours, at best by its structure (RFC 3464, RFC 5965), else by its words.

    Takes anything, in a bounded time, and never raises.
    """
    mail = received.parse(raw)
    if mail is None:
        return NotFeedback("a mail that cannot be read")
    for part in received.parts(mail):
        found = _said_by(part, mail)
        if found is not None:
            return found
    return _by_words(raw, mail)


def _said_by(part: Message, mail: Message) -> Said | None:
    """What one part says if it is made for programs, else None."""
    kind = part.get_content_type()
    blocks = [one for one in _payload(part) if isinstance(one, Message)]
    if kind == "message/delivery-status" and blocks:
        return _status_report(blocks, mail)
    if kind == "message/feedback-report" and blocks:
        return _feedback_report(blocks[0], mail)
    if kind == "message/disposition-notification":
        return NotFeedback("a receipt for having been read")
    if kind == "message/rfc822" and blocks and received.header(blocks[0], "X-HmXmrOriginalRecipient"):
        return Complaint(_traces(mail))  # Outlook.com's feedback loop returns the mail with this, and no report
    return None


def _payload(part: Message) -> list[object]:
    content = part.get_payload()
    return [*content[:_MANY]] if isinstance(content, list) else []


def _status_report(blocks: list[Message], mail: Message) -> Said:
    """A delivery status notification (RFC 3464): a block about the mail, then one for each recipient."""
    about = [block for block in blocks if block.get("Action") or block.get("Status")]
    actions = {_action(block): block for block in reversed(about)}  # the first of its kind counts
    failed = actions.get("failed") or actions.get("")
    if failed is None:
        return NotFeedback(next((_NO_FAILURE[one] for one in actions if one in _NO_FAILURE), "an empty report"))
    text = _words(mail)
    reply_class, status = _meaning(
        received.header(failed, "Status"),
        received.header(failed, "Diagnostic-Code"),
        "rcpt" if _AT_RCPT.search(text) else None,
    )
    recipients = received.headers(failed, "Original-Recipient", "Final-Recipient")
    fields = [line for block in blocks for line in received.headers(block, "Original-Envelope-Id")]
    ids = [f"Message-ID: {line}" for block in blocks for line in received.headers(block, "X-Original-Message-ID")]
    return Bounce(_traces(mail, fields, ids), reply_class, status, _addresses(recipients))


def _action(block: Message) -> str:
    """ "" where a status stands without an action, as some gateways send it, and the status is an end."""
    action = received.header(block, "Action").lower().split(" ")[0]
    if not action and not received.header(block, "Status").startswith("5"):
        return "unknown"
    return action


def _meaning(status: str, diagnostic: str, phase: Phase | None) -> tuple[ReplyClass, str | None]:
    """The class of what a mail server answered, and its status: the answer itself says more than the sum of it."""
    found = _STATUS.match(status)
    status = found[0] if found else ""
    answer = diagnostic.partition(";")[2].strip() if re.match(r"[\w-]+\s*;", diagnostic) else diagnostic
    reply = _REPLY.match(answer)
    code, words = (int(reply[1]), reply[2].strip()) if reply else (450 if status.startswith("4") else 550, answer)
    told = _STATUS.match(words) or _QMAIL.search(words)
    if told is not None:
        return classify(code, words, phase=phase), told[1] if told.re is _QMAIL else told[0]
    if status and not status.endswith(".0.0"):  # 5.0.0 says no more than 5xx
        return classify(code, f"{status} {words}", phase=phase), status
    return classify(code, words, phase=phase), status or None


def _feedback_report(block: Message, mail: Message) -> Said:
    """An abuse report (RFC 5965)."""
    kind = received.header(block, "Feedback-Type").lower()
    if kind not in _COMPLAINTS:
        return NotFeedback("a report that is no complaint")
    fields = received.headers(block, "Original-Mail-From", "Original-Envelope-Id")
    return Complaint(_traces(mail, fields))


def _by_words(raw: bytes, mail: Message) -> Said:
    """What a mail without any structure for programs says."""
    sender = received.header(mail, "From")
    if not (_MAIL_SYSTEM.search(sender) or mail.get("X-Failed-Recipients")):
        return NotFeedback("an auto-reply" if _is_automatic(mail) else "an ordinary mail")
    temporary, permanent = _heuristics(raw)
    if not permanent:
        return NotFeedback(
            "a delay (the mail server keeps trying)"
            if temporary
            else "a mail server's notice that says nothing we know"
        )
    text = _words(mail)
    said = text.partition("\nReceived:")[0]  # what follows is the copy of the mail
    answer = _answer(said)
    at_rcpt = not answer or _AT_RCPT.search(said)
    reply_class, status = _meaning("", answer, "rcpt" if at_rcpt else None)
    return Bounce(_traces(mail), reply_class, status, permanent)


def _answer(text: str) -> str:
    """The line in which another server's answer is quoted, or qmail's own verdict; "" if there is none."""
    reply = _REPLY.search(text)
    if reply is not None:
        return reply[0]
    verdict = _QMAIL.search(text)
    return f"{verdict[1][0]}50 {verdict[1]}" if verdict else ""


def _is_automatic(mail: Message) -> bool:
    """RFC 3834 §5, and what programs did before it."""
    submitted = received.header(mail, "Auto-Submitted").lower()
    if submitted and not submitted.startswith("no"):
        return True
    marks = received.headers(mail, "X-Autoreply", "X-Autorespond", "X-Autoresponder", "X-Auto-Reply-From")
    precedence = received.header(mail, "Precedence").lower().replace("-", "_")
    return bool(marks) or precedence == "auto_reply" or bool(_AUTOMATIC.search(received.header(mail, "Subject")))


def _heuristics(raw: bytes) -> tuple[frozenset[str], frozenset[str]]:
    """(temporary, permanent): the addresses that a bounce without structure names, by the habits of many programs."""
    # Imported here: few bounces need it. Its log would quote the bounce, and with it an address.
    from flufl.bounce import all_failures

    logging.getLogger("flufl.bounce").disabled = True
    mail = received.parse(raw[:_FOR_HEURISTICS])
    try:
        temporary, permanent = all_failures(mail)
    except Exception:  # it was made for bounces, and this may be anything
        return frozenset(), frozenset()
    return _addresses(map(_decoded, temporary)), _addresses(map(_decoded, permanent))


#: It tries some eighty patterns on each line.
_FOR_HEURISTICS = 50_000


def _decoded(address: bytes) -> str:
    return address.decode("utf-8", "replace")


def _traces(mail: Message, addresses: Iterable[str] = (), ids: Iterable[str] = ()) -> Traces:
    """Whatever may tell which mail the report is about: its own address first, then what it returns."""
    returned = "\n".join([*_returned(mail), *ids])
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
            yield from (received.all_headers(one) for one in _payload(part) if isinstance(one, Message))
        elif kind in ("text/rfc822-headers", "message/global-headers", "text/plain"):
            yield received.text(part)


def _words(mail: Message) -> str:
    """What the report says to people."""
    plain = (part for part in received.parts(mail) if part.get_content_type() == "text/plain")
    return next((received.text(part) for part in plain), "")


def _addresses(lines: Iterable[str]) -> frozenset[str]:
    """The addresses in lines like "rfc822; ada@example.com", to be compared with others."""
    bare = [line.rpartition(";")[2] for line in lines]
    return frozenset(comparable(address) for _name, address in getaddresses(bare) if "@" in address)
