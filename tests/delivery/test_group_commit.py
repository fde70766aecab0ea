"""One transaction for all gates and results that wait: who asked gets the answer, whatever happens to the others."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Connection, event, text, update

from leadmagnet.delivery.gate import Gate
from leadmagnet.delivery.group_commit import GroupCommit
from leadmagnet.delivery.journal import Journal
from leadmagnet.delivery.letters import Claimed
from leadmagnet.delivery.outcomes import Accepted, Deferred, Failed, Outcome
from leadmagnet.store.models import Delivery
from tests.databases import ON_POSTGRESQL
from tests.delivery.crowd import THURSDAY_MORNING, gather
from tests.waiting import PATIENCE, until
from tests.world import World

ADA = "ada@example.com"
#: No column takes this number: neither database can record such a row.
IMPOSSIBLE = 2**70


@pytest.fixture
def letters(world: World) -> list[Claimed]:
    """Sixty letters, claimed."""
    gather(world, 60)
    world.now = THURSDAY_MORNING
    return world.claim(limit=60)


@pytest.fixture
def idle(world: World, tmp_path: Path) -> Iterator[GroupCommit]:
    """A second group commit, not started: what is asked of it gathers."""
    journal = Journal(tmp_path / "journal", "second")
    yield GroupCommit(world.database, journal, lambda: world.now)
    journal.close(keep=False)


class Asking(threading.Thread):
    """Somebody who waits at a gate."""

    def __init__(self, commits: GroupCommit, letter: Claimed) -> None:
        super().__init__(daemon=True)
        self.commits, self.letter = commits, letter
        self.answer: Gate | None = None
        self.start()

    def run(self) -> None:
        self.answer = self.commits.gate(self.letter)

    def answered(self) -> Gate | None:
        self.join(PATIENCE)
        return self.answer


def queued(commits: GroupCommit) -> int:
    return commits._requests.qsize()


@contextmanager
def commits_counted(world: World) -> Iterator[list[Connection]]:
    seen: list[Connection] = []

    def note(connection: Connection) -> None:
        seen.append(connection)

    event.listen(world.database.writing_engine, "commit", note)
    yield seen
    event.remove(world.database.writing_engine, "commit", note)


def test_all_that_waits_is_one_transaction(world: World, idle: GroupCommit, letters: list[Claimed]) -> None:
    accepted, deferred, asking = letters[:20], letters[20:40], letters[40:]
    for letter in accepted:
        assert world.commits.gate(letter) is Gate.OPEN
        idle.tell(letter, Accepted(world.now))
    for letter in deferred:
        idle.tell(letter, Deferred(451, "retry", world.now))
    waiting = [Asking(idle, letter) for letter in asking]
    until(lambda: queued(idle) == 60)
    with commits_counted(world) as seen:
        idle.start()
        assert {one.answered() for one in waiting} == {Gate.OPEN}
        assert idle.stop()
    assert len(seen) == 1
    assert [row.state for row in world.deliveries(step="tight-hips")] == (
        ["sent"] * 20 + ["pending"] * 20 + ["handing_off"] * 20
    )
    assert len(world.deliveries(step="yoga-for-runners", state="pending")) == 20


def test_a_result_counts_before_a_gate_of_the_same_batch(world: World, idle: GroupCommit) -> None:
    """Ada's address bounces for good while the guide she asked for again stands at the gate."""
    world.joins(ADA)
    world.now = THURSDAY_MORNING
    (letter,) = world.claim()
    world.asks(ADA)
    (guide,) = world.claim()
    asking = Asking(idle, guide)
    until(lambda: queued(idle) == 1)
    idle.tell(letter, Failed("bad_address", 550, "bad_address", suppress=True))
    idle.start()
    assert asking.answered() is Gate.REFUSED
    assert idle.stop()


def test_a_result_that_cannot_be_recorded_holds_up_no_other(
    world: World, idle: GroupCommit, letters: list[Claimed]
) -> None:
    good, bad, asked, *_ = letters
    assert world.commits.gate(good) is Gate.OPEN
    idle.tell(bad, Deferred(IMPOSSIBLE, "retry", world.now))
    idle.tell(good, Accepted(world.now))
    asking = Asking(idle, asked)
    until(lambda: queued(idle) == 3)
    idle.start()
    assert asking.answered() is Gate.OPEN
    assert not idle.stop(), "it is still owed"
    states = {row.id: row.state for row in world.deliveries(step="tight-hips")}
    assert (states[good.id], states[bad.id], states[asked.id]) == ("sent", "claimed", "handing_off")


def test_a_gate_that_cannot_be_judged_holds_up_no_other(
    world: World, idle: GroupCommit, letters: list[Claimed]
) -> None:
    asking = [Asking(idle, letter) for letter in (letters[0], replace(letters[1], token=object()), letters[2])]
    until(lambda: queued(idle) == 3)
    idle.start()
    assert [one.answered() for one in asking] == [Gate.OPEN, Gate.UNKNOWN, Gate.OPEN]
    assert idle.stop()


def test_while_the_database_cannot_take_it_gates_are_unknown_and_results_wait(
    world: World, letters: list[Claimed]
) -> None:
    sent, asked, *_ = letters
    assert world.commits.gate(sent) is Gate.OPEN
    _rename(world, "delivery", "elsewhere")
    world.commits.tell(sent, Accepted(world.now))
    assert world.commits.gate(asked) is Gate.UNKNOWN
    _rename(world, "elsewhere", "delivery")
    until(lambda: world.deliveries(id=sent.id)[0].state == "sent")
    assert world.commits.gate(asked) is Gate.OPEN


def test_what_the_database_would_not_take_until_the_end_is_said(
    world: World, idle: GroupCommit, letters: list[Claimed]
) -> None:
    idle.tell(letters[0], Accepted(world.now))
    _rename(world, "delivery", "elsewhere")
    idle.start()
    assert not idle.stop()
    _rename(world, "elsewhere", "delivery")


@ON_POSTGRESQL
def test_while_the_database_is_away_gates_are_unknown_and_results_wait(
    world: World, letters: list[Claimed], postgres_server: str
) -> None:
    sent, asked, *_ = letters
    assert world.commits.gate(sent) is Gate.OPEN
    name = world.database.engine.url.database
    with psycopg.connect(postgres_server, autocommit=True) as operator:
        operator.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        operator.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])
        world.commits.tell(sent, Accepted(world.now))
        assert world.commits.gate(asked) is Gate.UNKNOWN
        operator.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
    until(lambda: world.deliveries(id=sent.id)[0].state == "sent")
    assert world.commits.gate(asked) is Gate.OPEN


@ON_POSTGRESQL
def test_a_connection_that_dies_under_a_gate_leaves_it_unknown(
    world: World, letters: list[Claimed], postgres_server: str
) -> None:
    letter, *_ = letters
    with world.database.write() as holding, psycopg.connect(postgres_server, autocommit=True) as operator:
        holding.execute(update(Delivery).where(Delivery.id == letter.id).values(begun=1))
        asking = Asking(world.commits, letter)
        kill = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND wait_event_type = 'Lock'"
        until(lambda: operator.execute(kill, [world.database.engine.url.database]).rowcount == 1)
        assert asking.answered() is Gate.UNKNOWN
    (row,) = world.deliveries(id=letter.id)
    assert row.state == "claimed"


@ON_POSTGRESQL
def test_a_busy_gate_waits_alone_and_is_asked_again(world: World, letters: list[Claimed]) -> None:
    busy, free, *_ = letters
    with world.database.write() as session:
        session.execute(text("SELECT id FROM subscriber WHERE id = :id FOR UPDATE"), {"id": busy.subscriber_id})
        asking = Asking(world.commits, busy)
        assert world.commits.gate(free) is Gate.OPEN
        assert asking.is_alive()
    assert asking.answered() is Gate.OPEN


@ON_POSTGRESQL
def test_a_busy_gate_is_answered_when_the_process_stops(
    world: World, idle: GroupCommit, letters: list[Claimed]
) -> None:
    with world.database.write() as session:
        session.execute(text("SELECT id FROM subscriber WHERE id = :id FOR UPDATE"), {"id": letters[0].subscriber_id})
        asking = Asking(idle, letters[0])
        until(lambda: queued(idle) == 1)
        idle.start()
        assert idle.stop()
        assert asking.answered() is Gate.BUSY


@pytest.mark.parametrize("outcome", [Deferred, Failed])
def test_a_lost_lease_writes_nothing_but_that_the_mail_was_accepted(world: World, outcome: type[Outcome]) -> None:
    world.asks(ADA)
    (letter,) = world.claim()
    assert world.commits.gate(letter) is Gate.OPEN
    world.changes(Delivery, letter.id, state="uncertain", lease_token=letter.token + 1, ended_at=world.now, reason="?")
    told: dict[type, Outcome] = {
        Deferred: Deferred(451, "retry", world.now),
        Failed: Failed("bad_address", 550, "bad_address", suppress=True),
    }
    world.commits.tell(letter, told[outcome])
    world.settle()
    (row,) = world.deliveries(id=letter.id)
    assert (row.state, row.attempts, row.smtp_code, row.sent_at) == ("uncertain", 0, None, None)
    assert world.enrollment(ADA).status == "pending"


def _rename(world: World, table: str, name: str) -> None:
    with world.database.write() as session:
        session.execute(text(f"ALTER TABLE {table} RENAME TO {name}"))
