"""What becomes of a letter, whatever the mail server does at whichever point of the conversation."""

import dataclasses
import logging
import threading
from dataclasses import dataclass
from datetime import timedelta

import pytest
from sqlalchemy import insert

from leadmagnet.content.compile import Build
from leadmagnet.delivery.gate import Gate
from leadmagnet.delivery.letters import Claimed
from leadmagnet.delivery.outcomes import Accepted, Failed, Lost, Returned
from leadmagnet.delivery.sender import InHand
from leadmagnet.mail.handover import Reply
from leadmagnet.mail.smtp import Connection, Server, Timeouts
from leadmagnet.sequences import enrollments
from leadmagnet.store.models import AuditEvent, Delivery, Subscriber, Suppression
from tests.delivery.crowd import THURSDAY_MORNING, gather
from tests.delivery.editing import edited, relettered
from tests.invariants import check_invariants, message_ids
from tests.mail.clients import PATIENT, SLOW, connect
from tests.mail.servers import Act, Last, ScriptedServer
from tests.waiting import PATIENCE, until
from tests.world import World

ADA, READER = "ada@example.com", "reader0@example.com"
HANG_UP, SAY_NOTHING = Act.HANG_UP, Act.SAY_NOTHING
OUTAGE, HOUR = timedelta(seconds=30), timedelta(hours=1)


@dataclass(frozen=True)
class Row:
    """What the delivery row says afterwards."""

    state: str
    reason: str | None = None
    attempts: int = 0
    code: int | None = None
    meaning: str | None = None
    wait: timedelta | str | None = None  # from now until ready_at; "back-off": the lane's first wait, give or take 20 %
    suppressed: bool = False


RETURNED = Row("pending", wait=OUTAGE)
SENT = Row("sent", code=250, meaning="accepted")
UNCERTAIN = Row("uncertain", reason="the server's answer was lost")


def deferred(code: int, meaning: str, wait: timedelta | str = "back-off") -> Row:
    return Row("pending", attempts=1, code=code, meaning=meaning, wait=wait)


def failed(code: int, meaning: str, *, suppressed: bool = False) -> Row:
    return Row("failed", reason=meaning, code=code, meaning=meaning, suppressed=suppressed)


TRUTH = [
    ("CONNECT", "554 5.7.1 go away", RETURNED),
    ("CONNECT", "421 4.3.2 too busy", RETURNED),
    ("CONNECT", HANG_UP, RETURNED),
    ("CONNECT", SAY_NOTHING, RETURNED),
    ("EHLO", "421 4.3.2 shutting down", RETURNED),
    ("EHLO", HANG_UP, RETURNED),
    ("EHLO", SAY_NOTHING, RETURNED),
    ("MAIL", "421 4.3.2 shutting down", RETURNED),
    ("MAIL", "451 4.3.0 try later", deferred(451, "retry")),
    ("MAIL", "530 5.7.0 authentication required", RETURNED),
    ("MAIL", "550 5.7.1 sender not welcome", deferred(550, "reputation", HOUR)),
    ("MAIL", HANG_UP, RETURNED),
    ("MAIL", SAY_NOTHING, RETURNED),
    ("RCPT", Last("421 4.7.0 slow down"), RETURNED),
    ("RCPT", "450 4.2.1 mailbox busy", deferred(450, "mailbox")),
    ("RCPT", "451 4.7.1 greylisted", deferred(451, "retry")),
    ("RCPT", "550 5.1.1 no such person", failed(550, "bad_address", suppressed=True)),
    ("RCPT", "552 5.2.2 mailbox full", failed(552, "mailbox")),
    ("RCPT", "550 no", failed(550, "unclear")),
    ("RCPT", HANG_UP, RETURNED),
    ("RCPT", SAY_NOTHING, RETURNED),
    ("DATA", "451 4.3.0 try later", deferred(451, "retry")),
    ("DATA", "554 5.6.0 not this", failed(554, "content")),
    ("DATA", HANG_UP, RETURNED),
    ("DATA", SAY_NOTHING, RETURNED),
    ("BODY", HANG_UP, RETURNED),
    ("BODY", Last("552 5.3.4 too long"), failed(552, "content")),
    ("DOT", "421 4.3.2 shutting down", RETURNED),
    ("DOT", "451 4.3.0 try later", deferred(451, "retry")),
    ("DOT", "452 4.7.28 too much from you", deferred(452, "throttle")),
    ("DOT", "550 5.1.1 no such person", failed(550, "bad_address", suppressed=True)),
    ("DOT", "550 5.7.515 not authenticated", deferred(550, "reputation", HOUR)),
    ("DOT", "554 5.6.0 not this", failed(554, "content")),
    ("DOT", "354 what?", UNCERTAIN),
    ("DOT", HANG_UP, UNCERTAIN),
    ("DOT", SAY_NOTHING, UNCERTAIN),
    ("QUIT", "421 4.3.2 bye", SENT),
    ("QUIT", HANG_UP, SENT),
    ("QUIT", SAY_NOTHING, SENT),
]


@pytest.mark.parametrize(("phase", "act", "expected"), TRUTH)
def test_the_truth_table(world: World, phase: str, act: str | Act, expected: Row) -> None:
    """A confirmation and a letter meet the same fault; once the server is well again, what may go goes once."""
    gather(world, 1)
    world.now = THURSDAY_MORNING
    world.asks(ADA)
    with ScriptedServer({phase: act}) as server:
        world.connect = lambda: _waiting_for_the_body(server, timeouts=_timeouts(phase, act))
        letters = [letter for letter, _outcome in world.deliver()]
        assert [letter.kind for letter in letters] == ["confirm", "step"]
        for letter in letters:
            _assert_row(world, letter, expected)
        check_invariants(world, server)

        server.script.clear()
        world.connect = lambda: connect(server)
        world.wait(hours=2)
        world.deliver()
        may_go = expected.state == "pending"
        for letter in letters:
            (row,) = world.deliveries(id=letter.id)
            assert (row.state == "sent") == (may_go or expected is SENT)
            assert message_ids(server).count(row.message_id) == (expected.state in ("pending", "sent", "uncertain"))
        check_invariants(world, server)


def _waiting_for_the_body(server: ScriptedServer, *, timeouts: Timeouts) -> Connection:
    """A connection on which the server's word in the middle of the body has arrived before the dot."""
    connection = connect(server, timeouts=timeouts)
    if "BODY" in server.script:
        offer = connection.offer

        def offer_and_wait(*letter) -> None:
            server.acted.clear()
            offer(*letter)
            assert server.acted.wait(PATIENCE)

        connection.offer = offer_and_wait  # type: ignore[method-assign]
    return connection


def _opened(kind: type[Connection], server: ScriptedServer) -> Connection:
    there = Server("127.0.0.1", server.port, "off")
    return kind.open(there, local_hostname="client.example", timeouts=PATIENT)


def _timeouts(phase: str, act: str | Act) -> Timeouts:
    if act is not SAY_NOTHING:
        return PATIENT
    return dataclasses.replace(PATIENT, **{SLOW.get(phase, "quit"): 0.1})


def _assert_row(world: World, letter: Claimed, expected: Row) -> None:
    (row,) = world.deliveries(id=letter.id)
    assert (row.state, row.reason, row.attempts) == (expected.state, expected.reason, expected.attempts)
    assert (row.smtp_code, row.smtp_class) == (expected.code, expected.meaning)
    assert (row.first_attempt_at == world.now) == bool(expected.attempts)
    if expected.wait == "back-off":
        first = timedelta(seconds=30) if letter.kind == "confirm" else timedelta(minutes=5)
        assert 0.8 * first <= row.ready_at - world.now <= 1.2 * first
    elif expected.wait is not None:
        assert row.ready_at - world.now == expected.wait
    assert row.due_at == THURSDAY_MORNING, "a retry never moves it"
    person = ADA if letter.kind == "confirm" else READER
    with world.database.read() as session:
        blocked = session.query(Suppression).filter_by(scope="all").count()
    assert blocked == (2 if expected.suppressed else 0)
    assert row.subscriber_id is not None
    series = (row.enrollment_id, {"confirm": "pending", "step": "active"}[letter.kind])
    with world.database.read() as session:
        status = session.get(enrollments.Enrollment, series[0]).status
    assert status == ("exited" if expected.suppressed else series[1]), person


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
            insert(enrollments.SubscriberTag).values(
                subscriber_id=first.subscriber_id, tag="unlucky", given_at=world.now
            )
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
            world.changes(enrollments.Enrollment, letter.enrollment_id, status="exited", exit_reason="unsubscribed")

    with ScriptedServer() as server:
        world.connect = lambda: _opened(LeavingReader, server)
        assert world.send(letter) is None
        assert server.aborted.wait(PATIENCE)
        assert server.arrived == []
        (row,) = world.deliveries(id=letter.id)
        assert (row.state, row.reason) == ("cancelled", "series exited")


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
    in_hand.put(letter)
    sender.start()
    until(lambda: world.deliveries()[0].state == "pending")
    sender.stop()
    in_hand.wake()
    assert sender.join(PATIENCE)
    (row,) = world.deliveries()
    assert (row.ready_at, row.attempts) == (world.now + OUTAGE, 0)


def test_a_defect_after_the_dot_leaves_the_letter_uncertain(world: World) -> None:
    class Broken(Connection):
        def accept(self) -> Reply:
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
        assert {outcome for _letter, outcome in world.deliver()} == {Returned(world.now + OUTAGE)}
        assert len(knocks) == 1
        world.wait(seconds=30)
        world.deliver()
        assert len(knocks) == 2
        check_invariants(world, server)


def test_a_login_that_is_missing_stops_all_sending_and_fails_no_letter(world: World) -> None:
    gather(world, 5)
    world.now = THURSDAY_MORNING
    with ScriptedServer({"MAIL": "530 5.7.0 authentication required"}) as server:
        world.connect = lambda: connect(server)
        world.deliver()
        assert [command[:4] for command in server.commands].count("MAIL") == 1
        assert world.breaker.letters(10, now=world.now) == 0
        assert {row.state for row in world.deliveries(step="tight-hips")} == {"pending"}
        check_invariants(world, server)


def test_an_uncertain_letter_is_written_to_the_record_of_exceptional_events(world: World) -> None:
    gather(world, 1)
    world.now = THURSDAY_MORNING
    with ScriptedServer({"DOT": HANG_UP}) as server:
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
        assert [row.tag for row in session.query(enrollments.SubscriberTag)] == ["knows-tight-hips"]


def test_no_log_line_holds_an_address(world: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, logger="leadmagnet")
    with ScriptedServer({"RCPT": "550 5.1.1 <ada@example.com>: no such person"}) as server:
        world.connect = lambda: connect(server)
        world.asks(ADA)
        world.deliver()
        world.asks("bob@example.com")
        world.changes(Subscriber, world.subscriber("bob@example.com").id, address="bòb@example.com")
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
        (row,) = world.deliveries()
        if row.state != "pending":
            return row
        world.now = row.ready_at
        world.deliver()
