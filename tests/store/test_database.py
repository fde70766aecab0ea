"""Opening a database: durable, patient, and plain about what is wrong."""

import threading
import uuid
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import event, insert, make_url, select, text, update
from sqlalchemy.exc import StatementError

from leadmagnet.errors import StoreError
from leadmagnet.store.columns import ServerTime
from leadmagnet.store.database import HEAD, Database
from leadmagnet.store.models import Delivery, Heartbeat
from tests.databases import ON_POSTGRESQL, ON_SQLITE

NOW = datetime(2026, 3, 4, 2, 12, tzinfo=UTC)
BEAT = {"worker": "w", "host": "h", "pid": 1, "started_at": NOW, "beat_at": NOW}


@ON_SQLITE
def test_a_sqlite_commit_is_on_disk_and_references_are_kept(database: Database) -> None:
    with database.engine.connect() as connection:
        pragmas = ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        read = [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in pragmas]
    assert read == ["wal", 2, 1, 30_000]


@ON_SQLITE
def test_every_sqlite_connection_of_the_pool_is_prepared(database: Database) -> None:
    connections = [database.engine.connect() for _ in range(10)]
    assert {connection.exec_driver_sql("PRAGMA synchronous").scalar() for connection in connections} == {2}
    for connection in connections:
        connection.close()


@ON_SQLITE
def test_a_checkpoint_carries_over_what_its_first_pass_had_to_leave(database: Database) -> None:
    def write() -> None:
        with database.write() as session:
            session.execute(insert(Heartbeat).values({**BEAT, "worker": str(uuid.uuid4()), "host": "h" * 200}))

    def stop_reading(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        if "checkpoint" in statement:
            reader.close()

    reader = database.engine.connect()
    reader.execute(select(Heartbeat.worker)).all()
    for _ in range(100):
        write()
    event.listen(database.engine, "after_cursor_execute", stop_reading)
    database.checkpoint()
    write()
    with database.engine.connect() as connection:
        _busy, in_the_log, _carried = connection.exec_driver_sql("PRAGMA wal_checkpoint(PASSIVE)").one()
    assert in_the_log < 20  # it has begun anew


@ON_POSTGRESQL
def test_a_postgresql_commit_is_on_disk_whatever_the_server_says(database: Database) -> None:
    name = database.engine.url.database
    with database.engine.begin() as connection:
        connection.execute(text(f"ALTER DATABASE {name} SET synchronous_commit = off"))
        connection.execute(text(f"ALTER DATABASE {name} SET timezone = 'America/New_York'"))
    database.close()
    with database.engine.connect() as connection:
        assert connection.execute(text("SHOW synchronous_commit")).scalar() == "on"
        assert connection.execute(text("SHOW timezone")).scalar() == "UTC"


_SEND_ALL_AWAY = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"


@ON_POSTGRESQL
def test_a_connection_that_was_cut_while_it_rested_is_replaced(database: Database) -> None:
    for door in (database.read, database.write):
        with door() as session:
            session.execute(text("SELECT 1"))
    url = make_url(database.url)
    with psycopg.connect(url.set(drivername="postgresql", database="postgres").render_as_string(False)) as operator:
        operator.execute(_SEND_ALL_AWAY, [url.database])
    for door in (database.read, database.write):
        with door() as session:
            assert session.scalar(text("SELECT 1")) == 1


def test_sqlite_without_a_write_ahead_log_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    # Locking by a file beside it, as on some network disks, has no shared memory and so no such log.
    database = Database(f"sqlite:///file:{tmp_path}/far.db?vfs=unix-dotfile&uri=true")
    with pytest.raises(StoreError, match="write-ahead log"):
        database.revision()
    database.close()


def test_what_is_read_cannot_be_changed_by_accident(database: Database) -> None:
    with database.read() as session:
        session.execute(insert(Heartbeat).values(**BEAT))
    with database.read() as session:
        assert session.scalars(select(Heartbeat)).all() == []


def test_a_block_that_raises_writes_nothing(database: Database) -> None:
    with pytest.raises(RuntimeError), database.write() as session:
        session.execute(insert(Heartbeat).values(**BEAT))
        raise RuntimeError
    with database.read() as session:
        assert session.scalars(select(Heartbeat)).all() == []


@pytest.mark.parametrize("own_database", [True, False])
def test_four_threads_read_and_write_without_a_locked_database(database: Database, own_database: bool) -> None:
    """A deferred SQLite transaction that turns into a writer fails at once, whatever its busy timeout."""
    rounds = 100
    with database.write() as session:
        session.execute(insert(Heartbeat).values(**{**BEAT, "pid": 0}))
    start = threading.Barrier(4, timeout=60)
    failed: list[Exception] = []

    def count() -> None:
        opened = Database(database.url) if own_database else database
        start.wait()
        try:
            for _ in range(rounds):
                with opened.write() as session:
                    seen = session.scalars(select(Heartbeat).with_for_update()).one()
                    session.execute(update(Heartbeat).values(pid=seen.pid + 1))
        except Exception as error:
            failed.append(error)
        if own_database:
            opened.close()

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    with database.read() as session:
        assert session.scalars(select(Heartbeat.pid)).one() == 4 * rounds


def test_a_time_comes_back_as_the_same_moment_in_utc(database: Database) -> None:
    new_york = timezone(timedelta(hours=-5))
    with database.write() as session:
        session.execute(insert(Heartbeat).values(**{**BEAT, "beat_at": datetime(2026, 3, 3, 21, 12, 0, 7, new_york)}))
    with database.read() as session:
        seen = session.scalars(select(Heartbeat)).one().beat_at
    assert (seen, seen.tzinfo) == (NOW.replace(microsecond=7), UTC)


def test_a_time_without_a_zone_is_refused(database: Database) -> None:
    with pytest.raises(StatementError, match="without a zone"), database.write() as session:
        session.execute(insert(Heartbeat).values(**{**BEAT, "beat_at": NOW.replace(tzinfo=None)}))


def test_stored_times_compare_as_moments(database: Database) -> None:
    times = [NOW, NOW + timedelta(microseconds=1), NOW + timedelta(seconds=1), NOW + timedelta(days=300)]
    with database.write() as session:
        session.execute(insert(Heartbeat), [{**BEAT, "worker": str(n), "beat_at": at} for n, at in enumerate(times)])
    with database.read() as session:
        for number, at in enumerate(times):
            earlier = select(Heartbeat.worker).where(Heartbeat.beat_at < at).order_by(Heartbeat.worker)
            assert list(session.scalars(earlier)) == [str(n) for n in range(number)]


def test_the_servers_clock_compares_with_stored_times(database: Database) -> None:
    with database.write() as session:
        session.execute(
            insert(Delivery).values(
                kind="notice",
                lane="sequence",
                due_at=NOW,
                ready_at=NOW,
                message_id="m",
                domain_group="d",
                lease_until=ServerTime(60),
            )
        )
        for seconds, later in ((59, True), (61, False), (-100_000, True)):
            query = select(Delivery.id).where(Delivery.lease_until > ServerTime(seconds))
            assert (session.scalar(query) is not None) == later


@pytest.mark.parametrize(
    ("given", "used"),
    [
        ("postgres://ada:pw@db.example/mail", "postgresql+psycopg://ada:pw@db.example/mail"),
        ("postgresql://ada:pw@db.example/mail", "postgresql+psycopg://ada:pw@db.example/mail"),
        ("postgresql+psycopg://ada:pw@db.example/mail", "postgresql+psycopg://ada:pw@db.example/mail"),
        (
            "postgresql://ada:p%40w@db.example/mail?sslmode=require",
            "postgresql+psycopg://ada:p%40w@db.example/mail?sslmode=require",
        ),
    ],
)
def test_postgresql_is_spelt_in_three_ways(given: str, used: str) -> None:
    database = Database(given)
    assert database.url == used
    assert not database.is_sqlite
    database.close()


@pytest.mark.parametrize(
    "url", ["mysql://ada:secret@db.example/mail", "sqlite://mail.db", "sqlite:///:memory:", "sqlite:///", "mail.db", ""]
)
def test_another_kind_of_url_is_refused_with_a_way_out(url: str) -> None:
    with pytest.raises(StoreError, match=r"sqlite:////absolute/path\.db or postgresql://") as refused:
        Database(url)
    assert "secret" not in str(refused.value)


def test_a_password_is_not_shown() -> None:
    database = Database("postgres://ada:secret@127.0.0.1:1/mail")
    with pytest.raises(StoreError, match="cannot open the database") as refused:
        database.revision()
    assert "secret" not in str(refused.value) + database.shown_url()
    database.close()


def test_sqlite_makes_the_folder_it_needs(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/var/deep/leadmagnet.db")
    assert database.revision() is None
    database.close()


def test_a_file_that_is_no_database_is_said_plainly(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("not a database, but long enough to be taken for one" * 100)
    database = Database(f"sqlite:///{tmp_path}/notes.txt")
    with pytest.raises(StoreError, match="cannot open the database"):
        database.revision()
    database.close()


def test_a_migrated_database_is_fit(database: Database) -> None:
    database.require_head()
    assert database.revision() == HEAD


@pytest.mark.parametrize(
    ("statement", "says"),
    [
        ("DROP TABLE alembic_version", "is empty"),
        ("UPDATE alembic_version SET version_num = '0000'", f"stands at migration 0000, this version needs {HEAD}"),
    ],
)
def test_an_empty_or_old_database_is_refused_with_a_way_out(database: Database, statement: str, says: str) -> None:
    with database.write() as session:
        session.execute(text(statement))
    with pytest.raises(StoreError, match=rf"{says}\. `leadmagnet run` brings it up to date"):
        database.require_head()
