"""Projects people who stand alike only once: a million of them stand at a few thousand different points."""

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from leadmagnet.publishing.places import Person, Place
from leadmagnet.publishing.projection import Course, Projector
from leadmagnet.sequences import schedule
from leadmagnet.sequences.schedule import Facts

_ANY_TIME = datetime(2000, 1, 1)  # noqa: DTZ001 – which letters are ahead hangs on no date
_REMEMBERED = 50_000


@dataclass(slots=True)
class Group:
    """People with the same courses: one of them, how many they are, and their course under each release."""

    person: Person
    courses: tuple[Course, ...]
    people: int = 0


@dataclass
class Groups:
    """All people seen so far, by how they stand towards `projectors`."""

    projectors: tuple[Projector, ...]
    _by_key: dict[Any, list[Group]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        releases = [one.published for one in self.projectors]
        steps = [step for one in releases for series in one.compiled.sequences.values() for step in series.steps]
        self._gaps = sorted({series.min_gap for one in releases for series in one.compiled.sequences.values()})
        self._times = sorted({step.send_at for step in steps})
        remember = lru_cache(_REMEMBERED)
        self._zone_of = remember(self.projectors[-1].timetable.zone_of)
        self._local_date = remember(_local_date)
        self._after_gaps = remember(self._find_after_gaps)
        self._goes_at_once = remember(self._find_goes_at_once)

    def add(self, person: Person) -> Group:
        """The group of this person, which counts her."""
        zone = self._zone_of(person.timezone)
        known = self._by_key.setdefault(self._key(person, zone), [])
        group = next((one for one in known if self._moves_alike(person, one, zone)), None)
        if group is None:
            group = Group(person, tuple(projector.course(person) for projector in self.projectors))
            known.append(group)
        group.people += 1
        return group

    def __iter__(self) -> Iterator[Group]:
        return (group for alike in self._by_key.values() for group in alike)

    def _key(self, person: Person, zone: ZoneInfo) -> Any:
        last = person.last_letter_at
        return (
            zone.key,
            person.tags,
            person.been_in,
            person.gap,
            person.is_finishing,
            self._after_gaps(last, person.gap, zone) if last is not None else None,
            *(self._stands(place, zone) for place in person.places),
        )

    def _stands(self, place: Place, zone: ZoneInfo) -> Any:
        # Of a start only the local date counts, unless a letter goes at that very instant.
        exact = self._goes_at_once(place.sequence, place.handled)
        start = place.start if exact else self._local_date(place.start, zone)
        wishes = place.paused_until, place.wanted_at
        return place.sequence, place.status, start, place.handled, place.clicked, wishes, place.waiting

    def _find_goes_at_once(self, slug: str, handled: frozenset[str]) -> bool:
        """Whether a letter may still come whose due time is the start itself."""
        for projector in self.projectors:
            sequence = projector.published.sequence(slug)
            ahead = schedule.ahead(sequence, Facts(_ANY_TIME, handled=handled)) if sequence is not None else ()
            if any(step.day == 0 for step in ahead):
                return True
        return False

    def _find_after_gaps(self, last: datetime, own: timedelta, zone: ZoneInfo) -> Any:
        """Between which two moments at which letters go each gap ends: all that a schedule can tell of it."""
        ends = [(last + gap).astimezone(zone) for gap in (*self._gaps, own)]
        return tuple((end.date(), bisect_left(self._times, end.time()), end.fold) for end in ends)

    def _moves_alike(self, person: Person, group: Group, zone: ZoneInfo) -> bool:
        """Whether lateness would move her starts to the days to which it moves those of the group."""
        starts = {place.sequence: place.start for place in person.places}
        return all(
            self._local_date(starts[moved.sequence] + moved.by, zone) == moved.day
            for course in group.courses
            for moved in course.moved
            if moved.sequence in starts
        )


def _local_date(at: datetime, zone: ZoneInfo) -> date:
    return at.astimezone(zone).date()
