"""Health: alive whatever happens behind it, ready only when a visitor could be served."""

import resource
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import delete, text

from leadmagnet import clock
from leadmagnet.reports import heartbeats
from leadmagnet.settings import Settings
from leadmagnet.store.database import Database
from leadmagnet.store.models import Release
from leadmagnet.web import health
from leadmagnet.web.app import create_app
from tests.databases import ON_POSTGRESQL, ON_SQLITE
from tests.world import World

#: What stands there when nobody has a worker, which keeps no visitor out.
NO_WORKER = {"state": "warning", "says": "no worker is running: sign-ups are taken, and their mail waits"}
WELL = {"database": {"state": "ok"}, "schema": {"state": "ok"}, "writable": {"state": "ok"}, "release": {"state": "ok"}}


def client_of(database: Database, folder: Path, **parts: Any) -> FlaskClient:
    settings = Settings(secret_keys="first key", suppression_key="x", data_dir=folder)  # type: ignore[arg-type]
    return create_app(settings, database, **{"clock": clock.now, **parts}).test_client()


def looked(client: FlaskClient, *, status: int) -> dict[str, dict[str, str]]:
    """What /readyz says of each check, while the process lives all the same."""
    assert client.get("/healthz").json == {"ok": True}
    answer = client.get("/readyz")
    assert answer.status_code == status, answer.text
    assert answer.json is not None and answer.json["ok"] is (status == 200)
    assert list(answer.json["checks"]) == ["database", "schema", "writable", "release", "worker"]
    checks: dict[str, dict[str, str]] = answer.json["checks"]
    return checks


def beats(world: World, worker: str) -> None:
    with world.database.write() as session:
        heartbeats.beat(session, worker, host="here", pid=1, started_at=world.now, now=world.now)


def test_pages_are_ready_without_a_worker_and_say_so(world: World, client: FlaskClient) -> None:
    assert looked(client, status=200) == {**WELL, "worker": NO_WORKER}
    beats(world, "elsewhere")
    assert looked(client, status=200) == {**WELL, "worker": {"state": "ok"}}


def test_with_a_worker_of_its_own_a_process_is_ready_while_that_one_lives(world: World, tmp_path: Path) -> None:
    client = client_of(world.database, tmp_path, clock=lambda: world.now, worker="mine")
    beats(world, "elsewhere")
    silent = {"state": "failed", "says": "the worker in this process has been silent for two minutes"}
    assert looked(client, status=503) == {**WELL, "worker": silent}
    beats(world, "mine")
    assert looked(client, status=200)["worker"] == {"state": "ok"}
    world.now += heartbeats.SILENT - timedelta(seconds=1)
    assert looked(client, status=200)["worker"] == {"state": "ok"}
    world.now += timedelta(seconds=1)
    assert looked(client, status=503)["worker"] == silent


def test_a_site_without_content_is_alive_but_not_ready(database: Database, tmp_path: Path) -> None:
    checks = looked(client_of(database, tmp_path), status=503)
    assert checks["release"] == {"state": "failed", "says": "nothing has been published yet"}
    assert checks["writable"] == {"state": "ok"}


def test_a_site_without_its_tables_is_alive_but_not_ready(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'empty.db'}")
    checks = looked(client_of(database, tmp_path), status=503)
    assert checks["schema"] == {"state": "failed", "says": "the database is empty"}
    assert {checks[name]["state"] for name in ("writable", "release", "worker")} == {"unknown"}
    assert not (tmp_path / "empty.db").exists(), "to look must not make it"
    database.close()


def test_a_site_before_its_migration_is_not_ready(world: World, client: FlaskClient) -> None:
    with world.database.write() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '0001'"))
    assert looked(client, status=503)["schema"]["says"].startswith("the database is at 0001, not at ")


def test_a_database_out_of_reach_tells_strangers_nothing(tmp_path: Path) -> None:
    database = Database("postgresql://leadmagnet:secret@127.0.0.1:1/leadmagnet")
    client = client_of(database, tmp_path)
    assert looked(client, status=503)["database"] == {"state": "failed", "says": "the database is out of reach"}
    told = client.get("/readyz").text
    assert not any(word in told for word in ("secret", "127.0.0.1", "leadmagnet", "Traceback"))
    database.close()


def test_a_table_that_is_gone_is_no_traceback(world: World, client: FlaskClient) -> None:
    with world.database.write() as session:
        session.execute(delete(Release))
        session.execute(text("ALTER TABLE release RENAME TO elsewhere"))
    assert looked(client, status=503)["release"]["says"].startswith("the database does not answer (")


def test_a_server_that_says_nothing_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "_SECONDS", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        database = Database(f"postgresql://leadmagnet@127.0.0.1:{silent.getsockname()[1]}/leadmagnet")
        client = client_of(database, tmp_path)
        for _ in range(2):
            says = looked(client, status=503)["database"]["says"]
            assert says == "the database has not answered within two seconds"
    database.close()


@ON_SQLITE
def test_a_file_that_somebody_keeps_locked_is_not_waited_for(
    world: World, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as shorter, world.database.write():
        shorter.setattr(health, "_SECONDS", 0.05)
        looked(client, status=503)
    looked(client, status=200)


@ON_SQLITE
def test_a_file_that_may_only_be_read_takes_no_sign_up(world: World, tmp_path: Path) -> None:
    database = Database(f"sqlite:///file:{world.database.file}?mode=ro&uri=true")
    checks = looked(client_of(database, tmp_path), status=503)
    assert checks["writable"] == {"state": "failed", "says": "the database takes no writes (OperationalError)"}
    assert checks["release"] == {"state": "ok"}
    database.close()


@ON_SQLITE
def test_a_full_disk_takes_no_sign_up(client: FlaskClient) -> None:
    with _no_room():
        checks = looked(client, status=503)
    assert checks["writable"] == {"state": "failed", "says": "the disk takes no writes: File too large"}
    looked(client, status=200)


@contextmanager
def _no_room() -> Iterator[None]:
    """No file of this process grows beyond what is there: as near to a full disk as an ordinary process comes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (64 * 1024, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@ON_POSTGRESQL
def test_a_replica_takes_no_sign_up(world: World, client: FlaskClient) -> None:
    name = world.database.engine.url.database
    with world.database.write() as session:
        session.execute(text(f"ALTER DATABASE {name} SET default_transaction_read_only = on"))
    world.database.close()
    checks = looked(client, status=503)
    assert checks["writable"] == {"state": "failed", "says": "the database is read-only"}
    assert checks["release"] == {"state": "ok"}


def test_a_load_balancer_may_ask_by_address(client: FlaskClient) -> None:
    assert client.get("/healthz", headers={"Host": "10.0.0.7:8000"}).status_code == 200
    assert client.get("/", headers={"Host": "10.0.0.7:8000"}).status_code == 400
