"""How reports speak: the one way to say a count, a length of time, a date, names in a row."""

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

_UNITS = ((86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second"))


def count(number: int, one: str, many: str | None = None) -> str:
    """A count with its word: "1 person", "1,204 people"."""
    return f"{number:,} {one if number == 1 else many or f'{one}s'}"


def people(number: int) -> str:
    """ "1 person", "1,204 people"."""
    return count(number, "person", "people")


def length(seconds: float) -> str:
    """About how long, in the largest unit: "4 minutes", "2 hours", "36 hours", "3 days"."""
    seconds = max(0, round(seconds))
    for size, unit in _UNITS:
        # Up to two days hours say more; up to two hours minutes do.
        if seconds >= size * (2 if size > 60 else 1):
            return count(round(seconds / size), unit)
    return count(seconds, "second")


def span(length: timedelta) -> str:
    """Exactly how long, to the minute, as heads say it: "20 hours", "36 hours", "2 days 6 hours"."""
    minutes, seconds = divmod(int(length.total_seconds()), 60)
    if not minutes:
        return count(seconds, "second")
    parts = ((minutes // 1440, "day"), (minutes // 60 % 24, "hour"), (minutes % 60, "minute"))
    if minutes % 60 == 0 and minutes < 2 * 1440:
        parts = ((0, "day"), (minutes // 60, "hour"), (0, "minute"))  # a gap of a day and a half is said "36 hours"
    return " ".join(count(number, unit) for number, unit in parts if number)


def weekday(on: date) -> str:
    """A day of this year in a sentence: "Tuesday 10 March"."""
    return f"{on:%A} {on.day} {on:%B}"


def heading(at: datetime, zone: ZoneInfo) -> str:
    """A day above what happened on it: "Tuesday 3 March 2026"."""
    local = at.astimezone(zone)
    return f"{weekday(local)} {local.year}"


def day(at: datetime, zone: ZoneInfo, *, now: datetime | None = None) -> str:
    """A day beside other words: "Tue 3 Mar"; with the year where `now` is of another year."""
    local = at.astimezone(zone)
    year = f" {local.year}" if now is not None and local.year != now.astimezone(zone).year else ""
    return f"{local:%a} {local.day} {local:%b}{year}"


def clock(at: datetime, zone: ZoneInfo) -> str:
    """The time of day: "07:30"."""
    return f"{at.astimezone(zone):%H:%M}"


def moment(at: datetime, zone: ZoneInfo) -> str:
    """A time as people say it: "Tue 3 Mar 2026, 21:12 EST"."""
    local = at.astimezone(zone)
    return f"{local:%a} {local.day} {local:%b %Y, %H:%M %Z}"


def end(at: datetime, zone: ZoneInfo) -> str:
    """The end of a pause: as `moment`, but a day that only begins has no hour: "Wed 1 Apr 2026"."""
    local = at.astimezone(zone)
    return moment(at, zone) if (local.hour, local.minute) != (0, 0) else f"{day(at, zone)} {local.year}"


def listed(names: Iterable[object], last: str = "and") -> str:
    """Names in a row: "a", "a and b", "a, b and c"."""
    words = list(map(str, names))
    return f" {last} ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))
