"""Answers "which letter next, and when" for one person: pure, and the only place that knows.

due = the first allowed `send_at`, in the subscriber's zone, at or after both (the start's local date
+ `day`) and (the last letter to this person, of any sequence, + `min_gap`, or the longer gap that she asked for).
`day = 0` goes at once, and so does a letter that she asked for now.
"""

import itertools
from dataclasses import replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from leadmagnet.content.sequences import Condition, Sequence, Step
from leadmagnet.records import record
from leadmagnet.sequences.instants import instant

#: Why somebody went past a letter that is no draft.
ADDED = "added after her turn"
MOVED = "moved behind her"
#: Lateness up to here is a slow day; beyond it the person's start moves, so that nothing bursts.
TOLERATED_LATENESS = timedelta(days=1)
#: By so much less than whole days may lie between letters of which somebody wants one in so many days: else a letter
#: that went out some minutes late would push the next one from its hour to the day after.
_SLOW_DAY = timedelta(hours=4)


def own_gap(days: int | None) -> timedelta:
    """The least time between two letters to who wants at most one in so many days; None: no wish of hers."""
    return timedelta(days=days) - _SLOW_DAY if days is not None else timedelta(0)


@record
class Facts:
    """What the schedule must know of one person in one sequence."""

    start: datetime  # day 0, UTC; lateness has already moved it
    last_letter_at: datetime | None = None  # of any sequence; None: none yet
    handled: frozenset[str] = frozenset()  # slugs sent, maybe sent, skipped, expired or failed for good
    tags: frozenset[str] = frozenset()
    clicked: frozenset[str] = frozenset()  # slugs of letters in which a link was followed
    gap: timedelta = timedelta(0)  # the least time between two letters that she asked for: see `own_gap`
    wanted_at: datetime | None = None  # when she asked for her next letter at once; None: she did not

    @property
    def wanted(self) -> datetime | None:
        """Since when a letter is wanted at once; None: none is, or one went after she asked."""
        last, wanted = self.last_letter_at, self.wanted_at
        return wanted if wanted is not None and (last is None or wanted > last) else None

    def after(self, slug: str, *, letter_at: datetime | None) -> "Facts":
        """The facts once `slug` has been handled; `letter_at` is set if a letter really went out."""
        last = letter_at or self.last_letter_at
        return Facts(self.start, last, self.handled | {slug}, self.tags, self.clicked, self.gap, self.wanted_at)


class Because(StrEnum):
    """Why a letter is due when it is."""

    AT_ONCE = "day 0 goes at once"
    DAY = "its day"
    MIN_GAP = "min_gap after the last letter"
    WEEKDAY = "the first allowed weekday"
    CATCH_UP = "added later, and catches up"
    PAUSE = "the end of her own pause"
    SLOWER = "she asked for fewer letters"
    WANTED = "she asked for it now"


@record
class Planned:
    """The next letter, due at `due` (UTC)."""

    step: Step
    due: datetime
    reason: Because
    turn: datetime | None = None  # when it would be due, had she not asked for it now; None: she did not

    @property
    def in_turn(self) -> datetime:
        """When its turn is, which lateness is measured from: who got a letter early is not late."""
        return self.turn or self.due


@record
class Done:
    """Nothing follows: the person has had the whole sequence."""


@record
class PassedOver:
    """A letter that a person went past without getting it."""

    slug: str
    reason: str


def next_step(sequence: Sequence, facts: Facts, zone: ZoneInfo) -> Planned | Done:
    """The first letter in order that this person has not handled and is not past."""
    for step in ahead(sequence, facts):
        planned = due(sequence, step, facts, zone)
        if step.since is not None and planned.in_turn < step.since:
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
    planned, wanted = _in_turn(sequence, step, facts, zone), facts.wanted
    if wanted is None:
        return planned
    if step.since is not None:  # she asked before this letter was there
        wanted = max(wanted, step.since)
    return Planned(step, wanted, Because.WANTED, planned.due) if wanted < planned.due else planned


def _in_turn(sequence: Sequence, step: Step, facts: Facts, zone: ZoneInfo) -> Planned:
    gap = max(sequence.min_gap, facts.gap)
    planned = _due(step, gap, facts, zone)
    if step.catch_up and step.since is not None and planned.due < step.since:
        planned = _due(step, gap, facts, zone, not_before=step.since)
    if planned.reason is Because.MIN_GAP and gap > sequence.min_gap:
        usual = _in_turn(sequence, step, replace(facts, gap=timedelta(0)), zone)
        return replace(planned, reason=Because.SLOWER) if usual.due < planned.due else planned
    return planned


def passed_over(sequence: Sequence, facts: Facts, step: Step) -> tuple[PassedOver, ...]:
    """The letters that a person has gone past for good once `step` is handled."""
    # From the first on: a letter may also have been added far behind her.
    before = itertools.takewhile(lambda other: other.slug != step.slug, sequence.steps)
    return tuple(
        PassedOver(other.slug, why_passed(other))
        for other in before
        if not _handled(other, facts) and not other.catch_up
    )


def why_passed(step: Step) -> str:
    """Why a letter went by somebody who is past it, in the words that its row keeps."""
    if step.draft:
        return "draft"
    # What was there from the first version on can only have been moved to where she had been already.
    return ADDED if step.since is not None else MOVED


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
    late = now - planned.in_turn
    return late if late > TOLERATED_LATENESS else timedelta(0)


def moved_start(planned: Planned, facts: Facts, zone: ZoneInfo, *, now: datetime) -> datetime:
    """The person's start, moved by as much as this letter is late."""
    late = lateness(planned, now)
    if not late:
        return facts.start
    own_day = facts.start.astimezone(zone).date() + timedelta(days=planned.step.day)
    if planned.in_turn.astimezone(zone).date() > own_day:
        # Something else holds this letter back, which the start cannot move: without this bound each retry would
        # move the start once more.
        late = min(late, max(now.astimezone(zone).date() - own_day, timedelta(0)))
    return facts.start + late


def slowed_start(planned: Planned, facts: Facts, zone: ZoneInfo) -> datetime:
    """The person's start, moved by as many days as her own gap holds back this letter, which goes now.

    So the days of the letters after it count from the day it goes: who wants her letters as usual again gets no burst.
    A letter that catches up belongs to no day of hers.
    """
    step = planned.step
    if planned.reason is not Because.SLOWER or (step.catch_up and step.since is not None):
        return facts.start
    start = facts.start.astimezone(zone)
    own_day = start.date() + timedelta(days=step.day)
    return instant(start.date() + (planned.due.astimezone(zone).date() - own_day), start.time(), zone)


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
    return replace(facts, start=instant(start.date() + moved, start.time(), zone))


def after_pause(sequence: Sequence, planned: Planned, facts: Facts, zone: ZoneInfo, until: datetime | None) -> Planned:
    """When a letter goes to somebody who is paused until then; None: she is not."""
    if until is None:
        return planned
    facts = replace(facts, wanted_at=None)  # she asked for quiet since
    later = resumed(sequence, planned.step, facts, zone, until=until)
    if later.start == facts.start:
        return planned if planned.turn is None else due(sequence, planned.step, facts, zone)
    return replace(due(sequence, planned.step, later, zone), reason=Because.PAUSE)


def expired(planned: Planned, now: datetime, zone: ZoneInfo) -> bool:
    """True once the letter's `not_after` has passed."""
    step = planned.step
    if step.expires_after is not None and now > planned.in_turn + step.expires_after:
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
        due = instant(day, step.send_at, zone)
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
        if gap_ends.astimezone(zone).date() > own_day or (allowed and gap_ends > instant(own_day, step.send_at, zone)):
            return Because.MIN_GAP
    return Because.CATCH_UP if not_before is not None else Because.WEEKDAY
