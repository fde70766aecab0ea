"""Subscribers: one person, one address; `pending → active → unsubscribed`."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any
from zoneinfo import available_timezones

from sqlalchemy import case, delete, func, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session
from sqlalchemy.sql.dml import ReturningInsert

from leadmagnet.audience.addresses import Address
from leadmagnet.store import batches
from leadmagnet.store.dialect import insert_ignoring, table
from leadmagnet.store.models import Subscriber, Suppression
from leadmagnet.store.statements import Statement


@dataclass(frozen=True, slots=True)
class Newcomer:
    """Somebody at the door: perhaps known by her address's key, perhaps not."""

    address: Address
    key: str
    first_name: str | None
    timezone: str | None


def find_or_add(
    session: Session, address: Address, address_key: str, *, first_name: str | None, timezone: str | None, now: datetime
) -> Subscriber:
    """The subscriber of this address, made pending if new; two parallel sign-ups end with one row."""
    session.execute(
        insert_ignoring(session, Subscriber).values(
            address=address.text,
            address_key=address_key,
            domain_group=address.domain_group,
            first_name=first_name,
            timezone=timezone,
            status="pending",
            created_at=now,
            asked_at=now,
        )
    )
    # On PostgreSQL the lock makes parallel sign-ups of one address take turns; SQLite has one writer anyway.
    return session.scalars(
        select(Subscriber).where(Subscriber.address_key == address_key).with_for_update(key_share=True)
    ).one()


#: The columns of somebody new.
_NEW = ("address", "address_key", "domain_group", "first_name", "timezone", "status", "created_at", "asked_at")
_subscriber, _suppression = table(Subscriber), table(Suppression)


@Statement
def _asking(for_sqlite: bool) -> ReturningInsert[*tuple[Any, ...]]:
    """Adds who is new, and notes of who has not confirmed that she asked again; who is blocked stays as she is.

    Known people's rows are written, too, though nothing changes: that locks them, so that on PostgreSQL parallel
    sign-ups of one address take turns, and it returns them.
    """
    given = batches.given(for_sqlite=for_sqlite, **{name: _subscriber.c[name].type for name in _NEW})
    insert_into = sqlite.insert if for_sqlite else postgresql.insert
    # A value, not EXISTS: that PostgreSQL may turn into a join with all suppressions.
    blocks = (_suppression.c.address_key == given.c.address_key, _suppression.c.scope == "all")
    is_free = select(_suppression.c.id).where(*blocks).scalar_subquery().is_(None)
    # In order: parallel sign-ups of many then wait for each other, and never in a circle.
    people = select(*(given.c[name] for name in _NEW)).where(is_free).order_by(given.c.address_key)
    adding, of = insert_into(_subscriber).from_select(_NEW, people), _subscriber.c
    asked_at = case((of.status == "pending", adding.excluded.asked_at), else_=of.asked_at)
    return adding.on_conflict_do_update(index_elements=["address_key"], set_={"asked_at": asked_at}).returning(
        of.id, of.address_key, of.status, of.confirmed_at, of.domain_group
    )


def take_in(session: Session, people: Collection[Newcomer], *, now: datetime) -> dict[str, Any]:
    """The subscribers of these addresses by their keys, made pending if new and locked; blocked ones are missing.

    `id`, `address_key`, `status`, `confirmed_at`, `domain_group`. No address stands there twice.
    """
    new = [
        (one.address.text, one.key, one.address.domain_group, one.first_name, one.timezone, "pending", now, now)
        for one in people
    ]
    return {row.address_key: row for row in _asking.run(session, given=batches.rows(new))}


def get(session: Session, subscriber_id: int) -> Subscriber | None:
    """The subscriber, locked for this transaction, or None once forgotten."""
    # FOR NO KEY UPDATE: a claim holds key locks on people through its foreign keys, and must not be waited for.
    locked = select(Subscriber).where(Subscriber.id == subscriber_id).with_for_update(key_share=True)
    # As she is under the lock, whatever this session read of her before.
    return session.scalars(locked.execution_options(populate_existing=True)).one_or_none()


def find(session: Session, address_key: str) -> Subscriber | None:
    """The subscriber with this address key, locked for this transaction, or None."""
    found = session.scalars(select(Subscriber.id).where(Subscriber.address_key == address_key)).one_or_none()
    return get(session, found) if found is not None else None


def activate(session: Session, subscriber_id: int, *, now: datetime) -> bool:
    """Marks a pending or returning subscriber active; False if she already was."""
    result = session.execute(
        update(Subscriber)
        .where(Subscriber.id == subscriber_id, Subscriber.status != "active")
        .values(status="active", confirmed_at=func.coalesce(Subscriber.confirmed_at, now), unsubscribed_at=None)
        .returning(Subscriber.id)
    )
    return result.first() is not None


def zone_name(typed: str) -> str | None:
    """A visitor's IANA zone if it exists, else None: the site's zone counts then."""
    name = typed.strip()
    return name if name in _zone_names() else None


@cache
def _zone_names() -> frozenset[str]:
    # By list, not by opening a file of that name: there are also zones with leap seconds ("right/UTC"),
    # and one that is this machine's own.
    return frozenset(available_timezones()) - {"localtime", "Factory"}


def forget_unconfirmed(session: Session, *, before: datetime, limit: int) -> int:
    """Deletes subscribers who never confirmed and last asked before `before`; returns how many."""
    chosen = select(Subscriber.id).where(Subscriber.status == "pending", Subscriber.asked_at < before).limit(limit)
    # The guard stands in the DELETE as well: somebody may be asking again this moment.
    unanswered = (Subscriber.status == "pending", Subscriber.asked_at < before)
    gone = delete(Subscriber).where(Subscriber.id.in_(chosen), *unanswered).returning(Subscriber.id)
    return len(session.scalars(gone).all())
