"""`why` on the terminal."""

import re
from datetime import timedelta
from pathlib import Path

import pytest

from leadmagnet.cli.missed import page as missed_page
from leadmagnet.cli.story import page
from leadmagnet.content.compiled import Build
from leadmagnet.reports import letters, words
from leadmagnet.reports.missed import missed
from leadmagnet.reports.why import why
from leadmagnet.store.database import Database
from tests.cli.shell import Shell
from tests.world import World

ADA = "ada@example.com"


@pytest.fixture
def reader(sqlite_template: Path, example: Build, tmp_path: Path) -> World:
    """Ada, nine days into her letters, with a tag; on one database: the words hang on none."""
    copy = tmp_path / "leadmagnet.db"
    copy.write_bytes(sqlite_template.read_bytes())
    with World(Database(f"sqlite:///{copy}"), example, tmp_path) as world:
        world.asks(ADA)
        world.deliver()
        world.wait(minutes=4)
        world.confirms(ADA)
        world.tagged(ADA, "tried-barre")
        world.wait(seconds=2)
        world.deliver()
        world.skip(until=world.now + timedelta(days=6))
        yield world  # type: ignore[misc]
        world.database.close()


def told(world: World) -> list[str]:
    with world.database.read() as session:
        found = why(session, world.published, world.subscriber(ADA).address_key, now=world.now)
        assert found is not None
        text = page(found, world.published, now=world.now)
    return re.sub(r"\x1b\[\d+m", "", text).splitlines()


def test_a_story_reads_day_by_day_and_fits_a_terminal(reader: World) -> None:
    lines = told(reader)
    assert max(map(len, lines)) <= 80
    assert lines[0] == "ada@example.com is reading: 3 letters so far"
    assert "Tuesday 3 March 2026" in lines and "Thursday 5 March 2026" in lines
    story = "\n".join(lines)
    assert "  21:16  confirmed, 4 minutes after asking, and opened the guide" in story
    assert "  07:30  got 20-tight-hips (mail 3, version 1)" in lines
    assert "Thu 12 Mar, 07:30 40-what-is-barre waiting for its day" in " ".join(story.split())
    assert "not for her as things are:\n" in story and "only for readers without the tag tried-barre" in story
    assert lines[-1].endswith("is over, which gives her the tag hip-openers-done")


def test_the_groups_come_before_the_people(reader: World) -> None:
    with reader.database.read() as session:
        sequence, step = letters.find(reader.published, "40-what-is-barre")
        text = missed_page(missed(session, sequence, step, limit=10, now=reader.now), reader.published)
    assert re.sub(r"\x1b\[\d+m", "", text).split("\n") == [
        "40-what-is-barre: 0 of 1 person got it.", "", "  1  waits for it", "", "Waits for it", f"  {ADA}",
    ]  # fmt: skip


def test_what_nobody_has_or_is_typed_wrong_is_answered_in_words(site: Shell) -> None:
    site("publish")
    nobody = site("why", " Zoe@Example.COM ")
    assert (nobody.code, nobody.out) == (1, "")
    assert nobody.err.startswith("Nobody here has the address Zoe@example.com.")
    letter = site("why", "20-tight-hips")
    assert (letter.code, "leadmagnet why --step 20-tight-hips" in letter.err) == (1, True)
    assert "Did you mean 20-tight-hips" in site("why", "--step", "20-tihgt-hips").err
    assert site("why").code == 2


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(1, "1 second"), (90, "2 minutes"), (240, "4 minutes"), (5400, "90 minutes"), (7200, "2 hours"),
     (129_600, "36 hours"), (172_800, "2 days")],
)  # fmt: skip
def test_a_length_of_time_is_said_in_its_largest_unit(seconds: int, said: str) -> None:
    assert words.length(seconds) == said
