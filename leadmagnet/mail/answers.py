"""Says what a mail server's answer means that a report repeats."""

import re
from collections.abc import Mapping
from types import MappingProxyType

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

_STATUS = re.compile(r"[245]\.\d{1,3}\.\d{1,3}")
_REPLY = re.compile(r"(?<![\d.])([45]\d\d)[ -]([^\n]{1,500})")
_QMAIL = re.compile(r"\(#([45]\.\d{1,3}\.\d{1,3})\)")
_AT_RCPT = re.compile(r"\bRCPT TO\b")


def meaning(reply_class: str) -> str:
    """What a class of bounce says to people."""
    return _MEANINGS.get(reply_class, _UNKNOWN_MEANING)


def classified(status: str, diagnostic: str, *, phase: Phase | None) -> tuple[ReplyClass, str | None]:
    """(class, status) of a report's Status and Diagnostic-Code (RFC 3464 §2.3); "" for what is not there.

    The answer itself says more than the sum of it.
    """
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


def phase_in(text: str) -> Phase | None:
    """The phase that a report names to people; None if it names none that matters."""
    return "rcpt" if _AT_RCPT.search(text) else None


def quoted_in(text: str) -> str:
    """The line in which another server's answer is quoted, or qmail's own verdict; "" if there is none."""
    reply = _REPLY.search(text)
    if reply is not None:
        return reply[0]
    verdict = _QMAIL.search(text)
    return f"{verdict[1][0]}50 {verdict[1]}" if verdict else ""
