"""The guide of the example site: complete, with times that add up, at addresses that letters rely on."""

import re

import pytest

from leadmagnet.content.compiled import Compiled

from .conftest import EXAMPLE

SOURCE = (EXAMPLE / "guides/hip-openers/guide.md").read_text()
SECTIONS = {
    found[2]: found[3]
    for found in re.finditer(r"(?ms)^(##+) [^\n]*\{#([\w-]+)\}\n(.*?)(?=^##|\Z)", SOURCE)
}  # fmt: skip

FLOW = ["childs-pose", "low-lunge", "half-split", "lizard", "garland", "ninety-ninety", "figure-four", "happy-baby",
        "bridge", "supine-twist"]  # fmt: skip
TEN = ["low-lunge", "half-split", "lizard", "garland", "ninety-ninety", "figure-four", "happy-baby", "butterfly",
       "bridge", "supine-twist"]  # fmt: skip
EXTRAS = ["childs-pose", "legs-up-wall", "half-pigeon", "frog", "cow-face"]
BARRE = ["plie", "arabesque-pulse", "forearm-plank"]


def seconds(clock: str) -> int:
    minutes, _, rest = clock.partition(":")
    return 60 * int(minutes) + int(rest)


def test_the_anchors_that_letters_and_bookmarks_use_stay(example_content: Compiled) -> None:
    sections = example_content.guides["hip-openers"].sections
    assert [one for one in sections if one in (*TEN, *EXTRAS, *BARRE)] == TEN + EXTRAS + BARRE
    for anchor in ("how-to-use", "safety", "flow", "short-versions", "chair", "week", "after-marathon", "sources"):
        assert anchor in sections


@pytest.mark.parametrize("pose", TEN + EXTRAS + BARRE)
def test_a_pose_says_all_that_somebody_alone_on_a_mat_needs(pose: str) -> None:
    words = SECTIONS[pose]
    figure = re.search(r'\{\{ pose\("([\w-]+)"\) \}\}', words)
    assert figure is not None and figure[1] == pose
    for label in ("Targets", "Dose"):
        assert re.search(rf"(?m)^\*\*{label}:\*\* \w", words), label
    assert len(re.findall(r"(?m)^\d\. [A-Z]", words)) >= 3
    for label in ("Easier", "Further", "Common mistake", "When to skip it"):
        assert re.search(rf"(?m)^- \*\*{label}:\*\* \S", words), label


def test_the_flow_is_ten_minutes_long() -> None:
    rows = re.findall(r"(?m)^\| (\d+:\d\d) \| (.+) \| (\d+:\d\d) \|$", SECTIONS["flow"])
    clock = 0
    for start, what, length in rows:
        assert seconds(start) == clock
        clock += seconds(length)
        parts = [seconds(one) for one in re.findall(r"\d:\d\d", what)]
        if parts:
            assert sum(parts) * (2 if "each side" in what else 1) == seconds(length), what
    assert clock == 600
    assert [pose for pose in re.findall(r"\(#([\w-]+)\)", SECTIONS["flow"]) if pose != "flow"] == FLOW


def test_the_short_versions_take_as_long_as_they_say() -> None:
    words = SECTIONS["short-versions"]
    three, no_floor, rest_day = (f"**{one}" for one in words.split("\n\n**")[0:3])
    times = [seconds(one) for one in re.findall(r"\d:\d\d", three)]
    assert (times, 2 * times[0] + 2 * times[1] + times[2]) == ([40, 30, 40], 180)
    assert 2 * sum(seconds(one) for one in re.findall(r"\d:\d\d", no_floor)) == 3 * 60 + 40
    assert "Three minutes and forty seconds" in no_floor
    once = sum(seconds(length) for name, length in re.findall(r"\[(\w[\w ]*)\][^|]*\| (\d:\d\d)", SECTIONS["flow"])
               if name in ("Lizard", "Happy baby"))  # fmt: skip
    assert (2 * 600 - once, "That leaves two minutes" in rest_day) == (1200 - 120, True)


def test_red_flags_and_disclaimer_stand_before_the_first_pose() -> None:
    safety = SECTIONS["safety"]
    assert SOURCE.index("{#safety}") < SOURCE.index("{#flow}")
    for flag in (
        "deep in the groin",
        "at night or at rest",
        "when you hop",
        "limp",
        "numbness",
        "fall",
        "see a doctor",
    ):
        assert flag in safety
    for who in ("pregnant", "surgery", "hip replacement", "flexible joints", "osteoporosis", "an injury"):
        assert who in safety


@pytest.mark.parametrize(
    "claim",
    [r"prevents?\b", r"\bcures?\b", r"\bheals?\b", "guarantee", "fix your", "detox", r"\bmelt", "flush", "lengthens",
     "locked short", r"releas\w+ (?:your |the )?(?:hips?|psoas)"],
)  # fmt: skip
def test_the_guide_claims_no_more_than_its_sources(claim: str) -> None:
    assert not re.search(claim, SOURCE, re.I)


def test_every_week_keeps_its_own_rules() -> None:
    """Nothing heavy for the hips on the day before the long run, and a day between two times of strength."""
    rows = re.findall(r"(?m)^\| (\w+day) \| (.+) \| (.+) \|$", SECTIONS["week"])
    assert len(rows) == 7
    for column in (1, 2):
        week = [row[column] for row in rows]
        runs = [day for day, what in enumerate(week) if "run" in what]
        strength = [day for day, what in enumerate(week) if "barre" in what]
        (long,) = [day for day, what in enumerate(week) if "long run" in what]
        assert len(runs) == column + 2
        assert len(strength) == 2
        assert (strength[1] - strength[0]) % 7 not in (0, 1, 6)
        assert (long - 1) % 7 not in strength
