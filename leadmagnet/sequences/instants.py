"""Says which instant a local time of day is, also on the days when the clocks change."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo


def instant(day: date, at: time, zone: ZoneInfo) -> datetime:
    """The UTC instant of a local time: in a fold the first, in a gap the first instant that exists."""
    local = datetime.combine(day, at, zone)
    found = local.astimezone(UTC)
    if found.astimezone(zone).replace(tzinfo=None) == local.replace(tzinfo=None):
        return found
    # A gap: the clocks jumped over this time. fold=0 reads it with the offset before the jump and so lands
    # after it, fold=1 the other way round: the jump lies between the two.
    before, after = local.replace(fold=1).astimezone(UTC), found
    while after - before > timedelta(seconds=1):
        middle = before + (after - before) / 2
        if middle.astimezone(zone).utcoffset() == after.astimezone(zone).utcoffset():
            after = middle
        else:
            before = middle
    return after.replace(microsecond=0)


def day_begins(day: date, zone: ZoneInfo) -> datetime:
    """The UTC instant before which no letter of that local day, or of a later one, can be due."""
    return instant(day, time(0), zone)
