"""Lets one process tell the others that something became due: a hint, never a promise.

On PostgreSQL by LISTEN/NOTIFY, on SQLite by the counter that changes when another connection commits.
Whoever misses a signal is woken by its own tick.
"""

import contextlib
import logging
import sqlite3
from collections.abc import Callable
from threading import Event, Thread

import psycopg
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from leadmagnet.store import absence
from leadmagnet.store.database import Database
from leadmagnet.store.dialect import is_sqlite

log = logging.getLogger(__name__)

_CHANNEL = "leadmagnet"
_POLL_SECONDS = 0.1


def something_is_due(session: Session) -> None:
    """Signals when this transaction commits."""
    if not is_sqlite(session):
        session.execute(text(f"NOTIFY {_CHANNEL}"))


class Listener:
    """Calls `heard` whenever some other connection may have made something due."""

    def __init__(self, database: Database, heard: Callable[[], None]) -> None:
        self._database = database
        self._heard = heard
        self._stopping = Event()
        self._failures = 0
        listen = self._poll_sqlite if database.is_sqlite else self._listen_postgresql
        self._thread = Thread(target=self._run, args=(listen,), name="listener", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join()

    def _run(self, listen: Callable[[], None]) -> None:
        while not self._stopping.is_set():
            try:
                listen()
            except (DBAPIError, psycopg.Error, sqlite3.Error) as error:
                if not self._database.absence.met(error):
                    log.warning("not listening for signals, the tick goes on (%s)", type(error).__name__)
                self._failures += 1
                self._stopping.wait(absence.pause(self._failures))

    def _poll_sqlite(self) -> None:
        with self._database.engine.connect() as connection:
            raw = connection.connection.driver_connection
            if raw is None:
                raise AssertionError("a checked-out connection has a driver connection")
            self._failures = 0
            connection.rollback()  # an open transaction would see the counter as it was
            seen = None
            while not self._stopping.wait(_POLL_SECONDS):
                version = raw.execute("PRAGMA data_version").fetchone()
                if version != seen:
                    seen = version
                    self._heard()

    def _listen_postgresql(self) -> None:
        url = self._database.url.replace("postgresql+psycopg://", "postgresql://", 1)
        with contextlib.closing(psycopg.connect(url, autocommit=True, connect_timeout=10)) as connection:
            connection.execute(f"LISTEN {_CHANNEL}")
            self._failures = 0
            self._heard()  # what was signalled before we listened
            while not self._stopping.is_set():
                for _notice in connection.notifies(timeout=_POLL_SECONDS * 5, stop_after=1):
                    self._heard()
