"""Answers "which letter next, and when" for one person: pure, and the only place that knows.

due = the first allowed `send_at`, in the subscriber's zone, at or after both (the start's local date
+ `day`) and (the last letter to this person, of any sequence, + `min_gap`). `day = 0` goes at once.
"""

import itertools
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from leadmagnet.content.sequences import Condition, Sequence, Step

#: Lateness up to here is a slow day; beyond it the person's start moves, so that nothing bursts.
TOLERATED_LATENESS = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Facts:
    """What the schedule must know of one person in one sequence."""

    start: datetime  # day 0, UTC; lateness has already moved it
    last_letter_at: datetime | None = None  # of any sequence; None: none yet
    handled: frozenset[str] = frozenset()  # slugs sent, maybe sent, skipped, expired or failed for good
    tags: frozenset[str] = frozenset()
    clicked: frozenset[str] = frozenset()  # slugs of letters in which a link was followed

    def after(self, slug: str, *, letter_at: datetime | None) -> "Facts":
        """The facts once `slug` has been handled; `letter_at` is set if a letter really went out."""
        last = letter_at or self.last_letter_at
        return Facts(self.start, last, self.handled | {slug}, self.tags, self.clicked)


class Because(StrEnum):
    """Why a letter is due when it is."""

    AT_ONCE = "day 0 goes at once"
    DAY = "its day"
    MIN_GAP = "min_gap after the last letter"
    WEEKDAY = "the first allowed weekday"
    CATCH_UP = "added later, and catches up"
    PAUSE = "the end of her own pause"


@dataclass(frozen=True, slots=True)
class Planned:
    """The next letter, due at `due` (UTC)."""

    step: Step
    due: datetime
    reason: Because


@dataclass(frozen=True, slots=True)
class Done:
    """Nothing follows: the person has had the whole sequence."""


@dataclass(frozen=True, slots=True)
class PassedOver:
    """A letter that a person went past without getting it."""

    slug: str
    reason: str


def next_step(sequence: Sequence, facts: Facts, zone: ZoneInfo) -> Planned | Done:
    """The first letter in order that this person has not handled and is not past."""
    for step in ahead(sequence, facts):
        planned = due(sequence, step, facts, zone)
        if step.since is not None and planned.due < step.since:
            continue  # her turn was before this letter existed
        return planned
    return Done()


def ahead(sequence: Sequence, facts: Facts) -> tuple[Step, ...]:
    """The letters that may still come, in order: told by what this person has handled, without looking at dates."""
    position = _position(sequence, facts)
    return tuple(
        step
        for index, step in enumerate(sequence.steps)
        if not step.draft and not _handled(step, facts) and (index > position or step.catch_up)
    )


def due(sequence: Sequence, step: Step, facts: Facts, zone: ZoneInfo) -> Planned:
    """When just this letter is due, whatever stands before it in the order."""
    planned = _due(step, sequence.min_gap, facts, zone)
    if step.catch_up and step.since is not None and planned.due < step.since:
        return _due(step, sequence.min_gap, facts, zone, not_before=step.since)
    return planned


def passed_over(sequence: Sequence, facts: Facts, step: Step) -> tuple[PassedOver, ...]:
    """The letters that a person has gone past for good once `step` is handled."""
    # From the first on: a letter may also have been added far behind her.
    before = itertools.takewhile(lambda other: other.slug != step.slug, sequence.steps)
    return tuple(
        PassedOver(other.slug, "draft" if other.draft else "added after her turn")
        for other in before
        if not _handled(other, facts) and not other.catch_up
    )


def skip_reason(step: Step, facts: Facts) -> str | None:
    """Why the conditions of `step` keep it from this person, or None; judged when it is due.

    Of each list all entries must hold: `only_if` to send, `skip_if` to skip.
    """
    for condition in step.only_if:
        if not _holds(condition, facts):
            return f"only if {_spell(condition)}"
    if step.skip_if and all(_holds(condition, facts) for condition in step.skip_if):
        return f"skipped if {' and '.join(map(_spell, step.skip_if))}"
    return None


def stop_reason(sequence: Sequence, facts: Facts) -> str | None:
    """The `stop_when` tag this person carries, as the reason to end the series, or None."""
    return next((stop for stop in sequence.stop_when if stop.startswith("tag:") and stop[4:] in facts.tags), None)


def lateness(planned: Planned, now: datetime) -> timedelta:
    """By how much the person's start moves, because this letter is that late; zero up to a day."""
    late = now - planned.due
    return late if late > TOLERATED_LATENESS else timedelta(0)


def moved_start(planned: Planned, facts: Facts, zone: ZoneInfo, *, now: datetime) -> datetime:
    """The person's start, moved by as much as this letter is late."""
    late = lateness(planned, now)
    if not late:
        return facts.start
    own_day = facts.start.astimezone(zone).date() + timedelta(days=planned.step.day)
    if planned.due.astimezone(zone).date() > own_day:
        # Something else holds this letter back, which the start cannot move: without this bound each retry would
        # move the start once more.
        late = min(late, max(now.astimezone(zone).date() - own_day, timedelta(0)))
    return facts.start + late


def resumed(sequence: Sequence, step: Step, facts: Facts, zone: ZoneInfo, *, until: datetime) -> Facts:
    """The facts at the end of a pause: the start moves by as many days as the pause holds `step` back.

    From then on `due` says the first allowed `send_at` from the pause's end on. A letter that is not due before
    moves nothing.
    """
    # Without the gap: what another series sent last must not hide how long this one was held back.
    alone = _due(step, sequence.min_gap, replace(facts, last_letter_at=None), zone)
    if alone.due >= until:
        return facts
    if step.day == 0:
        return replace(facts, start=until)
    start = facts.start.astimezone(zone)
    own_day = start.date() + timedelta(days=step.day)
    first = _due(step, sequence.min_gap, replace(facts, last_letter_at=None), zone, not_before=until)
    moved = first.due.astimezone(zone).date() - own_day
    return replace(facts, start=_instant(start.date() + moved, start.time(), zone))


def after_pause(sequence: Sequence, planned: Planned, facts: Facts, zone: ZoneInfo, until: datetime | None) -> Planned:
    """When a letter goes to somebody who is paused until then; None: she is not."""
    if until is None:
        return planned
    later = resumed(sequence, planned.step, facts, zone, until=until)
    if later.start == facts.start:
        return planned
    return replace(due(sequence, planned.step, later, zone), reason=Because.PAUSE)


def day_begins(day: date, zone: ZoneInfo) -> datetime:
    """The UTC instant before which no letter of that local day, or of a later one, can be due."""
    return _instant(day, time(0), zone)


def expired(planned: Planned, now: datetime, zone: ZoneInfo) -> bool:
    """True once the letter's `not_after` has passed."""
    step = planned.step
    if step.expires_after is not None and now > planned.due + step.expires_after:
        return True
    return step.expires_on is not None and now.astimezone(zone).date() > step.expires_on


def _position(sequence: Sequence, facts: Facts) -> int:
    """The place of the last handled step in today's order; -1 before the first."""
    return max((index for index, step in enumerate(sequence.steps) if _handled(step, facts)), default=-1)


def _handled(step: Step, facts: Facts) -> bool:
    return step.slug in facts.handled or bool(step.was and not facts.handled.isdisjoint(step.was))


def _holds(condition: Condition, facts: Facts) -> bool:
    have = facts.tags if condition.kind == "tag" else facts.clicked
    return (condition.name in have) != condition.negated


def _spell(condition: Condition) -> str:
    return f"{'not ' if condition.negated else ''}{condition.kind}:{condition.name}"


def _due(step: Step, min_gap: timedelta, facts: Facts, zone: ZoneInfo, not_before: datetime | None = None) -> Planned:
    if step.day == 0:
        due = facts.start if not_before is None else max(facts.start, not_before)
        return Planned(step, due, Because.AT_ONCE)
    own_day = facts.start.astimezone(zone).date() + timedelta(days=step.day)
    gap_ends = facts.last_letter_at + min_gap if facts.last_letter_at is not None else None
    bounds = [bound for bound in (gap_ends, not_before) if bound is not None]
    bound = max(bounds, default=None)
    first = own_day if bound is None else max(own_day, bound.astimezone(zone).date())
    for days in itertools.count():
        day = first + timedelta(days=days)
        due = _instant(day, step.send_at, zone)
        if day.weekday() in step.send_on and (bound is None or due >= bound):
            return Planned(step, due, _because(step, own_day, day, gap_ends, not_before, zone))
    raise AssertionError("unreachable: send_on is never empty")


def _because(
    step: Step, own_day: date, day: date, gap_ends: datetime | None, not_before: datetime | None, zone: ZoneInfo
) -> Because:
    if day == own_day:
        return Because.DAY
    if gap_ends is not None:
        allowed = own_day.weekday() in step.send_on
        if gap_ends.astimezone(zone).date() > own_day or (allowed and gap_ends > _instant(own_day, step.send_at, zone)):
            return Because.MIN_GAP
    return Because.CATCH_UP if not_before is not None else Because.WEEKDAY


def _instant(day: date, at: time, zone: ZoneInfo) -> datetime:
    """The UTC instant of a local time: in a fold the first, in a gap the first instant that exists."""
    local = datetime.combine(day, at, zone)
    instant = local.astimezone(UTC)
    if instant.astimezone(zone).replace(tzinfo=None) == local.replace(tzinfo=None):
        return instant
    # A gap: the clocks jumped over this time. fold=0 reads it with the offset before the jump and so lands
    # after it, fold=1 the other way round: the jump lies between the two.
    before, after = local.replace(fold=1).astimezone(UTC), instant
    while after - before > timedelta(seconds=1):
        middle = before + (after - before) / 2
        if middle.astimezone(zone).utcoffset() == after.astimezone(zone).utcoffset():
            after = middle
        else:
            before = middle
    return after.replace(microsecond=0)
