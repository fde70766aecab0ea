"""Writes messages as an mbox file (RFC 4155), which any mail program opens."""

import re
from datetime import UTC, datetime

#: "mboxrd": one more ">" on each such line, so that a reader can take away just what was added.
_FROM = re.compile(rb"^(>*From )", re.MULTILINE)


def entry(raw: bytes, sender: str, at: datetime) -> bytes:
    """One message of an mbox: `raw` in CRLF lines, `sender` of its envelope, `at` when it was taken.

    Lines end as those of text files do: mail programs know none else in an mbox.
    """
    lines = _FROM.sub(rb">\1", raw.replace(b"\r\n", b"\n"))
    return f"From {sender or 'MAILER-DAEMON'} {at.astimezone(UTC).ctime()}\n".encode() + lines + b"\n"
