"""Decides, right after a claim, what has become of each row since it was planned.

`due_at` is a cached answer. The truth is asked here again, from the live release and today's facts, and a
row that is no longer right is moved, skipped, expired or cancelled before any connection is opened.
"""

from dataclasses import replace
from datetime import datetime
from typing import Protocol
from zoneinfo import ZoneInfo

from leadmagnet.content.sequences import Sequence
from leadmagnet.records import record
from leadmagnet.sequences import schedule
from leadmagnet.sequences.schedule import Because, Done, Facts, PassedOver, Planned
from leadmagnet.sequences.timetable import Timetable


@record
class Send:
    """Still right: send it. The start in `facts` is moved if the letter is late."""

    planned: Planned
    facts: Facts


@record
class Move:
    """Right, but not yet: due later."""

    due: datetime
    facts: Facts
    passed: tuple[PassedOver, ...] = ()


@record
class Pause:
    """The person asked for quiet, and this letter goes then: when the pause is over, at its hour."""

    until: datetime


@record
class Replace:
    """Another letter is next, or none: this one is cancelled, and what follows is planned."""

    reason: str
    following: Planned | Done


@record
class PassOver:
    """Not for this person (`skipped`) or too late (`expired`): it counts as handled, and what follows is planned."""

    state: str
    reason: str
    planned: Planned
    facts: Facts


@record
class End:
    """The series is over for this person."""

    reason: str


@record
class Drop:
    """The enrollment is not running: the row has no business being there."""

    reason: str


Decision = Send | Move | Pause | Replace | PassOver | End | Drop


class Standing(Protocol):
    """What counts of an enrollment: a row that has these, whatever else it holds."""

    @property
    def status(self) -> str: ...
    @property
    def exit_reason(self) -> str | None: ...
    @property
    def paused_until(self) -> datetime | None: ...


def judge(
    enrollment: Standing,
    sequence: Sequence | None,
    slug: str,
    facts: Facts,
    zone: ZoneInfo,
    *,
    timetable: Timetable,
    now: datetime,
) -> Decision:
    """What to do with the claimed letter `slug` of this enrollment. `timetable` is that of the live release."""
    if enrollment.status != "active":
        return Drop(enrollment.exit_reason or enrollment.status)
    if sequence is None:
        return End("sequence removed")
    stop = schedule.stop_reason(sequence, facts)
    if stop is not None:
        return End(stop)
    answer, until = timetable.next_step(sequence, facts, zone), enrollment.paused_until
    planned = answer if isinstance(answer, Planned) and answer.step.slug == slug else None
    if until is not None and until > now:
        held = planned and schedule.after_pause(sequence, planned, facts, zone, until)
        return Pause(held.due if held is not None else until)
    if planned is None:
        return Replace(_gone(sequence, slug), answer)
    return _judge_next(sequence, planned, facts, zone, until, now)


def _judge_next(
    sequence: Sequence, planned: Planned, facts: Facts, zone: ZoneInfo, paused_until: datetime | None, now: datetime
) -> Decision:
    """`paused_until`: the end of a pause that is over, but has not moved her start yet."""
    began = facts.start
    if paused_until is not None:
        facts = schedule.resumed(sequence, planned.step, facts, zone, until=paused_until)
        if facts.start != began:
            planned = schedule.due(sequence, planned.step, facts, zone)
    if schedule.expired(planned, now, zone):
        return PassOver("expired", "not_after has passed", planned, facts)
    start = schedule.moved_start(planned, facts, zone, now=now)
    if start != facts.start:
        facts = replace(facts, start=start)
        planned = schedule.due(sequence, planned.step, facts, zone)
    passed: tuple[PassedOver, ...] = ()
    if facts.start != began:
        # With the later start a letter she is past would look as if it were still to come: it stays passed over.
        passed = tuple(over for over in schedule.passed_over(sequence, facts, planned.step) if over.reason != "draft")
    if planned.due > now:
        return Move(planned.due, facts, passed)
    reason = schedule.skip_reason(planned.step, facts)
    if reason is not None:
        return PassOver("skipped", reason, planned, facts)
    if planned.reason is Because.SLOWER:
        facts = replace(facts, start=schedule.slowed_start(planned, facts, zone))
    return Send(planned, facts)


def _gone(sequence: Sequence, slug: str) -> str:
    step = next((step for step in sequence.steps if step.slug == slug), None)
    if step is None:
        return "letter removed"
    return "draft" if step.draft else "another letter comes first"
