"""Enrollments: one subscriber in one sequence. The one creator of Deliveries."""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import case, delete, func, insert, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from leadmagnet.content.published import Published
from leadmagnet.content.sequences import Sequence, Step
from leadmagnet.sequences import facts as people_facts
from leadmagnet.sequences import schedule
from leadmagnet.sequences.schedule import Done, PassedOver, Planned
from leadmagnet.store import batches
from leadmagnet.store.dialect import among, insert_ignoring, is_sqlite, locked_ids, table
from leadmagnet.store.models import Delivery, Enrollment, Subscriber, SubscriberTag

#: A confirmation a person has not answered is repeated at most this often, this far apart.
CONFIRMATIONS_EVER = 3
BETWEEN_MAILS = timedelta(minutes=10)
#: A guide is sent again at most this often a day.
GUIDES_A_DAY = 5


_delivery, _enrollment = table(Delivery), table(Enrollment)
#: The columns of a letter that is planned.
_LETTER = (
    "kind", "lane", "subscriber_id", "enrollment_id", "sequence", "step", "state", "due_at", "ready_at", "release_id",
    "message_id", "domain_group", "dedupe_key",
)  # fmt: skip


@cache
def _planning(for_sqlite: bool) -> sqlite.Insert | postgresql.Insert:
    """Plans letters for those whose series runs; one that was planned before stays as it is."""
    given = batches.given(for_sqlite=for_sqlite, **{name: _delivery.c[name].type for name in _LETTER})
    # A value, not EXISTS: that PostgreSQL may turn into a join with all enrollments.
    status = select(_enrollment.c.status).where(_enrollment.c.id == given.c.enrollment_id).scalar_subquery()
    insert_into = sqlite.insert if for_sqlite else postgresql.insert
    letters = select(*(given.c[name] for name in _LETTER)).where(status == "active")
    return insert_into(_delivery).from_select(_LETTER, letters).on_conflict_do_nothing()


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

    Without a tap of her own on the guide's page nothing was opened, and a pause of hers holds these letters, too.
    """
    sequence = published.sequence(enrollment.sequence)
    if sequence is None:
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
    facts = people_facts.gather(session, {enrollment.id: (subscriber.id, now)})[enrollment.id]
    following = next_for(sequence, facts, published.zone_of(subscriber.timezone), quiet)
    follow(session, published, {enrollment.id: (subscriber, sequence, following)}, now=now)
    return True


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
            planned.append(_letter(published, sequence, answer, enrollment_id, person))
        else:
            done.setdefault(person.id, []).append(enrollment_id)
            if sequence.then is not None:
                tags.append((person.id, sequence.then.removeprefix("tag:")))
    if planned:
        session.connection().execute(_planning(is_sqlite(session)), {"given": batches.rows(planned)})
    ended = [enrollment_id for ids in done.values() for enrollment_id in ids]
    if ended:
        session.execute(
            update(Enrollment)
            .where(Enrollment.id.in_(ended), Enrollment.status == "active")
            .values(status="completed", ended_at=now)
        )
    give_tags(session, published, tags, now=now)


def pass_over(
    session: Session, published: Published, passed: Iterable[tuple[int, Any, Sequence, PassedOver]], *, now: datetime
) -> None:
    """Writes a `skipped` row for each letter that went by, so that `why` can tell."""
    rows = [
        {
            **_row(published, kind="step", lane="sequence", person=person, enrollment_id=enrollment_id, due=now),
            "sequence": sequence.slug,
            "step": over.slug,
            "state": "skipped",
            "reason": over.reason,
            "ended_at": now,
            "dedupe_key": step_key(enrollment_id, over.slug),
        }
        for enrollment_id, person, sequence, over in passed
    ]
    if rows:
        session.execute(insert_ignoring(session, Delivery), rows)


def plan_confirmation(
    session: Session,
    published: Published,
    subscriber: Subscriber,
    enrollment: Enrollment,
    *,
    limits: bool,
    now: datetime,
) -> bool:
    """Queues the confirmation; False when this person has had enough of them for now."""
    sent, last = _count(session, subscriber.id, "confirm")
    if limits and last is not None and (sent >= CONFIRMATIONS_EVER or last > now - BETWEEN_MAILS):
        return False
    row = _row(published, kind="confirm", lane="transactional", person=subscriber, enrollment_id=enrollment.id, due=now)
    _add(session, row | {"dedupe_key": f"confirm:{enrollment.id}:{sent + 1}"})
    return True


def plan_reminder(
    session: Session, published: Published, subscriber: Subscriber, enrollment_id: int, *, now: datetime
) -> None:
    """Queues the one reminder that an unanswered confirmation gets."""
    row = _row(
        published, kind="reminder", lane="transactional", person=subscriber, enrollment_id=enrollment_id, due=now
    )
    _add(session, row | {"dedupe_key": f"reminder:{enrollment_id}"})


def plan_guide(
    session: Session,
    published: Published,
    subscriber: Subscriber,
    enrollment: Enrollment,
    *,
    limits: bool,
    now: datetime,
) -> bool:
    """Queues the guide for somebody who asked (again); False when it was sent often enough for now."""
    sent, _last = _count(session, subscriber.id, "guide")
    today, _last = _count(session, subscriber.id, "guide", Delivery.due_at > now - timedelta(days=1))
    # A second guide is not the first one again: it goes at once.
    _sent, last = _count(session, subscriber.id, "guide", Delivery.enrollment_id == enrollment.id)
    if limits and (today >= GUIDES_A_DAY or (last is not None and last > now - BETWEEN_MAILS)):
        return False
    row = _row(published, kind="guide", lane="transactional", person=subscriber, enrollment_id=enrollment.id, due=now)
    _add(session, row | {"dedupe_key": f"guide:{subscriber.id}:{sent + 1}"})
    return True


def plan_notice(
    session: Session,
    published: Published,
    *,
    recipient: str,
    words: Mapping[str, Any],
    dedupe_key: str,
    now: datetime,
) -> bool:
    """Queues a mail to the operator, who is no subscriber; False if one of this key was queued before."""
    row = {
        "kind": "notice",
        "lane": "transactional",
        "due_at": now,
        "ready_at": now,
        "release_id": published.number,
        "message_id": _message_id(published),
        "domain_group": "operator",
        "facts": {"recipient": recipient, **words},
        "dedupe_key": dedupe_key,
    }
    return session.execute(insert_ignoring(session, Delivery).values(**row).returning(Delivery.id)).first() is not None


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
    if subscriber is not None and subscriber.status == "active":
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
        .values(status="exited", exit_reason=reason, ended_at=now)
    )
    # A guide that was asked for still goes out; the day-0 letter is of kind guide too, but belongs to the series.
    letters = or_(Delivery.kind != "guide", Delivery.step.is_not(None))
    cancel_pending(session, reason, Delivery.subscriber_id == subscriber_id, letters, now=now)


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
    gathered = people_facts.gather(session, {row.id: (subscriber.id, row.start_at) for row in running})
    zone = published.zone_of(subscriber.timezone)
    following = {
        row.id: (subscriber, sequence, next_for(sequence, gathered[row.id], zone, row.paused_until))
        for row in running
        if (sequence := published.sequence(row.sequence)) is not None
    }
    follow(session, published, following, now=now)


def cancel_pending(session: Session, reason: str, *which: Any, now: datetime) -> None:
    """Cancels unsent deliveries, and gives their dedupe keys back.

    A row that a worker is claiming this moment is left to it, since waiting for it could end in a deadlock: the
    claim's own check, or the gate, settles it.
    """
    ids = select(Delivery.id).where(Delivery.state == "pending", *which)
    session.execute(
        update(Delivery)
        .where(Delivery.id.in_(locked_ids(session, ids)), Delivery.state == "pending")
        .values(state="cancelled", reason=reason, ended_at=now, dedupe_key=None),
        execution_options={"synchronize_session": False},
    )


def step_key(enrollment_id: int, slug: str) -> str:
    """What makes "nobody gets a letter twice" true whatever the edit."""
    return f"step:{enrollment_id}:{slug}"


def kind_of(sequence: Sequence, step: Step) -> tuple[str, str]:
    """(kind, lane) of a letter: the day-0 letter of a guide is the guide mail, and was asked for seconds ago."""
    is_guide_mail = step.day == 0 and sequence.guide is not None
    return ("guide", "transactional") if is_guide_mail else ("step", "sequence")


def _letter(
    published: Published, sequence: Sequence, planned: Planned, enrollment_id: int, person: Any
) -> tuple[object, ...]:
    """The values of `_LETTER`, in their order: made for every letter that is sent, so no names are handed around."""
    slug, due = planned.step.slug, planned.due
    return (
        *kind_of(sequence, planned.step), person.id, enrollment_id, sequence.slug, slug, "pending", due, due,
        published.number, _message_id(published), person.domain_group, step_key(enrollment_id, slug),
    )  # fmt: skip


def _row(
    published: Published, *, kind: str, lane: str, person: Any, enrollment_id: int | None, due: datetime
) -> dict[str, Any]:
    return {
        "kind": kind,
        "lane": lane,
        "subscriber_id": person.id,
        "enrollment_id": enrollment_id,
        "due_at": due,
        "ready_at": due,
        "release_id": published.number,
        "message_id": _message_id(published),
        "domain_group": person.domain_group,
    }


def _add(session: Session, row: dict[str, Any]) -> None:
    session.execute(insert(Delivery).values(**row))


def _count(session: Session, subscriber_id: int, kind: str, *which: Any) -> tuple[int, datetime | None]:
    """How many deliveries of a kind this person has (had), and when the last was asked for."""
    count, last = session.execute(
        select(func.count(), func.max(Delivery.due_at)).where(
            Delivery.subscriber_id == subscriber_id, Delivery.kind == kind, *which
        )
    ).one()
    return count, last


def _message_id(published: Published) -> str:
    return f"{published.name_mail()}@{published.sender_domain}"
