"""Remembers the schedule's answers for one release: people who stand alike get the same answer.

It always says what `schedule` says. A million people stand at a few thousand different points.
"""

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from leadmagnet.content.published import Published
from leadmagnet.content.sequences import Sequence, Step
from leadmagnet.sequences import schedule
from leadmagnet.sequences.instants import day_begins
from leadmagnet.sequences.schedule import Done, Facts, PassedOver, Planned

#: Points remembered: some ten megabytes at most, and more than a million people stand at.
_REMEMBERED = 10_000

_ANY_TIME = datetime(2000, 1, 1, tzinfo=UTC)


@lru_cache(maxsize=2)
def of(published: Published) -> "Timetable":
    """The timetable of a release, one for the whole process."""
    return Timetable(published)


class Timetable:
    """What comes next for anybody, by the letters of `published`."""

    def __init__(self, published: Published) -> None:
        self.published = published
        remember = lru_cache(_REMEMBERED)
        self.zone_of = remember(published.zone_of)
        self._nearest_day = remember(self._find_nearest_day)
        self._begins = remember(self._find_begins)
        self._answer = remember(self._find_answer)
        self._passed_over = remember(self._find_passed_over)

    def next_step(self, sequence: Sequence, facts: Facts, zone: ZoneInfo) -> Planned | Done:
        """See `schedule.next_step`. `sequence` is one of the release."""
        nearest = self._nearest_day(sequence.slug, facts.handled)
        if nearest is None:
            return Done()
        if nearest == 0 or facts.wanted is not None:  # the answer is an instant of hers: she started, she asked
            return schedule.next_step(sequence, facts, zone)
        day, last = facts.start.astimezone(zone).date(), facts.last_letter_at
        if last is not None and last + max(sequence.min_gap, facts.gap) > self._begins(zone, day, nearest):
            return schedule.next_step(sequence, facts, zone)  # it may hold a letter back: nobody else had it just then
        return self._answer(sequence.slug, facts.handled, zone, day)

    def passed_over(self, sequence: Sequence, facts: Facts, step: Step) -> tuple[PassedOver, ...]:
        """See `schedule.passed_over`."""
        return self._passed_over(sequence.slug, facts.handled, step.slug)

    def _find_nearest_day(self, slug: str, handled: frozenset[str]) -> int | None:
        """The smallest `day` of the letters that may still come; None: none may."""
        letters = schedule.ahead(self._sequence(slug), Facts(_ANY_TIME, handled=handled))
        return min((step.day for step in letters), default=None)

    def _find_begins(self, zone: ZoneInfo, start: date, day: int) -> datetime:
        return day_begins(start + timedelta(days=day), zone)

    def _find_answer(self, slug: str, handled: frozenset[str], zone: ZoneInfo, start: date) -> Planned | Done:
        # Of her start only the local date counts, since nothing that may come is sent at once.
        noon = datetime(start.year, start.month, start.day, 12, tzinfo=zone).astimezone(UTC)
        return schedule.next_step(self._sequence(slug), Facts(noon, handled=handled), zone)

    def _find_passed_over(self, slug: str, handled: frozenset[str], step: str) -> tuple[PassedOver, ...]:
        sequence = self._sequence(slug)
        gone_to = next(one for one in sequence.steps if one.slug == step)
        return schedule.passed_over(sequence, Facts(_ANY_TIME, handled=handled), gone_to)

    def _sequence(self, slug: str) -> Sequence:
        return self.published.compiled.sequences[slug]
