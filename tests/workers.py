"""Whole workers for tests, and servers that one can wait for."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from leadmagnet import waiting
from leadmagnet.delivery.sender import Connect
from leadmagnet.mail.handover import Following, Reply
from leadmagnet.mail.mailbox import Mailbox, MailboxConnection
from leadmagnet.settings import Settings
from leadmagnet.store.database import Database
from leadmagnet.worker import Worker
from tests.mail.servers import Arrived
from tests.waiting import PATIENCE, until
from tests.world import World


class Arrivals(list[Arrived]):
    """What a server took; one can wait for it."""

    def __init__(self) -> None:
        super().__init__()
        self._more = threading.Condition()

    def append(self, mail: Arrived) -> None:
        with self._more:
            super().append(mail)
            self._more.notify_all()

    def wait_for(self, count: int) -> None:
        with self._more:
            assert self._more.wait_for(lambda: len(self) >= count, PATIENCE), f"only {len(self)} of {count} arrived"


class SlowConnection(MailboxConnection):
    """A connection to a mailbox that takes its time for the last word."""

    begun: threading.Semaphore
    go: threading.Event

    def accept(self, _following: Following | None = None, /) -> Reply:
        self.begun.release()
        until(self.go.is_set, wait=lambda: waiting.event().wait(0.01))  # the other connections go on meanwhile
        return super().accept()


def slow(mailbox: Mailbox) -> type[SlowConnection]:
    """A kind of connection whose dots all wait for its `go`."""
    return type("Slow", (SlowConnection,), {"begun": threading.Semaphore(0), "go": threading.Event()})


def made(world: World, folder: Path, connect: Connect, *, connections: int = 4) -> Worker:
    settings = Settings(data_dir=folder, worker_connections=connections)
    return Worker(settings, Database(world.database.url), connect, world.links, clock=lambda: world.now)


@contextmanager
def running(world: World, folder: Path, connect: Connect, *, connections: int = 4) -> Iterator[Worker]:
    """A worker in a process of its own, as far as the database can tell."""
    worker = made(world, folder, connect, connections=connections)
    worker.start()
    try:
        yield worker
    finally:
        assert worker.stop()
        worker._database.close()
