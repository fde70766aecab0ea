"""Reads what machines write for people alone: old bounces, auto-replies."""

import logging
import re
from email.message import Message

from leadmagnet.mail import received

_MAIL_SYSTEM = re.compile(r"mailer-daemon|postmaster|mail delivery (?:sub)?system|^<>$", re.IGNORECASE)
_AUTOMATIC = re.compile(
    r"auto(?:matic|mated)?[ -]?(?:reply|response)|out of (?:the )?office|abwesenheit|vacation|on holiday", re.IGNORECASE
)
#: The heuristics try some eighty patterns on each line.
_LOOKED_AT = 50_000


def is_from_mail_system(mail: Message) -> bool:
    """Whether a mail server wrote it, or says so."""
    return bool(_MAIL_SYSTEM.search(received.header(mail, "From")) or mail.get("X-Failed-Recipients"))


def is_automatic(mail: Message) -> bool:
    """RFC 3834 §5, and what programs did before it."""
    submitted = received.header(mail, "Auto-Submitted").lower()
    if submitted and not submitted.startswith("no"):
        return True
    marks = received.headers(mail, "X-Autoreply", "X-Autorespond", "X-Autoresponder", "X-Auto-Reply-From")
    precedence = received.header(mail, "Precedence").lower().replace("-", "_")
    return bool(marks) or precedence == "auto_reply" or bool(_AUTOMATIC.search(received.header(mail, "Subject")))


def failures(raw: bytes) -> tuple[list[str], list[str]]:
    """(temporary, permanent): the addresses that a bounce names, by the habits of many programs."""
    # Imported here: few bounces need it. Its log would quote the bounce, and with it an address.
    from flufl.bounce import all_failures

    logging.getLogger("flufl.bounce").disabled = True
    mail = received.parse(raw[:_LOOKED_AT])
    try:
        temporary, permanent = all_failures(mail)
    except Exception:  # it was made for bounces, and this may be anything
        return [], []
    return [*map(_decoded, temporary)], [*map(_decoded, permanent)]


def _decoded(address: bytes) -> str:
    return address.decode("utf-8", "replace")
