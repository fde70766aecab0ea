"""`new`: a letter between two others, and a second guide from nothing to its first reader."""

import shutil
from pathlib import Path

import pytest

from leadmagnet.cli.example import copy_to
from leadmagnet.content.compiled import Build
from leadmagnet.publishing import drafts
from tests.cli.terminal import Terminal
from tests.cli.test_content import files_of
from tests.household import Household
from tests.world import TUESDAY_EVENING

LETTERS = "email_templates/hip-openers"


@pytest.fixture
def terminal(tmp_path: Path) -> Terminal:
    """A terminal in the folder of a fresh site."""
    copy_to(tmp_path / "site")
    return Terminal(tmp_path / "site")


def passed(folder: Path) -> Build:
    build = drafts.check(folder)
    assert build.findings == ()
    assert build.compiled is not None
    return build


def test_a_letter_takes_the_number_and_the_day_between_its_neighbours(terminal: Terminal) -> None:
    done = terminal("new", "letter", "foam-roller", "--after", "yoga-for-runners")
    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines()[:2] == [
        f"{LETTERS}/35-foam-roller.md",
        "is a draft for day 7, between 30-yoga-for-runners (day 5) and 40-what-is-barre (day 9).",
    ]
    assert "leadmagnet send-test 35-foam-roller --to you@example.com" in done.out
    compiled = passed(terminal.folder).compiled
    step = compiled.sequences["hip-openers"].steps[3]
    assert (step.slug, step.number, step.day, step.draft) == ("foam-roller", 35, 7, True)
    assert "Write your subject here" in compiled.letters["hip-openers/foam-roller"].subject


def test_a_letter_that_is_no_draft_any_more_passes_too(terminal: Terminal) -> None:
    assert terminal("new", "letter", "goodbye").code == 0
    written = terminal.folder / LETTERS / "100-goodbye.md"
    written.write_text(written.read_text().replace("draft     = true\n", ""))
    step = passed(terminal.folder).compiled.sequences["hip-openers"].steps[-1]
    assert (step.slug, step.number, step.day, step.draft) == ("goodbye", 100, 32, False)


def test_a_letter_close_to_a_neighbour_says_so(terminal: Terminal) -> None:
    for _ in range(2):
        done = terminal("new", "letter", "foam-roller", "--after", "tight-hips.md")
        if done.code:
            break
        assert "less than two days from a neighbour" in done.out
    assert "'hip-openers' has a letter 'foam-roller' already" in done.err
    passed(terminal.folder)


def test_where_no_number_is_free_nothing_is_renamed_but_the_way_is_shown(terminal: Terminal) -> None:
    folder = terminal.folder / LETTERS
    (folder / "30-yoga-for-runners.md").rename(folder / "21-yoga-for-runners.md")
    before = files_of(terminal.folder)
    done = terminal("new", "letter", "foam-roller", "--after", "tight-hips")
    assert (done.code, done.out) == (1, "")
    assert "no number free between 20-tight-hips and 21-yoga-for-runners" in done.err
    (way,) = [line.split() for line in done.err.splitlines() if line.startswith("  mv ")]
    assert way == ["mv", f"{LETTERS}/21-yoga-for-runners.md", f"{LETTERS}/33-yoga-for-runners.md"]
    assert files_of(terminal.folder) == before
    shutil.move(terminal.folder / way[1], terminal.folder / way[2])
    assert terminal("new", "letter", "foam-roller", "--after", "tight-hips").code == 0
    passed(terminal.folder)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["letter", "Foam Roller!"], "Did you mean foam-roller?"),
        (["letter", "Übung für Füße.md"], "Did you mean ubung-fur-fue?"),
        (["letter", "???"], "small letters, digits and hyphens make one, like strong-feet."),
        (["letter", "tight-hips"], "has a letter 'tight-hips' already"),
        (["letter", "old-hips"], "is what 20-tight-hips was called once"),
        (["letter", "new", "--after", "tigth-hips"], "There is no letter 'tigth-hips'. Did you mean 'tight-hips'?"),
        (["letter", "new", "--sequence", "hip-opener"], "Did you mean 'hip-openers'?"),
        (["guide", "Hip Openers 2"], "Did you mean hip-openers-2?"),
        (["guide", "hip-openers"], "guides/hip-openers/ is there already"),
        (["guide", "system"], "'system' cannot be the name of a guide"),
    ],
)
def test_what_cannot_be_is_said_and_nothing_is_written(terminal: Terminal, arguments: list[str], words: str) -> None:
    letter = terminal.folder / LETTERS / "20-tight-hips.md"
    letter.write_text(letter.read_text().replace("day       = 2", 'day = 2\nwas = "old-hips"'))
    before = files_of(terminal.folder)
    done = terminal("new", *arguments)
    assert (done.code, done.out) == (1, "")
    assert words in done.err
    assert files_of(terminal.folder) == before


def test_a_folder_that_is_no_site_is_left_alone(tmp_path: Path) -> None:
    done = Terminal(tmp_path)("new", "guide", "strong-feet")
    assert done.code == 1
    assert "There is no leadmagnet.toml" in done.err
    assert files_of(tmp_path) == {}


def test_without_a_sign_off_snippet_none_is_put_in(terminal: Terminal) -> None:
    (terminal.folder / "email_templates/_snippets/sign-off.md").unlink()
    terminal("new", "guide", "strong-feet")
    assert "include" not in (terminal.folder / "email_templates/strong-feet/10-guide.md").read_text()


def test_a_second_guide_from_nothing_to_its_first_reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "site").mkdir()
    home = Household(tmp_path / "site", TUESDAY_EVENING, monkeypatch)
    assert home.terminal("init", ".").code == 0
    begun = home.terminal("new", "guide", "strong-feet")
    assert (begun.code, begun.err) == (0, "")
    assert "its form is at http://127.0.0.1:8000/f/strong-feet" in begun.out
    assert home.terminal("check", "--strict").out == "Fine. 11 letters and 2 guides can be published.\n"
    assert "Version 1 is live" in home.terminal("publish").out

    page = home.joins("ada@example.com", "strong-feet")
    assert page.one("h1").words == "Strong feet"
    confirm, guide = home.mails("ada@example.com")
    assert (confirm["Subject"], guide["Subject"]) == ("Please confirm: Strong feet", "Your guide is here")
    told = home.terminal("why", "ada@example.com").out
    assert "20-how-is-it-going" in told and "Fri 6 Mar, 07:30" in told
    home.waits(days=3)
    assert [mail["Subject"] for mail in home.mails("ada@example.com")[2:]] == ["How is it going?"]
