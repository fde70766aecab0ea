"""What every crash needs: the example site at the present moment, and a real server that its worker sends to."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from leadmagnet.content.compiled import Build
from leadmagnet.mail.smtp import Connection, Server
from leadmagnet.store.database import Database
from tests.mail.servers import ScriptedServer
from tests.world import World


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer() as started:
        yield started


@pytest.fixture
def living(database: Database, example: Build, tmp_path: Path, server: ScriptedServer) -> Iterator[World]:
    """The example site at the present moment, sending to `server`: the killed worker reads the real clock."""
    relay = Server("127.0.0.1", server.port, "off")
    with World(
        database, example, tmp_path, connect=lambda: Connection.open(relay, local_hostname="localhost")
    ) as world:
        yield world
