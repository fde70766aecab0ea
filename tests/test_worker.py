"""A whole worker with all its threads, on real databases, against a real server and the test mailbox."""

import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import delete

from leadmagnet import worker as metronome
from leadmagnet.audience import subscribers
from leadmagnet.content.compiled import Build
from leadmagnet.delivery import recovery
from leadmagnet.delivery.gate import Gate
from leadmagnet.delivery.journal import Journal, left_behind
from leadmagnet.mail.smtp import Connection
from leadmagnet.reports import heartbeats
from leadmagnet.sequences import finishing
from leadmagnet.settings import Settings
from leadmagnet.store.database import Database
from leadmagnet.store.models import Delivery, Enrollment, Release, Subscriber
from leadmagnet.store.signals import something_is_due
from leadmagnet.worker import Worker
from tests.databases import ON_POSTGRESQL
from tests.delivery.crowd import THURSDAY_MORNING, gather
from tests.delivery.editing import edited
from tests.delivery.test_journal import another_process
from tests.invariants import check_invariants, message_ids
from tests.mail.clients import connect
from tests.mail.servers import Arrived, ScriptedServer
from tests.waiting import PATIENCE, until
from tests.workers import Arrivals, made, running, slow
from tests.world import World

ADA, BOB = "ada@example.com", "bob@example.com"
NEVER, AT_ONCE = timedelta(hours=1), timedelta(seconds=0.05)


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer() as running:
        running.arrived = Arrivals()
        yield running


def tick(monkeypatch: pytest.MonkeyPatch, **intervals: timedelta) -> None:
    """Ticks that a test does not name never come: it must not pass by their help."""
    for name in ("TICK", "CHECKPOINT", "SWEEP", "HOUSEKEEPING"):
        monkeypatch.setattr(metronome, name, intervals.get(name, NEVER))


def signed_up(world: World, address: str) -> None:
    """Somebody uses the form of another process, which says so."""
    world.asks(address)
    with world.database.write() as session:
        something_is_due(session)


def test_a_sign_up_in_another_process_wakes_the_worker(
    world: World, tmp_path: Path, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    tick(monkeypatch)
    with running(world, tmp_path / "var", lambda: connect(server)):
        for number, address in enumerate((ADA, BOB), start=1):
            signed_up(world, address)
            server.arrived.wait_for(number)
    assert [mail.recipient for mail in server.arrived] == [ADA, BOB]
    assert {row.state for row in world.deliveries()} == {"sent"}
    check_invariants(world, server)


def test_without_a_signal_the_tick_finds_what_is_due(
    world: World, tmp_path: Path, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    tick(monkeypatch, TICK=AT_ONCE)
    monkeypatch.setattr(metronome.Listener, "start", lambda _self: None)
    monkeypatch.setattr(metronome.Listener, "stop", lambda _self: None)
    with running(world, tmp_path / "var", lambda: connect(server)):
        world.asks(ADA)
        server.arrived.wait_for(1)
    check_invariants(world, server)


def test_in_the_test_mailbox_mail_arrives_as_well(world: World, tmp_path: Path) -> None:
    with running(world, tmp_path / "var", world.mailbox.connect):
        signed_up(world, ADA)
        until(lambda: len(world.inbox(ADA)) == 1)
        world.confirms(ADA)
        with world.database.write() as session:
            something_is_due(session)
        until(lambda: len(world.inbox(ADA)) == 2)
    assert [row.step for row in world.deliveries(state="pending")] == ["tight-hips"]
    check_invariants(world, world.mailbox)


def test_keeping_house_lets_leave_who_wished_to_after_the_series(world: World, tmp_path: Path) -> None:
    for reader in (ADA, BOB):
        world.joins(reader)
        with world.database.write() as session:
            person = subscribers.get(session, world.subscriber(reader).id)
            assert person is not None and finishing.finish(session, person, by="reader", now=world.now)
    world.changes(Enrollment, world.enrollment(ADA).id, status="completed", ended_at=world.now)
    settings = Settings(data_dir=tmp_path / "var", worker_connections=1)
    worker = Worker(settings, world.database, world.mailbox.connect, world.links, clock=lambda: world.now)
    worker.keep_house()
    assert [world.subscriber(reader).status for reader in (ADA, BOB)] == ["unsubscribed", "active"]
    assert world.consents(ADA)[-1].event == "withdrawn"


def test_a_worker_waits_for_the_first_publish(database: Database, example: Build, tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "var", worker_connections=1)
    with World(database, example, tmp_path) as world:
        with database.write() as session:
            session.execute(delete(Release))
        worker = Worker(settings, Database(database.url), world.mailbox.connect, world.links, clock=lambda: world.now)
        worker.start()
        worker.sweep()
        worker.keep_house()
        world.publish(example)
        signed_up(world, ADA)
        until(lambda: len(world.inbox()) == 1)
        assert worker.stop()
        worker._database.close()


def test_stopping_finishes_what_is_in_flight_and_gives_the_rest_back(world: World, tmp_path: Path) -> None:
    gather(world, 30)
    world.now = THURSDAY_MORNING
    kind = slow(world.mailbox)
    worker = made(world, tmp_path / "var", lambda: kind(world.mailbox), connections=2)
    worker.start()
    for _ in range(2):
        assert kind.begun.acquire(timeout=PATIENCE)
    stopped: list[bool] = []
    stopping = threading.Thread(target=lambda: stopped.append(worker.stop()))
    stopping.start()
    until(lambda: len(world.deliveries(step="tight-hips", state="pending")) == 28)  # other workers need not wait
    kind.go.set()
    stopping.join(PATIENCE)
    worker._database.close()
    assert stopped == [True]
    states = [row.state for row in world.deliveries(step="tight-hips")]
    assert (states.count("sent"), states.count("pending")) == (2, 28)
    assert list((tmp_path / "var" / "journal").iterdir()) == []
    world.deliver()
    assert len(world.inbox()) == 30
    check_invariants(world, world.mailbox)


def test_a_server_that_answers_after_we_stopped_waiting_is_still_written_down(world: World, tmp_path: Path) -> None:
    gather(world, 1)
    world.now = THURSDAY_MORNING
    kind = slow(world.mailbox)
    worker = made(world, tmp_path / "var", lambda: kind(world.mailbox), connections=1)
    worker.start()
    assert kind.begun.acquire(timeout=PATIENCE)
    assert worker.dispatcher.stop(timeout=0.05) is False
    kind.go.set()
    (path,) = (tmp_path / "var" / "journal").glob("*.journal")
    until(lambda: path.read_text().endswith("\n"))
    assert list(left_behind(path.parent)) == [], "its process lives"
    worker._metronome.shutdown()
    worker._listener.stop()
    worker._database.close()

    found = tmp_path / "found"
    found.mkdir()
    (found / path.name).write_bytes(path.read_bytes())
    ((_path, lines),) = left_behind(found)
    with world.database.write() as session:
        assert recovery.replay(session, world.published, path, lines, now=world.now) == 1
    check_invariants(world, world.mailbox)


@ON_POSTGRESQL
def test_no_transaction_is_open_while_a_server_is_waited_for(
    world: World, tmp_path: Path, postgres_server: str
) -> None:
    gather(world, 4)
    world.now = THURSDAY_MORNING
    kind = slow(world.mailbox)
    with running(world, tmp_path / "var", lambda: kind(world.mailbox), connections=4):
        for _ in range(4):
            assert kind.begun.acquire(timeout=PATIENCE)
        with psycopg.connect(postgres_server, autocommit=True) as watching:
            held = "SELECT FROM pg_stat_activity WHERE datname = %s AND state = 'idle in transaction'"
            until(lambda: watching.execute(held, [world.database.engine.url.database]).rowcount == 0)
        kind.go.set()
    check_invariants(world, world.mailbox)


def test_two_workers_share_the_letters_without_a_double(world: World, tmp_path: Path, server: ScriptedServer) -> None:
    gather(world, 300)
    world.now = THURSDAY_MORNING

    def reach() -> Connection:
        return connect(server)

    with running(world, tmp_path / "one", reach), running(world, tmp_path / "two", reach):
        server.arrived.wait_for(300)
    assert len(set(message_ids(server))) == len(server.arrived) == 300
    assert {row.state for row in world.deliveries(step="tight-hips")} == {"sent"}
    assert len(world.deliveries(step="yoga-for-runners", state="pending")) == 300
    check_invariants(world, server)


def test_a_worker_takes_up_what_a_dead_one_left(
    world: World, tmp_path: Path, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of three letters one was accepted, as the journal says, one perhaps, and one had only been claimed."""
    letters = gather(world, 3)
    world.now = THURSDAY_MORNING
    accepted, perhaps, _claimed = world.claim()
    for letter in (accepted, perhaps):
        assert world.commits.gate(letter) is Gate.OPEN
    world.leases_run_out()
    notes = {letter.id: letter.message_id for letter in (accepted, perhaps)}
    noted = ["nothing@example.com"] * (accepted.id - 1) + [notes[accepted.id]]
    with another_process(tmp_path / "var" / "journal", *noted) as process:
        process.kill()
        process.wait()
    tick(monkeypatch, SWEEP=AT_ONCE, TICK=AT_ONCE)
    with running(world, tmp_path / "var", lambda: connect(server)):
        server.arrived.wait_for(1)
    states = [(row.id, row.state) for row in world.deliveries(step="tight-hips")]
    assert states == list(zip(letters, ["sent", "uncertain", "sent"], strict=True))
    assert len(world.deliveries(step="yoga-for-runners", state="pending")) == 3
    assert list((tmp_path / "var" / "journal").iterdir()) == []
    server.arrived.append(Arrived("", "", f"Message-ID: <{accepted.message_id}>\r\n".encode()))  # by the dead one
    check_invariants(world, server)


def test_a_worker_that_lives_takes_up_what_a_neighbour_leaves(
    world: World, tmp_path: Path, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The neighbour of the same machine dies later: nobody starts anew."""
    gather(world, 1)
    world.now = THURSDAY_MORNING
    (letter,) = world.claim()
    tick(monkeypatch, SWEEP=AT_ONCE)
    folder = tmp_path / "var" / "journal"
    with running(world, tmp_path / "var", lambda: connect(server)):
        with another_process(folder) as process:
            (folder / "other.begun").write_text(f"begin {letter.id} {letter.token}\n")
            process.kill()
            process.wait()
        until(lambda: world.deliveries(id=letter.id)[0].begun == 1)
        until(lambda: not (folder / "other.journal").exists())
    assert list(folder.iterdir()) == []


def test_the_journal_of_a_living_worker_is_left_alone(world: World, tmp_path: Path) -> None:
    with Journal(tmp_path / "var" / "journal", "neighbour") as neighbour:
        neighbour.accepted(1, "a@example.com", at=world.now)
        with running(world, tmp_path / "var", world.mailbox.connect):
            pass
        assert neighbour.path.exists()


def test_a_worker_shows_that_it_lives_until_it_stops(world: World, tmp_path: Path) -> None:
    with running(world, tmp_path / "var", world.mailbox.connect), world.database.read() as session:
        assert heartbeats.alive(session, now=world.now) == 1
    with world.database.read() as session:
        assert heartbeats.alive(session, now=world.now) == 0


def test_who_does_not_confirm_is_reminded_once_and_then_forgotten(
    world: World, tmp_path: Path, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    tick(monkeypatch, HOUSEKEEPING=AT_ONCE)
    world.asks(BOB)
    with running(world, tmp_path / "var", lambda: connect(server)):
        server.arrived.wait_for(1)
        until(lambda: world.deliveries(kind="confirm", state="sent") != [])
        world.wait(hours=24, seconds=1)
        server.arrived.wait_for(2)
        until(lambda: world.deliveries(kind="reminder", state="sent") != [])
        check_invariants(world, server)
        world.wait(days=7)
        until(lambda: [row for row in world.deliveries() if row.kind != "notice"] == [])
    with world.database.read() as session:
        assert session.query(Subscriber).all() == []
    assert [mail.recipient for mail in server.arrived].count(BOB) == 2  # the operator has her weekly mail as well


def test_after_a_publish_the_worker_puts_everybody_right(
    world: World, tmp_path: Path, example: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    gather(world, 5)
    world.publish(edited(example, "tight-hips", day=3))
    tick(monkeypatch, SWEEP=AT_ONCE)
    with running(world, tmp_path / "var", world.mailbox.connect):
        until(
            lambda: {row.due_at for row in world.deliveries(state="pending")} == {THURSDAY_MORNING + timedelta(days=1)}
        )
    assert {row.release_id for row in world.deliveries(state="pending")} == {world.published.number}


def test_a_chore_that_fails_is_tried_again(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    gather(world, 1)
    world.now = THURSDAY_MORNING
    world.claim()
    world.leases_run_out()
    really, failures = recovery.sweep, [RuntimeError("a defect")]

    def sweep(*given, **named) -> int:
        if failures:
            raise failures.pop()
        return really(*given, **named)

    monkeypatch.setattr(recovery, "sweep", sweep)
    tick(monkeypatch, SWEEP=AT_ONCE, TICK=AT_ONCE)
    with running(world, tmp_path / "var", world.mailbox.connect):
        until(lambda: len(world.inbox()) == 1)
    assert "chore sweep failed" in caplog.text


def test_a_tick_that_finds_the_one_before_at_work_is_no_news(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    done, ticks = threading.Event(), []
    monkeypatch.setattr(Worker, "keep_house", lambda _worker: done.wait(PATIENCE))
    monkeypatch.setattr(Database, "checkpoint", lambda _database: ticks.append(1))
    tick(monkeypatch, HOUSEKEEPING=AT_ONCE, CHECKPOINT=AT_ONCE)
    with running(world, tmp_path / "var", world.mailbox.connect):
        until(lambda: len(ticks) >= 5)
        done.set()
    assert [record for record in caplog.records if record.name.startswith("apscheduler")] == []


def test_a_worker_keeps_the_leases_of_what_it_holds(world: World, tmp_path: Path) -> None:
    gather(world, 2)
    world.now = THURSDAY_MORNING
    kind = slow(world.mailbox)
    with running(world, tmp_path / "var", lambda: kind(world.mailbox), connections=1) as worker:
        assert kind.begun.acquire(timeout=PATIENCE)
        (waiting,) = world.deliveries(state="claimed")
        world.changes(Delivery, waiting.id, lease_until=THURSDAY_MORNING - timedelta(days=365))
        worker.renew()
        assert world.sweeps() == 0
        kind.go.set()
        until(lambda: len(world.inbox()) == 2)
    check_invariants(world, world.mailbox)
