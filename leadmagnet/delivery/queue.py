"""Claims due deliveries: takes rows under a lease, and keeps the lease alive."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, Integer, Row, bindparam, select, tuple_, update
from sqlalchemy.orm import Session
from sqlalchemy.sql.dml import ReturningUpdate

from leadmagnet.content.published import Published
from leadmagnet.delivery import brakes
from leadmagnet.delivery.brakes import Brakes
from leadmagnet.store.columns import ServerTime
from leadmagnet.store.dialect import locked_ids, locking, names, not_among_given, table
from leadmagnet.store.models import Delivery
from leadmagnet.store.statements import Statement

TRANSACTIONAL, SEQUENCE = "transactional", "sequence"
#: The order in which lanes are served: what somebody waits for goes first.
LANES = (TRANSACTIONAL, SEQUENCE)

_delivery = table(Delivery)
_TIME = _delivery.c.ready_at.type
_TAKEN = (
    "id", "lease_token", "kind", "lane", "domain_group", "subscriber_id", "enrollment_id", "sequence", "step",
    "ready_at", "attempts", "first_attempt_at", "message_id", "facts", "quota_day", "begun",
)  # fmt: skip

#: True of every claimed row; said so that the index of leases can be used.
_LEASED = Delivery.lease_until.is_not(None)


@dataclass(frozen=True, slots=True)
class Lease:
    """Who holds claimed rows (`owner`, new for every process start), and for how many seconds."""

    owner: str
    seconds: int


def take(
    session: Session,
    published: Published,
    lease: Lease,
    *,
    lane: str,
    limit: int,
    only: int | None = None,
    without_groups: Collection[str] = (),
    now: datetime,
    quota_day: str | None = None,
) -> Sequence[Any]:
    """Marks up to `limit` due rows of a lane as claimed, oldest first, and returns them; `only`: no row but this.

    `without_groups`: domain groups that can take no more just now, a handful at most.
    One table only: a joined row would be read from the snapshot before the lock. Two callers never get
    the same row: SKIP LOCKED on PostgreSQL, one writer at a time on SQLite. What a brake holds is not touched.
    """
    standing = brakes.active(session, now=now) if lane == brakes.HELD_LANE else Brakes()
    if standing.hold_all(published.compiled.sequences):
        return []
    taking = _taking(standing) if only is None else _taking_only(standing, only)
    rows = taking.run(
        session,
        lane=lane,
        now=now,
        limit=limit,
        groups=names(session, without_groups),
        owner=lease.owner,
        seconds=lease.seconds,
        release=published.number or None,
        quota_day=quota_day,
    )
    return sorted(rows, key=_place)  # RETURNING promises no order


@lru_cache(maxsize=8)  # a brake stands for hours, a claim is made every few milliseconds
def _taking(standing: Brakes) -> Statement:
    return Statement(lambda for_sqlite: _taken(for_sqlite, *standing.passing()))


def _taking_only(standing: Brakes, only: int) -> Statement:
    return Statement(lambda for_sqlite: _taken(for_sqlite, *standing.passing(), _delivery.c.id == only))


def _taken(for_sqlite: bool, *which: ColumnElement[bool]) -> ReturningUpdate[Any]:
    """Takes the due rows of a lane; `which`: what more is asked of a row."""
    its = _delivery.c
    of_lane = its.state == "pending", its.lane == bindparam("lane"), its.ready_at <= bindparam("now", type_=_TIME)
    due = select(its.id).where(*of_lane, not_among_given(its.domain_group, "groups", for_sqlite=for_sqlite), *which)
    due = due.order_by(its.ready_at, its.id).limit(bindparam("limit", type_=Integer()))
    return (
        update(_delivery)
        .where(its.id.in_(locking(due, for_sqlite=for_sqlite)), its.state == "pending")
        .values(
            state="claimed",
            lease_owner=bindparam("owner"),
            lease_token=its.lease_token + 1,
            lease_until=ServerTime(bindparam("seconds", type_=Integer())),
            release_id=bindparam("release"),
            quota_day=bindparam("quota_day"),
        )
        .returning(*(its[name] for name in _TAKEN))
    )


def _place(row: Any) -> tuple[datetime, int]:
    return row.ready_at, row.id


def renew(session: Session, lease: Lease) -> None:
    """Extends the lease of every row this process has claimed; a frozen process does not, and loses them."""
    # A row that is locked stands at its gate, which gives it a longer lease: to wait for it could end in a deadlock.
    mine = select(Delivery.id).where(_LEASED, Delivery.state == "claimed", Delivery.lease_owner == lease.owner)
    session.execute(
        update(Delivery)
        .where(Delivery.id.in_(locked_ids(session, mine)), Delivery.state == "claimed")
        .values(lease_until=ServerTime(lease.seconds)),
        execution_options={"synchronize_session": False},
    )


def put_back(session: Session, claims: Collection[tuple[int, int]]) -> None:
    """Lets rows wait again that were claimed, (id, token) of each, and could not be used."""
    session.execute(
        update(Delivery)
        .where(Delivery.state == "claimed", tuple_(Delivery.id, Delivery.lease_token).in_(claims))
        .values(state="pending", lease_token=Delivery.lease_token + 1),
        execution_options={"synchronize_session": False},
    )


def release(session: Session, lease: Lease, *, only: Collection[int] | None = None) -> Sequence[Row[str | None, str]]:
    """Gives back the rows this process has claimed but not handed over, or `only` these: quota_day and lane of each."""
    mine = update(Delivery).where(_LEASED, Delivery.state == "claimed", Delivery.lease_owner == lease.owner)
    if only is not None:
        mine = mine.where(Delivery.id.in_(only))
    return session.execute(
        mine.values(state="pending", lease_token=Delivery.lease_token + 1).returning(Delivery.quota_day, Delivery.lane),
        execution_options={"synchronize_session": False},
    ).all()
