"""Subscribers: one person, one address; `pending → active → unsubscribed`."""

from datetime import datetime
from functools import cache
from zoneinfo import available_timezones

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from leadmagnet.audience.addresses import Address
from leadmagnet.store.dialect import insert_ignoring
from leadmagnet.store.models import Subscriber


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


def get(session: Session, subscriber_id: int) -> Subscriber | None:
    """The subscriber, locked for this transaction, or None once forgotten."""
    # FOR NO KEY UPDATE: a claim holds key locks on people through its foreign keys, and must not be waited for.
    return session.scalars(
        select(Subscriber).where(Subscriber.id == subscriber_id).with_for_update(key_share=True)
    ).one_or_none()


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
