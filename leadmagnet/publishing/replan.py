"""Re-plans people after a publish, in chunks that may stop and go on anywhere.

A pending letter carries the release that planned it: what is left to do is exactly the rows of an older
release, so no cursor is kept. A row that is claimed before its turn is put right by the claim itself.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import Row, select, update
from sqlalchemy.orm import Session

from leadmagnet.content.published import Published
from leadmagnet.content.sequences import Sequence
from leadmagnet.sequences import enrollments, schedule
from leadmagnet.sequences import facts as people_facts
from leadmagnet.sequences.schedule import Done, Facts, Planned
from leadmagnet.store.dialect import is_sqlite
from leadmagnet.store.models import Delivery, Enrollment, Subscriber


def chunk(session: Session, published: Published, *, limit: int, now: datetime) -> int:
    """Puts up to `limit` pending letters right for the live release; returns how many were looked at."""
    rows = _outdated(session, published, limit)
    if not rows:
        return 0
    facts = people_facts.gather(session, {row.enrollment_id: (row.id, row.start_at) for row in rows})
    kept, following = [], {}
    for row in rows:
        sequence = published.sequence(row.sequence)
        if sequence is None:
            enrollments.cancel_pending(session, "sequence removed", Delivery.id == row.delivery_id, now=now)
            enrollments.end(session, row.enrollment_id, "sequence removed", now=now)
            continue
        answer = _next(published, sequence, row, facts[row.enrollment_id])
        if isinstance(answer, Planned) and answer.step.slug == row.step:
            kept.append(_kept(published, sequence, answer, row))
        else:
            enrollments.cancel_pending(session, _gone(sequence, row.step), Delivery.id == row.delivery_id, now=now)
            following[row.enrollment_id] = (row, sequence, answer)
    if kept:
        session.execute(update(Delivery), kept)
    enrollments.follow(session, published, following, now=now)
    return len(rows)


def _outdated(session: Session, published: Published, limit: int) -> list[Row[Any]]:
    query = (
        select(
            Subscriber.id,
            Subscriber.domain_group,
            Subscriber.timezone,
            Enrollment.start_at,
            Delivery.sequence,
            Delivery.id.label("delivery_id"),
            Delivery.enrollment_id,
            Delivery.step,
            Delivery.due_at,
            Delivery.ready_at,
        )
        .join(Subscriber, Subscriber.id == Delivery.subscriber_id)
        .join(Enrollment, Enrollment.id == Delivery.enrollment_id)
        .where(Delivery.state == "pending", Delivery.step.is_not(None), Delivery.release_id < published.number)
        .limit(limit)
    )
    if not is_sqlite(session):
        query = query.with_for_update(of=Delivery, skip_locked=True)
    return list(session.execute(query))


def _next(published: Published, sequence: Sequence, row: Row[Any], facts: Facts) -> Planned | Done:
    return schedule.next_step(sequence, facts, published.zone_of(row.timezone))


def _gone(sequence: Sequence, slug: str) -> str:
    """Why the letter that was next is not next any more."""
    step = sequence.step(slug)
    if step is None:
        return "letter removed"
    if step.slug != slug:
        return "letter renamed"
    return "draft" if step.draft else "another letter comes first"


def _kept(published: Published, sequence: Sequence, planned: Planned, row: Row[Any]) -> dict[str, Any]:
    kind, lane = enrollments.kind_of(sequence, planned.step)
    backed_off = row.ready_at > row.due_at
    return {
        "id": row.delivery_id,
        "kind": kind,
        "lane": lane,
        "due_at": planned.due,
        "ready_at": max(planned.due, row.ready_at) if backed_off else planned.due,
        "release_id": published.number,
    }
