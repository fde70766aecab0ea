"""`plan` as its operator meets it: before the first publish, after an edit, with mistakes in the folder."""

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from leadmagnet.cli.example import copy_to
from leadmagnet.cli.plan import plan
from leadmagnet.publishing import drafts, releases
from leadmagnet.store.database import Database
from tests.world import TUESDAY_EVENING

LETTERS = Path("email_templates/hip-openers")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A fresh site."""
    copy_to(tmp_path / "site")
    return tmp_path / "site"


@pytest.fixture
def live(folder: Path, sqlite_template: Path) -> Path:
    """A site whose folder is live."""
    (folder / "var").mkdir()
    shutil.copy(sqlite_template, folder / "var" / "leadmagnet.db")
    database = Database(f"sqlite:///{folder}/var/leadmagnet.db")
    with database.write() as session:
        releases.publish(session, drafts.check(folder), author="maya", now=TUESDAY_EVENING)
    database.close()
    return folder


def run(folder: Path, *arguments: str) -> Result:
    return CliRunner().invoke(plan, ["--site", str(folder), *arguments])


def test_before_the_first_publish_nobody_can_be_surprised(folder: Path) -> None:
    done = run(folder)
    assert (done.exit_code, done.output[:23]) == (0, "Nothing is live yet, so")
    assert not (folder / "var").exists()
    assert json.loads(run(folder, "--json").output)["live"] is None


def test_an_edit_is_told_and_drawn_and_changes_nothing(live: Path, tmp_path: Path) -> None:
    assert run(live).output == "Nothing has changed: version 1 is just this.\n"
    letter = live / LETTERS / "20-tight-hips.md"
    letter.write_text(letter.read_text().replace("day       = 2", "day       = 3"))
    before = (live / "var" / "leadmagnet.db").read_bytes()
    done = run(live, "--html", str(tmp_path / "story.html"))
    assert done.exit_code == 0
    assert "20-tight-hips moves from day 2 to day 3: nobody is waiting for it." in done.output
    assert "Nobody is in a series now" in done.output
    assert "<del>day 2</del>" in (tmp_path / "story.html").read_text()
    assert (live / "var" / "leadmagnet.db").read_bytes() == before
    (line,) = [one for one in json.loads(run(live, "--json").output)["lines"] if one["kind"] == "moved"]
    assert (line["letter"], line["people"]) == ("hip-openers/tight-hips", 0)


def test_a_folder_with_mistakes_is_refused(live: Path) -> None:
    letter = live / LETTERS / "20-tight-hips.md"
    letter.write_text(letter.read_text().replace("day       = 2", 'day = "two"'))
    done = run(live)
    assert done.exit_code == 1
    assert "This cannot be published" in done.output
    assert json.loads(run(live, "--json").output)["ok"] is False
