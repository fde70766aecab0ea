"""What somebody may have meant to type: asked, never decided for her."""

import pytest

from leadmagnet.audience import typos
from tests.audience.typos import MEANT, slips


@pytest.mark.parametrize(("typed", "meant"), MEANT.items())
def test_a_slip_in_the_domain_is_understood_and_nothing_else_is(typed: str, meant: str | None) -> None:
    assert typos.suggestion(typed) == meant


@pytest.mark.parametrize("domain", typos.LIKELY)
def test_a_known_domain_is_never_somebody_elses_slip(domain: str) -> None:
    assert typos.suggestion(f"sam@{domain}") is None


def test_what_is_suggested_needs_no_other_suggestion() -> None:
    for typed in slips(500):
        meant = typos.suggestion(typed)
        assert meant is None or typos.suggestion(meant) is None, typed


@pytest.mark.parametrize(
    ("one", "other", "slips"), [("", "", 0), ("ab", "ba", 1), ("ca", "abc", 3), ("gmail", "gamil", 1), ("abc", "", 3)]
)
def test_the_distance_counts_slips_and_touches_no_letter_twice(one: str, other: str, slips: int) -> None:
    assert typos.distance(one, other) == typos.distance(other, one) == slips
