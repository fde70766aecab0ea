"""Lives on paper: sequences, people, outages and edits made up, and lived through without a database."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import chain, repeat
from zoneinfo import ZoneInfo

from hypothesis import settings
from hypothesis import strategies as st

from leadmagnet.content.sequences import EVERY_DAY, MIN_GAP, Sequence, Step
from leadmagnet.sequences import schedule
from leadmagnet.sequences.schedule import Because, Done, Facts
from tests.sequences.clocks import ZONES, different_clocks

#: The same examples in every run: a test that fails does so for everybody.
EXAMPLES = settings(derandomize=True, database=None, deadline=None, max_examples=100)
MANY_EXAMPLES = settings(EXAMPLES, max_examples=300)
DAY = timedelta(days=1)
HALF_PAST_SEVEN = time(7, 30)


def letter(slug: str, day: int, **more: object) -> Step:
    """A letter like those of the example site: any day of the week, at 7:30."""
    given = {"number": 10, "send_at": HALF_PAST_SEVEN, "send_on": EVERY_DAY} | more
    return Step(slug=slug, day=day, **given)  # type: ignore[arg-type]


def series(*steps: Step, min_gap: timedelta = MIN_GAP, **more: object) -> Sequence:
    """A sequence of these letters, in this order."""
    given = {"starts": "manual", "guide": None, "stop_when": ()} | more
    return Sequence(slug="hips", title="Hips", min_gap=min_gap, steps=steps, **given)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Edit:
    """A publish: from `at` on, `sequence` is live."""

    at: datetime
    sequence: Sequence


@dataclass(frozen=True)
class Life:
    """Somebody's circumstances. `delays`: by how much each turn of the worker comes too late."""

    zone: ZoneInfo
    confirmed: datetime
    silences: tuple[tuple[datetime, datetime], ...] = ()  # outages and pauses: nothing leaves from … until
    delays: tuple[timedelta, ...] = ()
    edits: tuple[Edit, ...] = ()
    wishes: tuple[datetime, ...] = ()  # when she asks for the next letter now
    slower: tuple[datetime, datetime, int] | None = None  # from … until at most one letter in so many days

    def facts(self, facts: Facts, at: datetime) -> Facts:
        """The facts as her wishes up to then make them."""
        wanted = max((wish for wish in self.wishes if wish <= at), default=None)
        slower = self.slower is not None and self.slower[0] <= at < self.slower[1]
        gap = schedule.own_gap(self.slower[2]) if self.slower is not None and slower else timedelta(0)
        return replace(facts, wanted_at=wanted, gap=gap)

    def words(self) -> list[datetime]:
        """When she says something."""
        return sorted([*self.wishes, *(self.slower or ())[:2]])

    def awake(self, at: datetime) -> datetime:
        """The first moment from `at` on at which something can leave."""
        for begins, ends in sorted(self.silences):
            if begins <= at < ends:
                at = ends
        return at


@dataclass(frozen=True)
class Sent:
    """One letter that went out; `start` as it was then."""

    step: Step
    due: datetime
    at: datetime
    start: datetime
    reason: Because


@dataclass(frozen=True)
class Moved:
    """Lateness that moved the start."""

    step: Step
    due: datetime
    at: datetime
    by: timedelta


def live(sequence: Sequence, life: Life) -> tuple[list[Sent], list[Moved]]:
    """Everything that happens to one person until her series is over."""
    now, facts = life.confirmed, Facts(start=life.confirmed)
    edits, delays = list(life.edits), chain(life.delays, repeat(timedelta(0)))
    sent: list[Sent] = []
    moved: list[Moved] = []
    words = life.words()
    while not isinstance(planned := schedule.next_step(sequence, life.facts(facts, now), life.zone), Done):
        facts = life.facts(facts, now)
        at = life.awake(max(now, planned.due) + next(delays))
        if words and words[0] <= at:
            now = max(now, words.pop(0))
            continue
        if edits and edits[0].at <= at:
            edit = edits.pop(0)
            now, sequence = max(now, edit.at), edit.sequence
            continue
        start = schedule.moved_start(planned, facts, life.zone, now=at)
        if start != facts.start:
            moved.append(Moved(planned.step, planned.due, at, start - facts.start))
            facts = replace(facts, start=start)
            planned = schedule.due(sequence, planned.step, facts, life.zone)
        now = at
        facts = life.facts(facts, at)
        if planned.due <= at:
            facts = replace(facts, start=schedule.slowed_start(planned, facts, life.zone))
            sent.append(Sent(planned.step, planned.due, at, facts.start, planned.reason))
            facts = facts.after(planned.step.slug, letter_at=at)
    return sent, moved


def at_allowed_time(due: datetime, step: Step, zone: ZoneInfo) -> bool:
    """True at `send_at` on an allowed weekday, and at the end of a gap that swallowed such a time."""
    here = due.astimezone(zone)
    if here.time() == step.send_at and here.fold == 0 and here.weekday() in step.send_on:
        return True
    eve = (due - timedelta(seconds=1)).astimezone(zone).replace(tzinfo=None)
    return any(
        eve < datetime.combine(day, step.send_at) < here.replace(tzinfo=None) and day.weekday() in step.send_on
        for day in (here.date(), here.date() - DAY)
    )


def local_date(at: datetime, zone: ZoneInfo) -> date:
    return at.astimezone(zone).date()


def identity(step: Step) -> str:
    """The slug a letter was born with."""
    return step.was[0] if step.was else step.slug


instants = st.integers(0, 11 * 365 * 24 * 60).map(
    lambda minutes: datetime(2024, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
)
zones = st.sampled_from(ZONES).map(ZoneInfo)
send_times = st.one_of(
    st.sampled_from([time(0, 0), time(0, 30), time(1, 30), time(2, 0), time(2, 30), time(23, 30), HALF_PAST_SEVEN]),
    st.builds(time, st.integers(0, 23), st.integers(0, 59)),
)
weekdays = st.one_of(st.just(EVERY_DAY), st.frozensets(st.integers(0, 6), min_size=1))
hours = st.integers(0, 60).map(lambda count: timedelta(hours=count))


@st.composite
def steps(draw: st.DrawFn, slug: str, since: datetime | None = None) -> Step:
    """Any letter that an operator can write."""
    return letter(
        slug,
        draw(st.integers(0, 21)),
        send_at=draw(send_times),
        send_on=draw(weekdays),
        draft=draw(st.sampled_from([False, False, False, True])),
        catch_up=draw(st.booleans()),
        since=since,
    )


all_changes = st.sampled_from([(zone, change) for clock, zone in different_clocks().items() for change in clock])


@st.composite
def _before_a_change(draw: st.DrawFn) -> tuple[ZoneInfo, datetime]:
    zone, (at, _before, _after) = draw(all_changes)
    return zone, at - timedelta(minutes=draw(st.integers(0, 21 * 24 * 60)))


@st.composite
def on_a_change(draw: st.DrawFn) -> tuple[ZoneInfo, datetime, Step]:
    """A zone, a start, and a letter at a time of day that the change of clocks on its day skips or repeats."""
    zone, (at, before, after) = draw(all_changes)
    skipped = at.replace(tzinfo=None) + before + (after - before) * draw(st.integers(0, 59)) / 60
    step = draw(steps("letter")).model_copy(
        update={"day": draw(st.integers(1, 21)), "send_at": skipped.time().replace(second=0)}
    )
    return zone, at - step.day * DAY + timedelta(hours=draw(st.integers(-12, 12))), step


@st.composite
def sequences(draw: st.DrawFn) -> Sequence:
    """A first release: mostly in the order of days, as `check` wants it."""
    made = [draw(steps(f"letter-{number}")) for number in range(draw(st.integers(1, 6)))]
    if draw(st.sampled_from([True, True, False])):
        made.sort(key=lambda step: step.day)
    return series(*made, min_gap=draw(hours))


@st.composite
def lives(draw: st.DrawFn, sequence: Sequence) -> Life:
    """Any person, any circumstances."""
    zone, confirmed = draw(st.one_of(st.tuples(zones, instants), _before_a_change()))
    silences = [
        (confirmed + timedelta(hours=draw(st.integers(0, 600))), timedelta(hours=draw(st.integers(1, 400))))
        for _ in range(draw(st.integers(0, 2)))
    ]
    return Life(
        zone=zone,
        confirmed=confirmed,
        silences=tuple((begins, begins + lasting) for begins, lasting in silences),
        delays=tuple(draw(st.lists(st.integers(0, 100).map(lambda count: timedelta(hours=count)), max_size=8))),
        edits=tuple(_edits(draw, sequence, confirmed)),
    )


def _edits(draw: st.DrawFn, sequence: Sequence, at: datetime) -> Iterator[Edit]:
    gone: list[Step] = []
    for number in range(draw(st.integers(0, 4))):
        at += timedelta(hours=draw(st.integers(0, 300)))
        sequence = draw(_edited(sequence, at, f"new-{number}", gone))
        yield Edit(at, sequence)


@st.composite
def _edited(draw: st.DrawFn, sequence: Sequence, at: datetime, new: str, gone: list[Step]) -> Sequence:
    """One edit, dated as a publish at `at` would date it. Deleted letters go to `gone`, and may return from there."""
    now = list(sequence.steps)
    place = draw(st.integers(0, max(len(now) - 1, 0)))
    kind = draw(st.sampled_from(["add", "return", "delete", "rename", "day", "draft", "time", "shuffle"]))
    if kind == "add" or not now:
        now.insert(place, draw(steps(new, since=at)))
    elif kind == "return" and gone:
        now.insert(place, gone.pop().model_copy(update={"since": at}))
    elif kind == "delete":
        gone.append(now.pop(place))
    elif kind == "shuffle":
        now = draw(st.permutations(now))
    else:
        now[place] = now[place].model_copy(update=_change(draw, now[place], kind, at, new))
    return sequence.model_copy(update={"steps": tuple(now)})


def _change(draw: st.DrawFn, step: Step, kind: str, at: datetime, new: str) -> dict[str, object]:
    if kind == "rename":
        return {"slug": f"{step.slug}-{new}", "was": (*step.was, step.slug)}
    if kind == "day":
        return {"day": draw(st.integers(0, 21))}
    if kind == "draft":
        return {"draft": False, "since": at} if step.draft else {"draft": True}
    return {"send_at": draw(send_times), "send_on": draw(weekdays)}
