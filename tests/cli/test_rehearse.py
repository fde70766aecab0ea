"""`rehearse` as somebody uses it before she publishes, and her CI after her."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from pathlib import Path

import pytest
from click import ClickException
from click.testing import CliRunner, Result

from leadmagnet import settings
from leadmagnet.cli import leadmagnet, rehearse, scripts
from leadmagnet.content.compiled import Build
from leadmagnet.content.sequences import Sequence
from leadmagnet.errors import LeadmagnetError
from leadmagnet.mail.mailbox import Mailbox
from leadmagnet.publishing import drafts
from leadmagnet.rehearsal.script import Script
from tests.mail.servers import ScriptedServer
from tests.rehearsal.test_play import GUIDE, with_steps

Call = Callable[..., Result]
SHORT = ("rehearse", "--start", "2026-03-27T21:12", "--zone", "Europe/Berlin", "--script", "leave-after:2")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A site's folder, of which only the settings are read: its letters are compiled already."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / settings.FILE).write_text('base_url = "https://mail.example.com"\n')
    return tmp_path / "site"


@pytest.fixture
def call(folder: Path, example: Build, monkeypatch: pytest.MonkeyPatch) -> Call:
    monkeypatch.setattr(drafts, "check", lambda _folder: example)

    def calling(*words: str) -> Result:
        return CliRunner().invoke(leadmagnet, ["--site", str(folder), *words], standalone_mode=False)

    return calling


def test_the_log_says_what_happened_and_the_mails_lie_beside_the_site(call: Call, folder: Path) -> None:
    before = (folder / settings.FILE).read_bytes()
    done = call(*SHORT)
    assert done.output.splitlines() == [
        "hip-openers, read by ada@example.com in Europe/Berlin",
        "",
        "Fri 27 Mar 2026 21:12 CET   she asks for the guide hip-openers",
        "Fri 27 Mar 2026 21:12 CET   sent      confirm            Please confirm: your hip openers guide",
        "Fri 27 Mar 2026 21:12 CET   she confirms",
        "Fri 27 Mar 2026 21:12 CET   sent      guide              Your hip openers guide is here (at once)",
        "Sun 29 Mar 2026 07:30 CEST  sent      tight-hips         Tight isn't always short "
        "(its day; the clocks went forward: CET → CEST)",
        "Sun 29 Mar 2026 08:30 CEST  she leaves",
        "Sun 29 Mar 2026 08:30 CEST  not sent  yoga-for-runners   unsubscribed",
        "Sun 29 Mar 2026 08:30 CEST  hip-openers ends: unsubscribed",
        "",
        "The mails are in var/rehearsal.mbox: any mail program opens it.",
    ]
    assert (folder / settings.FILE).read_bytes() == before
    # No database, no keys, no journal of the site: nothing of hers knows of it.
    assert [str(path.relative_to(folder)) for path in sorted(folder.rglob("*")) if path.is_file()] == [
        settings.FILE,
        "var/rehearsal.mbox",
    ]


def test_a_kept_log_is_an_assertion_that_can_fail(
    call: Call, example: Build, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = tmp_path / "expected.txt"
    missing = call(*SHORT, "--expect", str(kept))
    assert str(missing.exception) == f"there is no {kept} to compare with. --save {kept} writes it."
    assert not kept.exists()
    assert call(*SHORT, "--save", str(kept)).exit_code == 0
    assert "As expected" in call(*SHORT, "--expect", str(kept)).output
    later = with_steps(example, {"tight-hips": {"day": 3}})
    monkeypatch.setattr(drafts, "check", lambda _folder: later)
    done = call(*SHORT, "--expect", str(kept))
    assert done.exit_code == 1
    assert "\n-Sun 29 Mar 2026 07:30 CEST  sent      tight-hips" in done.output
    assert "\n+Mon 30 Mar 2026 07:30 CEST  sent      tight-hips" in done.output


def test_json_tells_the_same(call: Call, folder: Path) -> None:
    found = json.loads(call(*SHORT, "--as", "Bob <bob@example.com>", "--json").output)
    assert (found["person"], found["zone"]) == ("bob@example.com", "Europe/Berlin")
    assert found["mbox"] == str(folder / "var" / "rehearsal.mbox")
    assert found["events"][4] == {
        "at": "2026-03-29T07:30:00+02:00",
        "what": "sent",
        "letter": "tight-hips",
        "subject": "Tight isn't always short",
        "why": "its day; the clocks went forward: CET → CEST",
    }


def test_it_plays_into_the_test_mailbox_while_no_server_is_set(call: Call, folder: Path) -> None:
    done = call(*SHORT, "--to", "me@example.org", "--speed", "1 week = 1 second")
    assert done.output.splitlines()[-1].startswith("3 mails in the test mailbox: ")
    found = Mailbox(folder / "var" / "mailbox").messages(10)
    assert (found[0].to, found[0].subject) == ("me@example.org", "Tight isn't always short")


def test_it_plays_into_a_real_inbox_through_the_mail_server(
    call: Call, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ScriptedServer() as server:
        monkeypatch.setenv("LEADMAGNET_SMTP_URL", f"smtp://127.0.0.1:{server.port}")
        done = call(*SHORT, "--to", "me@example.org", "--speed", "1 week = 1 second")
    assert done.output.splitlines()[-1] == "3 mails in your inbox."
    mails = [message_from_bytes(one.raw, policy=policy.default) for one in server.arrived]
    assert [one.recipient for one in server.arrived] == [mail["To"] for mail in mails] == ["me@example.org"] * 3
    assert mails[2]["Subject"] == "Tight isn't always short"
    assert mails[2]["X-Rehearsal-Date"] == "Sun, 29 Mar 2026 05:30:00 +0000"
    assert abs(mails[2]["Date"].datetime - datetime.now(UTC)) < timedelta(minutes=1)
    assert b"ada@example.com" not in b"".join(one.raw for one in server.arrived)
    # Played into somebody's inbox it leaves nothing at all beside the site.
    assert [path.name for path in folder.rglob("*") if path.is_file()] == [settings.FILE]


def test_an_interruption_ends_it_cleanly(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(rehearse.time, "sleep", interrupted)
    done = call(*SHORT, "--to", "me@example.org")
    assert done.exit_code == 1
    assert done.output.endswith("\nStopped. 1 mail went out, and no more will.\n")


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["leave-after:3, bounce-at:confirm"], {"leave_after": 3, "bounce_at": "confirm"}),
        (["leave-after:20-tight-hips", "click:guide,click:tight-hips"],
         {"leave_after": "tight-hips", "clicks": frozenset({"guide", "tight-hips"})}),
        (["never-confirms"], {"never_confirms": True}),
    ],
)  # fmt: skip
def test_scripts_are_read(example: Build, texts: list[str], expected: dict[str, object]) -> None:
    found = scripts.script(texts, hips(example))
    assert found == Script(**expected)  # type: ignore[arg-type]


def hips(build: Build) -> Sequence:
    assert build.compiled is not None
    return build.compiled.sequences[GUIDE]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--script", "leave:3"], "--script does not know 'leave'. Did you mean 'leave-after'?"),
        (["--script", "leave-after"], "Write it like leave-after:N."),
        (["--script", "leave-after:10"], "the letters of hip-openers are 1 to 9"),
        (["--script", "click:tight-hip"], "Did you mean 'tight-hips'?"),
        (["--script", "outage:soon"], "--script outage is not a length of time"),
        (["--script", "outage:30d"], "two weeks show all"),
        (["--script", "never-confirms:2"], "Write it like never-confirms."),
        (["--as", "postmaster@example.com"], "postmaster@example.com gets nothing"),
        (["--as", "ada"], "missing its @"),
        (["--to", "me@example.org", "--speed", "fast"], 'Write it like 1d=1m, or "1 day = 10 seconds".'),
        (["--to", "me@example.org", "--speed", "1d=0s"], "--speed is not a length of time: 0 s."),
        (["--speed", "1d=1m"], "--speed goes with --to"),
        (["--expect", "x"], "needs --start"),
        (["--to", "me@example.org", "--json"], "leave out"),
        (["hip-opener"], "Did you mean 'hip-openers'?"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_mend(call: Call, words: list[str], says: str) -> None:
    done = call("rehearse", *words)
    assert isinstance(done.exception, LeadmagnetError | ClickException)
    assert says in (done.exception.message if isinstance(done.exception, ClickException) else str(done.exception))
