"""The gate: the last word on consent, committed before the dot."""

import itertools
import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import delete, insert, select, text
from sqlalchemy.exc import OperationalError

from leadmagnet.audience import suppressions
from leadmagnet.audience.consent import Origin
from leadmagnet.delivery import gate, queue, recovery
from leadmagnet.delivery.gate import Gate
from leadmagnet.delivery.letters import Claimed
from leadmagnet.sequences import preferences, signup
from leadmagnet.store.columns import ServerTime
from leadmagnet.store.models import Delivery, Enrollment, Subscriber
from tests.databases import ON_POSTGRESQL
from tests.delivery.crowd import THURSDAY_MORNING, gather
from tests.world import TUESDAY_EVENING, World

ADA = "ada@example.com"
LATER = TUESDAY_EVENING + timedelta(days=30)


def confirmation(world: World) -> Claimed:
    world.asks(ADA)
    return _one(world)


def reminder(world: World) -> Claimed:
    world.asks(ADA)
    world.deliver()
    world.wait(days=1, minutes=1)
    with world.database.write() as session:
        signup.remind(session, world.published, after=timedelta(days=1), limit=1, now=world.now)
    return _one(world)


def guide_letter(world: World) -> Claimed:
    world.asks(ADA)
    world.deliver()
    world.confirms(ADA)
    return _one(world)


def guide_again(world: World) -> Claimed:
    world.joins(ADA)
    world.wait(hours=1)
    world.asks(ADA)
    return _one(world)


def step(world: World) -> Claimed:
    world.joins(ADA)
    world.now = THURSDAY_MORNING
    return _one(world)


def _one(world: World) -> Claimed:
    (letter,) = world.claim()
    return letter


def nothing(_world: World) -> None:
    """Between claim and gate, nobody does anything."""


def she_confirms(world: World) -> None:
    world.confirms(ADA)


def she_leaves(world: World) -> None:
    world.leaves(ADA)


def she_pauses(world: World) -> None:
    world.pauses(ADA, LATER)


def letters_blocked(world: World) -> None:
    _block(world, "letters")


def all_blocked(world: World) -> None:
    _block(world, "all")


def _block(world: World, scope) -> None:
    with world.database.write() as session:
        suppressions.add(session, world.subscriber(ADA).address_key, scope, "complained", now=world.now)


def series_completed(world: World) -> None:
    world.changes(Enrollment, world.enrollment(ADA).id, status="completed", ended_at=world.now)


OPEN = (Gate.OPEN, "handing_off", None)
PAUSED = (Gate.PAUSED, "pending", None)


def refused(reason: str) -> tuple[Gate, str, str]:
    return Gate.REFUSED, "cancelled", reason


@pytest.mark.parametrize(
    ("letter", "meanwhile", "expected"),
    [
        (confirmation, nothing, OPEN),
        (confirmation, she_confirms, refused("confirmed")),
        (confirmation, she_leaves, refused("unsubscribed")),
        (confirmation, letters_blocked, OPEN),  # asked for, and confirming lifts nothing by itself
        (confirmation, all_blocked, refused("blocked address")),
        (reminder, nothing, OPEN),
        (reminder, she_confirms, refused("confirmed")),
        (reminder, all_blocked, refused("blocked address")),
        (guide_letter, nothing, OPEN),
        (guide_letter, she_leaves, refused("unsubscribed")),
        (guide_letter, she_pauses, PAUSED),
        (guide_letter, letters_blocked, refused("blocked address")),
        (guide_letter, all_blocked, refused("blocked address")),
        (guide_again, nothing, OPEN),
        (guide_again, she_leaves, OPEN),
        (guide_again, she_pauses, OPEN),
        (guide_again, letters_blocked, OPEN),
        (guide_again, all_blocked, refused("blocked address")),
        (step, nothing, OPEN),
        (step, she_leaves, refused("unsubscribed")),
        (step, she_pauses, PAUSED),
        (step, series_completed, refused("series completed")),
        (step, letters_blocked, refused("blocked address")),
        (step, all_blocked, refused("blocked address")),
    ],
)
def test_the_rule_of_each_kind(
    world: World,
    letter: Callable[[World], Claimed],
    meanwhile: Callable[[World], None],
    expected: tuple[Gate, str, str | None],
) -> None:
    claimed = letter(world)
    meanwhile(world)
    answer = world.commits.gate(claimed)
    (row,) = world.deliveries(id=claimed.id)
    assert (answer, row.state, row.reason) == expected
    assert (row.dedupe_key is None) == (answer is Gate.REFUSED)  # the letter may be planned again
    assert (row.handed_at == world.now) == (answer is Gate.OPEN)
    assert (row.due_at == row.ready_at == LATER) == (answer is Gate.PAUSED)


def test_an_open_gate_says_where_its_evidence_is_and_holds_longer_than_any_server_may_take(world: World) -> None:
    letter = confirmation(world)
    world.commits.gate(letter)
    (row,) = world.deliveries(id=letter.id)
    assert row.gate_host == gate.HOST
    with world.database.read() as session:
        beyond_the_dot = select(Delivery.id).where(Delivery.lease_until > ServerTime(600))
        assert session.scalar(beyond_the_dot) == letter.id


def test_a_test_mail_needs_nobodys_consent(world: World) -> None:
    with world.database.write() as session:
        facts = {"asked_on": "2026-03-03", "guide": "hip-openers", "folder": "system", "slug": "confirm"}
        session.execute(
            insert(Delivery).values(
                kind="test",
                lane="transactional",
                due_at=world.now,
                ready_at=world.now,
                message_id="t@example.com",
                domain_group="test",
                facts={**facts, "recipient": "maya@example.com"},
            )
        )
    assert world.commits.gate(_one(world)) is Gate.OPEN


def test_a_gate_opens_once(world: World) -> None:
    letter = confirmation(world)
    assert world.commits.gate(letter) is Gate.OPEN
    assert world.commits.gate(letter) is Gate.LEASE_LOST


def test_whoever_lost_the_lease_gets_no_gate(world: World) -> None:
    letter = confirmation(world)
    with world.database.write() as session:
        queue.release(session, world.lease)
    (again,) = world.claim()
    assert world.commits.gate(letter) is Gate.LEASE_LOST
    (row,) = world.deliveries(id=letter.id)
    assert (row.state, row.lease_token) == ("claimed", again.token)
    assert world.commits.gate(again) is Gate.OPEN


def test_whoever_was_swept_gets_no_gate(world: World) -> None:
    letter = confirmation(world)
    world.changes(Delivery, letter.id, lease_until=TUESDAY_EVENING - timedelta(days=365))
    with world.database.write() as session:
        assert recovery.sweep(session, world.published, limit=10, now=world.now) == 1
    assert world.commits.gate(letter) is Gate.LEASE_LOST


def test_whoever_was_forgotten_gets_nothing_more(world: World) -> None:
    letter = confirmation(world)
    with world.database.write() as session:
        session.execute(delete(Subscriber))
    assert world.commits.gate(letter) is Gate.LEASE_LOST


def test_no_gate_opens_after_a_committed_leave(world: World) -> None:
    letters = _claimed_crowd(world, 20)
    for letter in letters:
        _leave(world, letter)
        assert world.commits.gate(letter) is not Gate.OPEN
    assert {row.reason for row in world.deliveries(kind="step")} == {"unsubscribed"}


def test_a_leave_races_its_gate_and_never_loses_once_it_is_committed(world: World) -> None:
    rounds = 300
    letters = _claimed_crowd(world, rounds)
    clock = itertools.count()
    left: list[int] = []
    asked: list[int] = []
    answers: list[Gate] = []
    start = threading.Barrier(2, timeout=60)

    def leave_all() -> None:
        for letter in letters:
            start.wait()
            _leave(world, letter)
            left.append(next(clock))

    leaving = threading.Thread(target=leave_all)
    leaving.start()
    for letter in letters:
        start.wait()
        asked.append(next(clock))
        answers.append(world.commits.gate(letter))
    leaving.join()

    for letter, left_at, asked_at, answer in zip(letters, left, asked, answers, strict=True):
        (row,) = world.deliveries(id=letter.id)
        assert not (answer is Gate.OPEN and left_at < asked_at), "a gate opened after a committed leave"
        state = ("handing_off", None) if answer is Gate.OPEN else ("cancelled", "unsubscribed")
        assert (row.state, row.reason) == state
    assert world.deliveries(state="claimed") == []


@ON_POSTGRESQL
def test_while_she_is_leaving_the_gate_is_busy_and_afterwards_shut(world: World) -> None:
    (letter, other) = _claimed_crowd(world, 2)
    with world.database.write() as leaving:
        preferences.leave(leaving, letter.subscriber_id, Origin(), now=world.now)
        with world.database.write() as session:
            answers = gate.open_gates(session, [letter, other], now=world.now)
        assert answers == {letter.id: Gate.BUSY, other.id: Gate.OPEN}
    with world.database.write() as session:
        assert gate.open_gates(session, [letter], now=world.now) == {letter.id: Gate.REFUSED}


@ON_POSTGRESQL
def test_while_her_series_is_being_changed_the_gate_is_busy(world: World) -> None:
    (letter,) = _claimed_crowd(world, 1)
    with world.database.write() as changing:
        changing.execute(text("UPDATE enrollment SET paused_until = now() + interval '1 day'"))
        with world.database.write() as session:
            assert gate.open_gates(session, [letter], now=world.now) == {letter.id: Gate.BUSY}
    with world.database.write() as session:
        assert gate.open_gates(session, [letter], now=world.now) == {letter.id: Gate.PAUSED}


@ON_POSTGRESQL
def test_a_leave_waits_for_a_gate_that_is_being_committed(world: World) -> None:
    """So that "she left" can never be said before "one is on its way" is true."""
    (letter,) = _claimed_crowd(world, 1)
    with world.database.write() as session:
        assert gate.open_gates(session, [letter], now=world.now) == {letter.id: Gate.OPEN}
        with pytest.raises(OperationalError, match="lock timeout"), world.database.write() as leaving:
            leaving.execute(text("SET LOCAL lock_timeout = '50ms'"))
            preferences.leave(leaving, letter.subscriber_id, Origin(), now=world.now)
    _leave(world, letter)
    (row,) = world.deliveries(id=letter.id)
    assert row.state == "handing_off"


def _claimed_crowd(world: World, count: int) -> list[Claimed]:
    gather(world, count)
    world.now = THURSDAY_MORNING
    return world.claim(limit=count)


def _leave(world: World, letter: Claimed) -> None:
    assert letter.subscriber_id is not None
    with world.database.write() as session:
        preferences.leave(session, letter.subscriber_id, Origin(), now=world.now)
