"""The crowd, gathered once for each kind of database: getting people to their places takes longer than the tests."""

import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import text

from leadmagnet.content.compiled import Build
from leadmagnet.store.database import Database
from tests.postgres import sibling
from tests.publishing.crowd import gather_crowd, join_crowd
from tests.publishing.walks import Walk
from tests.world import World


@pytest.fixture(scope="session")
def sqlite_crowd(sqlite_template: Path, example: Build, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with the crowd in it, to copy."""
    folder = tmp_path_factory.mktemp("crowd")
    path = folder / "leadmagnet.db"
    shutil.copy(sqlite_template, path)
    database = Database(f"sqlite:///{path}")
    gather_crowd(database, example, folder)
    with database.engine.connect() as connection:
        connection.execute(text("PRAGMA wal_checkpoint(TRUNCATE)"))
    database.close()
    return path


@pytest.fixture(scope="session")
def postgres_crowd(postgres_server: str, example: Build, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The name of a PostgreSQL database with the crowd in it, to use as a template."""
    name = f"crowd{uuid.uuid4().hex}"
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE leadmagnet_template")
        database = Database(sibling(postgres_server, name))
        gather_crowd(database, example, tmp_path_factory.mktemp("crowd"))
        database.close()
        yield name
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(params=["sqlite", "postgresql"])
def crowd(request: pytest.FixtureRequest, example: Build, tmp_path: Path) -> Iterator[World]:
    """A world with one person at every position of a series, once in each kind of database."""
    if request.param == "sqlite":
        path = tmp_path / "leadmagnet.db"
        shutil.copy(request.getfixturevalue("sqlite_crowd"), path)
        yield from opened(f"sqlite:///{path}", example, tmp_path)
        return
    with request.getfixturevalue("postgres_shelf").copy_of(request.getfixturevalue("postgres_crowd")) as url:
        yield from opened(url, example, tmp_path)


def opened(url: str, example: Build, folder: Path) -> Iterator[World]:
    """The world of a crowd that was gathered before."""
    database = Database(url)
    with join_crowd(database, example, folder) as world:
        yield world
    database.close()


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def walk(request: pytest.FixtureRequest, example: Build, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Walk]:
    """A world to start anew in, once for each kind of database."""
    folder = tmp_path_factory.mktemp("walk")
    if request.param == "sqlite":
        shutil.copy(request.getfixturevalue("sqlite_template"), folder / "leadmagnet.db")
        yield from opened_walk(f"sqlite:///{folder}/leadmagnet.db", example, folder)
        return
    server, name = request.getfixturevalue("postgres_server"), f"walk{uuid.uuid4().hex}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE leadmagnet_template")
        yield from opened_walk(sibling(server, name), example, folder)
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def opened_walk(url: str, example: Build, folder: Path) -> Iterator[Walk]:
    """A world to start anew in."""
    database = Database(url)
    with Walk(database, example, folder) as world:
        yield world
    database.close()
