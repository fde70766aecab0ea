"""Enrollments: one subscriber in one sequence, from its start to its end."""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import case, delete, func, or_, select, true, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from leadmagnet.content.published import Published
from leadmagnet.content.sequences import Sequence
from leadmagnet.sequences import deliveries, schedule
from leadmagnet.sequences import facts as people_facts
from leadmagnet.sequences.facts import Series
from leadmagnet.sequences.schedule import Done, Planned
from leadmagnet.store import batches
from leadmagnet.store.dialect import among, insert_ignoring, table
from leadmagnet.store.models import Delivery, Enrollment, Subscriber, SubscriberTag
from leadmagnet.store.statements import Statement


def find_or_add(session: Session, subscriber_id: int, sequence: Sequence, *, now: datetime) -> Enrollment:
    """The person's enrollment in `sequence`, made pending if new."""
    session.execute(
        insert_ignoring(session, Enrollment).values(
            subscriber_id=subscriber_id, sequence=sequence.slug, guide=sequence.guide, status="pending", created_at=now
        )
    )
    return session.scalars(
        select(Enrollment).where(Enrollment.subscriber_id == subscriber_id, Enrollment.sequence == sequence.slug)
    ).one()


#: The columns of an enrollment that a request for a guide makes.
_ENROLLED = ("subscriber_id", "sequence", "guide", "status", "created_at")
_enrollment = table(Enrollment)


@Statement
def _enrolling(for_sqlite: bool) -> sqlite.Insert | postgresql.Insert:
    """Who is enrolled already is left alone: writing her row would wait for a worker that plans her next letter."""
    given = batches.given(for_sqlite=for_sqlite, **{name: _enrollment.c[name].type for name in _ENROLLED})
    insert_into = sqlite.insert if for_sqlite else postgresql.insert
    # SQLite reads the ON of ON CONFLICT as that of a join, unless a WHERE stands before it.
    new = select(*(given.c[name] for name in _ENROLLED)).where(true()).order_by(given.c.subscriber_id)
    return insert_into(_enrollment).from_select(_ENROLLED, new).on_conflict_do_nothing()


def enroll(session: Session, people: Collection[tuple[int, Sequence]], *, now: datetime) -> None:
    """Enrolls each subscriber in the sequence beside her, pending, who is not in it yet."""
    new = [(person, sequence.slug, sequence.guide, "pending", now) for person, sequence in people]
    _enrolling.run(session, given=batches.rows(new))


def start(
    session: Session,
    published: Published,
    subscriber: Subscriber,
    enrollment: Enrollment,
    *,
    by_tap: bool = True,
    now: datetime,
) -> bool:
    """Starts the letters now; False if they had started already, or the sequence is no more.

    Without a tap of her own on the guide's page nothing was opened, a pause of hers holds these letters, too, and none
    start for who leaves with the end of those that run.
    """
    sequence = published.sequence(enrollment.sequence)
    if sequence is None or (subscriber.finishing_at is not None and not by_tap):
        return False
    guide = published.guide(enrollment.guide) if enrollment.guide is not None else None
    edition = guide.edition if guide is not None else None
    opened = {"guide_opened_at": now, "guide_edition": edition} if by_tap else {}
    quiet = None if by_tap else paused_until(session, subscriber.id, now=now)
    started = session.execute(
        update(Enrollment)
        .where(Enrollment.id == enrollment.id, Enrollment.status == "pending")
        .values(status="active", start_at=now, paused_until=quiet, **opened)
        .returning(Enrollment.id)
    ).first()
    if started is None:
        return False
    begun = people_facts.series_of(enrollment, subscriber, start=now)
    facts = people_facts.gather(session, {enrollment.id: begun})[enrollment.id]
    following = next_for(sequence, facts, published.zone_of(subscriber.timezone), quiet)
    follow(session, published, {enrollment.id: (subscriber, sequence, following)}, now=now)
    return True


def running(session: Session, subscriber: Subscriber) -> list[Enrollment]:
    """The series of a person that run, locked for this transaction; none of somebody who gets no letters.

    `subscriber` is locked by `subscribers.get`.
    """
    if subscriber.status != "active":
        return []
    found = select(Enrollment).where(Enrollment.subscriber_id == subscriber.id, Enrollment.status == "active")
    # No key is changed: who plans a letter holds key locks on these, and must not be waited for.
    locked = found.order_by(Enrollment.id).with_for_update(key_share=True)
    return list(session.scalars(locked.execution_options(populate_existing=True)))


def paused_until(session: Session, subscriber_id: int, *, now: datetime) -> datetime | None:
    """Until when a person wants no letters; None: she is not paused."""
    return pauses(session, [subscriber_id], now=now).get(subscriber_id)


def pauses(session: Session, people: Collection[int], *, now: datetime) -> dict[int, datetime]:
    """Until when each of these people wants no letters; who is not paused is missing."""
    found = (
        select(Enrollment.subscriber_id, func.max(Enrollment.paused_until))
        .where(among(session, Enrollment.subscriber_id, people))
        .where(Enrollment.status == "active", Enrollment.paused_until > now)
        .group_by(Enrollment.subscriber_id)
    )
    return {person: until for person, until in session.execute(found) if until is not None}


def next_for(sequence: Sequence, facts: schedule.Facts, zone: ZoneInfo, paused: datetime | None) -> Planned | Done:
    """What comes next for somebody, who may be paused until then."""
    answer = schedule.next_step(sequence, facts, zone)
    return schedule.after_pause(sequence, answer, facts, zone, paused) if isinstance(answer, Planned) else answer


def follow(
    session: Session,
    published: Published,
    following: Mapping[int, tuple[Any, Sequence, Planned | Done]],
    *,
    now: datetime,
) -> None:
    """Plans what follows for each enrollment id: the next letter, or the end of the series.

    The first of each tuple is a subscriber: anything with `id` and `domain_group`.
    """
    planned = []
    done: dict[int, list[int]] = {}
    tags = []
    for enrollment_id, (person, sequence, answer) in following.items():
        if isinstance(answer, Planned):
            planned.append((enrollment_id, person, sequence, answer))
        else:
            done.setdefault(person.id, []).append(enrollment_id)
            if sequence.then is not None:
                tags.append((person.id, sequence.then.removeprefix("tag:")))
    deliveries.plan_letters(session, published, planned)
    ended = [enrollment_id for ids in done.values() for enrollment_id in ids]
    if ended:
        session.execute(
            update(Enrollment)
            .where(Enrollment.id.in_(ended), Enrollment.status == "active")
            .values(status="completed", ended_at=now, wanted_at=None)
        )
    give_tags(session, published, tags, now=now)


def give_tags(session: Session, published: Published, tags: Iterable[tuple[int, str]], *, now: datetime) -> None:
    """Gives tags as (subscriber id, tag), and starts the sequences that begin with one; a tag given before stays."""
    given = list(tags)
    rows = [{"subscriber_id": subscriber_id, "tag": tag, "given_at": now} for subscriber_id, tag in given]
    if rows:
        session.execute(insert_ignoring(session, SubscriberTag), rows)
    for subscriber_id, tag in given:
        for sequence in published.compiled.sequences.values():
            if sequence.starts == f"tag:{tag}":
                _start_by_tag(session, published, subscriber_id, sequence, now=now)


def _start_by_tag(
    session: Session, published: Published, subscriber_id: int, sequence: Sequence, *, now: datetime
) -> None:
    """Starts a sequence for somebody who may get letters; one she had before stays as it is."""
    subscriber = session.get(Subscriber, subscriber_id)
    if subscriber is not None and subscriber.status == "active" and subscriber.finishing_at is None:
        begun = find_or_add(session, subscriber_id, sequence, now=now)
        start(session, published, subscriber, begun, by_tap=False, now=now)


def take_tag(session: Session, subscriber_id: int, tag: str) -> bool:
    """Takes a tag away; False if she had none of that name."""
    gone = delete(SubscriberTag).where(SubscriberTag.subscriber_id == subscriber_id, SubscriberTag.tag == tag)
    return session.execute(gone.returning(SubscriberTag.tag)).first() is not None


def end(session: Session, enrollment_id: int, reason: str, *, now: datetime) -> None:
    """Ends one running series before its last letter."""
    session.execute(
        update(Enrollment)
        .where(Enrollment.id == enrollment_id, Enrollment.status == "active")
        .values(status="exited", exit_reason=reason, ended_at=now)
    )


def leave(session: Session, subscriber_id: int, reason: str, *, now: datetime) -> None:
    """Ends every series of a person, and cancels what was still to come."""
    session.execute(
        update(Enrollment)
        .where(Enrollment.subscriber_id == subscriber_id, Enrollment.status.in_(["pending", "active"]))
        .values(status="exited", exit_reason=reason, ended_at=now, wanted_at=None)
    )
    # A guide that was asked for still goes out; the day-0 letter is of kind guide too, but belongs to the series.
    letters = or_(Delivery.kind != "guide", Delivery.step.is_not(None))
    deliveries.cancel_pending(session, reason, Delivery.subscriber_id == subscriber_id, letters, now=now)


def resume(session: Session, published: Published, subscriber: Subscriber, *, now: datetime) -> None:
    """Takes up again every series that leaving ended; lateness moves its start when the next letter is due.

    A series whose letters she had not started waits again for her tap, and one that is no more stays ended.
    """
    back = session.execute(
        update(Enrollment)
        .where(
            Enrollment.subscriber_id == subscriber.id,
            Enrollment.status == "exited",
            Enrollment.exit_reason == "unsubscribed",
            Enrollment.sequence.in_(published.compiled.sequences),
        )
        .values(
            status=case((Enrollment.start_at.is_(None), "pending"), else_="active"), exit_reason=None, ended_at=None
        )
        .returning(Enrollment.id, Enrollment.sequence, Enrollment.start_at, Enrollment.paused_until)
    ).all()
    running = [row for row in back if row.start_at is not None]
    gathered = people_facts.gather(
        session, {row.id: Series(subscriber.id, row.start_at, subscriber.gap_days, None) for row in running}
    )
    zone = published.zone_of(subscriber.timezone)
    following = {
        row.id: (subscriber, sequence, next_for(sequence, gathered[row.id], zone, row.paused_until))
        for row in running
        if (sequence := published.sequence(row.sequence)) is not None
    }
    follow(session, published, following, now=now)
