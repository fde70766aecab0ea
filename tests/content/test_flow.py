"""The flow of the example's guide: its times add up, and whatever it names is explained."""

import re

import pytest

from leadmagnet.content.compiled import Compiled
from leadmagnet.content.tree import Element, read

_TIME = re.compile(r"(\d+):(\d\d)")
_PARTS = ("Targets:", "Dose:", "Easier:", "Further:", "Common mistake:", "When to skip it:")


def seconds(text: str) -> list[int]:
    return [int(minutes) * 60 + int(rest) for minutes, rest in _TIME.findall(text)]


@pytest.fixture(scope="module")
def guide(example_content: Compiled) -> Element:
    return read(example_content.guides["hip-openers"].html)


@pytest.fixture(scope="module")
def rows(guide: Element) -> list[tuple[str, str, str]]:
    """Start, pose and time of every row of the flow."""
    table = next(guide.every("table"))
    head, *body = [tuple(cell.words for cell in row.every("th", "td")) for row in table.every("tr")]
    assert head == ("Start", "Pose", "Time")
    return body  # type: ignore[return-value]


def cards(guide: Element) -> dict[str, Element]:
    found = [one for one in guide.every("section") if one.attributes["class"] == "pose-card"]
    return {next(one.every("h3")).words.lower(): one for one in found}


def test_the_flow_takes_ten_minutes_and_every_row_begins_where_the_last_one_ends(
    rows: list[tuple[str, str, str]],
) -> None:
    begins = 0
    for start, pose, time in rows:
        assert seconds(start) == [begins], pose
        (length,) = seconds(time)
        named = seconds(pose)
        if "each side" in pose:
            named *= 2
        assert not named or sum(named) == length, pose
        begins += length
    assert begins == 600


def test_every_pose_of_the_flow_has_a_card_with_all_that_somebody_needs(
    guide: Element, rows: list[tuple[str, str, str]]
) -> None:
    known = cards(guide)
    assert len(known) >= 18
    for _start, pose, _time in rows:
        named = [card for name, card in known.items() if name in pose.lower()]
        assert named or pose.startswith("Lie still"), pose


def test_every_card_has_a_figure_with_words_and_says_how_and_when_not(guide: Element) -> None:
    for name, card in cards(guide).items():
        figure = next(card.every("figure"))
        assert next(figure.every("svg")).alt.endswith("."), name
        assert len(list(next(card.every("ol")).every("li"))) >= 3, name
        for part in _PARTS:
            assert part in card.words, (name, part)
