"""The migrations produce exactly what the models say."""

import threading
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import column, delete, insert, inspect, select, table
from sqlalchemy.engine.interfaces import ReflectedIndex
from sqlalchemy.exc import IntegrityError

from leadmagnet.store.database import HEAD, Database
from leadmagnet.store.migrate import MIGRATIONS, upgrade
from leadmagnet.store.models import Delivery, Model, Release
from tests.waiting import PATIENCE
from tests.world import TUESDAY_EVENING


def test_migrating_leads_to_the_models(database: Database) -> None:
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, Model.metadata) == []


def test_migrating_leads_to_the_models_names_and_rules(database: Database) -> None:
    """What Alembic does not compare: checks, what partial indexes are of, what goes with a deleted row."""
    migrated = _shape(database)
    Model.metadata.drop_all(database.engine)
    Model.metadata.create_all(database.engine)
    assert migrated == _shape(database)


def _shape(database: Database) -> dict[str, Any]:
    found = inspect(database.engine)
    return {
        table: {
            "columns": {str(column | {"type": str(column["type"])}) for column in found.get_columns(table)},
            "key": found.get_pk_constraint(table),
            "checks": {(check["name"], check["sqltext"]) for check in found.get_check_constraints(table)},
            "uniques": {str(unique) for unique in found.get_unique_constraints(table)},
            "references": {str(reference) for reference in found.get_foreign_keys(table)},
            "indexes": {_index(index) for index in found.get_indexes(table)},
        }
        for table in Model.metadata.tables
    }


def _index(index: ReflectedIndex) -> tuple[str | None, str, bool, str]:
    options = index.get("dialect_options", {})
    of = [str(value) for name, value in options.items() if name.endswith("_where")]
    return index["name"], str(index["column_names"]), bool(index["unique"]), str(of)


def test_head_is_the_newest_revision() -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    assert ScriptDirectory.from_config(config).get_heads() == [HEAD]


def test_migrating_twice_changes_nothing(database: Database) -> None:
    assert upgrade(database) is False


def test_an_empty_database_is_migrated_in_one_go(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/new.db")
    assert upgrade(database) is True
    database.require_head()
    database.close()


def test_versions_from_before_rollbacks_stay_as_they_are(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/old.db")
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with database.writing_engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0003")
        values = {"published_at": TUESDAY_EVENING, "author": "maya", "digest": "d", "files": b"zip", "compiled": "{}"}
        connection.execute(insert(Release).values(values))
    assert upgrade(database) is True
    with database.read() as session:
        (version,) = session.scalars(select(Release))
    assert (version.author, version.files, version.set_aside) == ("maya", b"zip", None)
    database.close()


def test_a_filled_database_takes_new_kinds_of_mail_and_gives_no_number_twice(empty_url: str) -> None:
    """SQLite cannot change a constraint in place: the table is kept as it is, with the counter of its row ids."""
    database = Database(empty_url)
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    columns = {"lane": "transactional", "due_at": TUESDAY_EVENING, "ready_at": TUESDAY_EVENING, "domain_group": "x"}
    known = (*columns, "kind", "message_id")
    old = table("delivery", column("id"), *(column(name, Delivery.__table__.c[name].type) for name in known))
    with database.writing_engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0004")
        for number in range(3):
            connection.execute(insert(old).values(kind="test", message_id=str(number), **columns))
        connection.execute(delete(old).where(old.c.id == 3))
    assert upgrade(database) is True
    with database.write() as session:
        kept = session.execute(select(Delivery.message_id, Delivery.dedupe_key).order_by(Delivery.id))
        assert list(map(tuple, kept)) == [("0", "test:0"), ("1", "test:1")]  # found by it when somebody is forgotten
        session.add(Delivery(kind="address", message_id="new", **columns))
        session.flush()
        assert session.scalars(select(Delivery.id).where(Delivery.kind == "address")).one() == 4
    with pytest.raises(IntegrityError), database.write() as session:
        session.execute(insert(Delivery).values(kind="letter", message_id="none", **columns))
    if database.is_sqlite:
        with database.read() as session:
            assert session.connection().exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"
    database.close()


def test_nobody_else_on_the_machine_can_read_the_database(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/var/leadmagnet.db")
    upgrade(database)
    with database.write() as session:
        session.connection().exec_driver_sql("CREATE TABLE more (id INTEGER)")
        files = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "var").iterdir()}
    database.close()
    assert (tmp_path / "var").stat().st_mode & 0o777 == 0o700
    assert set(files.values()) == {0o600}


def test_two_machines_that_migrate_at_once_take_turns(empty_url: str) -> None:
    together = threading.Barrier(4)

    def migrate() -> bool:
        database = Database(empty_url)
        try:
            assert database.revision() is None
            together.wait(PATIENCE)
            changed = upgrade(database)
            database.require_head()
            return changed
        finally:
            database.close()

    with ThreadPoolExecutor(4) as machines:
        done = [machines.submit(migrate) for _ in range(4)]
    assert sum(one.result() for one in done) >= 1


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database without a table, once of each kind."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/new.db"
        return
    server = request.getfixturevalue("postgres_server")
    name = f"t{uuid.uuid4().hex}"
    head, _, query = server.partition("?")
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        yield f"{head.rpartition('/')[0]}/{name}?{query}"
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
