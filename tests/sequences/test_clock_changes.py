"""Every change of every clock on earth, 2024–2035: a daily letter falls exactly once on each local day."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from leadmagnet.sequences import schedule
from leadmagnet.sequences.schedule import Facts, Planned
from tests.sequences.clocks import Change, changes, different_clocks
from tests.sequences.lives import DAY, letter, local_date, series

_AROUND = range(1, 6)  # the change is on the third of these days


def _times_around(change: Change) -> set[time]:
    """Times of day that the change skips or repeats, and their neighbours."""
    at, before, after = change
    here, there = (at + before).replace(tzinfo=None), (at + after).replace(tzinfo=None)
    middle = here + (there - here) / 2
    minute = timedelta(minutes=1)
    return {moment.time() for moment in (here, here - minute, middle, there, there - minute, there + minute)}


def _daily(zone: ZoneInfo, start: datetime, at: time) -> list[datetime]:
    """When a letter of every day is due, each told by the schedule after the one before it was sent."""
    sequence = series(*(letter(f"day-{day}", day, send_at=at) for day in _AROUND), min_gap=timedelta(0))
    facts, dues = Facts(start), []
    for _day in _AROUND:
        planned = schedule.next_step(sequence, facts, zone)
        assert isinstance(planned, Planned)
        dues.append(planned.due)
        facts = facts.after(planned.step.slug, letter_at=planned.due)
    return dues


def test_the_clocks_known_to_change_are_found() -> None:
    new_york = list(changes(ZoneInfo("America/New_York")))
    assert len(new_york) == 24
    assert new_york[4] == (datetime(2026, 3, 8, 7, tzinfo=UTC), timedelta(hours=-5), timedelta(hours=-4))
    assert len(different_clocks()) > 25


def test_a_daily_letter_falls_once_on_each_local_day_whatever_the_clocks_do() -> None:
    checked = 0
    for clock, zone in different_clocks().items():
        for change in clock:
            at, before, after = change
            start = at - 3 * DAY
            for send_at in _times_around(change):
                dues = _daily(zone, start, send_at)
                assert dues == sorted(set(dues)), (zone, at, send_at)
                for day, due in zip(_AROUND, dues, strict=True):
                    wanted = datetime.combine(local_date(start, zone) + day * DAY, send_at)
                    skipped = (at + before).replace(tzinfo=None) <= wanted < (at + after).replace(tzinfo=None)
                    local = due.astimezone(zone)
                    found = due == at if skipped else (local.replace(tzinfo=None), local.fold) == (wanted, 0)
                    assert found, (zone, at, wanted, due)
                    checked += 1
    assert checked > 10_000


def test_the_dues_have_no_fractions_of_a_second() -> None:
    assert all(
        due.microsecond == 0 and due.second == 0
        for clock, zone in different_clocks().items()
        for due in _daily(zone, clock[0][0] - 3 * DAY, time(2, 30))
    )
