"""Says what a mail server's reply means for the letter, the address, or us.

The code and the enhanced status (RFC 3463) decide; a provider's words decide only where that provider is known to
use a code for something else. In doubt nobody is suppressed: a wrong suppression loses a person for good.
"""

import re
from enum import StrEnum

from leadmagnet.mail.handover import Phase


class ReplyClass(StrEnum):
    """What a reply means; each name says what to do. The values are stored beside the delivery."""

    ACCEPTED = "accepted"  # done
    RETRY = "retry"  # trouble over there, or greylisting: again after the back-off
    THROTTLE = "throttle"  # too fast or too much, a 5xx of this kind too: again, and slow down the domain group
    BAD_ADDRESS = "bad_address"  # no such person: failed, suppress the address
    MAILBOX = "mailbox"  # full, disabled or busy: a soft bounce; 4xx again after the back-off, 5xx failed
    CONTENT = "content"  # this letter is not taken: failed, pause the step after a few
    REPUTATION = "reputation"  # we are not trusted: pause stream and domain group, requeue, alert, suppress nobody
    CREDENTIALS = "credentials"  # our login or our right to send: open the relay's breaker, alert, fail no row
    UNSUPPORTED = "unsupported"  # the server cannot carry such an address: failed
    UNEXPLAINED = "unexplained"  # no to the address, without a status: failed; suppress at the second, a day later
    UNCLEAR = "unclear"  # failed


_ENHANCED = re.compile(r"(?:\A|\(?#)\s*[245]\.(\d{1,3})\.(\d{1,3})(?!\.?\d)")  # qmail and Cisco write "#5.1.1"
_CONTINUED = re.compile(r"\s*\n(?:[245]\.\d{1,3}\.\d{1,3})?\s*")  # each further line repeats the status (RFC 2034 §4)

#: Codes that mean one thing whatever stands behind them (RFC 4954 §6, RFC 5321 §4.2.2, RFC 7504 §4).
_BY_CODE = {
    421: ReplyClass.THROTTLE,
    454: ReplyClass.THROTTLE,
    530: ReplyClass.CREDENTIALS,
    534: ReplyClass.CREDENTIALS,
    535: ReplyClass.CREDENTIALS,
    538: ReplyClass.CREDENTIALS,
    556: ReplyClass.BAD_ADDRESS,  # the domain takes no mail at all
}

#: Subject and detail of the enhanced status, for 5xx: "1.1" is 5.1.1. A subject alone holds for its other details.
_BY_STATUS = {
    "1.1": ReplyClass.BAD_ADDRESS,  # no such mailbox
    "1.2": ReplyClass.BAD_ADDRESS,  # no such domain
    "1.3": ReplyClass.BAD_ADDRESS,  # not an address
    "1.6": ReplyClass.BAD_ADDRESS,  # moved, no forwarding
    "1.7": ReplyClass.REPUTATION,  # our sender address
    "1.8": ReplyClass.REPUTATION,  # our sender's domain
    "1.10": ReplyClass.BAD_ADDRESS,  # null MX (RFC 7505), Microsoft: recipient not found
    "2": ReplyClass.MAILBOX,  # Gmail: 5.2.1 for the inactive and for the busy alike
    "2.3": ReplyClass.CONTENT,  # too long for this mailbox
    "2.252": ReplyClass.CREDENTIALS,  # Microsoft 365: may not send as this address
    "3.4": ReplyClass.CONTENT,  # too long for the system
    "4.4": ReplyClass.BAD_ADDRESS,  # no route to the domain
    "4.5": ReplyClass.THROTTLE,  # Gmail as relay: daily limit of the account
    "6": ReplyClass.CONTENT,
    "6.7": ReplyClass.UNSUPPORTED,  # RFC 6531 §3.5: non-ASCII addresses not permitted
    "7": ReplyClass.REPUTATION,
    "7.8": ReplyClass.CREDENTIALS,  # RFC 4954 §6
}

#: Words that outweigh code and status, for 4xx and 5xx. Short: what is not certain is not here.
_BY_WORDS = (
    (ReplyClass.RETRY, re.compile(r"gr[ea]y-?list", re.IGNORECASE)),
    # Postfix and Exchange as our own relay; 5.7.1 would blame our reputation.
    (ReplyClass.CREDENTIALS, re.compile(r"relay(?:ing)? (?:access )?denied|unable to relay", re.IGNORECASE)),
    # Amazon SES, SendGrid: 550 and 554 without a status.
    (
        ReplyClass.CREDENTIALS,
        re.compile(
            r"address is not verified|not match a verified sender|sender address rejected: not owned", re.IGNORECASE
        ),
    ),
    (ReplyClass.REPUTATION, re.compile(r"sender address rejected|helo command rejected", re.IGNORECASE)),  # Postfix
    (ReplyClass.CONTENT, re.compile(r"encoded-word syntax|potential security issue|virus", re.IGNORECASE)),  # Gmail
    (ReplyClass.BAD_ADDRESS, re.compile(r"user doesn't have an? \S+ account", re.IGNORECASE)),  # Yahoo, no status
    (ReplyClass.MAILBOX, re.compile(r"mailbox is disabled|user is over quota", re.IGNORECASE)),  # Yahoo, no status
)


def classify(code: int, text: str, *, phase: Phase | None = None) -> ReplyClass:
    """The class of a reply to `phase`; `text` may have several lines."""
    if code // 100 == 2:
        return ReplyClass.ACCEPTED
    if code // 100 not in (4, 5):
        return ReplyClass.UNCLEAR
    text = _CONTINUED.sub(" ", text)
    by_words = next((kind for kind, words in _BY_WORDS if words.search(text)), None)
    status = _status(text)
    if code // 100 == 4:
        return _temporary(code, status, by_words)
    known = _BY_CODE.get(code) or by_words
    if known is None and status is None and phase == "rcpt":
        return ReplyClass.UNEXPLAINED
    return known or _by_status(status)


def _temporary(code: int, status: tuple[str, str] | None, by_words: ReplyClass | None) -> ReplyClass:
    # Whatever it is about, a 4xx asks us to come back: only how fast differs.
    if code in _BY_CODE:
        return _BY_CODE[code]
    if by_words is ReplyClass.RETRY or status is None:
        return ReplyClass.RETRY
    return {"7": ReplyClass.THROTTLE, "2": ReplyClass.MAILBOX}.get(status[0], ReplyClass.RETRY)


def _status(text: str) -> tuple[str, str] | None:
    match = _ENHANCED.search(text)
    return (match[1], match[2]) if match else None


def _by_status(status: tuple[str, str] | None) -> ReplyClass:
    if status is None:
        return ReplyClass.UNCLEAR
    subject, detail = status
    return _BY_STATUS.get(f"{subject}.{detail}") or _BY_STATUS.get(subject) or ReplyClass.UNCLEAR
