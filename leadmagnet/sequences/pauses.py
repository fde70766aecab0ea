"""The quiet of one person: her letters wait until a date, then go on in their old rhythm."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Row, select, update
from sqlalchemy.orm import Session

from leadmagnet.audience import history
from leadmagnet.content.published import Published
from leadmagnet.sequences import deliveries, enrollments, schedule
from leadmagnet.sequences import facts as people_facts
from leadmagnet.sequences.schedule import Facts, Planned
from leadmagnet.store.models import Delivery, Enrollment, Subscriber


@dataclass(frozen=True, slots=True)
class Moved:
    """The next letter of one series, and when it was and is due: the same time twice if nothing moved."""

    sequence: str
    letter: str
    before: datetime
    after: datetime


@dataclass(frozen=True, slots=True)
class Quiet:
    """A pause as it was before, and as it is now; None: none."""

    before: datetime | None
    until: datetime | None
    moved: tuple[Moved, ...]  # one for each letter that waits, the first to go first


def pause(
    session: Session, published: Published, subscriber: Subscriber, until: datetime, *, by: str, now: datetime
) -> Quiet | None:
    """Lets no letter go to a person before `until`; None if no series of hers runs.

    `subscriber` is locked by `subscribers.get`. Each series is written here, which a gate that is open
    makes wait and a later one sees. The pause ends by itself: her next letter is due after it, and
    is the one that moves her start.
    """
    running = enrollments.running(session, subscriber)
    if not running:
        return None
    before = _latest(running, now)
    for series in running:
        series.paused_until = until
        series.wanted_at = None  # a letter that she asked for before: this is her later word
    session.flush()
    moved = _plan(session, published, subscriber, {series.id: (series, until) for series in running}, now=now)
    if before != until:
        history.write(session, subscriber.id, "paused", by=by, now=now, until=until.isoformat())
    return Quiet(before, until, moved)


def resume(session: Session, published: Published, subscriber: Subscriber, *, by: str, now: datetime) -> Quiet | None:
    """Ends a person's pause now; None if she was not paused. Her letters go on where they stopped, in their rhythm."""
    running = enrollments.running(session, subscriber)
    before = _latest(running, now)
    if before is None:
        return None
    paused = {series.id: (series, now) for series in running if series.paused_until is not None}
    moved = _plan(session, published, subscriber, paused, now=now, over=True)
    for series, _now in paused.values():
        series.paused_until = None
    session.flush()
    history.write(session, subscriber.id, "resumed", by=by, now=now)
    return Quiet(before, None, moved)


def _latest(running: Collection[Enrollment], now: datetime) -> datetime | None:
    ends = (series.paused_until for series in running if series.paused_until is not None and series.paused_until > now)
    return max(ends, default=None)


def _plan(
    session: Session,
    published: Published,
    subscriber: Subscriber,
    paused: Mapping[int, tuple[Enrollment, datetime]],
    *,
    over: bool = False,
    now: datetime,
) -> tuple[Moved, ...]:
    """Puts the letters that wait at their new times; if the pause is `over`, moves the starts as well.

    A letter that a worker has in hand this moment is left to it: its claim or its gate finds the pause.
    """
    waiting = _waiting(session, subscriber.id, list(paused))
    known = {id_: people_facts.series_of(one, subscriber) for id_, (one, _until) in paused.items()}
    gathered = people_facts.gather(session, known)
    moved: list[Moved] = []
    for row in waiting:
        series, until = paused[row.enrollment_id]
        facts = gathered[series.id]
        if moved:  # two letters on one morning would be one too many
            facts = replace(facts, last_letter_at=moved[-1].after)
        after = _put(session, published, subscriber, series, row, facts, until, over=over, now=now)
        if after is not None:
            moved.append(Moved(series.sequence, row.step, row.due_at, after))
    return tuple(moved)


def _waiting(session: Session, subscriber_id: int, series: list[int]) -> list[Row[Any]]:
    rows = (
        select(Delivery.id, Delivery.enrollment_id, Delivery.step, Delivery.due_at)
        .where(Delivery.subscriber_id == subscriber_id, Delivery.enrollment_id.in_(series))
        .where(Delivery.state == "pending", Delivery.step.is_not(None))
        .order_by(Delivery.due_at, Delivery.id)
        .with_for_update(skip_locked=True)
    )
    return list(session.execute(rows))


def _put(
    session: Session,
    published: Published,
    subscriber: Subscriber,
    series: Enrollment,
    row: Row[Any],
    facts: Facts,
    until: datetime,
    *,
    over: bool,
    now: datetime,
) -> datetime | None:
    """When the letter of `row` goes from now on; None if it is not her next one: a re-plan is under way."""
    sequence = published.sequence(series.sequence)
    zone = published.zone_of(subscriber.timezone)
    planned = schedule.next_step(sequence, facts, zone) if sequence is not None else None
    if sequence is None or not isinstance(planned, Planned) or planned.step.slug != row.step:
        return None
    later = schedule.resumed(sequence, planned.step, facts, zone, until=until)
    due = schedule.due(sequence, planned.step, later, zone).due
    if due != row.due_at:
        session.execute(
            update(Delivery).where(Delivery.id == row.id, Delivery.state == "pending").values(due_at=due, ready_at=due)
        )
    if over and later.start != facts.start:
        series.start_at = later.start
        # With the later start a letter she is past would look as if it were still to come.
        passed = [one for one in schedule.passed_over(sequence, facts, planned.step) if one.reason != "draft"]
        deliveries.pass_over(session, published, [(series.id, subscriber, sequence, one) for one in passed], now=now)
    return due
