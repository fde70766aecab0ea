"""Addresses that must not be written to again, by keyed hash."""

from datetime import datetime
from typing import Literal

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from leadmagnet.store.dialect import insert_ignoring
from leadmagnet.store.models import Suppression

#: letters: left, a guide may still be asked for. all: complained, bounced for good, erased.
Scope = Literal["letters", "all"]


def add(session: Session, address_key: str, scope: Scope, reason: str, *, now: datetime) -> bool:
    """Blocks the address; the first reason stays. False if it was blocked so before."""
    row = {"address_key": address_key, "scope": scope, "reason": reason, "at": now}
    return (
        session.execute(insert_ignoring(session, Suppression).values(row).returning(Suppression.id)).first() is not None
    )


def scopes(session: Session, address_key: str) -> frozenset[str]:
    """The scopes in which the address is blocked."""
    return frozenset(session.scalars(select(Suppression.scope).where(Suppression.address_key == address_key)))


def why_blocked(session: Session, address_key: str) -> str | None:
    """Why nothing at all may be sent to the address; None: it may."""
    blocks = select(Suppression.reason).where(Suppression.address_key == address_key, Suppression.scope == "all")
    return session.scalar(blocks)


def lift(session: Session, address_key: str) -> None:
    """Ends the block on letters: the person asked for them again. A block of scope `all` is never lifted."""
    session.execute(delete(Suppression).where(Suppression.address_key == address_key, Suppression.scope == "letters"))
