"""The truth table: whatever the mail server does at whichever point, the row says what became of the letter."""

import dataclasses
from dataclasses import dataclass
from datetime import timedelta

import pytest

from leadmagnet.delivery.letters import Claimed
from leadmagnet.mail.smtp import Connection, Timeouts
from leadmagnet.store.models import Enrollment, Suppression
from tests.delivery.crowd import THURSDAY_MORNING, gather
from tests.invariants import check_invariants, message_ids
from tests.mail.clients import PATIENT, SLOW, connect
from tests.mail.servers import Act, Last, ScriptedServer
from tests.waiting import PATIENCE
from tests.world import World

ADA = "ada@example.net"  # another provider than the crowd's: what one of them thinks of us is no news of the other
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
DISTRUSTED = Row("pending", code=550, meaning="reputation", wait=HOUR)
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
    ("MAIL", "550 5.7.1 sender not welcome", DISTRUSTED),
    ("MAIL", HANG_UP, RETURNED),
    ("MAIL", SAY_NOTHING, RETURNED),
    ("RCPT", Last("421 4.7.0 slow down"), RETURNED),
    ("RCPT", "450 4.2.1 mailbox busy", deferred(450, "mailbox")),
    ("RCPT", "451 4.7.1 greylisted", deferred(451, "retry")),
    ("RCPT", "550 5.1.1 no such person", failed(550, "bad_address", suppressed=True)),
    ("RCPT", "552 5.2.2 mailbox full", failed(552, "mailbox")),
    ("RCPT", "550 no", failed(550, "unexplained")),
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
    ("DOT", "550 5.7.515 not authenticated", DISTRUSTED),
    ("DOT", "554 5.6.0 not this", failed(554, "content")),
    ("DOT", "354 what?", UNCERTAIN),
    ("DOT", HANG_UP, UNCERTAIN),
    ("DOT", SAY_NOTHING, UNCERTAIN),
    ("QUIT", "421 4.3.2 bye", SENT),
    ("QUIT", HANG_UP, SENT),
    ("QUIT", SAY_NOTHING, SENT),
]


@pytest.mark.parametrize(("phase", "act", "expected"), TRUTH)
def test_whatever_the_server_does_the_row_says_what_became_of_the_letter(
    world: World, phase: str, act: str | Act, expected: Row
) -> None:
    """A confirmation and a letter meet the same fault; once the server is well again, what may go goes once."""
    gather(world, 1)
    world.now = THURSDAY_MORNING
    world.asks(ADA)
    with ScriptedServer({phase: act}) as server:
        world.connect = lambda: _waiting_for_the_body(server, timeouts=_timeouts(phase, act))
        letters = [letter for letter, _outcome in world.deliver() if letter.kind != "notice"]
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
    with world.database.read() as session:
        blocked = session.query(Suppression).filter_by(scope="all").count()
        series = session.get(Enrollment, row.enrollment_id)
    assert blocked == (2 if expected.suppressed else 0)
    before = {"confirm": "pending", "step": "active"}[letter.kind]
    assert series is not None and series.status == ("exited" if expected.suppressed else before)
