"""A rehearsal against the schedule, and each script as it comes out."""

import contextlib
import mailbox
import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from leadmagnet.audience import addresses
from leadmagnet.content.compiled import Build
from leadmagnet.content.published import Published
from leadmagnet.content.sequences import Condition
from leadmagnet.errors import LeadmagnetError
from leadmagnet.mail.mailbox import Mailbox
from leadmagnet.mail.smtp import Connection, Server
from leadmagnet.rehearsal import mbox
from leadmagnet.rehearsal.onward import Onward
from leadmagnet.rehearsal.play import Rehearsal
from leadmagnet.rehearsal.script import CONFIRMS_AFTER, Event, Part, Script
from leadmagnet.reports import forecast
from tests.world import GUIDE

BERLIN = ZoneInfo("Europe/Berlin")
#: A Friday; the clocks go forward on the Sunday after.
FRIDAY = datetime(2026, 3, 27, 21, 12, tzinfo=BERLIN).astimezone(UTC)
NO_SCRIPT = Script()
ADA = addresses.parse("ada@example.com")


@dataclass(frozen=True)
class Played:
    """What came of a rehearsal."""

    events: list[Event]
    mbox: bytes

    def lines(self, zone: ZoneInfo = BERLIN) -> list[str]:
        return [
            f"{one.at.astimezone(zone):%a %d %H:%M} {one.letter or ''} {one.what}: {one.why or ''}".rstrip(": ")
            for one in self.events
        ]


def played(
    build: Build, folder: Path, script: Script = NO_SCRIPT, *, onward: Onward | None = None, **part: Any
) -> Played:
    assert build.compiled is not None
    given = {"address": ADA, "sequence": build.compiled.sequences[GUIDE], "start": FRIDAY, "zone": BERLIN} | part
    folder.mkdir(exist_ok=True)
    with Rehearsal(folder, build, Part(**given), script, "http://127.0.0.1:8000", onward=onward) as rehearsal:
        return Played(list(rehearsal.play()), rehearsal.mbox())


def with_steps(build: Build, changes: dict[str, dict[str, object]], **more: object) -> Build:
    """The example site with some of its letters changed."""
    assert build.compiled is not None
    sequence = build.compiled.sequences[GUIDE]
    steps = tuple(step.model_copy(update=changes.get(step.slug, {})) for step in sequence.steps)
    changed = sequence.model_copy(update={"steps": steps, **more})
    return replace(build, compiled=build.compiled.model_copy(update={"sequences": {GUIDE: changed}}))


@pytest.mark.parametrize(
    ("zone", "start"),
    [("America/New_York", "2026-03-04T02:12Z"), ("Australia/Lord_Howe", "2026-10-02T23:00Z")],
)
def test_every_letter_comes_or_does_not_as_the_forecast_says(
    example: Build, tmp_path: Path, zone: str, start: str
) -> None:
    site = with_steps(
        example,
        {
            "tight-hips": {"day": 1, "tag": "tried-barre"},
            "yoga-for-runners": {"draft": True},
            "strong-hips": {"send_on": frozenset({1})},
            "your-week": {"skip_if": (Condition(kind="clicked", name="what-is-barre", negated=False),)},
            "come-move-with-me": {"only_if": (Condition(kind="tag", name="vip", negated=False),)},
        },
    )
    assert site.compiled is not None
    sequence, begins, where = site.compiled.sequences[GUIDE], datetime.fromisoformat(start), ZoneInfo(zone)
    script, tags = Script(clicks=frozenset({"what-is-barre"})), frozenset({"vip"})
    found = played(site, tmp_path, script, start=begins, zone=where, sequence=sequence, tags=tags)
    course = forecast.course(
        Published(0, "", site.compiled), sequence, begins + CONFIRMS_AFTER, where, tags=tags, clicked=script.clicks
    )
    assert [(one.letter, one.at, one.subject, one.why) for one in found.events if one.what == "sent"][1:] == [
        (one.step.slug, one.due, one.subject, one.why) for one in course if one.skipped is None
    ]
    assert {one.letter: one.why for one in found.events if one.what == "not sent"} == {
        one.step.slug: one.skipped for one in course if one.skipped is not None
    }


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        (Script(leave_after=2), [
            "Sun 29 07:30 tight-hips sent: its day; the clocks went forward: CET → CEST",
            "Sun 29 08:30  leaves: she leaves",
            "Sun 29 08:30 yoga-for-runners not sent: unsubscribed",
            "Sun 29 08:30 hip-openers ends: unsubscribed",
        ]),
        (Script(bounce_at="guide"), [
            "Fri 27 21:12  confirms: she confirms",
            "Fri 27 21:12 guide refused: the mailbox does not exist",
            "Fri 27 21:12 hip-openers ends: bounced",
        ]),
        (Script(bounce_at="confirm"), [
            "Fri 27 21:12  asks: she asks for the guide hip-openers",
            "Fri 27 21:12 confirm refused: the mailbox does not exist",
            "Fri 03 22:13  forgotten: she never confirmed: her address is forgotten",
        ]),
        (Script(never_confirms=True), [
            "Fri 27 21:12 confirm sent",
            "Sat 28 21:13 reminder sent",
            "Fri 03 22:13  forgotten: she never confirmed: her address is forgotten",
        ]),
        (Script(confirm_after=timedelta(days=2), leave_after=1), [
            "Sat 28 21:13 reminder sent",
            "Sun 29 22:12  confirms: she confirms",
            "Sun 29 22:12 guide sent: at once",
            "Sun 29 23:12  leaves: she leaves",
            "Sun 29 23:12 tight-hips not sent: unsubscribed",
            "Sun 29 23:12 hip-openers ends: unsubscribed",
        ]),
        (Script(clicks=frozenset({"guide", "tight-hips"}), leave_after="tight-hips"), [
            "Fri 27 21:17 guide clicks: she opens her guide, by a link that is not counted",
            "Sun 29 07:30 tight-hips sent: its day; the clocks went forward: CET → CEST",
            "Sun 29 07:35 tight-hips clicks: she opens her guide",
            "Sun 29 08:30  leaves: she leaves",
            "Sun 29 08:30 yoga-for-runners not sent: unsubscribed",
            "Sun 29 08:30 hip-openers ends: unsubscribed",
        ]),
        (Script(outage=timedelta(minutes=20), leave_after=2), [
            "Sun 29 07:30  away: the mail server is away for 20 minutes",
            "Sun 29 07:50  back: the mail server is back",
            "Sun 29 08:02 tight-hips sent: its day; the clocks went forward: CET → CEST; 32 minutes late",
            "Sun 29 09:02  leaves: she leaves",
            "Sun 29 09:02 yoga-for-runners not sent: unsubscribed",
            "Sun 29 09:02 hip-openers ends: unsubscribed",
        ]),
    ],
)  # fmt: skip
def test_each_script_as_it_ends(example: Build, tmp_path: Path, script: Script, expected: list[str]) -> None:
    assert played(example, tmp_path, script).lines()[-len(expected) :] == expected


def test_lateness_of_more_than_a_day_moves_her_start_and_nothing_bursts(example: Build, tmp_path: Path) -> None:
    found = played(example, tmp_path, Script(outage=timedelta(hours=25), leave_after=3)).lines()
    assert found[5:9] == [
        "Mon 30 07:32  moves: her start moves by 1 day 2 minutes, so that nothing bursts",
        "Mon 30 08:30  back: the mail server is back",
        "Mon 30 08:32 tight-hips sent: its day; the clocks went forward: CET → CEST; 1 hour 2 minutes late",
        "Thu 02 07:30 yoga-for-runners sent: its day",
    ]


def test_the_same_rehearsal_gives_the_same_bytes_and_another_one_others(example: Build, tmp_path: Path) -> None:
    once, again = (played(example, tmp_path / name, Script(leave_after=2)) for name in "ab")
    assert once == again
    bob = played(example, tmp_path / "c", Script(leave_after=2), address=addresses.parse("bob@example.com"))
    assert not ids(once.mbox) & ids(bob.mbox)
    assert len(ids(once.mbox)) == 3


def ids(content: bytes) -> set[bytes]:
    return set(re.findall(rb"^Message-ID: (.*)$", content, re.MULTILINE))


def test_the_mails_lie_in_an_mbox_with_the_dates_of_their_days(example: Build, tmp_path: Path) -> None:
    found = played(example, tmp_path / "play", Script(leave_after=2))
    (tmp_path / "mbox").write_bytes(found.mbox)
    with contextlib.closing(mailbox.mbox(tmp_path / "mbox")) as box:
        mails = list(box)
    assert [mail["Subject"] for mail in mails] == [one.subject for one in found.events if one.what == "sent"]
    assert [parsedate_to_datetime(mail["Date"]) for mail in mails] == [
        one.at.replace(microsecond=0) for one in found.events if one.what == "sent"
    ]
    assert [mail.get_from() for mail in mails][-1] == "maya@mail.example.com Sun Mar 29 05:30:00 2026"
    assert all(mail["To"] == "ada@example.com" and mail.is_multipart() for mail in mails)


def test_a_line_that_looks_like_the_next_mail_is_quoted_so_that_it_can_be_unquoted() -> None:
    raw = b"Subject: x\r\n\r\nFrom here\r\n>From there\r\nFromage\r\n"
    assert mbox.entry(raw, "", FRIDAY) == (
        b"From MAILER-DAEMON Fri Mar 27 20:12:00 2026\nSubject: x\n\n>From here\n>>From there\nFromage\n\n"
    )


@pytest.mark.parametrize("starts", ["tag:vip", "manual"])
def test_a_series_without_a_guide_is_started_for_her(example: Build, tmp_path: Path, starts: str) -> None:
    site = with_steps(example, {}, starts=starts, guide=None)
    assert site.compiled is not None
    found = played(site, tmp_path, Script(leave_after=2), sequence=site.compiled.sequences[GUIDE],
                   tags=frozenset({"vip"}))  # fmt: skip
    assert found.lines()[:3] == [
        f"Fri 27 21:12  starts: the series starts for her ({starts})",
        "Fri 27 21:12 guide sent: at once",
        "Sun 29 07:30 tight-hips sent: its day; the clocks went forward: CET → CEST",
    ]


class TestIntoAnInbox:
    """A rehearsal that somebody watches arrive."""

    TODAY = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)

    def onward(self, connect: Any) -> Onward:
        return Onward(connect, "me@example.org", "mail.example.com", None, lambda: self.TODAY)

    def test_every_mail_comes_to_the_operator_dated_now_and_otherwise_as_it_is(
        self, example: Build, tmp_path: Path
    ) -> None:
        inbox = Mailbox(tmp_path / "inbox")
        found = played(example, tmp_path / "play", Script(leave_after=2), onward=self.onward(inbox.connect))
        raws = [path.read_bytes() for path in sorted(inbox.path.glob("new/*"))]
        assert len(raws) == 3
        made = mailbox_of(found.mbox, tmp_path / "mbox")
        for raw, kept in zip(raws, made, strict=True):
            changed = set(raw.split(b"\r\n")) ^ set(kept.split(b"\r\n"))
            assert {line.partition(b":")[0] for line in changed} == {b"To", b"Date", b"X-Rehearsal-Date"}
        assert b"\r\nTo: me@example.org\r\n" in raws[2]
        assert b"\r\nDate: Mon, 23 Nov 2026 09:00:00 +0000\r\n" in raws[2]
        assert b"\r\nX-Rehearsal-Date: Sun, 29 Mar 2026 05:30:00 +0000\r\n" in raws[2]

    def test_a_second_one_is_no_copy_of_the_first_that_the_inbox_would_drop(
        self, example: Build, tmp_path: Path
    ) -> None:
        connect = Mailbox(tmp_path / "inbox").connect
        once, again = (
            played(example, tmp_path / name, Script(leave_after=1), onward=self.onward(connect)) for name in "ab"
        )
        assert not ids(once.mbox) & ids(again.mbox)

    def test_a_server_that_is_not_there_ends_it_with_its_words(self, example: Build, tmp_path: Path) -> None:
        nobody = Server.from_url("smtp://127.0.0.1:9")
        connect = self.onward(lambda: Connection.open(nobody, local_hostname="localhost"))
        with pytest.raises(LeadmagnetError, match=r"confirm did not go out\. Nothing listens at 127\.0\.0\.1:9"):
            played(example, tmp_path, onward=connect)


def mailbox_of(content: bytes, path: Path) -> list[bytes]:
    """The messages of an mbox, in CRLF lines again."""
    path.write_bytes(content)
    with contextlib.closing(mailbox.mbox(path)) as box:
        return [box.get_bytes(key).replace(b"\n", b"\r\n") for key in box.iterkeys()]
