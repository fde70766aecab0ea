"""A sender with its connection: what it keeps, what it repeats, and what it never does."""

import logging
from datetime import timedelta

import pytest
from sqlalchemy import insert

from leadmagnet.content.compiled import Build
from leadmagnet.delivery.outcomes import Accepted, Failed
from leadmagnet.mail.smtp import Connection, Server
from leadmagnet.store.models import AuditEvent, Delivery, Enrollment, Subscriber, SubscriberTag
from tests.delivery.crowd import THURSDAY_MORNING, gather
from tests.delivery.editing import edited, relettered
from tests.invariants import check_invariants
from tests.mail.clients import PATIENT, connect
from tests.mail.servers import Act, Last, ScriptedServer
from tests.waiting import PATIENCE
from tests.world import World

ADA, BOB = "ada@example.com", "bob@example.com"


def test_a_letter_that_arrived_is_followed_by_the_next(world: World) -> None:
    gather(world, 1)
    world.now = THURSDAY_MORNING
    with ScriptedServer() as server:
        world.connect = lambda: connect(server)
        ((letter, outcome),) = world.deliver()
        assert outcome == Accepted(THURSDAY_MORNING)
        (row,) = world.deliveries(id=letter.id)
        assert (row.sent_at, row.handed_at, row.smtp_code) == (THURSDAY_MORNING, THURSDAY_MORNING, 250)
        (following,) = world.deliveries(state="pending")
        assert following.step == "yoga-for-runners"
        check_invariants(world, server)


def test_letters_say_so_to_a_provider_that_keeps_them_apart_from_what_was_asked_for(world: World) -> None:
    postmark = Server.from_provider("postmark", username="maya", password="geheim")
    with ScriptedServer() as server:
        there = Server("127.0.0.1", server.port, "off", letters_header=postmark.letters_header)
        world.connect = lambda: Connection.open(there, local_hostname="client.example", timeouts=PATIENT)
        world.joins(ADA)
        world.now = THURSDAY_MORNING
        world.deliver()
        *asked_for, letter = [mail.raw for mail in server.arrived]
        assert letter.startswith(b"X-PM-Message-Stream: broadcast\r\n")
        assert len(asked_for) == 2
        assert not [raw for raw in asked_for if b"X-PM-Message-Stream" in raw]


def test_a_kept_connection_that_has_gone_stale_is_replaced_at_once(world: World) -> None:
    gather(world, 2)
    world.now = THURSDAY_MORNING
    with ScriptedServer({"DOT": Last("250 2.0.0 queued, and bye")}) as server:
        world.connect = lambda: connect(server)
        sender = world.sender()
        outcomes = []
        for letter in world.claim():
            outcomes.append(sender.deliver(letter))
            world.commits.tell(letter, outcomes[-1])
        sender.hang_up()
        world.settle()
        assert outcomes == [Accepted(world.now)] * 2
        assert [row.attempts for row in world.deliveries(step="tight-hips")] == [0, 0]
        check_invariants(world, server)


def test_a_kept_connection_is_used_again_after_a_refusal(world: World) -> None:
    gather(world, 3)
    world.now = THURSDAY_MORNING
    with ScriptedServer({"RCPT": "550 5.2.2 full"}) as server:
        world.connect = lambda: connect(server)
        sender = world.sender()
        for letter in world.claim():
            outcome = sender.deliver(letter)
            assert outcome == Failed("mailbox", 550, "mailbox")
            world.commits.tell(letter, outcome)
        sender.hang_up()
        world.settle()
        assert [command[:4] for command in server.commands].count("EHLO") == 1
        check_invariants(world, server)


def test_what_cannot_be_rendered_fails_alone_and_opens_no_connection(world: World, example: Build) -> None:
    world.publish(relettered(example, "hip-openers/tight-hips", text="{{ nobody_knows_this }}"))
    gather(world, 1)
    world.now = THURSDAY_MORNING
    with ScriptedServer() as server:
        world.connect = lambda: connect(server)
        ((letter, outcome),) = world.deliver()
        assert outcome == Failed("render")
        assert server.commands == []
        world.asks(ADA)
        assert [outcome for _letter, outcome in world.deliver()] == [Accepted(world.now)]
        (row,) = world.deliveries(id=letter.id)
        assert (row.state, row.reason, row.smtp_code) == ("failed", "render", None)
        check_invariants(world, server)


def test_one_of_twenty_that_cannot_be_rendered_does_not_hold_up_the_others(world: World, example: Build) -> None:
    text = '{% if tagged("unlucky") %}{{ nobody_knows_this }}{% endif %}Hello'
    world.publish(relettered(example, "hip-openers/tight-hips", text=text))
    gather(world, 20)
    world.now = THURSDAY_MORNING
    first = world.deliveries(step="tight-hips")[0]
    with world.database.write() as session:
        session.execute(
            insert(SubscriberTag).values(subscriber_id=first.subscriber_id, tag="unlucky", given_at=world.now)
        )
    world.deliver()
    states = [row.state for row in world.deliveries(step="tight-hips")]
    assert states == ["failed", *["sent"] * 19]
    check_invariants(world, world.mailbox)


def test_an_address_that_the_server_cannot_carry_fails_alone(world: World) -> None:
    world.asks(ADA)
    world.changes(Subscriber, world.subscriber(ADA).id, address="adà@example.com")
    with ScriptedServer() as server:
        world.connect = lambda: connect(server)
        ((letter, outcome),) = world.deliver()
        assert outcome == Failed("unsupported")
        (row,) = world.deliveries(id=letter.id)
        assert (row.state, row.reason) == ("failed", "unsupported")
        check_invariants(world, server)


def test_who_leaves_while_the_body_is_on_its_way_gets_no_dot(world: World) -> None:
    gather(world, 1)
    world.now = THURSDAY_MORNING
    (letter,) = world.claim()

    class LeavingReader(Connection):
        def offer(self, sender: str, recipient: str, raw: bytes) -> None:
            super().offer(sender, recipient, raw)
            world.changes(Enrollment, letter.enrollment_id, status="exited", exit_reason="unsubscribed")

    with ScriptedServer() as server:
        world.connect = lambda: _opened(LeavingReader, server)
        assert world.send(letter) is None
        assert server.aborted.wait(PATIENCE)
        assert server.arrived == []
        (row,) = world.deliveries(id=letter.id)
        assert (row.state, row.reason) == ("cancelled", "series exited")


def test_an_uncertain_letter_is_written_to_the_record_of_exceptional_events(world: World) -> None:
    gather(world, 1)
    world.now = THURSDAY_MORNING
    with ScriptedServer({"DOT": Act.HANG_UP}) as server:
        world.connect = lambda: connect(server)
        ((letter, _outcome),) = world.deliver()
    with world.database.read() as session:
        (told,) = session.query(AuditEvent).all()
    assert (told.event, told.delivery_id, told.subscriber_id) == ("uncertain", letter.id, letter.subscriber_id)
    assert [row.step for row in world.deliveries(state="pending")] == ["yoga-for-runners"]


def test_a_letter_that_gives_a_tag_gives_it_when_it_is_sent(world: World, example: Build) -> None:
    world.publish(edited(example, "tight-hips", tag="knows-tight-hips"))
    gather(world, 1)
    world.now = THURSDAY_MORNING
    world.deliver()
    with world.database.read() as session:
        assert [row.tag for row in session.query(SubscriberTag)] == ["knows-tight-hips"]


def test_no_log_line_holds_an_address(world: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, logger="leadmagnet")
    with ScriptedServer({"RCPT": "550 5.1.1 <ada@example.com>: no such person"}) as server:
        world.connect = lambda: connect(server)
        world.asks(ADA)
        world.deliver()
        world.asks(BOB)
        world.changes(Subscriber, world.subscriber(BOB).id, address="bòb@example.com")
        world.deliver()
    assert "550" in caplog.text and "SMTPUTF8" in caplog.text
    assert "@example.com" not in caplog.text


def test_a_back_off_is_given_up_after_a_day_for_what_somebody_waits_for(world: World) -> None:
    with ScriptedServer({"RCPT": "451 4.3.0 try later"}) as server:
        world.connect = lambda: connect(server)
        world.asks(ADA)
        row = _tries_until_it_ends(world)
        assert (row.state, row.reason, row.smtp_code) == ("failed", "deferred_out", 451)
        assert row.first_attempt_at is not None
        assert timedelta(hours=24) < world.now - row.first_attempt_at < timedelta(hours=30)
        assert row.attempts > 8, "the last wait is repeated"
        check_invariants(world, server)


def _tries_until_it_ends(world: World) -> Delivery:
    while True:
        (row,) = world.deliveries(kind="confirm")
        if row.state != "pending":
            return row
        world.now = row.ready_at
        world.deliver()


def _opened(kind: type[Connection], server: ScriptedServer) -> Connection:
    there = Server("127.0.0.1", server.port, "off")
    return kind.open(there, local_hostname="client.example", timeouts=PATIENT)
