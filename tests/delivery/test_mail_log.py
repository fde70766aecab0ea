"""Postfix's log: what it proves of a mail whose answer was lost, in the words of a real one."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from leadmagnet.delivery import mail_log
from leadmagnet.delivery.mail_log import Handed, NotTaken, Taken, Verdict, verdicts

HANDED = datetime(2026, 3, 5, 12, 30, 10, 250_000, UTC)
NOW = HANDED + timedelta(hours=1)
MINE = "7f3a@mail.example.com"

#: As Postfix 3.7 wrote it; the first number is a line's second, counted from the gate.
TAKEN = """
-1 smtpd[15860]: connect from localhost[127.0.0.1]
-1 smtpd[15860]: 597A7A1E221: client=localhost[127.0.0.1]
-1 cleanup[15862]: 597A7A1E221: message-id=<7f3a@mail.example.com>
0 qmgr[15771]: 597A7A1E221: from=<bounce@mail.example.com>, size=15267, nrcpt=1 (queue active)
0 smtpd[15860]: disconnect from localhost[127.0.0.1] ehlo=1 mail=1 rcpt=1 data=1 commands=4
1 smtp[15886]: 597A7A1E221: to=<ada@example.net>, relay=mx.example.net[192.0.2.7]:25, delay=0.31, dsn=2.0.0, status=sent (250 OK)
1 qmgr[15771]: 597A7A1E221: removed
"""
CUT_OFF = """
-1 smtpd[15860]: connect from localhost[127.0.0.1]
-1 smtpd[15860]: B5420A1E211: client=localhost[127.0.0.1]
0 smtpd[15860]: lost connection after DATA (118 bytes) from localhost[127.0.0.1]
0 smtpd[15860]: disconnect from localhost[127.0.0.1] ehlo=1 mail=1 rcpt=1 data=0/1 commands=3/4
0 cleanup[15862]: B5420A1E211: message-id=<7f3a@mail.example.com>
"""
ANOTHERS = """
-2 smtpd[15861]: connect from localhost[127.0.0.1]
-2 smtpd[15861]: B5420A1E211: client=localhost[127.0.0.1]
-2 cleanup[15863]: B5420A1E211: message-id=<9999@mail.example.com>
-2 qmgr[15771]: B5420A1E211: from=<bounce@mail.example.com>, size=15267, nrcpt=1 (queue active)
-2 qmgr[15771]: B5420A1E211: removed
"""
ANOTHERS_LATER = ANOTHERS.replace("-2 ", "5 ").replace("[15861]", "[15869]")
NOT_YET_ACTIVE = TAKEN.partition("0 qmgr")[0]
AFTER_THE_DOT = NOT_YET_ACTIVE + "0 smtpd[15860]: lost connection after END-OF-MESSAGE from localhost[127.0.0.1]\n"
LONG_BEFORE = "-3600 qmgr[15771]: 11111A1E221: removed\n"

Stamp = Callable[[datetime], str]


def rfc3164(at: datetime) -> str:
    local = at.astimezone()
    return f"{local:%b} {local.day:2d} {local:%H:%M:%S}"


def iso(at: datetime) -> str:
    return at.astimezone().isoformat(timespec="microseconds")


def text(*parts: str, stamp: Stamp = rfc3164, name: str = "postfix") -> str:
    lines = [line for part in parts for line in part.splitlines() if line]
    return "".join(
        f"{stamp(HANDED + timedelta(seconds=int(second)))} mail {name}/{rest}\n"
        for second, rest in (line.split(" ", 1) for line in lines)
    )


def verdict(log: Path, *, mails: tuple[str, ...] = (MINE,), now: datetime = NOW) -> Verdict | None:
    handed = [Handed(mail, HANDED, HANDED + timedelta(seconds=1)) for mail in mails]
    return verdicts(log, handed, now=now).get(MINE)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "mail.log"


@pytest.mark.parametrize("stamp", [rfc3164, iso])
@pytest.mark.parametrize("name", ["postfix", "postfix-out", "postfix/relay"])
def test_a_mail_that_became_active_was_taken(log: Path, stamp: Stamp, name: str) -> None:
    log.write_text(text(LONG_BEFORE, TAKEN, stamp=stamp, name=name))
    found = verdict(log)
    assert isinstance(found, Taken)
    assert abs(found.at - HANDED) < timedelta(seconds=1)
    log.write_text(text(LONG_BEFORE, CUT_OFF, stamp=stamp, name=name))
    assert verdict(log) == NotTaken()


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        pytest.param([LONG_BEFORE, CUT_OFF], NotTaken(), id="its Message-ID alone proves nothing"),
        pytest.param([LONG_BEFORE, ANOTHERS, CUT_OFF], NotTaken(), id="the same queue id, another mail, before"),
        pytest.param([LONG_BEFORE, CUT_OFF, ANOTHERS_LATER], NotTaken(), id="the same queue id, another mail, after"),
        pytest.param([LONG_BEFORE, ANOTHERS, ANOTHERS_LATER], NotTaken(), id="not a word, while others were heard"),
        pytest.param([LONG_BEFORE, NOT_YET_ACTIVE, ANOTHERS_LATER], None, id="perhaps it waits to become active"),
        pytest.param([LONG_BEFORE, AFTER_THE_DOT, ANOTHERS_LATER], None, id="lost after its dot"),
        pytest.param([LONG_BEFORE], None, id="the log fell silent"),
        pytest.param([LONG_BEFORE, ANOTHERS], None, id="the log fell silent just before"),
        pytest.param([LONG_BEFORE, "9 qmgr[1]: 11111A1E221: removed"], None, id="no conversation: another server's"),
        pytest.param([ANOTHERS, ANOTHERS_LATER], None, id="the log begins too late"),
        pytest.param(
            [LONG_BEFORE, ANOTHERS, "3 master[1]: daemon started -- version 3.7.11", ANOTHERS_LATER],
            None,
            id="a crash may have taken lines with it",
        ),
        pytest.param([], None, id="an empty log"),
    ],
)
def test_what_the_log_proves(log: Path, parts: list[str], expected: Verdict | None) -> None:
    log.write_text(text(*parts))
    assert verdict(log) == expected


def test_what_was_rotated_away_is_read_too(log: Path) -> None:
    older = log.with_name("mail.log.1")
    older.write_text(text(LONG_BEFORE, ANOTHERS))
    log.write_text(text(ANOTHERS_LATER))
    assert verdict(log) == NotTaken()
    older.write_text(text(LONG_BEFORE, TAKEN))
    assert isinstance(verdict(log), Taken)
    older.unlink()
    assert verdict(log) is None, "what is compressed, or gone, is not covered"


def test_a_log_that_rotates_while_it_is_read_proves_nothing(log: Path) -> None:
    log.write_text(text(LONG_BEFORE, CUT_OFF))
    log.with_name("mail.log.1").hardlink_to(log)
    assert verdict(log) is None


def test_only_the_stretch_around_the_mail_is_read_of_a_large_log(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two days of other mails, and mine in the middle."""
    other = "{} smtpd[1]: disconnect from localhost[127.0.0.1]\n"
    lines = text("".join(other.format(second) for second in range(-90_000, 90_000, 10))).splitlines(keepends=True)
    lines[9_000:9_000] = text(TAKEN).splitlines(keepends=True)
    log.write_text("".join(lines))
    read: list[int] = []
    really = mail_log._note
    monkeypatch.setattr(mail_log, "_note", lambda *given: (read.append(1), really(*given)))
    assert isinstance(verdict(log, now=NOW + timedelta(days=2)), Taken)
    assert len(read) < 1000


@pytest.mark.parametrize(
    ("stamp", "now", "year"),
    [
        ("Dec 31 23:59:58", datetime(2027, 1, 1, 12, tzinfo=UTC), 2026),
        ("Jan  1 00:00:02", datetime(2027, 1, 1, 12, tzinfo=UTC), 2027),
        ("Feb 29 12:00:00", datetime(2029, 1, 1, 12, tzinfo=UTC), 2028),
    ],
)
def test_a_line_without_a_year_is_of_the_last_one(stamp: str, now: datetime, year: int) -> None:
    at = mail_log._time(stamp.encode(), now)
    assert at is not None
    assert at.astimezone().year == year


def test_a_log_that_is_not_there_is_an_error_for_the_caller(log: Path) -> None:
    with pytest.raises(FileNotFoundError):
        verdict(log)
