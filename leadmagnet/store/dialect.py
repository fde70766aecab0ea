"""The few statements that SQLite and PostgreSQL spell with different classes."""

from functools import cache
from typing import cast

from sqlalchemy import Select, Table, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from leadmagnet.store.models import Model


def table(model: type[Model]) -> Table:
    """The table of a model, for the statements of the hot path: they are built once, and never make objects."""
    return cast(Table, model.__table__)


def insert_ignoring(session: Session, model: type[Model]) -> sqlite.Insert | postgresql.Insert:
    """INSERT … ON CONFLICT DO NOTHING: the unique constraint decides, and nobody has to look first."""
    return _insert_ignoring(table(model), is_sqlite(session))


@cache
def _insert_ignoring(into: Table, for_sqlite: bool) -> sqlite.Insert | postgresql.Insert:
    if for_sqlite:
        return sqlite.insert(into).on_conflict_do_nothing()
    return postgresql.insert(into).on_conflict_do_nothing()


def upserting(session: Session, model: type[Model]) -> sqlite.Insert | postgresql.Insert:
    """An INSERT that may go on with ON CONFLICT DO UPDATE."""
    return sqlite.insert(table(model)) if is_sqlite(session) else postgresql.insert(table(model))


def is_sqlite(session: Session) -> bool:
    """True on SQLite, where BEGIN IMMEDIATE serialises what PostgreSQL locks row by row."""
    return session.get_bind().dialect.name == "sqlite"


def locked_ids(session: Session, ids: Select[int]) -> Select[int]:
    """The rows of `ids` that nobody else has locked, locked; on SQLite, with its one writer, all of them."""
    if not is_sqlite(session):
        ids = ids.with_for_update(skip_locked=True)
    # A CTE that locks runs once. A plain subquery may be run again for every row, each time past the rows that it
    # has locked: PostgreSQL would claim the whole queue, whatever the limit.
    return select(ids.cte("locked").c.id)
