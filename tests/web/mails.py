"""Finds in an arrived mail what a reader would tap."""

import re
from email.message import EmailMessage


def links_of(mail: EmailMessage) -> list[str]:
    """Every address in the text part, in its order."""
    part = mail.get_body(("plain",))
    assert part is not None
    return re.findall(r"https?://[^\s>)\]]+", part.get_content())


def path_of(mail: EmailMessage, start: str) -> str:
    """The path of the one link whose path begins with `start`, such as "/c/"."""
    base = "http://127.0.0.1:8000"
    (link,) = {link for link in links_of(mail) if link.startswith(base + start)}
    return link.removeprefix(base)


def leave_path_of(mail: EmailMessage) -> str:
    """The path of the List-Unsubscribe header, as a mail program takes it from the received message."""
    found = re.fullmatch(r"<http://127\.0\.0\.1:8000(/u/[\w-]+)>", str(mail["List-Unsubscribe"]))
    assert found, mail["List-Unsubscribe"]
    return found[1]
