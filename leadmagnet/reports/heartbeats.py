"""Which workers are alive, for the operator to see; nothing is decided by it."""

from datetime import datetime, timedelta

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from leadmagnet.store.dialect import insert_ignoring
from leadmagnet.store.models import Heartbeat

#: A worker that has been silent for longer is not counted.
SILENT = timedelta(minutes=2)


def beat(session: Session, worker: str, *, host: str, pid: int, started_at: datetime, now: datetime) -> None:
    """Says that a worker lives, and forgets those that died a day ago."""
    session.execute(
        insert_ignoring(session, Heartbeat).values(
            worker=worker, host=host, pid=pid, started_at=started_at, beat_at=now
        )
    )
    session.execute(update(Heartbeat).where(Heartbeat.worker == worker).values(beat_at=now))
    session.execute(delete(Heartbeat).where(Heartbeat.beat_at < now - timedelta(days=1)))


def end(session: Session, worker: str) -> None:
    """Says that a worker has stopped."""
    session.execute(delete(Heartbeat).where(Heartbeat.worker == worker))


def alive(session: Session, *, now: datetime) -> int:
    """How many workers have been heard of lately."""
    query = select(func.count()).select_from(Heartbeat).where(Heartbeat.beat_at > now - SILENT)
    return session.scalar(query) or 0


def is_alive(session: Session, worker: str, *, now: datetime) -> bool:
    """Whether this one has been heard of lately."""
    query = select(Heartbeat.worker).where(Heartbeat.worker == worker, Heartbeat.beat_at > now - SILENT)
    return session.scalar(query) is not None
