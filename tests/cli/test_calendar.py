"""`calendar` as somebody uses it who wonders when her letters go."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from leadmagnet.cli import leadmagnet
from leadmagnet.content.compiled import Build
from leadmagnet.errors import LeadmagnetError
from leadmagnet.publishing import drafts
from tests.conftest import ROOT
from tests.rehearsal.test_play import with_steps

Call = Callable[..., Result]


@pytest.fixture
def call(example: Build, monkeypatch: pytest.MonkeyPatch) -> Call:
    """Types a command on the example site, which is compiled already; mistakes come out as they are raised."""
    odd = {"subject": "#1 [new]: *tip*"}
    letters = {slug: one.model_copy(update=odd if slug.endswith("/guide") else {}) for slug, one in _letters(example)}
    site = with_steps(example, {"strong-hips": {"send_on": frozenset(range(5))}})
    assert site.compiled is not None
    compiled = site.compiled.model_copy(update={"letters": letters})
    build = Build(site.findings, compiled, site.files, site.digest)
    monkeypatch.setattr(drafts, "check", lambda _folder: build)

    def calling(*words: str) -> Result:
        runner = CliRunner(env={"COLUMNS": "200"})
        return runner.invoke(leadmagnet, ["--site", str(ROOT), *words], standalone_mode=False)

    return calling


def _letters(build: Build) -> list[tuple[str, object]]:
    assert build.compiled is not None
    return list(build.compiled.letters.items())  # type: ignore[return-value]


def test_the_table_tells_when_and_why(call: Call) -> None:
    done = call("calendar", "--start", "2026-03-03T21:12", "--tag", "tried-barre,vip")
    lines = [" ".join(line.split()) for line in done.output.splitlines()]
    assert lines[1].endswith("in America/New_York who confirms on Tue 3 Mar 2026, 21:12 EST")
    assert lines[3:6] == [
        "Tue 03 Mar 21:12 EST day 0 guide #1 [new]: *tip* at once",
        "Thu 05 Mar 07:30 EST day 2 tight-hips Tight isn't always short its day",
        "Sun 08 Mar 07:30 EDT day 5 yoga-for-runners Ten minutes after you run "
        "its day; the clocks went forward: EST → EDT",
    ]
    assert lines[7].endswith("Mon 16 Mar 07:30 EDT day 12 strong-hips What my physio tells me Sun not in send_on → Mon")
    assert lines[9].endswith("not sent: only if not tag:tried-barre")
    assert lines[-1] == "8 letters, 1 not sent"


def test_json_has_local_times_with_their_offset(call: Call) -> None:
    found = json.loads(
        call("calendar", "hip-openers", "--start", "2026-03-27", "--zone", "europe/berlin", "--json").output
    )
    assert (found["zone"], found["start"]) == ("Europe/Berlin", "2026-03-27T12:00:00+01:00")
    assert found["sequences"][0]["letters"][1] == {
        "letter": "tight-hips",
        "day": 2,
        "due": "2026-03-29T07:30:00+02:00",
        "subject": "Tight isn't always short",
        "why": "its day; the clocks went forward: CET → CEST",
        "skipped": None,
    }


def test_a_calendar_file_goes_where_it_is_wanted(call: Call, tmp_path: Path) -> None:
    done = call("calendar", "--start", "2026-03-03T21:12", "--ics", str(tmp_path / "letters.ics"))
    assert done.output == f"9 letters are in {tmp_path / 'letters.ics'}.\n"
    content = (tmp_path / "letters.ics").read_bytes()
    assert content.count(b"\r\nSUMMARY:") == 9
    assert call("calendar", "--start", "2026-03-03T21:12", "--ics", "-").stdout_bytes == content


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["hip-opener"], "Did you mean 'hip-openers'?"),
        (["--zone", "Berlin"], "Did you mean Europe/Berlin?"),
        (["--zone", "New York"], "Did you mean America/New_York?"),
        (["--zone", "Europa/Berln"], "Did you mean Europe/Berlin?"),
        (["--start", "3.3.2026"], "Write it like 2026-03-27"),
        (["--start", "2026-02-30"], "Write it like 2026-03-27"),
        (["--start", "9999-12-31"], "Write it like 2026-03-27"),
        (["--tag", "a b"], "--tag is not a name"),
        (["--ics", "/nowhere/x.ics"], "cannot write /nowhere/x.ics"),
    ],
)
def test_a_mistake_is_told_with_its_mend(call: Call, words: list[str], says: str) -> None:
    done = call("calendar", *words)
    assert isinstance(done.exception, LeadmagnetError)
    assert says in str(done.exception)
