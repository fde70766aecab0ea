"""Trouble of the whole database, and trouble of one row."""

import sqlite3
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, InternalError, OperationalError

from leadmagnet.store import outage
from leadmagnet.store.database import Database
from tests.limits import full_disk


def of_sqlite(code: int) -> DBAPIError:
    cause = sqlite3.OperationalError("said in words")
    cause.sqlite_errorcode = code
    return OperationalError("UPDATE", {}, cause)


@pytest.mark.parametrize(
    ("error", "is_outage", "blames_no_row"),
    [
        (of_sqlite(sqlite3.SQLITE_FULL), True, True),
        (of_sqlite(sqlite3.SQLITE_READONLY_DBMOVED), True, True),
        (of_sqlite(sqlite3.SQLITE_IOERR_WRITE), True, True),
        (of_sqlite(sqlite3.SQLITE_CANTOPEN), True, True),
        (of_sqlite(sqlite3.SQLITE_ERROR), False, True),
        (OperationalError("UPDATE", {}, psycopg.OperationalError("connection refused")), True, True),
        (OperationalError("UPDATE", {}, psycopg.errors.DiskFull("no space left")), True, True),
        (OperationalError("UPDATE", {}, psycopg.errors.AdminShutdown("bye")), True, True),
        (InternalError("UPDATE", {}, psycopg.errors.ReadOnlySqlTransaction("standby")), True, True),
        (OperationalError("UPDATE", {}, psycopg.errors.DeadlockDetected("deadlock")), False, True),
        (OperationalError("UPDATE", {}, psycopg.errors.QueryCanceled("timeout")), False, True),
        (DataError("UPDATE", {}, psycopg.errors.NumericValueOutOfRange("too large")), False, False),
        (IntegrityError("UPDATE", {}, sqlite3.IntegrityError("UNIQUE")), False, False),
        (KeyError("a defect"), False, False),
        (MemoryError(), False, True),
    ],
)
def test_whose_fault_it_is(error: Exception, is_outage: bool, blames_no_row: bool) -> None:
    assert outage.is_outage(error) is is_outage
    assert outage.blames_no_row(error) is blames_no_row


def test_a_real_full_disk_is_an_outage(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/leadmagnet.db")
    with database.write() as session:
        session.execute(text("CREATE TABLE one (number INTEGER)"))
    with pytest.raises(DBAPIError) as raised, full_disk(), database.write() as session:
        session.execute(text("INSERT INTO one VALUES (1)"))
    assert outage.is_outage(raised.value)
    assert outage.words(raised.value).startswith("the database cannot be used: ")
    with database.write() as session:
        session.execute(text("INSERT INTO one VALUES (2)"))
        assert session.scalars(text("SELECT number FROM one")).all() == [2]
    database.close()
