"""Applies the migrations that ship with the package."""

import sqlite3
from pathlib import Path
from typing import Any

from sqlalchemy import event, text

from leadmagnet.store.database import HEAD, Database
from leadmagnet.store.models import Model

MIGRATIONS = Path(__file__).parent / "migrations"
#: Any number that nothing else in this database locks; held until the migration commits, whoever pools connections.
_LOCK = text("SELECT pg_advisory_xact_lock(7216300215)")


def upgrade(database: Database) -> bool:
    """Brings the database to the newest migration; False if there was nothing to do.

    Two that do so at once take turns: the second finds nothing left to do.
    """
    if database.revision() == HEAD:
        return False
    if database.file is not None:
        # It holds addresses in clear: nobody else on the machine reads it. SQLite gives its -wal the same mode.
        database.file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        database.file.touch(mode=0o600)
    # Alembic takes a second to load: only when it is needed.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with database.writing_engine.begin() as connection:
        if not database.is_sqlite:
            connection.execute(_LOCK)
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    return True


def create(database: Database) -> None:
    """Makes all tables of a SQLite database that lives for one command: at once, and durable for nobody."""
    event.listen(database.writing_engine, "connect", _spare_the_disk)
    Model.metadata.create_all(database.writing_engine)


def _spare_the_disk(connection: sqlite3.Connection, _record: Any) -> None:
    connection.execute("PRAGMA synchronous=OFF")
