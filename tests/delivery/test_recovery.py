"""What a dead process left behind is settled: by its journal, by its lease, by the kind of mail."""

import threading
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import select, text

from leadmagnet.content.compiled import Build
from leadmagnet.delivery import recovery
from leadmagnet.delivery.gate import Gate
from leadmagnet.delivery.journal import AcceptedLine, left_behind
from leadmagnet.delivery.letters import Claimed
from leadmagnet.delivery.outcomes import Accepted, Lost
from leadmagnet.store.models import AuditEvent, Delivery, SubscriberTag
from tests.databases import ON_POSTGRESQL
from tests.delivery.crowd import THURSDAY_MORNING, gather
from tests.delivery.editing import edited
from tests.delivery.test_journal import another_process
from tests.invariants import check_invariants
from tests.waiting import PATIENCE, until
from tests.world import World

ADA = "ada@example.com"
TWO_MINUTES = timedelta(minutes=2)


def at_the_dot(world: World, count: int = 1) -> list[Claimed]:
    """Letters whose gate is open: whether their mail was accepted, only the dead process knew."""
    gather(world, count)
    world.now = THURSDAY_MORNING
    letters = world.claim(limit=count)
    assert {world.commits.gate(letter) for letter in letters} == {Gate.OPEN}
    return letters


def replay(world: World, lines: list[AcceptedLine]) -> int:
    with world.database.write() as session:
        return recovery.replay(session, world.published, Path("dead.journal"), lines, now=world.now)


def events(world: World) -> list[str]:
    with world.database.read() as session:
        return list(session.scalars(select(AuditEvent.event).order_by(AuditEvent.id)))


def tags(world: World) -> list[str]:
    with world.database.read() as session:
        return list(session.scalars(select(SubscriberTag.tag)))


def test_what_a_killed_process_had_been_told_is_sent_and_followed_by_the_next(world: World, tmp_path: Path) -> None:
    world.asks(ADA)
    world.confirms(ADA)
    (confirmation, guide) = world.deliveries()
    (letter,) = world.claim()
    assert world.commits.gate(letter) is Gate.OPEN
    with another_process(tmp_path / "dead", "nothing@example.com", guide.message_id) as process:
        process.kill()
        process.wait()
        ((path, lines),) = left_behind(tmp_path / "dead")
        with world.database.write() as session:
            assert recovery.replay(session, world.published, path, lines, now=world.now) == 1
    (row,) = world.deliveries(id=letter.id)
    assert (confirmation.state, row.state, row.sent_at) == ("cancelled", "sent", lines[1].at)
    assert [row.step for row in world.deliveries(state="pending")] == ["tight-hips"]
    assert events(world) == ["sent by journal"]


@pytest.mark.parametrize(
    ("state", "after"),
    [
        ("handing_off", "sent"),
        ("uncertain", "sent"),
        ("pending", "pending"),
        ("cancelled", "cancelled"),
        ("failed", "failed"),
        ("sent", "sent"),
    ],
)
def test_only_what_could_have_been_accepted_is_settled_by_a_journal(world: World, state: str, after: str) -> None:
    (letter,) = at_the_dot(world)
    earlier = THURSDAY_MORNING - timedelta(minutes=1)
    ended = earlier if state in ("uncertain", "cancelled", "failed") else None
    values = {"state": state, "ended_at": ended, "sent_at": earlier if state == "sent" else None}
    world.changes(Delivery, letter.id, **values)
    settled = replay(world, [AcceptedLine(letter.id, letter.message_id, THURSDAY_MORNING)])
    (row,) = world.deliveries(id=letter.id)
    assert row.state == after
    assert settled == (state in ("handing_off", "uncertain"))
    if settled:
        assert (row.sent_at, row.ended_at, row.smtp_code) == (THURSDAY_MORNING, None, 250)
        assert row.lease_token == letter.token + 1


def test_a_line_of_another_mail_settles_nothing(world: World) -> None:
    (letter,) = at_the_dot(world)
    assert replay(world, [AcceptedLine(letter.id, "other@example.com", world.now)]) == 0
    assert replay(world, [AcceptedLine(letter.id + 1, letter.message_id, world.now)]) == 0


def test_a_journal_read_twice_settles_once(world: World) -> None:
    (letter,) = at_the_dot(world)
    line = AcceptedLine(letter.id, letter.message_id, world.now)
    assert replay(world, [line, line]) == 1
    assert replay(world, [line]) == 0
    assert len(world.deliveries(step="yoga-for-runners")) == 1


def test_whoever_was_only_thought_dead_cannot_write_after_the_replay(world: World) -> None:
    (letter,) = at_the_dot(world)
    replay(world, [AcceptedLine(letter.id, letter.message_id, world.now)])
    world.commits.tell(letter, Lost(world.now))
    world.settle()
    assert [row.state for row in world.deliveries(id=letter.id)] == ["sent"]


def test_what_a_dead_process_had_only_claimed_is_sent_by_another(world: World) -> None:
    gather(world, 3)
    world.now = THURSDAY_MORNING
    (letter, *_) = world.claim()
    world.leases_run_out()
    assert world.sweeps() == 3
    (row,) = world.deliveries(id=letter.id)
    assert (row.state, row.lease_token, row.attempts) == ("pending", letter.token + 1, 0)
    world.deliver()
    check_invariants(world, world.mailbox)
    assert len(world.inbox()) == 3


def test_what_a_dead_process_was_handing_over_is_uncertain_and_the_series_goes_on(world: World) -> None:
    (letter,) = at_the_dot(world)
    world.leases_run_out()
    assert world.sweeps() == 1
    (row,) = world.deliveries(id=letter.id)
    assert (row.state, row.reason) == ("uncertain", "the sender died before the server's answer")
    assert (row.ended_at, row.lease_token) == (world.now, letter.token + 1)
    (following,) = world.deliveries(state="pending")
    assert following.step == "yoga-for-runners"
    assert following.due_at - THURSDAY_MORNING == timedelta(days=3, hours=-1), "on its day, an hour of summer time less"
    assert events(world) == ["uncertain"]
    check_invariants(world, world.mailbox)


def test_a_living_lease_is_left_alone(world: World) -> None:
    gather(world, 2)
    world.now = THURSDAY_MORNING
    first, _second = world.claim()
    assert world.commits.gate(first) is Gate.OPEN
    assert world.sweeps() == 0
    assert [row.state for row in world.deliveries(kind="step")] == ["handing_off", "claimed"]


def test_a_sweep_takes_no_more_uncertain_rows_than_it_may(world: World) -> None:
    at_the_dot(world, 5)
    world.leases_run_out()
    assert world.sweeps(limit=3) == 3
    assert world.sweeps(limit=3) == 2
    assert world.sweeps(limit=3) == 0


def test_a_sweep_never_brings_back_what_is_settled(world: World) -> None:
    (letter,) = at_the_dot(world)
    world.commits.tell(letter, Accepted(world.now))
    world.settle()
    world.leases_run_out()
    assert world.sweeps() == 0
    assert [row.state for row in world.deliveries(id=letter.id)] == ["sent"]


@ON_POSTGRESQL
def test_a_result_that_is_just_being_committed_wins_against_a_sweep(world: World, postgres_server: str) -> None:
    """The sweep has seen the row handing off, and waits for it: afterwards its guard is asked again."""
    (letter,) = at_the_dot(world)
    world.leases_run_out()
    swept: list[int] = []
    with world.database.write() as finishing, psycopg.connect(postgres_server, autocommit=True) as watching:
        finishing.execute(text("UPDATE delivery SET state = 'sent', sent_at = now() WHERE id = :id"), {"id": letter.id})
        sweeping = threading.Thread(target=lambda: swept.append(world.sweeps()))
        sweeping.start()
        waits = "SELECT FROM pg_stat_activity WHERE datname = %s AND wait_event_type = 'Lock'"
        until(lambda: watching.execute(waits, [world.database.engine.url.database]).rowcount == 1)
    sweeping.join(PATIENCE)
    assert swept == [0]
    assert [row.state for row in world.deliveries(id=letter.id)] == ["sent"]


@pytest.mark.parametrize("by", ["journal", "sweep"])
def test_a_letter_settled_without_its_sender_leaves_what_the_sender_would_have(
    world: World, example: Build, by: str
) -> None:
    """Its tag, and a row for the letter that she went past."""
    world.publish(edited(edited(example, "tight-hips", draft=True), "yoga-for-runners", tag="half-way"))
    gather(world, 1)
    world.now = THURSDAY_MORNING
    world.deliver()
    (row,) = world.deliveries(state="pending")
    world.now = row.due_at
    (letter,) = world.claim()
    assert world.commits.gate(letter) is Gate.OPEN
    if by == "journal":
        assert replay(world, [AcceptedLine(letter.id, letter.message_id, world.now)]) == 1
    else:
        world.leases_run_out()
        assert world.sweeps() == 1
    assert letter.letter.slug == "yoga-for-runners"
    assert tags(world) == ["half-way"]
    passed = [(row.step, row.reason) for row in world.deliveries(state="skipped", kind="step")]
    assert passed == [("tight-hips", "draft")]
    assert [row.step for row in world.deliveries(state="pending")] == ["what-is-barre"]


def test_a_250_that_comes_after_the_lease_ran_out_still_proves_that_the_mail_was_accepted(world: World) -> None:
    world.joins(ADA)
    world.wait(days=2)
    (letter,) = world.claim()
    connection = world.connect()
    assert world.commits.gate(letter) is Gate.OPEN
    connection.quit()
    world.leases_run_out()
    world.sweeps()
    assert [row.state for row in world.deliveries(step="tight-hips")] == ["uncertain"]
    world.commits.tell(letter, Accepted(world.now))
    world.settle()
    (row,) = world.deliveries(step="tight-hips")
    assert (row.state, row.reason, row.ended_at) == ("sent", None, None)
    assert [row.state for row in world.deliveries(step="yoga-for-runners")] == ["pending"]
