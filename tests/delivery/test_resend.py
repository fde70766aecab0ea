"""A mail whose answer was lost: repeated once if somebody waits for it, left to the operator if not."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from leadmagnet.sequences import signup
from leadmagnet.store.models import AuditEvent, Delivery
from tests.delivery.crowd import THURSDAY_MORNING
from tests.invariants import check_invariants
from tests.mail.clients import connect
from tests.mail.servers import Act, ScriptedServer
from tests.world import TUESDAY_EVENING, World

ADA = "ada@example.com"
TWO_MINUTES = timedelta(minutes=2)


@pytest.fixture
def mute() -> ScriptedServer:
    """A server that takes every mail, and hangs up without a word."""
    return ScriptedServer({"DOT": Act.HANG_UP})


def test_a_confirmation_is_repeated_once_after_two_minutes_and_never_again(world: World, mute: ScriptedServer) -> None:
    with mute:
        world.connect = lambda: connect(mute)
        world.asks(ADA)
        world.deliver()
        (row,) = world.deliveries()
        assert (row.state, row.ended_at) == ("uncertain", TUESDAY_EVENING)

        world.now = TUESDAY_EVENING + TWO_MINUTES - timedelta(seconds=1)
        assert world.sweeps() == 0
        world.now = TUESDAY_EVENING + TWO_MINUTES
        assert world.sweeps() == 1
        world.deliver()
        check_invariants(world, mute)
        assert len(mute.arrived) == 2
        assert world.deliveries()[0].state == "uncertain"

        for _ in range(3):
            world.wait(days=1)
            assert world.sweeps() == 0
            world.deliver()
        assert len(mute.arrived) == 2
        with world.database.read() as session:
            told = session.scalars(select(AuditEvent.event).order_by(AuditEvent.id)).all()
        assert told == ["uncertain", "resent once", "uncertain"]
        check_invariants(world, mute)  # two mails with one Message-ID: it counts them


def test_a_repeated_confirmation_that_arrives_is_sent(world: World, mute: ScriptedServer) -> None:
    with mute:
        world.connect = lambda: connect(mute)
        world.asks(ADA)
        world.deliver()
        mute.script.clear()
        world.wait(minutes=2)
        world.sweeps()
        world.deliver()
        (row,) = world.deliveries()
        assert (row.state, row.resends, row.ended_at, row.sent_at) == ("sent", 1, None, world.now)
        check_invariants(world, mute)


def test_who_confirmed_meanwhile_is_not_asked_again(world: World, mute: ScriptedServer) -> None:
    with mute:
        world.connect = lambda: connect(mute)
        world.asks(ADA)
        world.deliver()
        world.confirms(ADA)
        mute.script.clear()
        world.wait(minutes=2)
        world.sweeps()
        world.deliver()
        assert [row.state for row in world.deliveries(kind="confirm")] == ["cancelled"]
        check_invariants(world, mute)


def test_the_reminder_and_both_guide_mails_are_repeated_too(world: World, mute: ScriptedServer) -> None:
    world.asks(ADA)
    world.deliver()
    world.wait(days=1, minutes=1)
    with world.database.write() as session:
        signup.remind(session, world.published, after=timedelta(days=1), limit=1, now=world.now)
    with mute:
        mailbox, world.connect = world.connect, lambda: connect(mute)
        world.deliver()
        world.confirms(ADA)
        world.deliver()
        world.wait(hours=1)
        world.asks(ADA)
        world.deliver()
        assert [row.kind for row in world.deliveries(state="uncertain")] == ["reminder", "guide", "guide"]
        world.wait(minutes=2)
        assert world.sweeps() == 3
        world.connect = mailbox
        world.deliver()
    # She has confirmed meanwhile: the reminder has nothing more to say.
    assert [row.state for row in world.deliveries(resends=1)] == ["cancelled", "sent", "sent"]
    assert [row.step for row in world.deliveries(state="pending")] == ["tight-hips"]


def test_a_letter_stays_uncertain_and_counts_as_progress(world: World, mute: ScriptedServer) -> None:
    world.joins(ADA)
    with mute:
        mailbox, world.connect = world.connect, lambda: connect(mute)
        world.now = THURSDAY_MORNING
        world.deliver()
        world.connect = mailbox
        for _ in range(20):
            world.wait(hours=8)
            world.sweeps()
            world.deliver()
        assert len(mute.arrived) == 1
    letters = [(row.step, row.state, row.resends) for row in world.deliveries(kind="step")]
    assert letters == [("tight-hips", "uncertain", 0), ("yoga-for-runners", "sent", 0), ("what-is-barre", "pending", 0)]
    (row,) = world.deliveries(state="uncertain")
    assert row.dedupe_key is not None, "it must never be planned again"


def test_a_test_mail_is_not_repeated(world: World) -> None:
    with world.database.write() as session:
        session.add(
            Delivery(
                kind="test",
                lane="transactional",
                state="uncertain",
                reason="?",
                due_at=world.now,
                ready_at=world.now,
                message_id="t@example.com",
                domain_group="test",
                ended_at=world.now,
            )
        )
    world.wait(days=1)
    assert world.sweeps() == 0
