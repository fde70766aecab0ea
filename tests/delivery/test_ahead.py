"""A sender takes the next letter while the dot of the one at hand is still to come."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event

import pytest
from sqlalchemy import insert

from leadmagnet.content.compiled import Build
from leadmagnet.delivery import begun
from leadmagnet.delivery.hub import Hub
from leadmagnet.delivery.in_hand import InHand
from leadmagnet.delivery.lessons import Lessons
from leadmagnet.mail.smtp import Connection, Server
from leadmagnet.mail.wire import Wire
from leadmagnet.store.models import Enrollment, SubscriberTag
from tests.delivery.crowd import THURSDAY_MORNING, gather
from tests.delivery.editing import relettered
from tests.invariants import check_invariants
from tests.mail.clients import PATIENT
from tests.mail.servers import Act, ScriptedServer
from tests.waiting import PATIENCE, until
from tests.world import World

HEADER = b"X-PM-Message-Stream: broadcast\r\n"


@contextmanager
def one_connection(world: World, server: ScriptedServer, *, letters_header: bytes = b"") -> Iterator[InHand]:
    """A sender at work on what was claimed; at the end of the block it has ended."""
    there = Server("127.0.0.1", server.port, "off", letters_header=letters_header)
    world.connect = lambda: Connection.open(there, local_hostname="client.example", timeouts=PATIENT)
    in_hand = InHand()
    sender = world.sender(in_hand)
    in_hand.put(world.claim())
    hub = Hub("senders")
    hub.start()
    hub.spawn(sender.run)
    yield in_hand
    in_hand.close()
    assert hub.stop(PATIENCE)
    world.settle()


def sent(world: World, server: ScriptedServer, count: int) -> None:
    """Sends `count` letters that are due, over one connection."""
    with one_connection(world, server):
        until(lambda: settled(world) == count)


def settled(world: World) -> int:
    return sum(row.state not in ("pending", "claimed", "handing_off") for row in world.deliveries(step="tight-hips"))


@pytest.fixture
def writes(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The beginning of each write."""
    found: list[bytes] = []
    send = Wire.send

    def noted(wire: Wire, data: bytes, timeout: float) -> None:
        found.append(bytes(data[:8]))
        send(wire, data, timeout)

    monkeypatch.setattr(Wire, "send", noted)
    return found


def test_each_dot_takes_the_next_envelope_along(world: World, writes: list[bytes]) -> None:
    gather(world, 4)
    world.now = THURSDAY_MORNING
    with ScriptedServer() as server:
        sent(world, server, 4)
        assert len(server.arrived) == 4
        assert [line[:4] for line in server.commands] == ["EHLO", *["MAIL", "RCPT", "DATA"] * 4, "QUIT"]
        body = b"From: Ma"
        assert writes == [b"MAIL FRO", *[body, b".\r\nMAIL "] * 3, body, b".\r\n", b"QUIT\r\n"]
        check_invariants(world, server)


def test_a_letter_that_cannot_be_rendered_costs_the_one_before_nothing(world: World, example: Build) -> None:
    text = '{% if tagged("unlucky") %}{{ nobody_knows_this }}{% endif %}Hello'
    world.publish(relettered(example, "hip-openers/tight-hips", text=text))
    gather(world, 3)
    world.now = THURSDAY_MORNING
    second = world.deliveries(step="tight-hips")[1]
    with world.database.write() as session:
        session.execute(
            insert(SubscriberTag).values(subscriber_id=second.subscriber_id, tag="unlucky", given_at=world.now)
        )
    with ScriptedServer() as server:
        sent(world, server, 3)
        assert [row.state for row in world.deliveries(step="tight-hips")] == ["sent", "failed", "sent"]
        check_invariants(world, server)


def test_each_refusal_is_its_own_letters(world: World) -> None:
    gather(world, 3)
    world.now = THURSDAY_MORNING
    answers = iter(["250 ok", "550 5.2.2 full", "250 ok"])
    with ScriptedServer({"DOT": lambda: next(answers)}) as server:
        sent(world, server, 3)
        rows = world.deliveries(step="tight-hips")
        assert [(row.state, row.smtp_code) for row in rows] == [("sent", 250), ("failed", 550), ("sent", 250)]
        assert [line[:4] for line in server.commands].count("EHLO") == 1
        check_invariants(world, server)


def test_a_process_that_dies_of_a_letter_taken_ahead_is_known_to_have_begun_it(world: World) -> None:
    """Whatever became of the one before: both are noted in the same place."""
    gather(world, 2)
    world.now = THURSDAY_MORNING
    answers = iter(["550 5.2.2 full", "250 ok"])
    known: list[list[int]] = []

    def answer() -> str:
        known.append([line.delivery_id for line in begun.left_by(world.journal.path)])
        return next(answers)

    with ScriptedServer({"DOT": answer}) as server:
        sent(world, server, 2)
        assert known == [[row.id] for row in world.deliveries(step="tight-hips")[1:] * 2]


def test_a_group_that_wants_no_more_does_not_get_the_letter_taken_ahead(world: World) -> None:
    gather(world, 3, group=lambda number: "gmail.com" if number < 2 else "example.com")
    world.now = THURSDAY_MORNING
    answers = iter(["450 4.7.28 too many from you", "250 ok"])
    with ScriptedServer({"DOT": lambda: next(answers)}) as server:
        with one_connection(world, server):
            until(lambda: settled(world) == 1)
        first, second, third = world.deliveries(step="tight-hips")
        assert (first.state, first.smtp_code, second.state, second.attempts) == ("pending", 450, "pending", 0)
        assert third.state == "sent"
        assert len(server.arrived) == 1


def test_a_server_that_goes_leaves_one_letter_uncertain_and_the_next_unharmed(world: World) -> None:
    gather(world, 3)
    world.now = THURSDAY_MORNING
    answers = iter(["250 ok", Act.HANG_UP, "250 ok"])
    with ScriptedServer({"DOT": lambda: next(answers)}) as server:
        sent(world, server, 3)
        assert [row.state for row in world.deliveries(step="tight-hips")] == ["sent", "uncertain", "sent"]
        assert [row.attempts for row in world.deliveries(step="tight-hips")] == [0, 0, 0]
        check_invariants(world, server)


def test_who_leaves_while_her_envelope_is_out_gets_no_dot(world: World) -> None:
    gather(world, 2)
    world.now = THURSDAY_MORNING
    _first, second = world.deliveries(step="tight-hips")

    def leaves() -> str:
        if "DATA" in server.commands:
            world.changes(Enrollment, second.enrollment_id, status="exited", exit_reason="unsubscribed")
        return "250 ok"

    with ScriptedServer() as server:
        server.script["DOT"] = leaves
        sent(world, server, 2)
        assert [row.state for row in world.deliveries(step="tight-hips")] == ["sent", "cancelled"]
        assert len(server.arrived) == 1
        check_invariants(world, server)


def test_the_letter_behind_one_whose_gate_is_shut_goes_on_another_connection(world: World) -> None:
    gather(world, 3)
    world.now = THURSDAY_MORNING
    first, _second, _third = world.deliveries(step="tight-hips")

    def leaves() -> str:
        if "DATA" not in server.commands[:-1]:
            world.changes(Enrollment, first.enrollment_id, status="exited", exit_reason="unsubscribed")
        return "354 go ahead"

    with ScriptedServer() as server:
        server.script["DATA"] = leaves
        sent(world, server, 3)
        assert [row.state for row in world.deliveries(step="tight-hips")] == ["cancelled", "sent", "sent"]
        assert [line[:4] for line in server.commands].count("EHLO") == 2
        check_invariants(world, server)


def test_a_letter_taken_ahead_is_given_back_when_the_process_is_told_to_stop(world: World) -> None:
    gather(world, 3)
    world.now = THURSDAY_MORNING
    asked, go = Event(), Event()

    def slow() -> str:
        asked.set()
        assert go.wait(PATIENCE)
        return "250 ok"

    with ScriptedServer({"DOT": slow}) as server:
        with one_connection(world, server) as in_hand:
            assert asked.wait(PATIENCE)
            assert len(in_hand) == 1
            assert [letter.id for letter in in_hand.close()] == [row.id for row in world.deliveries(step="tight-hips")][
                1:
            ]
            go.set()
        assert [row.state for row in world.deliveries(step="tight-hips")] == ["sent", "claimed", "claimed"]
        assert len(server.arrived) == 1


def test_a_lesson_learned_meanwhile_keeps_the_letter_and_ends_the_connection(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its envelope is out: nothing else may be said on that connection but its body."""
    gather(world, 3)
    world.now = THURSDAY_MORNING
    _first, second, _third = world.deliveries(step="tight-hips")
    asked: list[int] = []

    def wait_of(_lessons: Lessons, letter, _clock):
        asked.append(letter.id)
        return world.now if asked.count(second.id) == 2 and letter.id == second.id else None

    monkeypatch.setattr(Lessons, "wait_of", wait_of)
    with ScriptedServer() as server:
        with one_connection(world, server):
            until(lambda: settled(world) == 2)
        assert [row.state for row in world.deliveries(step="tight-hips")] == ["sent", "pending", "sent"]
        assert [line[:4] for line in server.commands].count("EHLO") == 2
        assert len(server.arrived) == 2


def test_the_line_that_a_provider_wants_is_on_each_letter(world: World) -> None:
    gather(world, 2)
    world.now = THURSDAY_MORNING
    with ScriptedServer() as server:
        with one_connection(world, server, letters_header=HEADER):
            until(lambda: settled(world) == 2)
        assert [mail.raw.count(HEADER) for mail in server.arrived] == [1, 1]
