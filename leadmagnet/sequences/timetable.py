"""Remembers the schedule's answers for one release: people who stand alike get the same answer.

It always says what `schedule.next_step` says. A million people stand at a few thousand different points.
"""

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from leadmagnet.content.published import Published
from leadmagnet.content.sequences import Sequence
from leadmagnet.sequences import schedule
from leadmagnet.sequences.schedule import Done, Facts, Planned

#: Points remembered: a few megabytes, and more than a million people stand at.
_REMEMBERED = 20_000

_ANY_TIME = datetime(2000, 1, 1, tzinfo=UTC)


class Timetable:
    """What comes next for anybody, by the letters of `published`."""

    def __init__(self, published: Published) -> None:
        self.published = published
        remember = lru_cache(_REMEMBERED)
        self._zone = remember(published.zone_of)
        self._nearest_day = remember(self._find_nearest_day)
        self._begins = remember(self._find_begins)
        self._answer = remember(self._find_answer)

    def next_step(
        self, sequence: Sequence, handled: str, timezone: str | None, start: datetime, last_letter_at: datetime | None
    ) -> Planned | Done:
        """What comes next. `handled` holds slugs with spaces between; `timezone` is the subscriber's, as stored."""
        nearest = self._nearest_day(sequence.slug, handled)
        if nearest is None:
            return Done()
        if nearest == 0:  # at once: the answer is the very instant she started
            return schedule.next_step(sequence, _facts(start, last_letter_at, handled), self._zone(timezone))
        day = start.astimezone(self._zone(timezone)).date()
        if last_letter_at is not None and last_letter_at + sequence.min_gap <= self._begins(timezone, day, nearest):
            last_letter_at = None  # too long ago to hold back any letter that may come
        return self._answer(sequence.slug, handled, timezone, day, last_letter_at)

    def _find_nearest_day(self, slug: str, handled: str) -> int | None:
        """The smallest `day` of the letters that may still come; None: none may."""
        letters = schedule.ahead(self._sequence(slug), _facts(_ANY_TIME, None, handled))
        return min((step.day for step in letters), default=None)

    def _find_begins(self, timezone: str | None, start: date, day: int) -> datetime:
        return schedule.day_begins(start + timedelta(days=day), self._zone(timezone))

    def _find_answer(
        self, slug: str, handled: str, timezone: str | None, start: date, last_letter_at: datetime | None
    ) -> Planned | Done:
        zone = self._zone(timezone)
        # Of her start only the local date counts, since nothing that may come is sent at once.
        noon = _noon(start, zone)
        return schedule.next_step(self._sequence(slug), _facts(noon, last_letter_at, handled), zone)

    def _sequence(self, slug: str) -> Sequence:
        return self.published.compiled.sequences[slug]


def _facts(start: datetime, last_letter_at: datetime | None, handled: str) -> Facts:
    return Facts(start, last_letter_at, frozenset(handled.split()))


def _noon(day: date, zone: ZoneInfo) -> datetime:
    return datetime(day.year, day.month, day.day, 12, tzinfo=zone).astimezone(UTC)
