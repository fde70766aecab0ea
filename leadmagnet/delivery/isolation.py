"""Keeps one row that raises from holding up its batch.

A batch that works costs nothing. One that fails is rolled back, and its rows go one by one; a row that then fails
alone is held for the operator. If several fail and none goes well, the fault is not theirs, and none is held.
"""

import logging
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from sqlalchemy import select

from leadmagnet.delivery import holding, record, recovery
from leadmagnet.delivery.claim import Batch
from leadmagnet.delivery.journal import AcceptedLine
from leadmagnet.delivery.letters import Claimed
from leadmagnet.publishing.releases import Live, NothingPublished
from leadmagnet.store import outage
from leadmagnet.store.columns import ServerTime
from leadmagnet.store.database import Database, Session
from leadmagnet.store.models import AuditEvent, Delivery

log = logging.getLogger(__name__)

Row = TypeVar("Row")


#: Claims in a session up to so many letters, or only the one with this id.
Claiming = Callable[[Session, int, int | None], Batch]


def claim(database: Database, claiming: Claiming, *, lane: str, limit: int, now: datetime) -> Batch:
    """Claims a batch of a lane. Raises what is no single row's fault."""
    try:
        with database.write() as session:
            return claiming(session, limit, None)
    except NothingPublished:
        raise
    except Exception as error:
        if outage.blames_no_row(error):
            raise
        log.warning("a batch of letters cannot be claimed (%s): they are claimed one by one", type(error).__name__)
    return _claim_one_by_one(database, claiming, lane=lane, limit=limit, now=now)


def _claim_one_by_one(database: Database, claiming: Claiming, *, lane: str, limit: int, now: datetime) -> Batch:
    due = (
        select(Delivery.id, Delivery.lease_token)
        .where(Delivery.state == "pending", Delivery.lane == lane, Delivery.ready_at <= now)
        .order_by(Delivery.ready_at, Delivery.id)
        .limit(limit)
    )
    with database.read() as session:
        rows = [(row.id, row.lease_token) for row in session.execute(due)]
    claimed: list[Claimed] = []

    def take(row: tuple[int, int]) -> bool:
        with database.write() as session:
            batch = claiming(session, 1, row[0])
        claimed.extend(batch.letters)
        return batch.is_full  # it was there to be claimed

    def hold(session: Session, row: tuple[int, int], error: Exception) -> None:
        why = f"cannot be claimed: {type(error).__name__}"
        if holding.hold(session, *row, "pending", why, now=now):
            log.error("delivery %s is held: %s", row[0], why, exc_info=error)

    try:
        _one_by_one(database, rows, take, hold)
    except Exception:
        # What is claimed is ours to send, whatever became of the others: its lease would be kept for ever.
        if not claimed:
            raise
        log.exception("not every letter could be claimed")
    return Batch(claimed, len(rows) == limit, None)


def sweep(database: Database, live: Live, *, limit: int, now: datetime) -> None:
    """Does what `recovery.sweep` could not do for all rows together. Raises what is no single row's fault."""
    dead = (
        select(Delivery.id, Delivery.lease_token)
        .where(Delivery.state == "handing_off", Delivery.lease_until < ServerTime(0))
        .order_by(Delivery.lease_until)
        .limit(limit)
    )
    with database.write() as session:
        recovery.take_back(session, live.get(session))
        rows = [(row.id, row.lease_token) for row in session.execute(dead)]

    def lose(row: tuple[int, int]) -> bool:
        with database.write() as session:
            return recovery.lose(session, live.get(session), limit=1, only=row[0], now=now) > 0

    def hold(session: Session, row: tuple[int, int], error: Exception) -> None:
        why = f"maybe sent, and what follows cannot be planned: {type(error).__name__}"
        if holding.hold(session, *row, "handing_off", why, now=now):
            log.error("delivery %s is held: %s", row[0], why, exc_info=error)

    _one_by_one(database, rows, lose, hold)


def replay(database: Database, live: Live, path: Path, lines: list[AcceptedLine], *, now: datetime) -> None:
    """Does what `recovery.replay` could not do for all lines together. Raises what is no single line's fault."""

    def settle(line: AcceptedLine) -> bool:
        with database.write() as session:
            return recovery.replay(session, live.get(session), path, [line], now=now) > 0

    def only_mark(session: Session, line: AcceptedLine, error: Exception) -> None:
        # It was accepted: no other word for it would be true, whatever comes of the letters after it.
        row = record.by_identity(session, line.delivery_id, line.message_id, at=line.at)
        if row is not None:
            why = f"what follows cannot be planned: {type(error).__name__}"
            event = AuditEvent(at=now, event="sent by journal", delivery_id=line.delivery_id, detail={"reason": why})
            event.subscriber_id = row.subscriber_id
            session.add(event)
            log.error("delivery %s was sent, but %s", line.delivery_id, why, exc_info=error)

    _one_by_one(database, lines, settle, only_mark)


def _one_by_one(
    database: Database,
    rows: Iterable[Row],
    settle: Callable[[Row], bool],
    set_aside: Callable[[Session, Row, Exception], None],
) -> None:
    """Settles each row in a transaction of its own, and sets aside those that fail alone."""
    bad: list[tuple[Row, Exception]] = []
    good = 0
    for row in rows:
        try:
            good += settle(row)
        except Exception as error:
            if outage.blames_no_row(error):
                raise
            bad.append((row, error))
    if len(bad) > 1 and not good:
        raise bad[0][1]
    for row, fault in bad:
        with database.write() as session:
            set_aside(session, row, fault)
