"""Statements that the driver runs: what they give back and how they fail is what SQLAlchemy would."""

from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import patch

import pytest
from sqlalchemy import bindparam, insert, literal, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError, PendingRollbackError

from leadmagnet.store.database import Database
from leadmagnet.store.dialect import table
from leadmagnet.store.models import SignupBucket, Subscriber
from leadmagnet.store.statements import Statement
from tests.databases import ON_POSTGRESQL

NOON, LATER = datetime(2026, 3, 5, 12, tzinfo=UTC), datetime(2026, 3, 5, 13, tzinfo=UTC)
_person, _bucket = table(Subscriber), table(SignupBucket)


@Statement
def add(_for_sqlite: bool) -> Any:
    columns = {name: bindparam(f"the_{name}", type_=_person.c[name].type) for name in ("address", "created_at")}
    fixed = {"address_key": columns["address"], "domain_group": "example.com", "status": "pending", "asked_at": NOON}
    return insert(_person).values(**columns, **fixed).returning(_person.c.id, _person.c.created_at)


@Statement
def find(_for_sqlite: bool) -> Any:
    wanted = _person.c.status.in_(["pending", "active"]), _person.c.asked_at.in_([NOON, LATER])
    known = select(_person.c.address, _person.c.created_at, _person.c.confirmed_at, literal(1.5).label("number"))
    return known.where(_person.c.created_at > bindparam("after", type_=_person.c.created_at.type), *wanted)


@Statement
def fill(_for_sqlite: bool) -> Any:
    return insert(_bucket).values(scope=bindparam("name"), used_until=1.0)


def test_values_come_and_go_as_their_columns_say(database: Database) -> None:
    with database.write() as session:
        ((number, created),) = add.run(session, the_address="ada@example.com", the_created_at=NOON)
        assert isinstance(number, int)
        assert created == NOON
        # As SQLAlchemy itself would have written it.
        as_written = select(_person.c.id).where(_person.c.created_at == NOON, _person.c.asked_at == NOON)
        assert session.scalars(as_written).all() == [number]
    for _ in range(2):
        with database.read() as session:
            (found,) = find.run(session, after=NOON - timedelta(seconds=1))
            assert find.run(session, after=NOON) == []
        assert (found.address, found.created_at, found.confirmed_at) == ("ada@example.com", NOON, None)
        assert found.number == 1.5


def test_what_never_changes_is_no_parameter(database: Database) -> None:
    """SQLite plans a statement anew whenever a value changes that decides whether a partial index will do."""
    with database.read() as session:
        find.run(session, after=NOON)
    written = find._written[database.engine.dialect.name]
    assert written._fixed == {}
    assert "'pending'" in written._text


@Statement
def look_among(_for_sqlite: bool) -> Any:
    return select(_bucket.c.scope).where(_bucket.c.scope.in_(bindparam("names", expanding=True)))


def test_a_list_is_no_parameter(database: Database) -> None:
    with pytest.raises(TypeError, match="names"), database.read() as session:
        look_among.run(session, names=["one"])


def test_a_value_it_cannot_have_is_told_as_sqlalchemy_tells_it_and_without_the_parameters(database: Database) -> None:
    with database.write() as session:
        assert fill.run(session, name="one") == []
    with pytest.raises(IntegrityError) as told, database.write() as session:
        fill.run(session, name="one")
    assert told.value.params is None
    assert not told.value.connection_invalidated
    with database.write() as session:  # it was rolled back, and the connection goes on
        fill.run(session, name="two")
    with database.read() as session:
        assert sorted(session.scalars(select(_bucket.c.scope))) == ["one", "two"]


def test_a_connection_that_was_closed_is_told_as_sqlalchemy_tells_it(database: Database) -> None:
    with pytest.raises(DBAPIError), database.read() as session:
        session.connection().connection.dbapi_connection.close()
        find.run(session, after=NOON)

    execute = database.engine.dialect.do_execute

    def meanwhile(cursor: Any, *given: Any) -> None:
        cursor.connection.close()
        execute(cursor, *given)

    with pytest.raises(DBAPIError), database.read() as session:
        session.connection()
        with patch.object(database.engine.dialect, "do_execute", meanwhile):
            find.run(session, after=NOON)


@ON_POSTGRESQL
def test_a_connection_that_broke_is_not_used_again(database: Database) -> None:
    with pytest.raises(PendingRollbackError), database.write() as session:
        connection, mine = session.connection(), session.scalar(text("SELECT pg_backend_pid()"))
        with database.engine.connect() as other:
            other.execute(text("SELECT pg_terminate_backend(:mine)"), {"mine": mine})
        with pytest.raises(OperationalError) as told:
            fill.run(session, name="one")
        assert told.value.connection_invalidated
        assert connection.invalidated
    with database.write() as session:
        fill.run(session, name="one")
