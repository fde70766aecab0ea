"""Whether this process could take a sign-up now, and what stands in its way."""

import tempfile
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from leadmagnet.reports import heartbeats
from leadmagnet.store.dialect import is_sqlite
from leadmagnet.store.models import Release

State = Literal["ok", "warning", "failed", "unknown"]

#: What a sign-up may need of the disk, generously, until the write-ahead log is written back.
_ROOM = bytes(256 * 1024)


@dataclass(frozen=True, slots=True)
class Check:
    """One answer; `says` is None when all is well. Strangers may read it: no host, no path, no person."""

    state: State
    says: str | None = None

    def to_json(self) -> dict[str, str]:
        return {"state": self.state} if self.says is None else {"state": self.state, "says": self.says}


OK = Check("ok")
UNKNOWN = Check("unknown")


def writable(session: Session, file: Path | None) -> Check:
    """Whether the database takes writes; `session` is one that writes, `file` is SQLite's.

    Raises what SQLite says when the file is read-only.
    """
    if not is_sqlite(session):
        # A replica says `on` as well, and so does a server whose operator has made it read-only.
        if session.scalar(text("SHOW transaction_read_only")) == "on":
            return Check("failed", "the database is read-only")
        return OK
    # Changes nothing; but for a statement that writes, BEGIN IMMEDIATE is content with a file that it can only read.
    session.execute(text("DELETE FROM alembic_version WHERE 0"))
    if file is None:
        return OK
    try:
        # SQLite finds a full disk at the commit, and a commit of ours would wake every worker.
        with tempfile.TemporaryFile(dir=file.parent) as room:
            room.write(_ROOM)
    except OSError as error:
        return Check("failed", f"the disk takes no writes: {error.strerror}")
    return OK


def release(session: Session) -> Check:
    """Whether there is anything to show a visitor."""
    if session.scalar(select(func.max(Release.id))) is None:
        return Check("failed", "nothing has been published yet")
    return OK


def worker(session: Session, own: str | None, *, now: datetime) -> Check:
    """Whether mail leaves. `own` is the worker of this process: without it, a worker elsewhere is enough.

    Of a process that only serves pages, nobody has to be alive: it can take sign-ups, and their mail waits.
    """
    if own is None:
        if heartbeats.alive(session, now=now):
            return OK
        return Check("warning", "no worker is running: sign-ups are taken, and their mail waits")
    if heartbeats.is_alive(session, own, now=now):
        return OK
    return Check("failed", "the worker in this process has been silent for two minutes")
