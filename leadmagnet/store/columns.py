"""Column types and expressions that mean the same on SQLite and PostgreSQL."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Any

from sqlalchemy import BigInteger, DateTime, Dialect, Integer, String
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import mapped_column
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeDecorator


class Utc(TypeDecorator[datetime]):
    """An aware UTC datetime; a naive one is refused, because its zone would be a guess."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a datetime without a zone cannot be stored")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], datetime | None]:
        """One step from what the driver gives to an aware datetime: claims read a dozen times for each letter."""
        return _from_sqlite if dialect.name == "sqlite" else _from_postgresql


def _from_sqlite(value: str | None) -> datetime | None:
    return None if value is None else datetime.fromisoformat(value + "+00:00")  # a tenth of what .replace(…) takes


def _from_postgresql(value: datetime | None) -> datetime | None:
    return None if value is None else value.astimezone(UTC)


#: SQLite only numbers rows by itself when the key is a plain INTEGER.
BigKey = BigInteger().with_variant(Integer, "sqlite")


def word(length: int) -> String:
    """Text that indexes only compare: byte by byte, where a language's order would take PostgreSQL much longer."""
    return String(length).with_variant(String(length, collation="C"), "postgresql")


RowId = Annotated[int, mapped_column(BigKey, primary_key=True)]
Timestamp = Annotated[datetime, mapped_column(Utc)]


class ServerTime(FunctionElement[datetime]):
    """The database server's clock, `seconds` from now: the only clock that leases are measured with."""

    type = Utc()
    inherit_cache = True
    name = "server_time"


@compiles(ServerTime, "postgresql")
def _server_time_postgresql(element: ServerTime, compiler: SQLCompiler, **kw: Any) -> str:
    (seconds,) = element.clauses
    return f"now() + {compiler.process(seconds, **kw)} * interval '1 second'"


@compiles(ServerTime, "sqlite")
def _server_time_sqlite(element: ServerTime, compiler: SQLCompiler, **kw: Any) -> str:
    # Six decimals, as stored times have them: these strings are compared as strings.
    (seconds,) = element.clauses
    return f"strftime('%Y-%m-%d %H:%M:%f000', 'now', {compiler.process(seconds, **kw)} || ' seconds')"
