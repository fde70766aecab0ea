"""Real worker processes, which a test may kill, freeze or stop."""

import contextlib
import itertools
import os
import random
import shutil
import signal
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil
from sqlalchemy import ColumnElement, String, cast, select, text, update

from leadmagnet.store.models import AuditEvent, Delivery, Enrollment, Heartbeat, Subscriber
from tests.crash.test_kill_points import ROOT, zone_where_it_is_nine
from tests.delivery.crowd import gather
from tests.forked import Forked
from tests.invariants import check_invariants, message_ids
from tests.mail.servers import ScriptedServer
from tests.waiting import PATIENCE, until
from tests.workers import Arrivals
from tests.world import World

LETTER, NEXT = "tight-hips", "yoga-for-runners"
YES = "250 2.0.0 queued"


class WorkerProcess:
    """One `leadmagnet worker`, from its start to its end."""

    def __init__(self, site: Path, environment: dict[str, str], log: Path) -> None:
        self.log = log
        self._process = Forked(["worker", "--site", str(site)], cwd=site, env=environment, out=log)
        self.pid = self._process.pid

    @property
    def lives(self) -> bool:
        return self._process.lives

    def kill(self) -> None:
        """As `kill -9`, and as the machine's own out-of-memory killer."""
        assert self.lives, f"ended by itself with {self.ended()}: {self.log.read_text()}"
        self._process.kill()
        self._process.wait(PATIENCE)

    def freeze(self) -> None:
        """As a machine that is suspended: nothing of it runs, everything of it stays open."""
        self._process.send_signal(signal.SIGSTOP)
        until(lambda: psutil.Process(self.pid).status() == psutil.STATUS_STOPPED)

    def thaw(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def asks_to_stop(self) -> None:
        """As a service manager does."""
        self._process.send_signal(signal.SIGTERM)

    def ended(self) -> int:
        """Its exit code, once it has ended."""
        return self._process.wait(PATIENCE)

    def stops(self) -> None:
        """Ends in good order."""
        self.asks_to_stop()
        assert self.ended() == 0, self.log.read_text()

    def end_anyhow(self) -> None:
        if self.lives:
            self._process.kill()
            self._process.wait(PATIENCE)


class Crew:
    """The worker processes of one site, on one machine; whatever still runs at the end is killed."""

    def __init__(
        self, world: World, site: Path, server: ScriptedServer, *, connections: int, lease_seconds: int = 60
    ) -> None:
        self.world, self.site, self.server = world, site, server
        self.connections, self.lease_seconds = connections, lease_seconds
        self.started: list[WorkerProcess] = []
        self.arrived = server.arrived = Arrivals()
        shutil.copy(ROOT / "leadmagnet.toml", site / "leadmagnet.toml")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for worker in self.started:
            worker.end_anyhow()

    def start(self) -> WorkerProcess:
        """One more worker; it is not waited for."""
        environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "LEADMAGNET_DATABASE_URL": self.world.database.url,
            "LEADMAGNET_SMTP_URL": f"smtp://127.0.0.1:{self.server.port}?tls=off",
            "LEADMAGNET_SECRET_KEYS": "first key",
            "LEADMAGNET_SUPPRESSION_KEY": "a secret for address hashes",
            "LEADMAGNET_DATA_DIR": str(self.site / "var"),
            "LEADMAGNET_WORKER_CONNECTIONS": str(self.connections),
            "LEADMAGNET_LEASE_SECONDS": str(self.lease_seconds),
        }
        worker = WorkerProcess(self.site, environment, self.site / f"worker-{len(self.started)}.log")
        self.started.append(worker)
        return worker

    def freeze(self, worker: WorkerProcess) -> None:
        """Freezes a worker between two transactions: in one, it would stop everybody who wants the same rows."""
        worker.freeze()
        while self._is_in_a_transaction():
            worker.thaw()
            worker.freeze()

    def _is_in_a_transaction(self) -> bool:
        database = self.world.database
        if database.file is not None:
            with contextlib.closing(sqlite3.connect(database.file, timeout=0)) as other:
                try:
                    other.execute("BEGIN IMMEDIATE")
                except sqlite3.OperationalError:
                    return True
            return False
        others = "datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()"
        with database.read() as session:
            found = session.scalar(
                text(f"SELECT count(*) FROM pg_stat_activity WHERE {others} AND xact_start IS NOT NULL")
            )
        return bool(found)

    def owner(self, worker: WorkerProcess) -> str | None:
        """The name under which a process holds its leases; None until it has started."""
        with self.world.database.read() as session:
            return session.scalar(select(Heartbeat.worker).where(Heartbeat.pid == worker.pid))

    def held_by(self, worker: WorkerProcess, state: str) -> int:
        """How many letters a process has in this state."""
        return self.count(Delivery.state == state, Delivery.lease_owner == self.owner(worker))

    def count(self, *where: ColumnElement[bool]) -> int:
        """How many of the letters there are like this."""
        with self.world.database.read() as session:
            return len(session.scalars(select(Delivery.id).where(Delivery.step == LETTER, *where)).all())

    def until_all_are_behind(self) -> None:
        """Waits until no letter is to be sent any more."""
        until(lambda: not self.count(Delivery.state.in_(["pending", "claimed", "handing_off"])))

    def journal_lines(self) -> int:
        """How many letters all journals of this machine call accepted."""
        journals = (self.site / "var" / "journal").glob("*.journal")
        return sum(len(path.read_text().splitlines()) for path in journals)

    def runs_out(self) -> None:
        """Lets the leases of everybody who is gone, or frozen, run out, the long ones too, and takes their rows."""
        self.world.now = datetime.now(UTC)
        self.world.leases_run_out()
        self.world.sweeps(limit=1000)


class Held:
    """A server's answers in one phase, kept back until a test lets them go; whoever comes later is answered at once.

    `answers`: what the first ones get, in the order of their coming, the `after` very first left out.
    """

    def __init__(
        self, server: ScriptedServer, phase: str, *answers: str, after: int = 0, then: Callable[[], str]
    ) -> None:
        self._server, self._answers, self._then = server, answers, then
        self._numbers = itertools.count(-after)
        self._reached = threading.Semaphore(0)
        self._go = threading.Event()
        server.script[phase] = self._answer

    def _answer(self) -> str:
        number = next(self._numbers)
        if not 0 <= number < len(self._answers):
            return self._then()
        self._reached.release()
        while not self._go.wait(0.05) and not self._server.stopped.is_set():
            pass
        return self._answers[number]

    def wait_until_reached(self) -> None:
        """Returns once every answer that is held is waited for."""
        for _ in self._answers:
            assert self._reached.acquire(timeout=PATIENCE)

    def let_go(self) -> None:
        self._go.set()


def slowly(seed: int) -> Callable[[], str]:
    """A server's yes to a dot, a few milliseconds later: the time in which a crash makes it uncertain."""
    chance = random.Random(seed)

    def answer() -> str:
        time.sleep(chance.uniform(0.002, 0.02))
        return YES

    return answer


def due_this_morning(world: World, count: int) -> list[int]:
    """Adds `count` readers, each with a letter due since an hour by the real clock; returns the letters' ids."""
    letters = gather(world, count)
    now = datetime.now(UTC)
    due = now - timedelta(hours=1)
    with world.database.write() as session:
        session.execute(update(Subscriber).values(timezone=zone_where_it_is_nine()))
        session.execute(update(Enrollment).values(start_at=now - timedelta(days=2)))
        group = cast(Delivery.id % 20, String) + ".example"  # no single provider is asked to take them all at once
        session.execute(
            update(Delivery).where(Delivery.step == LETTER).values(due_at=due, ready_at=due, domain_group=group)
        )
    world.now = now
    return letters


def check_nothing_lost_nothing_twice(crew: Crew, letters: list[int]) -> dict[str, int]:
    """Asserts promise 1 for all these letters, and every invariant; returns how many ended in which state."""
    world, accepted = crew.world, Counter(message_ids(crew.server))
    world.now = datetime.now(UTC)
    rows = world.deliveries(step=LETTER)
    assert [row.id for row in rows] == letters
    for row in rows:
        times = accepted.pop(row.message_id, 0)
        assert (row.state == "sent" and times == 1) or (row.state == "uncertain" and times <= 1), (
            f"delivery {row.id} is {row.state} ({row.reason}), and was accepted {times} times"
        )
    assert not accepted, "the server took something else"
    following = Counter(row.enrollment_id for row in world.deliveries(step=NEXT))
    assert following == dict.fromkeys([row.enrollment_id for row in rows], 1), "the next letter, once for everybody"
    check_invariants(world, crew.server)
    return Counter(row.state for row in rows)


def audited(world: World, event: str) -> list[int | None]:
    """The deliveries to which this happened, oldest first."""
    with world.database.read() as session:
        return list(session.scalars(select(AuditEvent.delivery_id).filter_by(event=event).order_by(AuditEvent.id)))
