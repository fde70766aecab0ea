"""Simulates readers who confirm at any hour of any weekday, to see whether letters keep to their day."""

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from leadmagnet.content.findings import Notes, Place
from leadmagnet.content.sequences import Sequence
from leadmagnet.sequences import schedule
from leadmagnet.sequences.schedule import Facts, Planned

#: A week in which no clock changes, in any zone that changes it with the seasons.
_MONDAY = date(2026, 6, 15)
_HOURS = (6, 13, 22)
_TOLERATED = 1  # days


def judge(sequence: Sequence, zone: ZoneInfo, days: Mapping[str, Place], notes: Notes) -> None:
    """Notes rule W214 at the first letter of `sequence` that comes late for somebody.

    `days` are where the day of each letter stands, by its slug.
    """
    worst: dict[str, tuple[int, datetime]] = {}
    for start in _starts(zone):
        for slug, late in _course(sequence, start, zone):
            if late > max(_TOLERATED, worst.get(slug, (0, start))[0]):
                worst[slug] = (late, start)
    late_ones = [step for step in sequence.steps if step.slug in worst]
    if late_ones:
        first = late_ones[0]
        late, start = worst[first.slug]
        local = start.astimezone(zone)
        others = f"; {len(late_ones) - 1} more come late" if len(late_ones) > 1 else ""
        message = f"who confirms on a {local:%A} at {local.hour}:00 gets this letter on day {first.day + late}{others}."
        notes.warn(days[first.slug], "W214", message, f"Allow more weekdays, shorten min_gap, or move day {first.day}.")


def _starts(zone: ZoneInfo) -> Iterator[datetime]:
    for days in range(7):
        for hour in _HOURS:
            yield datetime.combine(_MONDAY + timedelta(days=days), time(hour), zone).astimezone(UTC)


def _course(sequence: Sequence, start: datetime, zone: ZoneInfo) -> Iterator[tuple[str, int]]:
    """Each letter that somebody gets who starts at `start`, with the days it is late; none is held back."""
    facts = Facts(start)
    begun = start.astimezone(zone).date()
    while isinstance(planned := schedule.next_step(sequence, facts, zone), Planned):
        step, due = planned.step, planned.due
        yield step.slug, (due.astimezone(zone).date() - begun).days - step.day
        facts = facts.after(step.slug, letter_at=due)
