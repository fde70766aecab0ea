"""Tells trouble of the whole database from trouble of one row."""

import sqlite3

from sqlalchemy.exc import DBAPIError, OperationalError, ProgrammingError

#: Full, read-only, unreadable, locked for longer than anybody should: no statement would fare better.
_SQLITE = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_READONLY,
    }
)
#: SQLSTATE: connection lost, out of resources (a full disk too), shut down by its operator, system error; and a
#: server that became read-only, as the old one does in a failover.
_POSTGRESQL = ("08", "53", "57P", "58", "25006")


def is_outage(error: BaseException) -> bool:
    """Whether the database as a whole is out of reach or out of order, rather than at odds with one row."""
    if not isinstance(error, DBAPIError):
        return False
    if error.connection_invalidated:
        return True
    if isinstance(error.orig, sqlite3.Error):
        # The low byte: the rest says more exactly what kind of full, or read-only.
        return getattr(error.orig, "sqlite_errorcode", 0) & 0xFF in _SQLITE
    state = getattr(error.orig, "sqlstate", None)
    if state is None:  # psycopg's error has none when no server was there to give one
        return isinstance(error, OperationalError)
    return str(state).startswith(_POSTGRESQL)


def blames_no_row(error: BaseException) -> bool:
    """Whether a statement about one row failed by no fault of that row: an outage, a race, a wrong schema."""
    # A deadlock, a cancelled statement and a lock that did not come are OperationalErrors as well.
    return is_outage(error) or isinstance(error, OperationalError | ProgrammingError | MemoryError)


def words(error: BaseException) -> str:
    """One line for the operator. No parameters: those are addresses."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    lines = str(cause).strip().splitlines()
    return f"the database cannot be used: {lines[0] if lines else type(cause).__name__}"
