"""Counts, lengths and dates, as every report says them."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from leadmagnet.reports import words

NEW_YORK = ZoneInfo("America/New_York")


def test_one_is_never_said_as_many() -> None:
    assert words.count(1, "person is", "people are") == "1 person is"
    assert words.people(1204) == "1,204 people"


@pytest.mark.parametrize(
    ("hours", "said"), [(20, "20 hours"), (36, "36 hours"), (54, "2 days 6 hours"), (1 / 60, "1 minute")]
)
def test_a_gap_is_said_exactly(hours: float, said: str) -> None:
    assert words.span(timedelta(hours=hours)) == said


def test_a_day_that_only_begins_has_no_hour() -> None:
    assert words.end(datetime(2026, 4, 1, 4, tzinfo=UTC), NEW_YORK) == "Wed 1 Apr 2026"
    assert words.end(datetime(2026, 4, 1, 13, tzinfo=UTC), NEW_YORK) == "Wed 1 Apr 2026, 09:00 EDT"


def test_names_stand_in_a_row() -> None:
    assert [words.listed(("a", "b", "c")[:n]) for n in (0, 1, 2, 3)] == ["", "a", "a and b", "a, b and c"]
