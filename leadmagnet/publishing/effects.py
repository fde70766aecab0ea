"""Counts in people what a publish changes: everybody's course before it against her course after it."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import pairwise
from typing import NamedTuple
from zoneinfo import ZoneInfo

from leadmagnet.content.published import Published
from leadmagnet.publishing.groups import Group
from leadmagnet.publishing.places import Person
from leadmagnet.publishing.projection import Course, Mail
from leadmagnet.publishing.replan import SEQUENCE_REMOVED


class Name(NamedTuple):
    """A letter, by the name that it has after the publish."""

    sequence: str
    slug: str


@dataclass(slots=True)
class Tally:
    """What becomes of one letter for the people there are. Dates are the readers' own."""

    still: int = 0  # get it after the publish
    gain: int = 0  # get it, and would not have without
    lose: int = 0  # would have got it, and do not any more
    past: int = 0  # in the series, never had it, and do not get it either way
    finished: int = 0  # likewise, and have finished the series
    later: Counter[int] = field(default_factory=Counter)  # people by how many days later they get it; 0: hours
    earlier: Counter[int] = field(default_factory=Counter)
    first: date | None = None  # the day of the first who gets it
    first_changed: date | None = None  # of the first who gets it on another day, or newly
    first_lost: date | None = None
    reasons: Counter[str] = field(default_factory=Counter)  # why those who lose it do


@dataclass(slots=True)
class Series:
    """What becomes of one sequence."""

    active: int = 0
    exits: int = 0  # its people whose series ends, because it is gone
    finish_now: int = 0  # nothing more comes, from the publish on
    finish_earlier: int = 0  # all that do, those who finish now among them
    finish_later: int = 0
    continued: int = 0  # had finished, and get letters again
    started: int = 0  # get it newly, by a tag


@dataclass(slots=True)
class Effects:
    """The sum over everybody."""

    before: Published
    after: Published
    now: datetime
    letters: dict[Name, Tally] = field(default_factory=lambda: defaultdict(Tally))
    series: dict[str, Series] = field(default_factory=lambda: defaultdict(Series))
    people: int = 0  # with something still to come, before or after
    changed: int = 0  # of them, those for whom something other than words is different
    twice: int = 0  # people who would get a letter that they have had: never, and this is where it is looked for
    too_close: Counter[Name] = field(default_factory=Counter)  # people, by the second letter of two
    same_day: Counter[Name] = field(default_factory=Counter)
    days_before: Counter[date] = field(default_factory=Counter)  # letters a day, by the site's calendar
    days_after: Counter[date] = field(default_factory=Counter)

    def add(self, group: Group) -> None:
        """Counts the people of one group."""
        before, after = group.courses
        zone = self.after.zone_of(group.person.timezone)
        self.people += group.people
        old, new = self._by_name(before.mails), self._by_name(after.mails)
        if old != new or [one.how for one in before.endings] != [one.how for one in after.endings]:
            self.changed += group.people
        for name in old.keys() | new.keys():
            self._letter(self.letters[name], name, old.get(name), new.get(name), zone, group, after)
        self._not_sent(group, new)
        self._series(group, before, after)
        self._promises(group, before, after, zone)
        for mail in before.mails:
            self.days_before[mail.at.astimezone(self.after.zone).date()] += group.people
        for mail in after.mails:
            self.days_after[mail.at.astimezone(self.after.zone).date()] += group.people

    def letter(self, name: Name) -> Tally:
        """What becomes of a letter; empty where it touches nobody."""
        return self.letters.get(name) or Tally()

    def sequence(self, slug: str) -> Series:
        """What becomes of a sequence likewise."""
        return self.series.get(slug) or Series()

    def _by_name(self, mails: Iterable[Mail]) -> dict[Name, datetime]:
        return {self.name_of(mail.sequence, mail.slug): mail.at for mail in mails}

    def name_of(self, sequence: str, slug: str) -> Name:
        """The letter by the name that it has after the publish, whatever it was called."""
        found = self.after.sequence(sequence)
        step = found.step(slug) if found is not None else None
        return Name(sequence, step.slug if step is not None else slug)

    def _letter(
        self,
        tally: Tally,
        name: Name,
        old: datetime | None,
        new: datetime | None,
        zone: ZoneInfo,
        group: Group,
        after: Course,
    ) -> None:
        if new is None and old is not None:
            tally.lose += group.people
            tally.first_lost = _earlier(tally.first_lost, old.astimezone(zone).date())
            skipped = {self.name_of(skip.sequence, skip.slug): skip.reason for skip in after.skips}
            tally.reasons[skipped.get(name, "")] += group.people
            return
        if new is None:
            return
        day = new.astimezone(zone).date()
        tally.still += group.people
        tally.first = _earlier(tally.first, day)
        if old == new:
            return
        tally.first_changed = _earlier(tally.first_changed, day)
        if old is None:
            tally.gain += group.people
            return
        days = (day - old.astimezone(zone).date()).days
        (tally.later if new > old else tally.earlier)[abs(days)] += group.people

    def _not_sent(self, group: Group, new: dict[Name, datetime]) -> None:
        """Those in a series who neither have had a letter of it nor will."""
        for place in group.person.places:
            sequence = self.after.sequence(place.sequence)
            for step in sequence.steps if sequence is not None else ():
                had = step.slug in place.handled or not place.handled.isdisjoint(step.was)
                name = Name(place.sequence, step.slug)
                if had or step.draft or name in new:
                    continue
                if place.status == "completed":
                    self.letters[name].finished += group.people
                else:
                    self.letters[name].past += group.people

    def _series(self, group: Group, before: Course, after: Course) -> None:
        ends_before = {one.sequence: one for one in before.endings}
        ends_after = {one.sequence: one for one in after.endings}
        for place in group.person.places:
            series = self.series[place.sequence]
            old, new = ends_before.get(place.sequence), ends_after.get(place.sequence)
            if place.status == "completed":
                series.continued += group.people if any(m.sequence == place.sequence for m in after.mails) else 0
                continue
            series.active += group.people
            if new is not None and new.how == SEQUENCE_REMOVED:
                series.exits += group.people
            elif old is not None and new is not None and old.how == new.how == "completed" and old.at != new.at:
                series.finish_earlier += group.people if new.at < old.at else 0
                series.finish_now += group.people if new.at == self.now else 0
                series.finish_later += group.people if new.at > old.at else 0
        mine = {place.sequence for place in group.person.places}
        started = {mail.sequence for mail in after.mails} - {mail.sequence for mail in before.mails} - mine
        for slug in started:
            self.series[slug].started += group.people

    def _promises(self, group: Group, before: Course, after: Course, zone: ZoneInfo) -> None:
        if self._twice(group.person, after):
            self.twice += group.people
        known = set(_close(self.before, group.person, before, zone))
        for name, kind in _close(self.after, group.person, after, zone):
            if (name, kind) not in known:
                (self.too_close if kind == "gap" else self.same_day)[name] += group.people

    def _twice(self, person: Person, course: Course) -> bool:
        """Whether a letter of this course was had before, or comes twice, under whatever name."""
        had = {self.name_of(place.sequence, slug) for place in person.places for slug in place.handled}
        coming = [self.name_of(mail.sequence, mail.slug) for mail in course.mails]
        return len(set(coming)) < len(coming) or not had.isdisjoint(coming)


def _close(published: Published, person: Person, course: Course, zone: ZoneInfo) -> Iterable[tuple[Name, str]]:
    """The letters that come too soon after the one before, of any sequence: ("gap"), or on the same day ("day")."""
    times = [(None, person.last_letter_at)] if person.last_letter_at is not None else []
    for (_one, earlier), (mail, later) in pairwise([*times, *((mail, mail.at) for mail in course.mails)]):
        sequence = published.sequence(mail.sequence) if mail is not None else None
        step = sequence.step(mail.slug) if sequence is not None and mail is not None else None
        if mail is None or sequence is None or step is None:
            continue
        name = Name(mail.sequence, step.slug)
        if step.day and later - earlier < sequence.min_gap:
            yield name, "gap"
        if later.astimezone(zone).date() == earlier.astimezone(zone).date():
            yield name, "day"


def _earlier(one: date | None, other: date) -> date:
    return other if one is None else min(one, other)
