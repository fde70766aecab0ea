"""Says what the world has to say of a mail of ours: it bounced, it was complained about, or neither.

What is read here is a claim that anybody can send. Beside its meaning a report leaves `Traces`, and whoever acts on it
asks these for a proof (`delivery.feedback`): an address proves nothing, since everybody can type one.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from email.message import Message
from email.utils import getaddresses

from leadmagnet.mail import answers, received, traces, unstructured
from leadmagnet.mail.addresses import comparable
from leadmagnet.mail.smtp_replies import ReplyClass
from leadmagnet.mail.traces import Traces

#: The types of RFC 5965 §7.3, and of its registry, by which a reader says "this is spam"; others say something else.
_COMPLAINTS = frozenset({"abuse", "fraud", "opt-out", "opt-out-list"})
#: RFC 3464 §2.3.3: all but "failed" are no end.
_NO_FAILURE = {
    "delayed": "a delay (the mail server keeps trying)",
    "delivered": "a report that it was delivered",
    "relayed": "a report that it was passed on",
    "expanded": "a report that it was passed on",
}


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
    blocks = received.messages(part)
    if kind == "message/delivery-status" and blocks:
        return _status_report(blocks, mail)
    if kind == "message/feedback-report" and blocks:
        return _feedback_report(blocks[0], mail)
    if kind == "message/disposition-notification":
        return NotFeedback("a receipt for having been read")
    if kind == "message/rfc822" and blocks and received.header(blocks[0], "X-HmXmrOriginalRecipient"):
        return Complaint(traces.find(mail))  # Outlook.com's feedback loop returns the mail with this, and no report
    return None


def _status_report(blocks: list[Message], mail: Message) -> Said:
    """A delivery status notification (RFC 3464): a block about the mail, then one for each recipient."""
    about = [block for block in blocks if block.get("Action") or block.get("Status")]
    actions = {_action(block): block for block in reversed(about)}  # the first of its kind counts
    failed = actions.get("failed") or actions.get("")
    if failed is None:
        return NotFeedback(next((_NO_FAILURE[one] for one in actions if one in _NO_FAILURE), "an empty report"))
    reply_class, status = answers.classified(
        received.header(failed, "Status"),
        received.header(failed, "Diagnostic-Code"),
        phase=answers.phase_in(_words(mail)),
    )
    recipients = received.headers(failed, "Original-Recipient", "Final-Recipient")
    fields = [line for block in blocks for line in received.headers(block, "Original-Envelope-Id")]
    ids = [line for block in blocks for line in received.headers(block, "X-Original-Message-ID")]
    return Bounce(traces.find(mail, fields, ids), reply_class, status, _addresses(recipients))


def _action(block: Message) -> str:
    """ "" where a status stands without an action, as some gateways send it, and the status is an end."""
    action = received.header(block, "Action").lower().split(" ")[0]
    if not action and not received.header(block, "Status").startswith("5"):
        return "unknown"
    return action


def _feedback_report(block: Message, mail: Message) -> Said:
    """An abuse report (RFC 5965)."""
    kind = received.header(block, "Feedback-Type").lower()
    if kind not in _COMPLAINTS:
        return NotFeedback("a report that is no complaint")
    fields = received.headers(block, "Original-Mail-From", "Original-Envelope-Id")
    return Complaint(traces.find(mail, fields))


def _by_words(raw: bytes, mail: Message) -> Said:
    """What a mail without any structure for programs says."""
    if not unstructured.is_from_mail_system(mail):
        return NotFeedback("an auto-reply" if unstructured.is_automatic(mail) else "an ordinary mail")
    temporary, permanent = unstructured.failures(raw)
    if not permanent:
        return NotFeedback(
            "a delay (the mail server keeps trying)"
            if temporary
            else "a mail server's notice that says nothing we know"
        )
    said = _words(mail).partition("\nReceived:")[0]  # what follows is the copy of the mail
    answer = answers.quoted_in(said)
    reply_class, status = answers.classified("", answer, phase=answers.phase_in(said) if answer else "rcpt")
    return Bounce(traces.find(mail), reply_class, status, _addresses(permanent))


def _words(mail: Message) -> str:
    """What the report says to people."""
    plain = (part for part in received.parts(mail) if part.get_content_type() == "text/plain")
    return next((received.text(part) for part in plain), "")


def _addresses(lines: Iterable[str]) -> frozenset[str]:
    """The addresses in lines like "rfc822; ada@example.com", to be compared with others."""
    bare = [line.rpartition(";")[2] for line in lines]
    return frozenset(comparable(address) for _name, address in getaddresses(bare) if "@" in address)
