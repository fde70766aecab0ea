"""Keeps mail in a Maildir of one's own while no mail server is set.

The same phases as a mail server's: `offer` writes into tmp/, which no reader looks at, `accept` moves into new/.
"""

import contextlib
import itertools
import os
import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.parser import BytesHeaderParser
from pathlib import Path
from typing import Literal, cast

from leadmagnet.mail.addresses import wire_address
from leadmagnet.mail.handover import Following, NotAccepted, Reply, Unknown, check_lines

_KEY = re.compile(r"[0-9]{10,}\.M[0-9]+P[0-9]+Q[0-9]+R[0-9a-f]+\.leadmagnet")
_HEADER_BYTES = 32_768  # more than any header block of ours
_sequence = itertools.count()


@dataclass(frozen=True, slots=True)
class Summary:
    """One message in a list; every text is one line, and what the sender wrote, so never to be trusted as HTML."""

    key: str
    subject: str
    to: str
    date: datetime  # when it arrived


@dataclass(frozen=True, slots=True)
class Message:
    """One message, parsed; `html` and `text` are empty where it has no such part."""

    key: str
    subject: str
    sender: str
    to: str
    date: datetime
    html: str
    text: str
    raw: bytes


class Mailbox:
    """A Maildir at `path`, made when it is not there; any mail reader can open it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._make()

    def _make(self) -> None:
        for folder in ("tmp", "new", "cur"):
            (self.path / folder).mkdir(parents=True, exist_ok=True, mode=0o700)

    def connect(self) -> "MailboxConnection":
        """A connection that hands messages over to this mailbox; one that was deleted meanwhile is made anew."""
        with contextlib.suppress(OSError):  # what cannot be made is told when a message is offered
            self._make()
        return MailboxConnection(self)

    def messages(self, limit: int) -> list[Summary]:
        """The newest `limit` messages, newest first; only their headers are read."""
        found = []
        for key, path in itertools.islice(self._newest(), limit):
            try:
                with path.open("rb") as file:
                    parsed = BytesHeaderParser(policy=policy.default).parsebytes(file.read(_HEADER_BYTES))
            except FileNotFoundError:  # deleted, or moved by a mail reader, since it was listed
                continue
            found.append(_summary(key, parsed))
        return found

    def message(self, key: str) -> Message | None:
        """The message of that key, or None: for a key that is none of ours, too."""
        path = self._path_of(key)
        if path is None:
            return None
        try:
            raw = path.read_bytes()
        except FileNotFoundError:
            return None
        parsed = message_from_bytes(raw, policy=policy.default)
        summary = _summary(key, parsed)
        return Message(
            key=key,
            subject=summary.subject,
            sender=_line(parsed, "From"),
            to=summary.to,
            date=summary.date,
            html=_body(parsed, "html"),
            text=_body(parsed, "plain"),
            raw=raw,
        )

    def _newest(self) -> Iterator[tuple[str, Path]]:
        found = [
            (_key_of(entry.name), Path(entry.path))
            for folder in ("new", "cur")
            if (self.path / folder).is_dir()
            for entry in os.scandir(self.path / folder)
        ]
        # The name begins with the time, so its order is the order of arrival.
        return iter(sorted(((key, path) for key, path in found if _KEY.fullmatch(key)), reverse=True))

    def _path_of(self, key: str) -> Path | None:
        # Looked up among the names that are there, never put into a path: no key leads out of the folder.
        return next((path for found, path in self._newest() if found == key), None)


class MailboxConnection:
    """Hands messages over to a test mailbox; satisfies `handover.Handover`. Belongs to one thread."""

    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox
        self._offered: Path | None = None
        self._open = True

    @property
    def usable(self) -> bool:
        """Whether another message can be offered now."""
        return self._open and self._offered is None

    @property
    def smtputf8(self) -> bool:
        """A file takes every address."""
        return True

    @property
    def pipelining(self) -> bool:
        """A file has no envelope to send ahead."""
        return False

    @property
    def letters_header(self) -> bytes:
        """A file wants none."""
        return b""

    def offer(self, sender: str, recipient: str, raw: bytes) -> None:
        """Writes `raw` where no reader looks, durably: see `Handover.offer`."""
        if not self.usable:
            raise RuntimeError("the connection is closed, or has a message on offer")
        check_lines(raw)
        for address in (sender, recipient) if sender else (recipient,):
            wire_address(address, smtputf8=True)  # what no server would take must not pass here either
        path = self._mailbox.path / "tmp" / f"{os.getpid()}.{secrets.token_hex(8)}"
        try:
            with path.open("xb") as file:
                self._offered = path
                file.write(raw)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            self.abandon()
            raise NotAccepted(f"The test mailbox {self._mailbox.path} cannot be written: {error.strerror}.") from error

    def accept(self, _following: Following | None = None, /) -> Reply:
        """Moves the message to where readers look: see `Handover.accept`."""
        if self._offered is None:
            raise RuntimeError("no message is on offer")
        try:
            key = _unique_name(self._offered)
            self._offered.rename(self._mailbox.path / "new" / key)
        except OSError as error:
            self.abandon()
            raise NotAccepted(f"The test mailbox {self._mailbox.path} cannot be written: {error.strerror}.") from error
        self._offered = None
        try:
            _fsync_folder(self._mailbox.path / "new")
        except OSError as error:
            self._open = False
            raise Unknown(f"The test mailbox {self._mailbox.path} may lose a message: {error.strerror}.") from error
        return Reply(250, f"2.0.0 kept as {key}")

    def abandon(self) -> None:
        """Removes what was offered, and ends the connection: see `Handover.abandon`."""
        self._discard()
        self._open = False

    def reset(self) -> None:
        """Removes what was offered: see `Handover.reset`."""
        self._discard()

    def quit(self) -> None:
        """Ends the connection: see `Handover.quit`."""
        self.abandon()

    def _discard(self) -> None:
        if self._offered is not None:
            with contextlib.suppress(OSError):  # nothing reads tmp/: a file that stays there was never accepted
                self._offered.unlink(missing_ok=True)
            self._offered = None


def _unique_name(path: Path) -> str:
    # The Maildir convention, its time that of the file. A constant stands for the host, whose name may hold
    # '/' or ':', as the random part already tells two hosts apart.
    seconds, nanoseconds = divmod(path.stat().st_mtime_ns, 1_000_000_000)
    unique = f"M{nanoseconds // 1000:06}P{os.getpid()}Q{next(_sequence):09}R{secrets.token_hex(8)}"
    return f"{seconds}.{unique}.leadmagnet"


def _key_of(name: str) -> str:
    return name.partition(":")[0]  # a mail reader adds its flags behind a colon


def _fsync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _summary(key: str, parsed: EmailMessage) -> Summary:
    arrived = datetime.fromtimestamp(int(key.partition(".")[0]), UTC)
    return Summary(key=key, subject=_line(parsed, "Subject"), to=_line(parsed, "To"), date=arrived)


def _line(parsed: EmailMessage, name: str) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in str(parsed.get(name, ""))).split())


def _body(parsed: EmailMessage, subtype: Literal["html", "plain"]) -> str:
    part = parsed.get_body(preferencelist=(subtype,))
    return str(cast(EmailMessage, part).get_content()) if part is not None else ""
