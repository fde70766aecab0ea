"""What is still ahead of one person: said before, and then lived through."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from leadmagnet.delivery import brakes
from leadmagnet.reports.why import Why, why
from tests.world import World

ADA = "ada@example.com"


def asked(world: World) -> Why:
    with world.database.read() as session:
        found = why(session, world.published, world.subscriber(ADA).address_key, now=world.now)
    assert found is not None
    return found


def lived(world: World, held: timedelta) -> list[tuple[str | None, object]]:
    """The letters that go from now on, with the very moments; none goes while they are `held`."""
    before = world.now
    world.now += held
    world.skip(until=world.now + timedelta(days=60))
    rows = [row for row in world.deliveries(state="sent") if row.sent_at is not None and row.sent_at > before]
    return [(row.step, row.sent_at) for row in rows]


def as_it_is(world: World) -> timedelta:
    return timedelta()


def paused(world: World) -> timedelta:
    world.pauses(ADA, world.now + timedelta(days=9))
    return timedelta()


def braked(world: World) -> timedelta:
    with world.database.write() as session:
        brakes.set(session, "letters", "a holiday", "maya", world.now + timedelta(days=12), now=world.now)
    return timedelta(days=12)


def tagged(world: World) -> timedelta:
    world.tagged(ADA, "tried-barre")
    return timedelta()


@pytest.mark.parametrize("happens", [as_it_is, tagged, paused, braked])
def test_what_comes_is_what_then_happens(world: World, happens: Callable[[World], timedelta]) -> None:
    world.joins(ADA)
    world.skip(until=world.now + timedelta(days=6))
    held = happens(world)
    found = asked(world)
    foretold = [(one.letter, one.at) for one in found.coming if one.skipped is None]
    assert len(foretold) >= 5
    assert foretold == lived(world, held)
    assert [(end.sequence, end.tag) for end in found.ends] == [("hip-openers", "hip-openers-done")]


def test_a_letter_she_will_not_get_says_why(world: World) -> None:
    world.joins(ADA)
    tagged(world)
    said = {one.letter: one.skipped for one in asked(world).coming if one.skipped}
    assert said == {"never-tried-barre": "only for readers without the tag tried-barre"}


def test_nothing_is_ahead_of_who_has_left(world: World) -> None:
    world.joins(ADA)
    world.leaves(ADA)
    assert (asked(world).coming, asked(world).ends) == ((), ())
