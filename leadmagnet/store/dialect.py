"""The few statements that SQLite and PostgreSQL spell with different classes."""

import json
import re
from collections.abc import Collection, Mapping
from functools import cache
from typing import Any, cast

from sqlalchemy import BigInteger, ColumnElement, Select, Table, Text, bindparam, func, select
from sqlalchemy import cast as sql_cast
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


def one_at_a_time(session: Session, model: type[Model]) -> None:
    """Lets no other transaction that says the same of this table begin before this one ends; readers go on."""
    if not is_sqlite(session):  # there the transaction is the only writer anyway
        session.connection().exec_driver_sql(f'LOCK TABLE "{table(model).name}" IN SHARE ROW EXCLUSIVE MODE')


def in_turn(session: Session, number: int) -> None:
    """Waits until every other transaction that has said this number is over; until this one ends, others wait."""
    if not is_sqlite(session):
        session.connection().execute(select(func.pg_advisory_xact_lock(number)))


def locked_ids(session: Session, ids: Select[int]) -> Select[int]:
    """The rows of `ids` that nobody else has locked, locked; on SQLite, with its one writer, all of them."""
    return locking(ids, for_sqlite=is_sqlite(session))


def locking(ids: Select[int], *, for_sqlite: bool) -> Select[int]:
    """The same for a statement that is built before there is a session."""
    if not for_sqlite:
        ids = ids.with_for_update(skip_locked=True)
    # A CTE that locks runs once. A plain subquery may be run again for every row, each time past the rows that it
    # has locked: PostgreSQL would claim the whole queue, whatever the limit.
    return select(ids.cte("locked").c.id)


def among(session: Session, column: Any, ids: Collection[int]) -> ColumnElement[bool]:
    """`column` IN `ids`, however many: they travel as one value, and the statement reads the same for any number."""
    return _among(column, bindparam(None, listed(session, ids), Text), is_sqlite(session))


def among_given(column: Any, *, for_sqlite: bool) -> ColumnElement[bool]:
    """`column` IN the parameter `ids`, as `listed` writes it."""
    return _among(column, bindparam("ids", type_=Text), for_sqlite)


def _among(column: Any, ids: Any, for_sqlite: bool) -> ColumnElement[bool]:
    if for_sqlite:
        return cast(ColumnElement[bool], column.in_(select(func.json_each(ids).table_valued("value").c.value)))
    return cast(ColumnElement[bool], column == func.any(sql_cast(ids, postgresql.ARRAY(BigInteger))))


def not_among_given(column: Any, parameter: str, *, for_sqlite: bool) -> ColumnElement[bool]:
    """`column` NOT IN a parameter of words, as `names` writes it."""
    given = bindparam(parameter, type_=Text)
    if for_sqlite:
        return cast(ColumnElement[bool], column.not_in(select(func.json_each(given).table_valued("value").c.value)))
    return cast(ColumnElement[bool], column != func.all(sql_cast(given, postgresql.ARRAY(Text))))


def names(session: Session, words: Collection[str]) -> str:
    """Words as one value, see `listed`."""
    if is_sqlite(session):
        return json.dumps(list(words))
    escaped = (re.sub(r'(["\\])', r"\\\1", word) for word in words)
    return "{" + ",".join(f'"{word}"' for word in escaped) + "}"


def listed(session: Session, ids: Collection[int]) -> str:
    """Numbers as one value: JSON for SQLite; for PostgreSQL an array as it writes one itself.

    Of a list its driver would look at every number.
    """
    if is_sqlite(session):
        return json.dumps(list(ids))
    return f"{{{','.join(map(str, ids))}}}"


def by_index(session: Session) -> None:
    """Tells PostgreSQL, until the end of the transaction, to look rows up one by one, as writers always do.

    For reading that names thousands of ids, chunk after chunk.
    """
    if not is_sqlite(session):
        switches = ("enable_seqscan", "enable_hashjoin", "enable_mergejoin", "jit")
        session.connection().execute(select(*(func.set_config(switch, "off", True) for switch in switches)))


def insert_or_update(
    into: Table,
    for_sqlite: bool,
    values: Mapping[str, Any],
    changes: Mapping[str, Any],
    only_if: ColumnElement[bool] | None = None,
) -> sqlite.Insert | postgresql.Insert:
    """INSERT `values`, or apply `changes` to the row that has their primary key: one statement, which locks the row.

    A row that does not meet `only_if` stays as it is.
    """
    key = list(into.primary_key)
    inserting = sqlite.insert(into) if for_sqlite else postgresql.insert(into)
    return inserting.values(values).on_conflict_do_update(index_elements=key, set_=changes, where=only_if)
