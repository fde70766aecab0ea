"""Fills a database with as many readers as a benchmark wants, each somewhere in the example series.

Rows are made in SQL from a few thousand lives computed by the real schedule: a million readers in a minute.
Ids, dates, zones, histories and index sizes are those of a service that has run for a month.
"""

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Column, Connection, Integer, MetaData, String, Table, insert, text

from leadmagnet.content.compiled import Build
from leadmagnet.content.sequences import Sequence
from leadmagnet.publishing import releases
from leadmagnet.sequences import deliveries, schedule
from leadmagnet.sequences.schedule import Facts
from leadmagnet.store.columns import Utc
from leadmagnet.store.database import Database
from leadmagnet.store.migrate import upgrade

SERIES = "hip-openers"
ZONES = (
    "America/New_York", "America/Chicago", "America/Denver", "America/Los_Angeles", "America/Toronto",
    "America/Sao_Paulo", "Europe/London", "Europe/Berlin", "Europe/Paris", "Europe/Madrid", "Europe/Rome",
    "Europe/Warsaw", "Europe/Athens", "Africa/Johannesburg", "Asia/Kolkata", "Asia/Singapore", "Asia/Tokyo",
    "Australia/Sydney", "Pacific/Auckland", "UTC",
)  # fmt: skip
#: Lives that differ in the time of day only.
_TIMES_OF_DAY = 20
_FACTS = {
    "asked_on": "2026-03-03", "first_name": "Ada", "guide": SERIES, "guide_opened": True, "tags": [], "clicked": []
}  # fmt: skip

_metadata = MetaData()
_life = Table(
    "bench_life", _metadata, Column("n", Integer, primary_key=True), Column("zone", String), Column("start_at", Utc),
    Column("had", Integer), Column("next", String), Column("due_at", Utc), Column("due_key", String),
)  # fmt: skip
_had = Table(
    "bench_had", _metadata, Column("n", Integer, primary_key=True), Column("number", Integer, primary_key=True),
    Column("step", String), Column("kind", String), Column("lane", String), Column("at", Utc), Column("at_key", String),
)  # fmt: skip
_person = Table("bench_person", _metadata, Column("i", Integer, primary_key=True), Column("n", Integer))


@dataclass(frozen=True)
class _Life:
    """Somebody who has had the first `had` letters; what is next is due at `due`."""

    start: datetime
    zone: str
    had: int
    due: datetime | None  # None: nothing follows


def fill(database: Database, build: Build, *, people: int, due: int = 0, finished: float = 0.0, now: datetime) -> int:
    """Publishes `build` in an empty database, and adds `people`; returns how many deliveries there are.

    `due` of them have a letter that is due since this morning, a share of `finished` has had everything, the
    others wait for a letter of the coming days.
    """
    own = Database(database.url)  # with settings for bulk, which must not stay
    try:
        return _fill(own, build, people=people, due=due, finished=finished, now=now)
    finally:
        own.close()


def _fill(database: Database, build: Build, *, people: int, due: int, finished: float, now: datetime) -> int:
    upgrade(database)
    assert build.compiled is not None
    steps = build.compiled.sequences[SERIES]
    running, ended, waiting = _running(steps, now), _ended(steps, now), _due_today(steps, now)
    with database.write() as session:
        if session.scalar(text("SELECT count(*) FROM subscriber")):
            raise SystemExit("the database has people in it: give a benchmark one of its own.")
        number = releases.publish(session, build, author="bench", now=now - timedelta(days=60))
    with _write(database) as connection, _without_indexes(connection):
        _metadata.drop_all(connection)
        _metadata.create_all(connection)
        _write_lives(connection, steps, [*running, *ended, *waiting])
        every = people // due if due else people + 1
        values = {
            "people": people, "every": every, "running": len(running), "ended": len(ended), "waiting": len(waiting),
            "finished": round(finished * 100), "release": number, "series": SERIES, "facts": json.dumps(_FACTS),
            "then": now - timedelta(days=40),
        }  # fmt: skip
        for statement in _STATEMENTS:
            connection.execute(text(statement).bindparams(*_typed(statement, values)))
        for position in range(len(steps.steps)):
            connection.execute(text(_HISTORY).bindparams(*_typed(_HISTORY, values | {"number": position})))
        connection.execute(text(_NEXT).bindparams(*_typed(_NEXT, values)))
        total = connection.scalar(text("SELECT count(*) FROM delivery"))
        _metadata.drop_all(connection)
    _settle(database)
    return int(total or 0)


def _typed(statement: str, values: dict[str, Any]) -> list[Any]:
    from sqlalchemy import bindparam

    return [
        bindparam(name, value, Utc()) if isinstance(value, datetime) else bindparam(name, value)
        for name, value in values.items()
        if f":{name}" in statement.replace("::", "")
    ]


# Both databases read these. The last statements make deliveries letter by letter, as time did.
_STATEMENTS = (
    """INSERT INTO bench_person
       WITH RECURSIVE number(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM number WHERE i < :people)
       SELECT i, CASE WHEN i % :every = 0 THEN :running + :ended + (i / :every) % :waiting
                      WHEN (i * 13) % 100 < :finished THEN :running + i % :ended
                      ELSE i % :running END FROM number""",
    """INSERT INTO subscriber (id, address, address_key, domain_group, status, first_name, timezone, created_at,
                               asked_at, confirmed_at)
       SELECT i, 'reader' || i || '@bench' || (i % 50) || '.example', 'key' || i, 'bench' || (i % 50) || '.example',
              'active', 'Ada', zone, start_at, start_at, start_at
       FROM bench_person p JOIN bench_life l ON l.n = p.n ORDER BY i""",
    """INSERT INTO enrollment (id, subscriber_id, sequence, guide, status, created_at, start_at, ended_at,
                               guide_opened_at)
       SELECT i, i, :series, :series, CASE WHEN next IS NULL THEN 'completed' ELSE 'active' END, start_at, start_at,
              CASE WHEN next IS NULL THEN :then END, start_at
       FROM bench_person p JOIN bench_life l ON l.n = p.n ORDER BY i""",
)
_HISTORY = """
    INSERT INTO delivery (kind, subscriber_id, enrollment_id, sequence, step, lane, state, due_at, ready_at,
                          lease_owner, lease_token, lease_until, gate_host, release_id, message_id, domain_group,
                          smtp_code, smtp_class, facts, handed_at, sent_at, dedupe_key)
    SELECT kind, i, i, :series, step, lane, 'sent', at, at, 'bench', 1, at, 'bench', :release,
           at_key || i || 's' || number || '@bench.example', 'bench' || (i % 50) || '.example', 250, 'accepted',
           CAST(:facts AS JSON), at, at, 'step:' || i || ':' || step
    FROM bench_person p JOIN bench_had h ON h.n = p.n AND h.number = :number ORDER BY i"""
_NEXT = """
    INSERT INTO delivery (kind, subscriber_id, enrollment_id, sequence, step, lane, state, due_at, ready_at,
                          release_id, message_id, domain_group, dedupe_key)
    SELECT 'step', i, i, :series, next, 'sequence', 'pending', due_at, due_at, :release,
           due_key || i || '@bench.example', 'bench' || (i % 50) || '.example', 'step:' || i || ':' || next
    FROM bench_person p JOIN bench_life l ON l.n = p.n AND l.next IS NOT NULL ORDER BY i"""


def _running(sequence: Sequence, now: datetime) -> list[_Life]:
    """People at every position, whose next letter is due on one of the days before it."""
    lives = []
    for had in range(1, len(sequence.steps)):
        next_day, last_day = sequence.steps[had].day, sequence.steps[had - 1].day
        for ahead in range(1, next_day - last_day + 1):
            lives += [_life_of(sequence, zone, had, now, days=next_day - ahead, at=at)
                      for zone in ZONES for at in range(_TIMES_OF_DAY)]  # fmt: skip
    return lives


def _ended(sequence: Sequence, now: datetime) -> list[_Life]:
    last = sequence.steps[-1].day
    return [_life_of(sequence, zone, len(sequence.steps), now, days=last + days, at=days)
            for zone in ZONES for days in range(1, 20)]  # fmt: skip


def _due_today(sequence: Sequence, now: datetime) -> list[_Life]:
    """People for whom it is nine in the morning, and whose next letter was due at half past seven."""
    zone = f"Etc/GMT{-((9 - now.hour + 12) % 24 - 12):+d}"
    return [_life_of(sequence, zone, had, now, days=sequence.steps[had].day, at=at)
            for had in range(1, len(sequence.steps)) for at in range(_TIMES_OF_DAY)]  # fmt: skip


def _life_of(sequence: Sequence, name: str, had: int, now: datetime, *, days: int, at: int) -> _Life:
    zone = ZoneInfo(name)
    day = now.astimezone(zone).date() - timedelta(days=days)
    local = datetime.combine(day, time(12), zone) + timedelta(seconds=1003.000123 * at)
    start = local.astimezone(UTC)
    if had == len(sequence.steps):
        return _Life(start, name, had, None)
    return _Life(start, name, had, schedule.due(sequence, sequence.steps[had], Facts(start), zone).due)


def _write_lives(connection: Connection, sequence: Sequence, lives: list[_Life]) -> None:
    rows, letters = [], []
    for n, life in enumerate(lives):
        upcoming = sequence.steps[life.had].slug if life.due is not None else None
        rows.append({"n": n, "zone": life.zone, "start_at": life.start, "had": life.had, "next": upcoming,
                     "due_at": life.due, "due_key": _key(life.due) if life.due is not None else None})  # fmt: skip
        facts, zone = Facts(life.start), ZoneInfo(life.zone)
        for number, step in enumerate(sequence.steps[: life.had]):
            at = schedule.due(sequence, step, facts, zone).due
            kind, lane = deliveries.kind_of(sequence, step)
            letters.append({"n": n, "number": number, "step": step.slug, "kind": kind, "lane": lane, "at": at,
                            "at_key": _key(at)})  # fmt: skip
    connection.execute(insert(_life), rows)
    connection.execute(insert(_had), letters)


def _key(at: datetime) -> str:
    return f"{int(at.timestamp()):08x}"


@contextlib.contextmanager
def _write(database: Database) -> Iterator[Connection]:
    with database.write() as session:
        connection = session.connection()
        if database.is_sqlite:
            connection.exec_driver_sql("PRAGMA cache_size=-1000000")
        else:
            connection.exec_driver_sql("SET LOCAL synchronous_commit = off")
            connection.exec_driver_sql("SET LOCAL session_replication_role = replica")  # no look at foreign keys
            connection.exec_driver_sql("SET LOCAL maintenance_work_mem = '512MB'")
        yield connection


@contextlib.contextmanager
def _without_indexes(connection: Connection) -> Iterator[None]:
    """Drops what millions of rows need not go through one by one, and builds it anew behind them."""
    if connection.dialect.name == "sqlite":
        found = connection.exec_driver_sql(
            "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND tbl_name = 'delivery' AND sql IS NOT NULL"
        ).all()
        drops, builds = [f'DROP INDEX "{name}"' for name, _sql in found], [sql for _name, sql in found]
    else:
        unique = connection.exec_driver_sql(
            "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint "
            "WHERE conrelid = 'delivery'::regclass AND contype = 'u'"
        ).all()
        names = {name for name, _definition in unique} | {"delivery_pkey"}
        indexes = [
            (name, definition)
            for name, definition in connection.exec_driver_sql(
                "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 'delivery'"
            )
            if name not in names
        ]
        drops = [f"ALTER TABLE delivery DROP CONSTRAINT {name}" for name, _ in unique]
        drops += [f"DROP INDEX {name}" for name, _ in indexes]
        builds = [f"ALTER TABLE delivery ADD CONSTRAINT {name} {definition}" for name, definition in unique]
        builds += [definition for _, definition in indexes]
    for statement in drops:
        connection.exec_driver_sql(statement)
    yield
    for statement in builds:
        connection.exec_driver_sql(statement)


def _settle(database: Database) -> None:
    """What time would have done: statistics, and a checkpoint."""
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if database.is_sqlite:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        else:
            connection.exec_driver_sql("VACUUM ANALYZE")
            connection.exec_driver_sql("CHECKPOINT")
