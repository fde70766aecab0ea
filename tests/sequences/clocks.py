"""The clocks of this world: when each of them is put forward or back."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

ZONES = sorted(available_timezones())
FIRST, LAST = datetime(2024, 1, 1, tzinfo=UTC), datetime(2036, 1, 1, tzinfo=UTC)
#: No clock on earth is changed twice within it: Morocco's month of Ramadan is the shortest spell.
_STRIDE = timedelta(days=5)

Change = tuple[datetime, timedelta, timedelta]  # the instant, the offset before, the offset from then on


def changes(zone: ZoneInfo) -> Iterator[Change]:
    """When the offset changes, to the second."""
    at, offset = FIRST, _offset(zone, FIRST)
    while at < LAST:
        following = at + _STRIDE
        new = _offset(zone, following)
        if new != offset:
            yield _bisect(zone, at, following), offset, new
        at, offset = following, new


@cache
def different_clocks() -> dict[tuple[Change, ...], ZoneInfo]:
    """One zone for each list of changes: many names share one clock."""
    clocks: dict[tuple[Change, ...], ZoneInfo] = {}
    for name in ZONES:
        zone = ZoneInfo(name)
        if found := tuple(changes(zone)):
            clocks.setdefault(found, zone)
    return clocks


def _bisect(zone: ZoneInfo, before: datetime, after: datetime) -> datetime:
    old = _offset(zone, before)
    while after - before > timedelta(seconds=1):
        middle = (before + (after - before) / 2).replace(microsecond=0)
        before, after = (middle, after) if _offset(zone, middle) == old else (before, middle)
    return after


def _offset(zone: ZoneInfo, at: datetime) -> timedelta:
    return at.astimezone(zone).utcoffset() or timedelta(0)
