"""Dialects of SQLAlchemy for tests: SQL that one test has compiled is compiled for all that come after it.

A test opens a database of its own, hence an engine of its own, hence with an empty memory: about a third of all the
time that tests spend on databases was spent on compiling the same statements again.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any, ClassVar
from unittest.mock import patch

from sqlalchemy import Dialect, Engine
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite


class _AllAlike:
    """Two of a kind are equal: the memory of compiled SQL is kept by dialect. (All servers here are of one version.)"""

    supports_statement_cache = True
    compiled: ClassVar[dict[Any, Any]] = {}

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other)

    def __hash__(self) -> int:
        return hash(type(self))

    @classmethod
    def engine_created(cls, engine: Engine) -> None:
        engine.update_execution_options(compiled_cache=cls.compiled)


class SQLite(_AllAlike, SQLiteDialect_pysqlite):
    supports_statement_cache = True


class PostgreSQL(_AllAlike, PGDialect_psycopg):
    supports_statement_cache = True


@contextmanager
def listening(hear: Callable[[str, Any], None], *engines: Engine) -> Iterator[None]:
    """`hear` is told every statement that the drivers of `engines` are given inside, with its parameters.

    COMMIT is one. SQLAlchemy's own events tell of those that SQLAlchemy itself runs.
    """
    with ExitStack() as listened:
        for engine in engines:
            listened.enter_context(_listening(hear, engine.dialect))
        yield


def _listening(hear: Callable[[str, Any], None], dialect: Dialect) -> AbstractContextManager[Any]:
    execute, execute_many, commit = dialect.do_execute, dialect.do_executemany, dialect.do_commit

    def one(cursor: Any, statement: str, parameters: Any, context: Any = None) -> None:
        hear(statement, parameters)
        execute(cursor, statement, parameters, context)

    def many(cursor: Any, statement: str, parameters: Any, context: Any = None) -> None:
        hear(statement, parameters[0])
        execute_many(cursor, statement, parameters, context)

    def done(connection: Any) -> None:
        hear("COMMIT", ())
        commit(connection)

    return patch.multiple(dialect, do_execute=one, do_executemany=many, do_commit=done)


@contextmanager
def overheard(engine: Engine) -> Iterator[list[str]]:
    """The statements of `listening`."""
    seen: list[str] = []
    with listening(lambda statement, _parameters: seen.append(statement), engine):
        yield seen


def compile_once() -> None:
    """From here on, for all engines of this process that are not made yet."""
    registry.register("sqlite", __name__, SQLite.__name__)
    registry.register("postgresql.psycopg", __name__, PostgreSQL.__name__)
