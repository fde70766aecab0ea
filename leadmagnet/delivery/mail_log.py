"""Reads in Postfix's log what became of mails whose answer was lost: accepted, not accepted, or not to be told.

`message-id=` alone proves nothing, as Postfix logs it for a mail whose connection broke in its body, too. Accepted is
what the queue manager took up: `qmgr … (queue active)` for the queue id of that Message-ID. Measured with Postfix 3.7.
"""

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import BinaryIO

#: A log says nothing final about a mail before it had this long to speak.
QUIET = timedelta(seconds=60)
#: The headers arrive before the gate opens; what the log says of a mail comes soon after its connection ended.
_BEFORE, _AFTER = timedelta(minutes=1), timedelta(minutes=30)
_FIRST_LINES = 100  # of a file: one of them says when it begins

_LINE = re.compile(
    rb"(?P<at>\w{3} [ \d]\d \d\d:\d\d:\d\d|\d{4}-\d\d-\d\dT\S+) \S+ "  # RFC 3164, or RFC 3339 as rsyslog writes it
    rb"postfix[^/\s]*/(?:[^\s\[]*/)?(?P<part>smtpd|cleanup|o?qmgr|master)\[(?P<pid>\d+)\]: (?P<text>.*)"
)
_STAMP = re.compile(rb"\w{3} [ \d]\d \d\d:\d\d:\d\d|\d{4}-\d\d-\d\dT\S+")
_CLIENT = re.compile(rb"(\w+): client=")
_MESSAGE_ID = re.compile(rb"(\w+): message-id=<([^>]*)>")
_ACTIVE = re.compile(rb"(\w+): from=<.*\(queue active\)")
_CUT_OFF = re.compile(rb"(?:lost connection|timeout) after DATA\b")  # before its final dot was read
_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]


@dataclass(frozen=True, slots=True)
class Handed:
    """A mail whose gate opened at `at`, and whose connection had surely ended by `ended`."""

    message_id: str
    at: datetime
    ended: datetime


@dataclass(frozen=True, slots=True)
class Taken:
    """The mail server took the mail, at this time."""

    at: datetime


@dataclass(frozen=True, slots=True)
class NotTaken:
    """The mail server never took the mail."""


Verdict = Taken | NotTaken


@dataclass(slots=True)
class _Session:
    """What one queue id stood for, until Postfix used it again."""

    message_id: str | None = None
    taken: datetime | None = None
    cut_off: bool = False


@dataclass(slots=True)
class _Seen:
    """What a stretch of the log says."""

    by_queue_id: dict[bytes, _Session] = field(default_factory=dict)
    by_process: dict[bytes, _Session] = field(default_factory=dict)
    by_message_id: dict[str, list[_Session]] = field(default_factory=dict)
    conversations: list[datetime] = field(default_factory=list)  # when any client was spoken to
    starts: list[datetime] = field(default_factory=list)  # of Postfix: before one, lines may have been lost
    last: datetime | None = None


def verdicts(path: Path, handed: Sequence[Handed], *, now: datetime) -> dict[str, Verdict]:
    """What the log at `path` proves, by Message-ID; what it does not prove is left out. Raises OSError.

    The file that was rotated away last (`path` with `.1` behind it, not compressed) is read as well. Only the
    stretches around the mails are read, line by line; a rotation meanwhile proves nothing.
    """
    with ExitStack() as opened:
        files = [opened.enter_context(path.open("rb"))]
        older = path.with_name(path.name + ".1")
        if older.exists():
            files.insert(0, opened.enter_context(older.open("rb")))
        begins = _begins(files, now)
        found: dict[str, Verdict] = {}
        for mails in _together(handed):
            seen = _read(files, mails, now)
            for mail in mails:
                verdict = _judge(mail, seen, begins)
                if verdict is not None:
                    found[mail.message_id] = verdict
        inodes = {os.fstat(file.fileno()).st_ino for file in files}
        rotated = len(inodes) < len(files) or path.stat().st_ino != os.fstat(files[-1].fileno()).st_ino
    return {} if rotated else found


def _together(handed: Iterable[Handed]) -> Iterator[list[Handed]]:
    """The mails in groups whose stretches of the log touch."""
    group: list[Handed] = []
    for mail in sorted(handed, key=lambda mail: mail.at):
        if group and mail.at - _BEFORE > max(other.ended for other in group) + _AFTER:
            yield group
            group = []
        group.append(mail)
    if group:
        yield group


def _judge(mail: Handed, seen: _Seen, begins: datetime | None) -> Verdict | None:
    sessions = seen.by_message_id.get(mail.message_id, [])
    taken = [session.taken for session in sessions if session.taken is not None]
    if taken:
        return Taken(min(taken))
    covered = begins is not None and begins <= mail.at - _BEFORE
    if not covered or seen.last is None or seen.last < mail.at.replace(microsecond=0):
        return None  # rotated away, or the log has fallen silent
    if sessions:
        return NotTaken() if all(session.cut_off for session in sessions) else None
    # Not a word of it. That proves something only if the log tells of conversations at that time at all, and if
    # nothing crashed that could have taken lines with it.
    around = (mail.at - _BEFORE, mail.ended + _AFTER)
    talked = any(around[0] <= at <= around[1] for at in seen.conversations)
    restarted = any(around[0] <= at <= around[1] for at in seen.starts)
    return NotTaken() if talked and not restarted else None


def _read(files: Sequence[BinaryIO], mails: Sequence[Handed], now: datetime) -> _Seen:
    start = min(mail.at for mail in mails) - _BEFORE
    start -= _turned_back(start)
    end = max(mail.ended for mail in mails) + _AFTER
    wanted = {mail.message_id for mail in mails}
    seen = _Seen()
    for file in files:
        _go_to(file, start, now)
        for line in file:
            found = _LINE.match(line)
            if found is None:
                continue
            at = _time(found["at"], now)
            if at is None:
                continue
            if at > end:
                break
            if at >= start:
                _note(seen, found, at, wanted)
    return seen


def _note(seen: _Seen, found: re.Match[bytes], at: datetime, wanted: set[str]) -> None:
    part, process, text = found["part"], found["pid"], found["text"]
    seen.last = at
    if part == b"smtpd":
        if at not in seen.conversations[-1:]:
            seen.conversations.append(at)
        if client := _CLIENT.match(text):
            seen.by_queue_id[client[1]] = seen.by_process[process] = _Session()
        elif _CUT_OFF.match(text) and process in seen.by_process:
            seen.by_process.pop(process).cut_off = True
    elif part == b"cleanup":
        if (named := _MESSAGE_ID.match(text)) and (message_id := named[2].decode(errors="replace")) in wanted:
            session = seen.by_queue_id.setdefault(named[1], _Session())
            session.message_id = message_id
            seen.by_message_id.setdefault(message_id, []).append(session)
    elif part == b"master":
        seen.starts.append(at)
    elif active := _ACTIVE.match(text):
        session = seen.by_queue_id.pop(active[1], _Session())
        session.taken = session.taken or at


def _begins(files: Sequence[BinaryIO], now: datetime) -> datetime | None:
    """When the oldest line was written, at the latest; None if no file says so, or one is missing between."""
    firsts = []
    for file in files:
        file.seek(0)
        stamps = (_STAMP.match(line) for _number, line in zip(range(_FIRST_LINES), file, strict=False))
        at = next((_time(stamp[0], now, fold=1) for stamp in stamps if stamp), None)
        if at is not None:
            firsts.append(at)
    return min(firsts, default=None)


def _go_to(file: BinaryIO, start: datetime, now: datetime) -> None:
    """Moves to a line before which all are older than `start`, by halving: a log may be larger than memory."""
    low, high = 0, os.fstat(file.fileno()).st_size
    while high - low > 8192:
        middle = (low + high) // 2
        file.seek(middle)
        file.readline()
        stamps = (_STAMP.match(line) for _number, line in zip(range(_FIRST_LINES), file, strict=False))
        at = next((_time(stamp[0], now) for stamp in stamps if stamp), None)
        if at is not None and at < start:
            low = middle
        else:
            high = middle
    file.seek(low)
    if low:
        file.readline()


def _time(stamp: bytes, now: datetime, *, fold: int = 0) -> datetime | None:
    """A line's time. An RFC 3164 stamp is local time and has no year: the last one that is not in the future."""
    text = stamp.decode("ascii", errors="replace")
    try:
        if text[4:5] == "-":
            return datetime.fromisoformat(text).astimezone()
        month, day, clock = _MONTHS.index(text[:3]) + 1, int(text[4:6]), text[7:]
        hour, minute, second = (int(part) for part in clock.split(":"))
    except ValueError:
        return None
    for year in (now.astimezone().year + 1, now.astimezone().year, now.astimezone().year - 1):
        try:
            at = datetime(year, month, day, hour, minute, second, fold=fold).astimezone()
        except ValueError:  # 29 February
            continue
        if at <= now + timedelta(days=1):
            return at
    return None


def _turned_back(at: datetime) -> timedelta:
    """How much earlier a line may seem to be while the local clock is put back."""
    around = timedelta(hours=3)
    before, after = (at - around).astimezone().utcoffset(), (at + around).astimezone().utcoffset()
    return max(timedelta(0), (before or timedelta(0)) - (after or timedelta(0)))
