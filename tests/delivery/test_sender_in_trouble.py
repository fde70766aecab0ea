"""A sender in trouble: defects of ours, a full disk or a server that is away never cost or double a letter."""

import threading
from datetime import timedelta

import pytest

from leadmagnet.delivery.gate import Gate
from leadmagnet.delivery.hub import Hub
from leadmagnet.delivery.in_hand import InHand
from leadmagnet.delivery.letters import Claimed
from leadmagnet.delivery.outcomes import Accepted, Lost, Returned
from leadmagnet.mail.handover import Following, Reply
from leadmagnet.mail.smtp import Connection, Server
from leadmagnet.sequences import enrollments
from tests.delivery.crowd import THURSDAY_MORNING, gather
from tests.invariants import check_invariants
from tests.mail.clients import PATIENT, connect
from tests.mail.servers import ScriptedServer
from tests.waiting import PATIENCE, until
from tests.world import World

ADA = "ada@example.com"
OUTAGE = timedelta(seconds=30)


def test_sent_and_the_next_letter_are_one_transaction(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """If planning fails, "sent" is not committed either; it stays owed, and ends up written together with the next."""
    gather(world, 1)
    world.now = THURSDAY_MORNING
    broken = threading.Event()
    follow = enrollments.follow

    def fail_first(*given, **named) -> None:
        follow(*given, **named)
        if not broken.is_set():
            states.append({row.state for row in world.deliveries(step="tight-hips")})
            broken.set()
            raise RuntimeError("killed between two statements")

    states: list[set[str]] = []
    monkeypatch.setattr(enrollments, "follow", fail_first)
    ((letter, _outcome),) = world.deliver()
    assert broken.is_set()
    assert states == [{"handing_off"}]
    until(lambda: world.deliveries(id=letter.id)[0].state == "sent")
    assert [row.step for row in world.deliveries(state="pending")] == ["yoga-for-runners"]
    check_invariants(world, world.mailbox)


def test_if_planning_fails_for_good_nothing_says_sent(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    gather(world, 1)
    world.now = THURSDAY_MORNING

    def fail(*_given, **_named) -> None:
        raise RuntimeError("killed between two statements")

    monkeypatch.setattr(enrollments, "follow", fail)
    world.deliver()
    assert [row.state for row in world.deliveries(step="tight-hips")] == ["handing_off"]
    assert world.deliveries(state="pending") == []


def test_when_the_gate_cannot_be_answered_nothing_is_sent_and_the_row_comes_back(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The commit may have happened: the row is put back whichever of the two is true."""
    world.asks(ADA)
    (letter,) = world.claim()
    really_ask = world.commits.gate

    def lose_the_answer(asked: Claimed) -> Gate:
        assert really_ask(asked) is Gate.OPEN
        return Gate.UNKNOWN

    with ScriptedServer() as server:
        world.connect = lambda: connect(server)
        with monkeypatch.context() as patched:
            patched.setattr(world.commits, "gate", lose_the_answer)
            outcome = world.sender().deliver(letter)
        assert outcome == Returned(world.now)
        assert server.aborted.wait(PATIENCE)
        assert server.arrived == []
        world.commits.tell(letter, outcome)
        world.settle()
        assert [row.state for row in world.deliveries()] == ["pending"]
        world.deliver()
        check_invariants(world, server)
        assert len(server.arrived) == 1


def test_a_journal_that_cannot_be_written_does_not_bring_an_accepted_letter_back(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def disk_full(*_given, **_named) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(world.journal, "accepted", disk_full)
    world.asks(ADA)
    ((_letter, outcome),) = world.deliver()
    assert outcome == Accepted(world.now)
    assert [row.state for row in world.deliveries()] == ["sent"]
    assert "No space left" in caplog.text


def test_a_defect_before_the_dot_gives_the_letter_back(world: World) -> None:
    """Its lease would be renewed for as long as the process lives: nobody else would ever take it."""

    def broken() -> Connection:
        raise RuntimeError("a defect")

    world.connect = broken
    world.asks(ADA)
    (letter,) = world.claim()
    in_hand = InHand()
    sender = world.sender(in_hand)
    in_hand.put([letter])
    hub = Hub("senders")
    hub.start()
    hub.spawn(sender.run)
    until(lambda: world.deliveries()[0].state == "pending")
    in_hand.close()
    assert hub.stop(PATIENCE)
    (row,) = world.deliveries()
    assert (row.ready_at, row.attempts) == (world.now + OUTAGE, 0)


def test_a_defect_after_the_dot_leaves_the_letter_uncertain(world: World) -> None:
    class Broken(Connection):
        def accept(self, _following: Following | None = None, /) -> Reply:
            super().accept()
            raise RuntimeError("a defect")

    gather(world, 1)
    world.now = THURSDAY_MORNING
    with ScriptedServer() as server:
        world.connect = lambda: _opened(Broken, server)
        ((_letter, outcome),) = world.deliver()
        assert outcome == Lost(world.now)
        check_invariants(world, server)


def test_once_a_server_is_known_to_be_away_letters_in_hand_do_not_knock_again(world: World) -> None:
    knocks = []

    def away() -> Connection:
        knocks.append(1)
        return connect(server)

    gather(world, 10)
    world.now = THURSDAY_MORNING
    with ScriptedServer({"CONNECT": "554 5.7.1 go away"}) as server:
        world.connect = away
        outcomes = [outcome for _letter, outcome in world.deliver()]
        assert outcomes == [Returned(world.now + OUTAGE)] * 4 + [Returned(None)] * 6
        assert len(knocks) == 5
        world.wait(seconds=30)
        assert [outcome for _letter, outcome in world.deliver()] == [Returned(None)], "one letter probes"
        assert len(knocks) == 6
        check_invariants(world, server)


def test_a_login_that_is_missing_stops_all_sending_and_fails_no_letter(world: World) -> None:
    gather(world, 5)
    world.now = THURSDAY_MORNING
    with ScriptedServer({"MAIL": "530 5.7.0 authentication required"}) as server:
        world.connect = lambda: connect(server)
        world.deliver()
        assert [command[:4] for command in server.commands].count("MAIL") == 1
        assert world.claim() == []
        assert {row.state for row in world.deliveries(step="tight-hips")} == {"pending"}
        check_invariants(world, server)


def _opened(kind: type[Connection], server: ScriptedServer) -> Connection:
    there = Server("127.0.0.1", server.port, "off")
    return kind.open(there, local_hostname="client.example", timeouts=PATIENT)
