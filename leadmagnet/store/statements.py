"""Statements of the hot paths: SQLAlchemy writes each of them once, and the driver runs it.

What SQLAlchemy does around a statement each time it runs takes longer than most statements here do.
"""

import contextlib
from collections import namedtuple
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, cast

from sqlalchemy import BindParameter, Connection, Dialect
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session
from sqlalchemy.sql import visitors


class Statement:
    """A statement that `build` puts together, once for each kind of database: it is told whether it is for SQLite.

    A decorator. Parameters are what `build` leaves without a value: none is a list. Each column that comes back has a
    name, and none that is written a default which Python makes.
    """

    def __init__(self, build: Callable[[bool], Any]) -> None:
        self._build = build
        self._written: dict[str, _Written] = {}

    def run(self, session: Session, **values: Any) -> list[Any]:
        """What it returns: tuples whose fields are named as its columns; none where it returns nothing.

        Raises DBAPIError as SQLAlchemy does, without the parameters; the database's own words may quote a row.
        """
        connection = session.connection()
        dialect = connection.dialect
        written = self._written.get(dialect.name)
        if written is None:
            written = self._written[dialect.name] = _Written(self._build(dialect.name == "sqlite"), dialect)
        return written.run(connection, values)


class _Written:
    """A statement as one kind of database reads it."""

    def __init__(self, statement: Any, dialect: Dialect) -> None:
        # What never changes is spelt out. As a parameter it might: SQLite planned every statement anew, each time that
        # it ran, which compares with a value that an index is limited to (`state = 'pending'`).
        for one in visitors.iterate(statement):
            if isinstance(one, BindParameter) and not one.required:
                one.literal_execute = True
        compiled = statement.compile(dialect=dialect)
        parameters = {name: one for name, one in compiled.binds.items() if one.required}
        if lists := [name for name, one in parameters.items() if one.expanding or one.literal_execute]:
            raise TypeError(f"{', '.join(lists)}: the text of a statement cannot change with a parameter")
        state = compiled.construct_expanded_state(dict.fromkeys(parameters))
        types = {name: one.type.dialect_impl(dialect) for name, one in compiled.binds.items()}
        processors = {name: kind.bind_processor(dialect) for name, kind in types.items()} | dict(state.processors)
        processors = {name: process for name, process in processors.items() if process is not None}
        self._text = state.statement
        self._order = state.positiontup  # of the parameters; None: they go by name
        self._processors = {name: process for name, process in processors.items() if name in parameters}
        self._fixed = {
            name: processors[name](value) if name in processors else value
            for name, value in state.parameters.items()
            if name not in parameters
        }
        self._columns = tuple(statement.exported_columns)
        self._make_row = _row_of([one.key for one in self._columns])
        self._readers: dict[int, Callable[[Any], Any]] | None = None  # by the column that needs one, once one came

    def run(self, connection: Connection, values: Mapping[str, Any]) -> list[Any]:
        parameters = {**self._fixed, **values}
        for name, process in self._processors.items():
            parameters[name] = process(parameters[name])
        dialect, cursor = connection.dialect, None
        try:
            cursor = connection.connection.cursor()
            in_order: Any = parameters if self._order is None else [parameters[name] for name in self._order]
            dialect.do_execute(cursor, self._text, in_order)
            return self._rows(dialect, cursor) if self._columns else []
        except dialect.loaded_dbapi.Error as error:
            raise self._as_sqlalchemys(connection, cursor, error) from error
        finally:
            if cursor is not None:
                with contextlib.suppress(dialect.loaded_dbapi.Error):  # what went wrong before says more
                    cursor.close()

    def _rows(self, dialect: Dialect, cursor: Any) -> list[Any]:
        if self._readers is None:
            described = zip(self._columns, cursor.description, strict=True)
            readers = [one.type.dialect_impl(dialect).result_processor(dialect, it[1]) for one, it in described]
            self._readers = {at: read for at, read in enumerate(readers) if read is not None}
        rows: Iterable[Any] = cursor.fetchall()
        if self._readers and rows:  # column by column: most need no reading
            columns = list(zip(*rows, strict=True))
            for at, read in self._readers.items():
                columns[at] = tuple(map(read, columns[at]))
            rows = zip(*columns, strict=True)
        return list(map(self._make_row, rows))

    def _as_sqlalchemys(self, connection: Connection, cursor: Any, error: Exception) -> BaseException:
        """The error as SQLAlchemy says it; a connection that broke is not used again."""
        dialect, raw = connection.dialect, connection.connection.dbapi_connection
        is_broken = dialect.is_disconnect(error, raw, cursor)  # type: ignore[arg-type]
        if is_broken:
            connection.invalidate(error)
        return DBAPIError.instance(
            self._text, None, error, dialect.loaded_dbapi.Error, connection_invalidated=is_broken
        )


def _row_of(names: Sequence[str]) -> Callable[[Iterable[Any]], Any]:
    made: Any = namedtuple("Row", names)  # type: ignore[misc]  # its names are known only now
    return cast(Callable[[Iterable[Any]], Any], partial(tuple.__new__, made))
