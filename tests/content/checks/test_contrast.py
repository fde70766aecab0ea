"""Contrast is computed as WCAG says."""

import pytest

from leadmagnet.content.checks.contrast import dark_rules, ratio, read_colour


@pytest.mark.parametrize(
    ("front", "back", "expected"),
    [("#000", "white", 21.0), ("#2B2321", "#FFF9F3", 14.7), ("#6A5A54", "#F6EBDF", 5.6), ("#F2795B", "#FFFFFF", 2.7)],
)
def test_the_ratio_of_two_colours(front: str, back: str, expected: float) -> None:
    one, other = read_colour(front), read_colour(back)
    assert one is not None and other is not None
    assert round(ratio(one, other), 1) == round(ratio(other, one), 1) == expected


@pytest.mark.parametrize("words", ["rgb(255, 0, 0)", "#f00", "#FF0000", "red", "rgb(100%, 0%, 0%)", "rgba(255,0,0,1)"])
def test_a_colour_reads_in_all_its_spellings(words: str) -> None:
    assert read_colour(words) == (1.0, 0.0, 0.0)


@pytest.mark.parametrize("words", ["rgba(0, 0, 0, .5)", "transparent", "inherit", "{{ x }}", "#12"])
def test_what_cannot_be_told_is_left_alone(words: str) -> None:
    assert read_colour(words) is None


def test_only_the_rules_of_the_dark_theme_are_taken() -> None:
    style = "p{color:red}@media (prefers-color-scheme:dark){p{color:blue}.a{b:c}}@media print{p{color:green}}"
    assert dark_rules(style) == "p{color:blue}.a{b:c}"
