"""Lives somebody's letters through to the end, under one release: pure, by the decisions that the road itself takes.

The letters go on time: each is judged at the very moment it is due, by today's tags and clicks, as `recheck` judges it
after a claim. What waits already is first put right as the re-plan puts it right.
"""

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import NamedTuple

from leadmagnet.content.published import Published
from leadmagnet.content.sequences import Sequence
from leadmagnet.publishing import finished, replan
from leadmagnet.publishing.places import Person, Place, Waiting
from leadmagnet.publishing.unmoved import outdated_below
from leadmagnet.sequences import deliveries, enrollments, recheck
from leadmagnet.sequences.recheck import Drop, End, Move, PassOver, Pause, Replace, Send
from leadmagnet.sequences.schedule import Done, Facts, Planned
from leadmagnet.sequences.timetable import Timetable

#: Far more than anybody's letters can be judged.
_MOST = 10_000


class Mail(NamedTuple):
    """A letter that will go out, at `at` (UTC)."""

    sequence: str
    slug: str
    at: datetime


class Skip(NamedTuple):
    """A letter that she will not get, and why."""

    sequence: str
    slug: str
    reason: str


class Ending(NamedTuple):
    """How a series ends: `completed`, or the reason of an exit."""

    sequence: str
    how: str
    at: datetime


class Moved(NamedTuple):
    """A start that lateness moved: by how much in all, and the local date it came to."""

    sequence: str
    by: timedelta
    day: date


@dataclass(frozen=True, slots=True)
class Course:
    """All that is to come for one person, each in the order of time.

    `moved` is what of her start's time of day had a part in it: who starts on the same day and would be moved to the
    same days has the same course.
    """

    mails: tuple[Mail, ...]
    skips: tuple[Skip, ...]
    endings: tuple[Ending, ...]
    moved: tuple[Moved, ...] = ()


class Projector:
    """Projects people by the letters of one release, from `now` on."""

    def __init__(self, published: Published, *, now: datetime) -> None:
        self.published = published
        self.now = now
        self.timetable = Timetable(published)

    def course(self, person: Person) -> Course:
        """What comes for this person."""
        return _Life(self, person).lived()


@dataclass(slots=True)
class _Series:
    """A place while time goes on."""

    sequence: Sequence | None
    slug: str
    started: datetime
    start: datetime
    handled: frozenset[str]
    clicked: frozenset[str] = frozenset()
    paused_until: datetime | None = None
    wanted_at: datetime | None = None
    status: str = "active"
    exit_reason: str | None = None
    next: str | None = None
    ready: datetime | None = None


@dataclass
class _Life:
    """One person while time goes on."""

    projector: Projector
    person: Person
    mails: list[Mail] = field(default_factory=list)
    skips: list[Skip] = field(default_factory=list)
    endings: list[Ending] = field(default_factory=list)
    moved: list[Moved] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.clock = self.projector.now
        self.zone = self.projector.timetable.zone_of(self.person.timezone)
        self.tags = self.person.tags
        self.last_letter_at = self.person.last_letter_at
        self.series: dict[str, _Series] = {}

    def lived(self) -> Course:
        for place in self.person.places:
            self.series[place.sequence] = _Series(
                self.projector.published.sequence(place.sequence), place.sequence, place.start, place.start,
                place.handled, place.clicked, place.paused_until, place.wanted_at, place.status,
            )  # fmt: skip
        for place in sorted(self.person.places, key=_as_replanned):
            self._enter(self.series[place.sequence], place)
        for _ in range(_MOST):
            coming = [one for one in self.series.values() if one.ready is not None and one.status == "active"]
            if not coming:
                break
            following = min(coming, key=self._turn)
            self.clock = max(self.clock, following.ready or self.clock)
            self._judge(following)
        return Course(tuple(self.mails), tuple(self.skips), tuple(self.endings), tuple(self.moved))

    def _turn(self, series: _Series) -> tuple[datetime, bool, datetime]:
        """What goes first: of what is due, that which was asked for; of the rest, what was ready first.

        Whatever is equal goes in the order of `series`, which is that of planning.
        """
        ready = series.ready or self.clock
        sequence = series.sequence
        step = sequence.step(series.next or "") if sequence is not None else None
        asked_for = sequence is not None and step is not None and deliveries.kind_of(sequence, step)[0] == "guide"
        return max(ready, self.clock), not asked_for, ready

    def _enter(self, series: _Series, place: Place) -> None:
        """Puts right what waits, as the re-plan does."""
        published, waiting = self.projector.published, place.waiting
        if place.status == "completed" and self.person.is_finishing:
            return
        if place.status == "completed":
            series.paused_until = self._quiet(place.paused_until)
            answer = finished.continued(
                self.projector.timetable, series.sequence, self._facts(series), self.zone, series.paused_until
            )
            if answer is not None:
                series.status = "active"
                self._follow(series, answer)
        elif waiting is not None and waiting.in_hand:
            self._sent(series, waiting.slug)
        elif waiting is not None and not waiting.held:
            series.next, series.ready = waiting.slug, waiting.ready_at
            if waiting.release < outdated_below(published, place.sequence, waiting.slug):
                self._replan(series, waiting)

    def _replan(self, series: _Series, waiting: Waiting) -> None:
        if series.sequence is None:
            self._end(series, "exited", replan.SEQUENCE_REMOVED)
            return
        facts = self._facts(series)
        reason, answer = replan.decide(
            self.projector.timetable, series.sequence, waiting.slug, facts, self.zone, paused_until=series.paused_until
        )
        if reason is not None or isinstance(answer, Done):
            self._follow(series, answer)
        elif not waiting.due_at < waiting.ready_at > answer.due:  # a back-off stays
            series.ready = answer.due

    def _judge(self, series: _Series) -> None:
        """One letter at the moment when it is claimed."""
        slug, facts = series.next or "", self._facts(series)
        decision = recheck.judge(
            series, series.sequence, slug, facts, self.zone, timetable=self.projector.timetable, now=self.clock
        )
        match decision:
            case Send(planned, facts):
                self._move_start(series, facts.start)
                self._sent(series, planned.step.slug)
            case Move(due, facts, passed):
                self._move_start(series, facts.start)
                series.ready = due
                self._pass_over(series, [(over.slug, over.reason) for over in passed])
            case Pause(until):
                series.ready = until
            case Replace(_reason, following):
                self._follow(series, following)
            case PassOver(_state, reason, planned, facts):
                self._move_start(series, facts.start)
                slug = planned.step.slug
                self._pass_over(series, [(slug, reason)])
                self._plan(series, facts.after(slug, letter_at=None))
            case End(reason):
                self._end(series, "exited", reason)
            case Drop(reason):
                series.next = series.ready = None

    def _sent(self, series: _Series, slug: str) -> None:
        """A letter went out: what `record` writes with it."""
        sequence, facts = series.sequence, self._facts(series)
        step = sequence.step(slug) if sequence is not None else None
        self.mails.append(Mail(series.slug, slug, self.clock))
        self.last_letter_at = self.clock
        series.handled |= {slug}
        if sequence is None or step is None:
            series.next = series.ready = None
            if sequence is None:
                self._end(series, "exited", replan.SEQUENCE_REMOVED)
                return
            self._plan(series, self._facts(series))
            return
        passed = self.projector.timetable.passed_over(sequence, facts, step)
        self._pass_over(series, [(over.slug, over.reason) for over in passed])
        if step.tag is not None:
            self._give_tag(step.tag)
        self._plan(series, facts.after(slug, letter_at=self.clock))

    def _pass_over(self, series: _Series, passed: list[tuple[str, str]]) -> None:
        self.skips += [Skip(series.slug, slug, reason) for slug, reason in passed]
        series.handled |= {slug for slug, _reason in passed}

    def _plan(self, series: _Series, facts: Facts) -> None:
        if series.sequence is not None:
            self._follow(series, self.projector.timetable.next_step(series.sequence, facts, self.zone))

    def _follow(self, series: _Series, answer: Planned | Done) -> None:
        if isinstance(answer, Planned):
            series.next, series.ready = answer.step.slug, answer.due
            self.series[series.slug] = self.series.pop(series.slug)
            return
        self._end(series, "completed", None)
        then = series.sequence.then if series.sequence is not None else None
        if then is not None:
            self._give_tag(then.removeprefix("tag:"))

    def _end(self, series: _Series, status: str, reason: str | None) -> None:
        series.status, series.exit_reason, series.next, series.ready = status, reason, None, None
        self.endings.append(Ending(series.slug, reason or status, self.clock))

    def _give_tag(self, tag: str) -> None:
        self.tags |= {tag}
        if self.person.is_finishing:
            return
        for sequence in self.projector.published.compiled.sequences.values():
            if sequence.starts == f"tag:{tag}" and sequence.slug not in self.person.been_in | self.series.keys():
                started = _Series(
                    sequence, sequence.slug, self.clock, self.clock, frozenset(), paused_until=self._quiet()
                )
                self.series[sequence.slug] = started
                facts = self._facts(started)
                self._follow(started, enrollments.next_for(sequence, facts, self.zone, started.paused_until))

    def _quiet(self, own: datetime | None = None) -> datetime | None:
        """Until when she wants no letters, by her running series and the pause of her `own` that stands elsewhere."""
        to_enter = [one for one in self.person.places if one.sequence not in self.series]
        pauses = [own, *(one.paused_until for one in self.series.values() if one.status == "active")]
        pauses += [one.paused_until for one in to_enter if one.status == "active"]
        return max((until for until in pauses if until is not None and until > self.clock), default=None)

    def _facts(self, series: _Series) -> Facts:
        return Facts(
            start=series.start,
            last_letter_at=self.last_letter_at,
            handled=series.handled,
            tags=self.tags,
            clicked=series.clicked,
            gap=self.person.gap,
            wanted_at=series.wanted_at,
        )

    def _move_start(self, series: _Series, start: datetime) -> None:
        if start != series.start:
            self.moved.append(Moved(series.slug, start - series.started, start.astimezone(self.zone).date()))
        series.start = start
        series.paused_until = None


def _as_replanned(place: Place) -> tuple[bool, str, str]:
    """The order in which the re-plan comes to people's places: those that wait by letter, then the finished."""
    return place.waiting is None, place.sequence, place.waiting.slug if place.waiting is not None else ""
