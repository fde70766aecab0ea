"""Hands many rows to one statement as a single parameter: JSON, which both databases unfold into columns.

A parameter for every value would cost more than the statement itself.
"""

import json
from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import CTE, JSON, BigInteger, Integer, bindparam, cast, column, func, literal_column, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeEngine


def given(*, for_sqlite: bool, **columns: TypeEngine[Any]) -> CTE:
    """The rows of the parameter `given`, see `rows`, as a table with these columns in this order."""
    if for_sqlite:
        each = func.json_each(bindparam("given", type_=None)).table_valued(column("value", JSON), name="each")
        values = [
            func.json_extract(each.c.value, literal_column(f"'$[{number}]'"), type_=kind).label(name)
            for number, (name, kind) in enumerate(columns.items())
        ]
        return select(*values).cte("given")
    each = func.jsonb_array_elements(cast(bindparam("given"), JSONB)).table_valued(column("value", JSONB), name="each")
    values = [
        cast(each.c.value.op("->>")(literal_column(str(number), Integer)), kind).label(name)
        for number, (name, kind) in enumerate(columns.items())
    ]
    return select(*values).cte("given")


def rows(values: Collection[Sequence[object]]) -> str:
    """The parameter `given`: a row for each of `values`, whose times must be aware."""
    return _ENCODER.encode(list(values))


def turns(keyed: Iterable[tuple[str, int]]) -> list[dict[str, int]]:
    """Places by their keys: those that share a key one after the other, all others at once.

    No statement may write the same row twice.
    """
    found: list[dict[str, int]] = []
    for key, place in keyed:
        turn = next((turn for turn in found if key not in turn), None)
        if turn is None:
            found.append(turn := {})
        turn[key] = place
    return found


def _stored(value: object) -> str:
    if isinstance(value, datetime) and value.tzinfo is not None:
        return _stored_time(value)
    raise TypeError(f"{type(value).__name__} cannot be handed to a statement")


@lru_cache(maxsize=256)  # those who stand alike get their letters at the same time
def _stored_time(value: datetime) -> str:
    """A time as SQLite keeps it, which PostgreSQL reads as well: UTC, because its session says so."""
    return value.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds")


_ENCODER = json.JSONEncoder(default=_stored, separators=(",", ":"), check_circular=False)
NUMBER = BigInteger()
