"""What a dead process had begun counts against the letter, once, and only against that letter."""

import pytest
from sqlalchemy import select

from leadmagnet.delivery import recovery
from leadmagnet.delivery.begun import BegunLine
from leadmagnet.delivery.letters import Claimed
from leadmagnet.delivery.outcomes import Deferred
from leadmagnet.store.models import AuditEvent, Delivery
from tests.delivery.crowd import THURSDAY_MORNING, gather
from tests.invariants import check_invariants
from tests.world import World


@pytest.fixture
def letters(world: World) -> list[Claimed]:
    """Three letters that a process had claimed when it died."""
    gather(world, 3)
    world.now = THURSDAY_MORNING
    return world.claim()


def blame(world: World, *letters: Claimed) -> int:
    with world.database.write() as session:
        return recovery.blame(
            session, world.published, [BegunLine(letter.id, letter.token) for letter in letters], now=world.now
        )


def row(world: World, letter: Claimed) -> Delivery:
    (found,) = world.deliveries(id=letter.id)
    return found


@pytest.mark.parametrize("swept", [False, True], ids=["before a sweep", "after a sweep"])
def test_a_begun_letter_counts_once(world: World, letters: list[Claimed], swept: bool) -> None:
    begun, *prefetched = letters
    if swept:
        world.leases_run_out()
        world.sweeps()
    assert blame(world, begun) == 1
    assert blame(world, begun) == 0, "the same word twice"
    assert (row(world, begun).state, row(world, begun).begun, row(world, begun).lease_token) == ("pending", 1, 3)
    assert [row(world, letter).begun for letter in prefetched] == [0, 0]
    world.leases_run_out()
    world.sweeps()
    world.deliver()
    assert row(world, begun).begun == 0, "it was sent"
    check_invariants(world, world.mailbox)


def test_at_the_third_time_the_letter_is_held_for_the_operator(world: World, letters: list[Claimed]) -> None:
    poison, *others = letters
    for count in (1, 2, 3):
        assert blame(world, poison) == 1
        assert row(world, poison).begun == count
        if count < 3:
            (poison,) = world.claim()
            assert poison.begun == count, "its sender is told"
    held = row(world, poison)
    assert (held.state, held.reason, held.ended_at) == ("held", "poison", world.now)
    with world.database.read() as session:
        (event,) = session.scalars(select(AuditEvent))
    assert (event.event, event.delivery_id, event.detail) == ("held", poison.id, {"reason": "poison"})
    world.leases_run_out()
    world.sweeps()
    world.deliver()
    assert [row(world, letter).state for letter in others] == ["sent", "sent"]
    check_invariants(world, world.mailbox)


def test_what_another_has_taken_up_meanwhile_is_left_alone(world: World, letters: list[Claimed]) -> None:
    begun, *_others = letters
    world.leases_run_out()
    world.sweeps()
    again = world.claim()
    assert blame(world, begun) == 0
    assert row(world, begun).state == "claimed"
    for letter in again:
        world.send(letter)
    assert blame(world, begun) == 0
    assert row(world, begun).state == "sent"


def test_an_answer_of_the_server_clears_a_letter(world: World, letters: list[Claimed]) -> None:
    letter, *_others = letters
    blame(world, letter)
    (letter,) = world.claim()
    world.commits.tell(letter, Deferred(451, "retry", world.now))
    world.settle()
    assert row(world, letter).begun == 0


def test_whoever_was_only_thought_dead_cannot_write_any_more(world: World, letters: list[Claimed]) -> None:
    letter, *_others = letters
    blame(world, letter)
    world.commits.tell(letter, Deferred(451, "retry", world.now))
    world.settle()
    assert (row(world, letter).attempts, row(world, letter).begun) == (0, 1)
