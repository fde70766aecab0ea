"""Statements of the hottest path: SQLAlchemy writes each of them once, and the driver runs it.

What SQLAlchemy does around a statement each time it runs takes longer than most statements here do.
"""

from collections import namedtuple
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, cast

from sqlalchemy import Connection, Dialect
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session


class Statement:
    """A statement that `build` puts together, once for each kind of database: it is told whether it is for SQLite.

    A decorator. Parameters are what `build` leaves without a value.
    """

    def __init__(self, build: Callable[[bool], Any]) -> None:
        self._build = build
        self._written: dict[str, _Written] = {}

    def run(self, session: Session, **values: Any) -> list[Any]:
        """What it returns: tuples whose fields are named as its columns; none where it returns nothing.

        Raises DBAPIError as SQLAlchemy does, without any value in its words.
        """
        connection = session.connection()
        written = self._written.get(connection.dialect.name)
        if written is None:
            is_sqlite = connection.dialect.name == "sqlite"
            written = self._written[connection.dialect.name] = _Written(
                self._build(is_sqlite), connection.dialect, values
            )
        return written.run(connection, values)


class _Written:
    """A statement as one kind of database reads it."""

    def __init__(self, statement: Any, dialect: Dialect, values: Mapping[str, Any]) -> None:
        compiled = statement.compile(dialect=dialect)
        # With the values of its IN lists, which are the same each time, spelt out.
        state = compiled.construct_expanded_state(values)
        ways = {name: one.type.dialect_impl(dialect).bind_processor(dialect) for name, one in compiled.binds.items()}
        handed = {name: process for name, process in {**ways, **state.processors}.items() if process is not None}
        self._text = state.statement
        self._order = state.positiontup  # of the parameters; None: they go by name
        self._process = {name: process for name, process in handed.items() if name in values}
        self._fixed = {
            name: handed[name](value) if name in handed else value
            for name, value in state.parameters.items()
            if name not in values
        }
        self._columns = tuple(statement.exported_columns)
        self._make_row = _row_of([one.key for one in self._columns])
        self._read: Sequence[Callable[[Any], Any] | None] | None = None  # how each column is read, once one came

    def run(self, connection: Connection, values: Mapping[str, Any]) -> list[Any]:
        told = {**self._fixed, **values}
        for name, process in self._process.items():
            told[name] = process(told[name])
        parameters: Any = told if self._order is None else [told[name] for name in self._order]
        dialect, cursor = connection.dialect, connection.connection.cursor()
        try:
            dialect.do_execute(cursor, self._text, parameters)
            return self._rows(dialect, cursor) if self._columns else []
        except dialect.loaded_dbapi.Error as error:
            raise self._said(connection, cursor, error) from error
        finally:
            cursor.close()

    def _rows(self, dialect: Dialect, cursor: Any) -> list[Any]:
        if self._read is None:
            told = zip(self._columns, cursor.description, strict=True)
            self._read = [one.type.dialect_impl(dialect).result_processor(dialect, kind[1]) for one, kind in told]
        if not any(self._read):
            return [self._make_row(row) for row in cursor.fetchall()]
        return [
            self._make_row(
                [read(value) if read is not None else value for read, value in zip(self._read, row, strict=True)]
            )
            for row in cursor.fetchall()
        ]

    def _said(self, connection: Connection, cursor: Any, error: Exception) -> BaseException:
        """The error as SQLAlchemy says it; a connection that broke is not used again."""
        dialect, raw = connection.dialect, connection.connection.dbapi_connection
        is_broken = dialect.is_disconnect(error, raw, cursor)  # type: ignore[arg-type]
        if is_broken:
            connection.invalidate(error)
        return DBAPIError.instance(
            self._text,
            None,
            error,
            dialect.loaded_dbapi.Error,
            hide_parameters=True,
            connection_invalidated=is_broken,
            dialect=dialect,
        )


def _row_of(names: Sequence[str]) -> Callable[[Iterable[Any]], Any]:
    made: Any = namedtuple("Row", names)  # type: ignore[misc]  # its names are known only now
    return cast(Callable[[Iterable[Any]], Any], made._make)
