"""Opens the database and its transactions, the same way on SQLite and PostgreSQL."""

import contextlib
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, inspect, make_url, text
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.orm import Session, sessionmaker

from leadmagnet.errors import StoreError
from leadmagnet.store.absence import Absence
from leadmagnet.store.fairness import FairLock

__all__ = ["HEAD", "Database", "Session", "trouble"]

#: The newest migration. Kept here as well, so that a start with nothing to do never loads Alembic (one second).
HEAD = "0005"

_BUSY_MS = 30_000
_TURN_SECONDS = 0.01
_WRITER_CACHE_KB = 32_000
_LONGEST_LOG_PAGES = 8_000
#: A server that does not even greet is not there; one whose machine confirms nothing of what was sent is gone.
#: Without the latter, a thread would wait a quarter of an hour for a database behind a broken network.
_REACHED = {
    "connect_timeout": 10,
    "tcp_user_timeout": 30_000,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
}


class Database:
    """One database; `read()` and `write()` are the only ways to a session, and only doors call them."""

    def __init__(self, url: str, *, pool_size: int = 20) -> None:
        parsed = _parsed(url)
        self.absence = Absence()
        self.is_sqlite = parsed.get_backend_name() == "sqlite"
        self.url = parsed.render_as_string(hide_password=False)
        if self.is_sqlite:
            _require_sqlite_version()
        name = parsed.database or ""
        self.file = Path(name) if self.is_sqlite and not name.startswith("file:") else None
        self.engine = self._engine(pool_size=pool_size, max_overflow=20)
        if self.is_sqlite:
            event.listen(self.engine, "connect", _prepare_sqlite)
            event.listen(self.engine, "begin", _begin_sqlite)
            # One connection for all writes: it keeps the pages in memory that it has just written.
            writing = self.writing_engine = self._engine(pool_size=1, max_overflow=0)
            event.listen(writing, "connect", _prepare_sqlite)
            event.listen(writing, "connect", _prepare_sqlite_writer)
            event.listen(writing, "begin", _begin_sqlite_writer)
        else:
            event.listen(self.engine, "connect", _prepare_postgresql)
            writing = self.writing_engine = self._engine(pool_size=pool_size, max_overflow=20)
            event.listen(writing, "connect", _prepare_postgresql)
            event.listen(writing, "connect", _prepare_postgresql_writer)
        self._reading = sessionmaker(self.engine, expire_on_commit=False, autoflush=False)
        self._writing = sessionmaker(writing, expire_on_commit=False)
        # SQLite has one writer at a time anyway; queueing here is fair and never runs into its busy timeout.
        self._writer = FairLock() if self.is_sqlite else None

    def _engine(self, *, pool_size: int, max_overflow: int) -> Engine:
        return create_engine(
            self.url,
            hide_parameters=True,  # they are addresses: no error may print them
            pool_size=pool_size,
            max_overflow=max_overflow,
            pool_pre_ping=not self.is_sqlite,
            connect_args={} if self.is_sqlite else _REACHED,
        )

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session that only reads; whatever it changed is rolled back."""
        with self._reading() as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A session that commits when the block ends, and rolls back when it raises."""
        if self._writer is None:
            with self._writing.begin() as session:
                yield session
            return
        with self._writer, self._writing.begin() as session:
            yield session

    def revision(self) -> str | None:
        """The migration the database stands at; None for an empty one. Raises StoreError if it is out of reach."""
        if self.file is not None and not self.file.exists():
            return None  # looking must not make it
        try:
            with self.engine.connect() as connection:
                if not inspect(connection).has_table("alembic_version"):
                    return None
                return str(connection.scalar(text("SELECT version_num FROM alembic_version")))
        except DBAPIError as error:  # away, or not a database at all
            raise StoreError(f"cannot open the database {self.shown_url()}: {error.orig}") from error

    def require_head(self) -> None:
        """Raises StoreError unless every migration has been applied."""
        revision = self.revision()
        if revision != HEAD:
            state = "is empty" if revision is None else f"stands at migration {revision}, this version needs {HEAD}"
            raise StoreError(
                f"the database {self.shown_url()} {state}. `leadmagnet run` brings it up to date; "
                "`leadmagnet web` and `leadmagnet worker` never change it."
            )

    def shown_url(self) -> str:
        """The URL without its password, for messages."""
        return make_url(self.url).render_as_string(hide_password=True)

    def close(self) -> None:
        """Returns every connection."""
        self.engine.dispose()
        self.writing_engine.dispose()

    def checkpoint(self) -> None:
        """Carries SQLite's write-ahead log into the database file, nearly all of it beside the writers."""
        if self._writer is None:
            return
        # Whatever is in its way now is gone at the next turn, and a commit does the same by itself in the end.
        with contextlib.suppress(OperationalError), self.engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(PASSIVE)")
            with self._writer:  # what came meanwhile: only a log that is carried over whole begins anew
                connection.exec_driver_sql("PRAGMA wal_checkpoint(PASSIVE)")


def trouble(error: BaseException) -> str | None:
    """What an operator is told when the database is out of reach or locked; None for any other error."""
    if isinstance(error, OperationalError | InterfaceError):
        words = str(error.orig).strip().splitlines()
        return f"the database cannot be used: {words[0] if words else type(error.orig).__name__}."
    return None


def _parsed(url: str) -> URL:
    try:
        return make_url(_with_driver(url))
    except ValueError as error:  # a port that is no number; its words do not repeat the password
        raise StoreError(f"the database URL does not read: {error}.") from error


def _with_driver(url: str) -> str:
    """`postgres://` and `postgresql://` mean psycopg 3, whatever SQLAlchemy's default is this year."""
    for prefix in ("postgres://", "postgresql://"):
        if url.startswith(prefix):
            return "postgresql+psycopg://" + url.removeprefix(prefix)
    in_a_file = url.startswith("sqlite:///") and not url.endswith(("/", ":memory:"))
    if in_a_file or url.startswith("postgresql+psycopg://"):
        return url
    raise StoreError(
        f"the database URL starts with {url.split(':', 1)[0]!r}. "
        "It must be sqlite:////absolute/path.db or postgresql://name:password@host/database."
    )


def _require_sqlite_version() -> None:
    if sqlite3.sqlite_version_info < (3, 38):
        raise StoreError(f"SQLite {sqlite3.sqlite_version} is too old: 3.38 or newer is needed (RETURNING).")


def _prepare_sqlite(connection: sqlite3.Connection, _record: Any) -> None:
    connection.isolation_level = None  # transactions begin where we say so, see _begin_sqlite
    connection.execute(f"PRAGMA busy_timeout={_BUSY_MS}")  # first: even turning WAL on may have to wait for somebody
    _turn_wal_on(connection)
    for pragma in (
        "synchronous=FULL",  # a commit is on disk before anything relies on it: the gate stands on this
        "foreign_keys=ON",
    ):
        connection.execute(f"PRAGMA {pragma}")
    if connection.execute("PRAGMA journal_mode").fetchone() != ("wal",):
        raise StoreError("SQLite cannot keep a write-ahead log here (PRAGMA journal_mode=WAL): use a local disk.")
    if connection.execute("PRAGMA synchronous").fetchone() != (2,):
        raise StoreError("SQLite would not promise durable commits (PRAGMA synchronous=FULL).")


def _turn_wal_on(connection: sqlite3.Connection) -> None:
    # Two that open a new file at once each hold what the other wants: SQLite then gives up without waiting.
    deadline = time.monotonic() + _BUSY_MS / 1000
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(_TURN_SECONDS)
        else:
            return


def _prepare_sqlite_writer(connection: sqlite3.Connection, _record: Any) -> None:
    for pragma in (
        f"cache_size=-{_WRITER_CACHE_KB}",
        "temp_store=MEMORY",  # what a statement that changes many rows might have to take back: else a file for each
        # A worker's `checkpoint` comes long before; this bounds the log where no worker runs.
        f"wal_autocheckpoint={_LONGEST_LOG_PAGES}",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _prepare_postgresql(connection: Any, _record: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET synchronous_commit = on")
        cursor.execute("SET timezone = 'UTC'")
    connection.commit()


def _prepare_postgresql_writer(connection: Any, _record: Any) -> None:
    # Who writes names its rows, some hundreds at a time: each is looked up by an index. A plan made while a table was
    # small, or before autovacuum had counted it, would read all of it for every commit.
    with connection.cursor() as cursor:
        for way in ("seqscan", "hashjoin", "mergejoin", "material"):
            cursor.execute(f"SET enable_{way} = off")
        cursor.execute("SET jit = off")
    connection.commit()


def _begin_sqlite(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN")


def _begin_sqlite_writer(connection: Connection) -> None:
    # A deferred transaction that turns into a writer fails at once, whatever the busy timeout: writers say so first.
    connection.exec_driver_sql("BEGIN IMMEDIATE")
