"""`pause`, `resume`, and what `status` and `why` say meanwhile."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import click
import pytest
from sqlalchemy import delete

from leadmagnet.cli import main
from leadmagnet.cli.brakes import end_of_pause
from leadmagnet.cli.example import copy_to
from leadmagnet.content.compiled import Build
from leadmagnet.delivery import brakes
from leadmagnet.settings import load
from leadmagnet.store.database import Database
from leadmagnet.store.models import Subscriber
from tests.cli.shell import Done, Shell
from tests.world import SECRET, World

ADA = "ada@example.com"
NEW_YORK = ZoneInfo("America/New_York")
NOW = datetime(2026, 3, 4, 2, 12, tzinfo=UTC)


class Terminal:
    """Gives commands in this process: dozens of new ones would take a minute."""

    def __init__(self, folder: Path, capture: pytest.CaptureFixture[str]) -> None:
        self._folder = folder
        self._capture = capture

    def __call__(self, *words: str) -> Done:
        code: object = 0
        try:
            main([*words, "--site", str(self._folder)])
        except SystemExit as ended:
            code = ended.code
        assert isinstance(code, int)
        return Done(code, *self._capture.readouterr())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh site, published once for all tests here: none may leave a brake behind."""
    path = tmp_path_factory.mktemp("brakes") / "site"
    copy_to(path)
    main(["publish", "--site", str(path)])
    return path


@pytest.fixture
def site(folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Terminal]:
    monkeypatch.setenv("LEADMAGNET_SUPPRESSION_KEY", SECRET.decode())
    capsys.readouterr()
    terminal = Terminal(folder, capsys)
    yield terminal
    assert json.loads(terminal("status", "--json").out)["paused"] == []


@pytest.fixture
def world(site: Terminal, folder: Path, example: Build, tmp_path: Path) -> Iterator[World]:
    """What stands in the site's database, with Ada three days into her letters."""
    database = Database(load(folder).database)
    with World(database, example, tmp_path) as made:
        made.now = datetime.now(UTC) - timedelta(days=3)
        made.joins(ADA)
        yield made
        with database.write() as session:
            session.execute(delete(Subscriber))
    database.close()


def test_a_pause_is_said_by_every_command_until_it_is_lifted(site: Terminal, world: World) -> None:
    done = site("pause")
    assert (done.code, done.err) == (0, "")
    said = r"All letters: paused by the operator since .+ until it is lifted \(1 waiting, 1 of them due\)\. "
    said += "To lift it: leadmagnet resume "
    assert re.fullmatch(said + r"Confirmations, reminders and guides go on\.", " ".join(done.out.split()))
    assert re.search(said, " ".join(site("status").out.split()))
    (entry,) = json.loads(site("status", "--json").out)["paused"]
    assert (entry["scope"], entry["until"], entry["waiting"]) == ("letters", None, 1)
    told = site("why", ADA)
    assert told.code == 0
    assert re.search(r"20-tight-hips +paused", told.out)

    again = site("pause")
    assert again.code == 0
    assert again.out.startswith("They are paused already.\nAll letters: paused by the operator since")
    assert json.loads(site("pause", "--json").out)["changed"] is False

    done = site("resume")
    assert (done.code, done.out) == (0, "All letters go out again, in the old rhythm.\n")
    done = site("resume")
    assert (done.code, done.out) == (0, "All letters: not paused.\n")
    assert json.loads(site("resume", "--json").out) == {"changed": False, "paused": []}
    assert "paused" not in site("status").out


def test_resuming_names_what_still_holds_and_what_lifts_it(site: Terminal, world: World) -> None:
    assert site("pause", "hip-openers", "--until", "2126-03-01").code == 0
    with world.database.write() as session:
        for scope in ("letter:hip-openers/tight-hips", "domain:gmail"):
            brakes.set(session, scope, "8 of 20 failed", brakes.AUTOMATIC, None, now=datetime.now(UTC))
    names = ["hip-openers", "hip-openers/tight-hips", "domain:gmail"]
    done = site("resume")
    assert done.code == 1, "letters do not go out"
    assert done.out.startswith("All letters: not paused.\nStill paused:\n  The letters of hip-openers: paused by the ")
    assert "until Fri 1 Mar 2126" in done.out
    assert "Letters to gmail: paused by leadmagnet (8 of 20 failed) since" in done.out
    assert re.findall(r"To lift it: leadmagnet resume (\S+)$", done.out, re.MULTILINE) == names
    for name, left in zip(names, (2, 1, 0), strict=True):
        done = site("resume", name)
        assert done.code == 0
        assert "go out again" in done.out
        assert done.out.count("To lift it") == left


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("pause", "hip-opener"), 1, "There is no sequence 'hip-opener'. Did you mean hip-openers?"),
        (("pause", "zzz"), 1, "There is no sequence 'zzz'. There is hip-openers."),
        (("resume", "hip-opener"), 1, "There is no sequence 'hip-opener'. Did you mean hip-openers?"),
        (("resume", "domain:gmail"), 1, "Nothing is paused under the name 'domain:gmail'."),
        (("pause", "--until", "tomorrow"), 2, "'tomorrow' is no date: write it as 2026-04-01, or 2026-04-01T09:00."),
        (("pause", "--until", "2026-03-01"), 2, "Sun 1 Mar 2026 is over."),
        (("why", "bob@example.com"), 1, "Nobody here has the address bob@example.com."),
        (("why", "bob"), 1, "That address is missing its @"),
    ],
)
def test_a_slip_is_said_and_changes_nothing(site: Terminal, words: tuple[str, ...], code: int, says: str) -> None:
    done = site(*words)
    assert (done.code, done.out) == (code, "")
    assert says in done.err


def test_before_the_first_publish_there_is_nothing_to_pause(shell: Shell) -> None:
    copy_to(shell.folder / "new")
    done = shell("pause", "--site", "new")
    assert (done.code, done.out) == (1, "")
    assert "Nothing has been published yet" in done.err


def test_a_pause_may_be_moved_but_does_not_shorten_our_own_caution(site: Terminal, world: World) -> None:
    assert site("pause", "--until", "2126-03-01").code == 0
    done = site("pause", "--until", "2126-02-01")
    assert done.out.startswith("They were paused already; the end is new.\n")
    assert "until Fri 1 Feb 2126" in " ".join(done.out.split())
    with world.database.write() as session:
        brakes.set(session, "letters", "many complaints", brakes.AUTOMATIC, None, now=datetime.now(UTC))
    done = site("pause", "--until", "2126-02-01")
    assert done.code == 0
    assert done.out.startswith("They are paused for longer already, and that stays.\n")
    assert "paused by leadmagnet (many complaints)" in done.out
    assert site("resume").out == "All letters go out again, in the old rhythm.\n"


@pytest.mark.parametrize(
    ("typed", "end"),
    [
        ("2026-03-05", "2026-03-05T00:00:00-05:00"),
        ("2026-03-10", "2026-03-10T00:00:00-04:00"),  # the clocks went forward
        ("2026-03-10T09:30", "2026-03-10T09:30:00-04:00"),
        ("2026-03-10 09:30", "2026-03-10T09:30:00-04:00"),
        ("2026-03-10T09:30Z", "2026-03-10T09:30:00+00:00"),
        ("2026-03-10T09:30+02:00", "2026-03-10T09:30:00+02:00"),
    ],
)
def test_a_date_is_the_start_of_that_day_where_the_site_is(typed: str, end: str) -> None:
    assert end_of_pause(typed, NEW_YORK, NOW) == datetime.fromisoformat(end)


@pytest.mark.parametrize(
    "typed", ["2026-03-03", "2026-03-03T21:12", "9999-12-31T23:59-20:00", "", "soon", "2026-02-30"]
)
def test_what_is_no_date_or_over_is_refused(typed: str) -> None:
    with pytest.raises(click.BadParameter):
        end_of_pause(typed, NEW_YORK, NOW)
