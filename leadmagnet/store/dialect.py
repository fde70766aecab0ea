"""The few statements that SQLite and PostgreSQL spell with different classes."""

from typing import Any

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from leadmagnet.store.models import Model


def insert_ignoring(session: Session, model: type[Model]) -> sqlite.Insert | postgresql.Insert:
    """INSERT … ON CONFLICT DO NOTHING: the unique constraint decides, and nobody has to look first."""
    table: Any = model.__table__
    if is_sqlite(session):
        return sqlite.insert(table).on_conflict_do_nothing()
    return postgresql.insert(table).on_conflict_do_nothing()


def is_sqlite(session: Session) -> bool:
    """True on SQLite, where BEGIN IMMEDIATE serialises what PostgreSQL locks row by row."""
    return session.get_bind().dialect.name == "sqlite"
