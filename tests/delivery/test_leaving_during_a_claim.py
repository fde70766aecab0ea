"""Leaving takes effect at once, also while a worker holds her next letter."""

from leadmagnet.delivery.claim import claim
from leadmagnet.delivery.gate import Gate
from tests.databases import ON_POSTGRESQL
from tests.world import World

ADA = "ada@example.com"


@ON_POSTGRESQL
def test_leaving_does_not_wait_for_a_claim_in_progress_and_the_gate_stays_shut(world: World) -> None:
    world.joins(ADA)
    world.wait(days=2)
    with world.database.write() as session:
        session.connection().exec_driver_sql("SET lock_timeout = '5s'")
        (letter,), _seen = claim(session, world.published, world.lease, lane="sequence", limit=9, now=world.now)
        # The claim has locked the row, and is not committed: waiting for it here would be a deadlock.
        assert world.leaves(ADA)
    assert world.commits.gate(letter) is Gate.REFUSED
    (row,) = world.deliveries(step="tight-hips")
    assert (row.state, row.reason, row.dedupe_key) == ("cancelled", "unsubscribed", None)
