"""Claims due deliveries: takes rows under a lease, and keeps the lease alive."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Row, select, tuple_, update
from sqlalchemy.orm import Session

from leadmagnet.content.published import Published
from leadmagnet.delivery import brakes
from leadmagnet.store.columns import ServerTime
from leadmagnet.store.dialect import locked_ids, table
from leadmagnet.store.models import Delivery

TRANSACTIONAL, SEQUENCE = "transactional", "sequence"
#: The order in which lanes are served: what somebody waits for goes first.
LANES = (TRANSACTIONAL, SEQUENCE)

_delivery = table(Delivery)
_TAKEN = tuple(
    _delivery.c[name]
    for name in (
        "id", "lease_token", "kind", "lane", "domain_group", "subscriber_id", "enrollment_id", "sequence", "step",
        "ready_at", "attempts", "first_attempt_at", "message_id", "facts", "quota_day", "begun",
    )
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
) -> Sequence[Row[tuple[object, ...]]]:
    """Marks up to `limit` due rows of a lane as claimed, oldest first, and returns them; `only`: no row but this.

    `without_groups`: domain groups that can take no more just now, a handful at most.
    One table only: a joined row would be read from the snapshot before the lock. Two callers never get
    the same row: SKIP LOCKED on PostgreSQL, one writer at a time on SQLite. What a brake holds is not touched.
    """
    due = select(Delivery.id).where(Delivery.state == "pending", Delivery.lane == lane, Delivery.ready_at <= now)
    if lane == brakes.HELD_LANE:
        standing = brakes.active(session, now=now)
        if standing.hold_all(published.compiled.sequences):
            return []
        due = due.where(*standing.passing())
    if only is not None:
        due = due.where(Delivery.id == only)
    if without_groups:
        due = due.where(Delivery.domain_group.not_in(without_groups))
    due = due.order_by(Delivery.ready_at, Delivery.id).limit(limit)
    taking = (
        update(_delivery)
        .where(_delivery.c.id.in_(locked_ids(session, due)), _delivery.c.state == "pending")
        .values(
            state="claimed",
            lease_owner=lease.owner,
            lease_token=_delivery.c.lease_token + 1,
            lease_until=ServerTime(lease.seconds),
            release_id=published.number or None,
            quota_day=quota_day,
        )
        .returning(*_TAKEN)
    )
    rows = session.connection().execute(taking).all()
    return sorted(rows, key=lambda row: (row.ready_at, row.id))  # RETURNING promises no order


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
