"""One process's commit wakes the others."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from threading import Event

import psycopg
from sqlalchemy import insert

from leadmagnet.store.database import Database
from leadmagnet.store.models import Heartbeat
from leadmagnet.store.signals import Listener, something_is_due
from tests.databases import ON_POSTGRESQL
from tests.waiting import PATIENCE

NOW = datetime(2026, 3, 4, 2, 12, tzinfo=UTC)


@contextmanager
def listening(database: Database) -> Iterator[Event]:
    heard = Event()
    listener = Listener(database, heard.set)
    listener.start()
    assert heard.wait(PATIENCE), "whatever was signalled before it listened"
    heard.clear()
    yield heard
    listener.stop()


def signal(database: Database, worker: str = "w") -> None:
    """Another process makes something due."""
    other = Database(database.url)
    with other.write() as session:
        session.execute(insert(Heartbeat).values(worker=worker, host="h", pid=1, started_at=NOW, beat_at=NOW))
        something_is_due(session)
    other.close()


def test_a_commit_elsewhere_is_heard(database: Database) -> None:
    with listening(database) as heard:
        signal(database)
        assert heard.wait(PATIENCE)


def test_a_second_commit_is_heard_as_well(database: Database) -> None:
    with listening(database) as heard:
        for worker in ("a", "b", "c"):
            signal(database, worker)
            assert heard.wait(PATIENCE)
            heard.clear()


@ON_POSTGRESQL
def test_who_loses_the_connection_listens_again(database: Database, postgres_server: str) -> None:
    with listening(database) as heard:
        with psycopg.connect(postgres_server, autocommit=True) as operator:
            name = database.engine.url.database
            operator.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])
        assert heard.wait(PATIENCE), "it asks anew what it may have missed"
        heard.clear()
        signal(database)
        assert heard.wait(PATIENCE)


def test_stopping_a_listener_that_hears_nothing_does_not_hang(database: Database) -> None:
    with listening(database):
        pass
