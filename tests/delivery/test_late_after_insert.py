"""A claim always comes to an end, also after an insert, an outage and many retries."""

from datetime import timedelta

from leadmagnet.content.compiled import Build
from leadmagnet.delivery.claim import claim
from tests.publishing.crowd import letters_of
from tests.publishing.edits import with_steps
from tests.world import World


def test_an_outage_after_an_insert_does_not_turn_in_circles(world: World, example: Build) -> None:
    letters = letters_of(example)
    guide, a, b, c = letters.in_order
    world.publish(with_steps(example, guide, a, b, c))
    world.joins("ada@example.com")
    world.skip(until=world.now + timedelta(days=7))
    new = a.model_copy(update={"slug": "new", "day": 7})  # its hour was this morning: she is past it
    world.publish(with_steps(example, guide, a, b, new, c))
    world.replans()
    world.wait(days=5)  # the laptop was closed; c is three days late
    looked_at = []
    for _round in range(3):
        with world.database.write() as session:
            looked_at.append(claim(session, world.published, world.lease, lane="sequence", limit=9, now=world.now)[1])
    assert looked_at == [1, 0, 0]
    assert [row.step for row in world.deliveries(state="pending")] == ["c"]
