"""Deliveries to be: the one room that creates them, and takes back what has not gone."""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Insert, Select, Text, and_, bindparam, cast, func, insert, literal, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from leadmagnet.content.published import Published
from leadmagnet.content.sequences import Sequence, Step
from leadmagnet.sequences.schedule import PassedOver, Planned
from leadmagnet.store import batches
from leadmagnet.store.dialect import insert_ignoring, locked_ids, table
from leadmagnet.store.models import AddressChange, Delivery, Enrollment, Subscriber
from leadmagnet.store.statements import Statement

#: A confirmation a person has not answered is sent at most this often.
CONFIRMATIONS_EVER = 3
#: Somebody who waits for a mail may ask for it once more after the first of these, and then after the second each time.
_SECOND_AFTER, _FURTHER_AFTER = timedelta(seconds=60), timedelta(minutes=10)
#: A guide is sent again at most this often a day.
GUIDES_A_DAY = 5

_delivery, _enrollment = table(Delivery), table(Enrollment)
#: The columns of a letter that is planned.
_LETTER = (
    "kind", "lane", "subscriber_id", "enrollment_id", "sequence", "step", "due_at", "message_id", "domain_group",
)  # fmt: skip


@Statement
def _planning(for_sqlite: bool) -> sqlite.Insert | postgresql.Insert:
    """Plans letters for those whose series runs; one that was planned before stays as it is."""
    given = batches.given(for_sqlite=for_sqlite, **{name: _delivery.c[name].type for name in _LETTER})
    # A value, not EXISTS: that PostgreSQL may turn into a join with all enrollments.
    status = select(_enrollment.c.status).where(_enrollment.c.id == given.c.enrollment_id).scalar_subquery()
    insert_into = sqlite.insert if for_sqlite else postgresql.insert
    key = literal("step:", Text) + cast(given.c.enrollment_id, Text) + ":" + given.c.step  # see `step_key`
    release = bindparam("release", type_=_delivery.c.release_id.type)
    letters = select(*(given.c[name] for name in _LETTER), given.c.due_at, release, key).where(status == "active")
    return (
        insert_into(_delivery)
        .from_select([*_LETTER, "ready_at", "release_id", "dedupe_key"], letters)
        .on_conflict_do_nothing()
    )


def plan_letters(session: Session, published: Published, letters: Iterable[tuple[int, Any, Sequence, Planned]]) -> None:
    """Queues the next letter of each (enrollment id, subscriber, sequence, answer), if her series runs."""
    rows = [_letter(published, sequence, planned, id_, person) for id_, person, sequence, planned in letters]
    if rows:
        _planning.run(session, given=batches.rows(rows), release=published.number)


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


def again_after(sent: int) -> timedelta:
    """How long after the newest of `sent` mails, 1 or more, somebody who waits for it may ask for another."""
    return _SECOND_AFTER if sent == 1 else _FURTHER_AFTER


@Statement
def _having_had(for_sqlite: bool) -> Select[*tuple[Any, ...]]:
    """What each (person, series, moment a day ago) of `given` has had of what may be asked for again."""
    given = batches.given(
        for_sqlite=for_sqlite,
        subscriber_id=batches.NUMBER,
        sequence=_enrollment.c.sequence.type,
        lately=_delivery.c.due_at.type,
    )
    series = and_(_enrollment.c.subscriber_id == given.c.subscriber_id, _enrollment.c.sequence == given.c.sequence)
    of = _delivery.c
    confirm = of.kind == "confirm"
    guide = of.kind == "guide"
    lately = and_(guide, of.due_at > given.c.lately)
    of_this = and_(lately, of.enrollment_id == _enrollment.c.id)
    asked_for = and_(of.subscriber_id == _enrollment.c.subscriber_id, of.kind.in_(["confirm", "guide"]))
    return (
        select(
            _enrollment.c.id,
            _enrollment.c.subscriber_id,
            func.count(of.id).filter(confirm).label("confirmations"),
            func.max(of.due_at).filter(confirm).label("last_confirmation"),
            func.count(of.id).filter(guide).label("guides"),
            func.count(of.id).filter(lately).label("guides_lately"),
            func.count(of.id).filter(of_this).label("of_this"),
            func.max(of.due_at).filter(of_this).label("last_of_this"),
        )
        .select_from(given)
        .join(_enrollment, series)
        .join(_delivery, asked_for, isouter=True)
        .group_by(_enrollment.c.id)
    )


def had(session: Session, series: Iterable[tuple[int, str]], *, now: datetime) -> dict[int, Any]:
    """By subscriber id the confirmations and guides of each, of any series and of the one whose slug stands beside her.

    `id` of that enrollment, `confirmations`, `last_confirmation`, `guides`, `guides_lately`, `of_this`, `last_of_this`:
    counts, and when the last was asked for (None: never). Nobody stands there twice.
    """
    rows = batches.rows([(person, slug, now - timedelta(days=1)) for person, slug in series])
    return {row.subscriber_id: row for row in _having_had.run(session, given=rows)}


def may_have_confirmation(had: Any, *, apart: timedelta, now: datetime) -> bool:
    """Whether this person may have one more confirmation now; never within `apart` of the last."""
    return had.confirmations < CONFIRMATIONS_EVER and not _too_soon(
        had.confirmations, had.last_confirmation, apart, now
    )


def may_have_guide(had: Any, *, apart: timedelta, now: datetime) -> bool:
    """Whether this person may be sent the guide (again) now; never within `apart` of the last time."""
    # A second guide is not the first one again: it goes at once.
    return had.guides_lately < GUIDES_A_DAY and not _too_soon(had.of_this, had.last_of_this, apart, now)


def _too_soon(sent: int, last: datetime | None, apart: timedelta, now: datetime) -> bool:
    return last is not None and last > now - max(again_after(sent), apart)


#: The columns of a mail that somebody asked for.
_ASKED_FOR = (
    "kind", "lane", "subscriber_id", "enrollment_id", "due_at", "ready_at", "release_id", "message_id", "domain_group",
    "dedupe_key", "state",
)  # fmt: skip


@Statement
def _answering(for_sqlite: bool) -> Insert:
    given = batches.given(for_sqlite=for_sqlite, **{name: _delivery.c[name].type for name in _ASKED_FOR})
    return insert(_delivery).from_select(_ASKED_FOR, select(*(given.c[name] for name in _ASKED_FOR)))


def confirmation(published: Published, person: Any, had: Any, *, now: datetime) -> tuple[object, ...]:
    """One more confirmation, for `plan_answers`; `had` says how many there were, and for which enrollment."""
    key = f"confirm:{had.id}:{had.confirmations + 1}"
    return _asked_for(published, "confirm", person, had.id, key, now)


def guide(published: Published, person: Any, had: Any, *, now: datetime) -> tuple[object, ...]:
    """The guide (once more), likewise."""
    return _asked_for(published, "guide", person, had.id, f"guide:{person.id}:{had.guides + 1}", now)


def _asked_for(
    published: Published, kind: str, person: Any, enrollment_id: int, key: str, now: datetime
) -> tuple[object, ...]:
    return (
        kind, "transactional", person.id, enrollment_id, now, now, published.number, _message_id(published),
        person.domain_group, key, "pending",
    )  # fmt: skip


def plan_answers(session: Session, mails: Collection[tuple[object, ...]]) -> None:
    """Queues mails that were asked for, see `confirmation` and `guide`; also none, in as many statements."""
    _answering.run(session, given=batches.rows(mails))


def plan_reminder(
    session: Session, published: Published, subscriber: Subscriber, enrollment_id: int, *, now: datetime
) -> None:
    """Queues the one reminder that an unanswered confirmation gets."""
    row = _row(
        published, kind="reminder", lane="transactional", person=subscriber, enrollment_id=enrollment_id, due=now
    )
    _add(session, row | {"dedupe_key": f"reminder:{enrollment_id}"})


def plan_guide(
    session: Session, published: Published, subscriber: Subscriber, enrollment: Enrollment, *, now: datetime
) -> None:
    """Queues the guide for somebody who asked for it before she had confirmed."""
    known = had(session, [(subscriber.id, enrollment.sequence)], now=now)[subscriber.id]
    plan_answers(session, [guide(published, subscriber, known, now=now)])


def plan_address(
    session: Session, published: Published, subscriber: Subscriber, change: AddressChange, *, now: datetime
) -> None:
    """Queues the question to a new address; who gets it is read from the change, as long as that waits."""
    row = _row(published, kind="address", lane="transactional", person=subscriber, enrollment_id=None, due=now)
    _add(session, row | {"domain_group": change.domain_group, "dedupe_key": address_key(change.id)})


def address_key(change_id: int) -> str:
    """What joins the question to a new address with the change that it asks about."""
    return f"address:{change_id}"


def address_key_of(change_id: ColumnElement[int]) -> ColumnElement[str]:
    """The same of a column, for statements."""
    return literal("address:", Text) + cast(change_id, Text)


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
    step = planned.step
    return (
        *kind_of(sequence, step), person.id, enrollment_id, sequence.slug, step.slug, planned.due,
        _message_id(published), person.domain_group,
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


def _message_id(published: Published) -> str:
    return f"{published.name_mail()}@{published.sender_domain}"
