"""Dialects of SQLAlchemy for tests: SQL that one test has compiled is compiled for all that come after it.

A test opens a database of its own, hence an engine of its own, hence with an empty memory: about a third of all the
time that tests spend on databases was spent on compiling the same statements again.
"""

from typing import Any, ClassVar

from sqlalchemy import Engine
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


def compile_once() -> None:
    """From here on, for all engines of this process that are not made yet."""
    registry.register("sqlite", __name__, SQLite.__name__)
    registry.register("postgresql.psycopg", __name__, PostgreSQL.__name__)
