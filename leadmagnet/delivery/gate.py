"""The gate: the committed permission to send the final dot, for all messages that wait for it together.

It stands between a message's body and its dot. Before it a crash is provably unsent and retried; after it
only evidence decides. It re-checks consent inside the transaction: no gate opens after a committed leave.
"""

import socket
from collections.abc import Collection
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    CTE,
    ColumnElement,
    FromClause,
    Select,
    Table,
    Text,
    and_,
    bindparam,
    case,
    func,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.orm import Session
from sqlalchemy.sql.dml import ReturningUpdate

from leadmagnet.delivery import brakes, making
from leadmagnet.delivery.letters import Claimed
from leadmagnet.sequences import deliveries
from leadmagnet.store import batches
from leadmagnet.store.columns import ServerTime
from leadmagnet.store.dialect import among_given, is_sqlite, listed, table
from leadmagnet.store.models import AddressChange, Delivery, Enrollment, Subscriber, Suppression
from leadmagnet.store.statements import Statement

#: Longer than three minutes to write the dot and ten for its answer (RFC 5321 §4.5.3.2.5 and 6).
HANDING_OFF_LEASE = 14 * 60

HOST = socket.gethostname()


_delivery, _subscriber, _enrollment = table(Delivery), table(Subscriber), table(Enrollment)
_suppression, _change = table(Suppression), table(AddressChange)


def _locking(people: Table, for_sqlite: bool) -> Select[tuple[int]]:
    found = select(people.c.id).where(among_given(people.c.id, for_sqlite=for_sqlite))
    return found.order_by(people.c.id).with_for_update(read=True, skip_locked=True)


@Statement
def _locking_people(for_sqlite: bool) -> Select[tuple[int]]:
    return _locking(_subscriber, for_sqlite)


@Statement
def _locking_series(for_sqlite: bool) -> Select[tuple[int]]:
    return _locking(_enrollment, for_sqlite)


def _allowed(row: FromClause, recipient: ColumnElement[str]) -> ColumnElement[bool]:
    """The rule of each kind, and no suppression: a guide asked for passes a block on letters, nothing passes `all`.

    `recipient` is to whom the mail was made out: she may have moved since.
    """
    person, series = _subscriber.c, _enrollment.c
    is_letter = row.c.step.is_not(None)
    blocked = (
        select(_suppression.c.id)
        .where(_suppression.c.address_key == person.address_key)
        .where(or_(_suppression.c.scope == "all", is_letter))
        .exists()
    )
    is_hers = or_(row.c.subscriber_id.is_(None), person.address == recipient)
    rule = case(
        (row.c.kind.in_(["confirm", "reminder"]), and_(person.status == "pending", series.status == "pending")),
        (is_letter, and_(person.status == "active", series.status == "active", series.paused_until.is_(None))),
        else_=true(),
    )
    return case((row.c.kind == "address", _asked_there(row, recipient)), else_=and_(~blocked, is_hers, rule))


def _asked_there(row: FromClause, recipient: ColumnElement[str]) -> ColumnElement[bool]:
    """The change still waits for the answer to this very mail, and may be asked for at this address."""
    blocked = select(_suppression.c.id).where(
        _suppression.c.address_key == _change.c.address_key, _suppression.c.scope == "all"
    )
    waits = select(_change.c.id).where(
        _change.c.subscriber_id == row.c.subscriber_id,
        row.c.dedupe_key == deliveries.address_key_of(_change.c.id),
        _change.c.address == recipient,
        ~blocked.exists(),
    )
    # Said plainly: left to itself, SQLAlchemy would compare with the recipient of any letter at the gate.
    return waits.correlate_except(_change).exists()


@Statement
def _opening(for_sqlite: bool) -> ReturningUpdate[Any]:
    return _moving("handing_off", for_sqlite)


@Statement
def _putting_off(for_sqlite: bool) -> ReturningUpdate[Any]:
    return _moving("pending", for_sqlite)


def _moving(state: str, for_sqlite: bool) -> ReturningUpdate[Any]:
    """Moves claimed letters on, unless their lease was lost or they may not be sent at all; returns the ids."""
    mine = batches.given(
        for_sqlite=for_sqlite, id=batches.NUMBER, token=batches.NUMBER, facts=_delivery.c.facts.type, recipient=Text()
    )
    row = _delivery.alias("row")
    allowed = (
        select(row.c.id)
        .outerjoin(_subscriber, _subscriber.c.id == row.c.subscriber_id)
        .outerjoin(_enrollment, _enrollment.c.id == row.c.enrollment_id)
        .where(row.c.id == mine.c.id, _allowed(row, mine.c.recipient))
        .exists()
    )
    return (
        update(_delivery)
        .where(
            _delivery.c.id == mine.c.id,
            _delivery.c.lease_token == mine.c.token,
            _delivery.c.state == "claimed",
            allowed,
        )
        .values(state=state, **(_handing_off(mine) if state == "handing_off" else {}))
        .returning(_delivery.c.id)
    )


def _handing_off(mine: CTE) -> dict[str, Any]:
    return {
        "handed_at": bindparam("at", type_=_delivery.c.handed_at.type),
        "gate_host": HOST,
        "lease_until": ServerTime(HANDING_OFF_LEASE),
        "facts": func.coalesce(mine.c.facts, _delivery.c.facts),  # those of a test mail stand there already
    }


class Gate(StrEnum):
    """The gate's answer."""

    OPEN = "send the dot"
    REFUSED = "not to this person, or not any more: the row is cancelled"
    PAUSED = "the letters are paused, or she has moved: the row waits again"
    LEASE_LOST = "another worker has the row, or had it"
    BUSY = "her row is locked by somebody else: ask again"
    UNKNOWN = "the database did not answer: nothing may be sent"


def open_gates(session: Session, letters: Collection[Claimed], *, now: datetime) -> dict[int, Gate]:
    """Marks the letters that may be sent `handing_off`, settles the others, and answers by delivery id."""
    free = _lock(session, letters)
    asked = [letter for letter in letters if letter.id in free]
    held = brakes.held(session, asked, now=now)
    waiting = _move(session, _putting_off, [letter for letter in asked if letter.id in held])
    opened = _move(session, _opening, [letter for letter in asked if letter.id not in held], at=now)
    answers = {letter.id: Gate.BUSY for letter in letters}
    for letter in asked:
        if letter.id in waiting:
            answers[letter.id] = Gate.PAUSED
        else:
            answers[letter.id] = Gate.OPEN if letter.id in opened else _refuse(session, letter, now)
    return answers


def _lock(session: Session, letters: Collection[Claimed]) -> set[int]:
    """The ids whose people nobody is changing right now.

    On PostgreSQL they are share-locked until the commit, without waiting: a leave either committed before
    this and will be seen, or has to wait. FOR SHARE cannot lock the outer side of a join: two statements.
    On SQLite this transaction is the only writer.
    """
    if is_sqlite(session):
        return {letter.id for letter in letters}
    people = _share_locked(session, _locking_people, {letter.subscriber_id for letter in letters})
    series = _share_locked(session, _locking_series, {letter.enrollment_id for letter in letters})
    free = {letter.id for letter in letters if letter.subscriber_id in people and letter.enrollment_id in series}
    locked = {letter.id for letter in letters} - free
    if not locked:
        return free
    # Whoever was forgotten meanwhile cannot be locked either: her deliveries went with her, and nobody is busy.
    return free | (locked - set(session.scalars(select(Delivery.id).where(Delivery.id.in_(locked)))))


def _share_locked(session: Session, locking: Statement, ids: set[int | None]) -> set[int | None]:
    wanted = [one for one in ids if one is not None]
    return {None, *(row.id for row in locking.run(session, ids=listed(session, wanted)))} if wanted else {None}


def _move(session: Session, moving: Statement, letters: Collection[Claimed], **values: object) -> set[int]:
    # A statement of its own, after the locks: its snapshot holds every leave committed before them.
    if not letters:
        return set()
    mine = batches.rows([(letter.id, letter.token, _facts(letter), letter.recipient) for letter in letters])
    return {row.id for row in moving.run(session, given=mine, **values)}


def _facts(letter: Claimed) -> dict[str, Any] | None:
    """What the mail is rendered with is part of its record."""
    if letter.subscriber_id is None:
        return None
    return letter.facts.to_json() | {making.KEY: letter.making.to_json()}


def _refuse(session: Session, letter: Claimed, now: datetime) -> Gate:
    """Why the gate stayed shut; a letter that may not go is settled under its token."""
    found = session.execute(
        select(
            Delivery.state,
            Delivery.lease_token,
            Subscriber.status,
            Enrollment.status,
            Enrollment.paused_until,
            Subscriber.address,
            Subscriber.domain_group,
        )
        .outerjoin(Subscriber, Subscriber.id == Delivery.subscriber_id)
        .outerjoin(Enrollment, Enrollment.id == Delivery.enrollment_id)
        .where(Delivery.id == letter.id)
    ).one_or_none()
    if found is None or found[0] != "claimed" or found[1] != letter.token:
        return Gate.LEASE_LOST
    _state, _token, person, series, paused_until, address, group = found
    if letter.kind == "address":
        _cancel(session, letter, "a newer wish", now)
        return Gate.REFUSED
    if address is not None and address != letter.recipient:  # made out to where she was: it is claimed anew
        _write(session, letter, state="pending", domain_group=group)
        return Gate.PAUSED
    if paused_until is not None and person == "active" and series == "active":
        _write(session, letter, state="pending", due_at=paused_until, ready_at=paused_until)
        return Gate.PAUSED
    reason = {"unsubscribed": "unsubscribed", "active": "confirmed"}.get(person, "blocked address")
    if person == "active" and letter.kind not in ("confirm", "reminder"):
        reason = "blocked address" if series == "active" else f"series {series}"
    _cancel(session, letter, reason, now)
    return Gate.REFUSED


def _cancel(session: Session, letter: Claimed, reason: str, now: datetime) -> None:
    _write(session, letter, state="cancelled", reason=reason, ended_at=now, dedupe_key=None)


def _write(session: Session, letter: Claimed, **values: object) -> None:
    session.execute(
        update(Delivery)
        .where(Delivery.id == letter.id, Delivery.lease_token == letter.token, Delivery.state == "claimed")
        .values(**values),
        execution_options={"synchronize_session": False},
    )
