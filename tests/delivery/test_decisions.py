"""What the operator decides about a mail that waits for her is done, once, and written down."""

from leadmagnet.audience.consent import Origin
from leadmagnet.delivery import decisions
from leadmagnet.delivery.outcomes import Lost
from leadmagnet.sequences import preferences
from leadmagnet.store.models import Delivery
from tests.delivery.crowd import THURSDAY_MORNING, gather
from tests.invariants import check_invariants
from tests.mail.clients import connect
from tests.mail.servers import Act, ScriptedServer
from tests.world import World


def resend(world: World, *ids: int) -> dict[int, str | None]:
    with world.database.write() as session:
        return decisions.resend(session, ids, by="maya", now=world.now)


def test_a_letter_that_was_maybe_sent_goes_out_once_more(world: World) -> None:
    gather(world, 1)
    world.now = THURSDAY_MORNING
    with ScriptedServer({"DOT": Act.HANG_UP}) as server:
        world.connect = lambda: connect(server)
        ((letter, outcome),) = world.deliver()
        assert isinstance(outcome, Lost)
        server.script.clear()
        world.wait(hours=1)
        assert resend(world, letter.id) == {letter.id: "uncertain"}
        assert resend(world, letter.id) == {letter.id: "pending"}, "a second time changes nothing"
        world.deliver()
        assert [row.state for row in world.deliveries(step="tight-hips")] == ["sent"]
        assert len(server.arrived) == 2
        check_invariants(world, server)


def test_who_has_left_meanwhile_gets_nothing(world: World) -> None:
    gather(world, 1)
    world.now = THURSDAY_MORNING
    with ScriptedServer({"DOT": Act.HANG_UP}) as server:
        world.connect = lambda: connect(server)
        ((letter, _outcome),) = world.deliver()
        server.script.clear()
        assert letter.subscriber_id is not None
        with world.database.write() as session:
            preferences.leave(session, letter.subscriber_id, Origin(), now=world.now)
        resend(world, letter.id)
        world.deliver()
        assert [row.state for row in world.deliveries(id=letter.id)] == ["cancelled"]
        assert len(server.arrived) == 1


def test_what_was_held_is_let_go(world: World) -> None:
    (number,) = gather(world, 1)
    world.now = THURSDAY_MORNING
    world.changes(Delivery, number, state="held", reason="poison", ended_at=world.now, begun=3)
    assert world.deliver() == []
    assert resend(world, number, 4711) == {number: "held", 4711: None}
    world.deliver()
    (row,) = world.deliveries(id=number)
    assert (row.state, row.begun, row.resends) == ("sent", 0, 0)
    check_invariants(world, world.mailbox)
