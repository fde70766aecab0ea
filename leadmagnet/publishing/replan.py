"""Re-plans people after a publish, in chunks that may stop and go on anywhere.

A pending letter carries the release that planned it: what is left to do is exactly the rows of an older release
whose letter has been moved since. A row that is claimed before its turn is put right by the claim itself.
"""

from collections import defaultdict
from collections.abc import Sequence as Rows
from datetime import datetime
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import (
    Select,
    Update,
    bindparam,
    case,
    select,
    tuple_,
    update,
)
from sqlalchemy.orm import Session

from leadmagnet.content.published import Published
from leadmagnet.content.sequences import Sequence
from leadmagnet.publishing import finished
from leadmagnet.publishing.unmoved import outdated_below
from leadmagnet.sequences import deliveries, enrollments, schedule
from leadmagnet.sequences import facts as people_facts
from leadmagnet.sequences.schedule import Done, Facts, Planned, own_gap
from leadmagnet.sequences.timetable import Timetable
from leadmagnet.sequences.timetable import of as timetable_of
from leadmagnet.store import batches
from leadmagnet.store.dialect import among, table
from leadmagnet.store.models import Delivery, Enrollment
from leadmagnet.store.statements import Statement


class _Mark(NamedTuple):
    """A place in the index of what is planned: everything up to it has been seen."""

    sequence: str = ""
    step: str = ""
    release: int = 0
    id: int = 0


class _Person(NamedTuple):
    id: int
    domain_group: str


#: Why a series ends that is in no release any more.
SEQUENCE_REMOVED = "sequence removed"

_START = _Mark()
_LAST = 2**62

_delivery, _enrollment = table(Delivery), table(Enrollment)
_PLANNED = (_delivery.c.state == "pending", _delivery.c.step.is_not(None))


@Statement
def _next_letter(_for_sqlite: bool) -> Select[*tuple[Any, ...]]:
    """The first row behind a mark."""
    place = (_delivery.c.sequence, _delivery.c.step, _delivery.c.release_id, _delivery.c.id)
    mark = tuple_(bindparam("sequence"), bindparam("step"), bindparam("release"), bindparam("id"))
    return select(*place[:3]).where(*_PLANNED, tuple_(*place) > mark).order_by(*place).limit(1)


class Replan:
    """One process's share of the re-plan. Any number may run: each takes rows that no other has locked.

    It keeps the schedule's answers from chunk to chunk, and where it is; what is left to do stands in the rows.
    """

    def __init__(self) -> None:
        self._mark = _START
        self._timetable: Timetable | None = None
        self._finished = finished.CatchUp()

    def chunk(self, session: Session, published: Published, *, limit: int, now: datetime) -> int:
        """Puts up to `limit` people right for the live release; returns how many were looked at, 0 when all are.

        First those who wait for a letter, then those who have finished and are to catch up.
        """
        if self._timetable is None or self._timetable.published is not published:
            self._timetable, self._mark = timetable_of(published), _START
        began = self._mark
        looked_at = self._go_on(session, self._timetable, limit, now)
        if not looked_at and began != _START:  # once more, for what was planned behind the mark
            looked_at = self._go_on(session, self._timetable, limit, now)
        # One fewer than asked for: how many rows fit into a transaction is learned from those who wait.
        return looked_at or self._finished.chunk(session, self._timetable, limit=max(1, limit - 1), now=now)

    def _go_on(self, session: Session, timetable: Timetable, limit: int, now: datetime) -> int:
        """One chunk from the mark on; at the end the mark is at the start again."""
        looked_at = 0
        while looked_at < limit:
            ahead = _next_letter.run(session, **self._mark._asdict())
            if not ahead:
                self._mark = _START
                break
            (found,) = ahead
            mark = self._mark if self._mark[:2] == found[:2] else _Mark(found.sequence, found.step)
            self._mark = _Mark(found.sequence, found.step, _LAST, _LAST)
            below = outdated_below(timetable.published, found.sequence, found.step)
            if found.release_id >= below:
                continue
            rows = _outdated.run(session, **mark._asdict(), below=below, limit=limit - looked_at)
            if rows:
                _put_right(session, timetable, mark, rows, now)
            if len(rows) == limit - looked_at:
                self._mark = mark._replace(release=rows[-1].release_id, id=rows[-1].id)
            looked_at += len(rows)
        return looked_at


def chunk(session: Session, published: Published, *, limit: int, now: datetime) -> int:
    """One chunk from the start, by nobody who goes on."""
    return Replan().chunk(session, published, limit=limit, now=now)


@Statement
def _outdated(for_sqlite: bool) -> Select[*tuple[Any, ...]]:
    """Rows of the letter at a mark, locked; those that somebody else has locked are left to them."""
    its = _delivery.c
    found = (
        select(its.id, its.release_id, its.enrollment_id, its.subscriber_id, its.domain_group)
        .where(
            *_PLANNED,
            its.sequence == bindparam("sequence"),
            its.step == bindparam("step"),
            its.release_id < bindparam("below"),
            tuple_(its.release_id, its.id) > tuple_(bindparam("release"), bindparam("id")),
        )
        .order_by(its.release_id, its.id)
        .limit(bindparam("limit"))
    )
    return found if for_sqlite else found.with_for_update(skip_locked=True)


def _put_right(session: Session, timetable: Timetable, letter: _Mark, rows: Rows[Any], now: datetime) -> None:
    """Settles rows that all wait for one letter."""
    published = timetable.published
    sequence = published.sequence(letter.sequence)
    if sequence is None:
        _end(session, rows, now)
        return
    # A statement of its own, after the locks: what was committed before them counts.
    standing = people_facts.standings(session, [row.enrollment_id for row in rows])
    kept: list[tuple[int, Planned]] = []
    gone: dict[str, list[int]] = defaultdict(list)
    following: dict[int, tuple[_Person, Sequence, Planned | Done]] = {}
    for row in rows:
        found = standing[row.enrollment_id]
        if found.start_at is None:
            gone["the letters have not started"].append(row.id)
            continue
        facts = Facts(
            found.start_at,
            found.last_letter_at,
            frozenset((found.handled or "").split()),
            gap=own_gap(found.gap_days),
            wanted_at=found.wanted_at,
        )
        zone = timetable.zone_of(found.timezone)
        reason, answer = decide(timetable, sequence, letter.step, facts, zone, paused_until=found.paused_until)
        if reason is None and isinstance(answer, Planned):
            kept.append((row.id, answer))
        else:
            gone[reason or ""].append(row.id)
            following[row.enrollment_id] = (_Person(row.subscriber_id, row.domain_group), sequence, answer)
    _keep(session, published, sequence, kept)
    for reason, ids in gone.items():
        deliveries.cancel_pending(session, reason, among(session, Delivery.id, ids), now=now)
    enrollments.follow(session, published, following, now=now)


def decide(
    timetable: Timetable,
    sequence: Sequence,
    slug: str,
    facts: Facts,
    zone: ZoneInfo,
    *,
    paused_until: datetime | None,
) -> tuple[str | None, Planned | Done]:
    """What is next for somebody who waits for the letter `slug`, and why that is gone; None: it still is the next."""
    answer = timetable.next_step(sequence, facts, zone)
    if paused_until is not None and isinstance(answer, Planned):  # no edit brings a letter into her pause
        answer = schedule.after_pause(sequence, answer, facts, zone, paused_until)
    if isinstance(answer, Planned) and answer.step.slug == slug:
        return None, answer
    return _gone(sequence, slug), answer


def _end(session: Session, rows: Rows[Any], now: datetime) -> None:
    reason = SEQUENCE_REMOVED
    deliveries.cancel_pending(session, reason, among(session, Delivery.id, [row.id for row in rows]), now=now)
    session.execute(
        update(_enrollment)
        .where(among(session, _enrollment.c.id, [row.enrollment_id for row in rows]), _enrollment.c.status == "active")
        .values(status="exited", exit_reason=reason, ended_at=now)
    )


def _gone(sequence: Sequence, slug: str) -> str:
    """Why the letter that was next is not next any more."""
    step = sequence.step(slug)
    if step is None:
        return "letter removed"
    if step.slug != slug:
        return "letter renamed"
    return "draft" if step.draft else "another letter comes first"


def _keep(session: Session, published: Published, sequence: Sequence, kept: Rows[tuple[int, Planned]]) -> None:
    """Writes when each letter is due now. All are one letter; a back-off stays."""
    if not kept:
        return
    kind, lane = deliveries.kind_of(sequence, kept[0][1].step)
    given = batches.rows([(id_, one.due) for id_, one in kept])
    values = {"given": given, "new_kind": kind, "new_lane": lane, "new_release": published.number}
    _keeping.run(session, **values)


@Statement
def _keeping(for_sqlite: bool) -> Update:
    given = batches.given(for_sqlite=for_sqlite, one=batches.NUMBER, due=_delivery.c.due_at.type)
    backed_off = (_delivery.c.ready_at > _delivery.c.due_at) & (_delivery.c.ready_at > given.c.due)
    return (
        update(_delivery)
        .where(_delivery.c.id == given.c.one, _delivery.c.state == "pending")
        .values(
            kind=bindparam("new_kind"),
            lane=bindparam("new_lane"),
            due_at=given.c.due,
            ready_at=case((backed_off, _delivery.c.ready_at), else_=given.c.due),
            release_id=bindparam("new_release"),
        )
    )
