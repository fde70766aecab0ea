"""A maybe-sent mail is settled by the mail server's log: sent, or once more on its way."""

import logging
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from leadmagnet.content.compiled import Build
from leadmagnet.delivery.evidence import MailLog
from leadmagnet.delivery.gate import Gate
from leadmagnet.delivery.letters import Claimed
from leadmagnet.delivery.outcomes import Lost
from leadmagnet.store.models import AuditEvent, Delivery, Enrollment
from tests.delivery.crowd import THURSDAY_MORNING, gather
from tests.invariants import check_invariants
from tests.world import GUIDE, World

ADA = "ada@example.com"


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "mail.log"


@pytest.fixture
def letter(world: World) -> Claimed:
    """A letter whose last word was lost."""
    gather(world, 1)
    world.now = THURSDAY_MORNING
    return lost(world)


def lost(world: World) -> Claimed:
    (letter,) = world.claim()
    assert world.commits.gate(letter) is Gate.OPEN
    world.commits.tell(letter, Lost(world.now))
    world.settle()
    return letter


def write(log: Path, world: World, message_id: str, *, taken: bool) -> None:
    """What Postfix writes of a conversation at this moment, and a minute earlier of another."""
    was, at = (time.isoformat() + " mail postfix" for time in (world.now - timedelta(minutes=2), world.now))
    end = "qmgr[2]: 4E1: from=<b@mail.example.com>, size=9, nrcpt=1 (queue active)"
    lines = [
        f"{was}/qmgr[2]: 3D0: removed",
        f"{at}/smtpd[1]: 4E1: client=localhost[127.0.0.1]",
        f"{at}/cleanup[3]: 4E1: message-id=<{message_id}>",
        f"{at}/{end if taken else 'smtpd[1]: lost connection after DATA (9 bytes) from localhost[127.0.0.1]'}",
    ]
    log.write_text("\n".join(lines) + "\n")


def look(world: World, log: Path) -> int:
    return MailLog(log).settle(world.database, now=world.now)


def events(world: World) -> list[str]:
    with world.database.read() as session:
        return list(session.scalars(select(AuditEvent.event).order_by(AuditEvent.id)))


def test_a_mail_that_the_server_took_is_sent(world: World, log: Path, letter: Claimed) -> None:
    write(log, world, letter.message_id, taken=True)
    at = world.now
    world.wait(minutes=2)
    assert look(world, log) == 1
    (row,) = world.deliveries(id=letter.id)
    assert (row.state, row.sent_at, row.reason, row.ended_at) == ("sent", at, None, None)
    assert events(world) == ["uncertain", "sent by mail log"]
    assert [row.step for row in world.deliveries(state="pending")] == ["yoga-for-runners"]


def test_a_letter_that_the_server_never_took_goes_out_and_the_series_goes_on(
    world: World, log: Path, letter: Claimed
) -> None:
    write(log, world, letter.message_id, taken=False)
    world.wait(minutes=2)
    assert look(world, log) == 1
    assert look(world, log) == 0
    assert events(world) == ["uncertain", "not accepted by mail log"]
    check_invariants(world, world.mailbox)
    world.deliver()
    (row,) = world.deliveries(id=letter.id)
    assert (row.state, row.sent_at) == ("sent", world.now)
    check_invariants(world, world.mailbox)
    (following,) = world.deliveries(state="pending")
    assert following.step == "yoga-for-runners"
    world.skip(until=following.due_at + timedelta(days=2))
    assert [row.state for row in world.deliveries(step="yoga-for-runners")] == ["sent"]
    check_invariants(world, world.mailbox)


def test_the_letter_after_it_keeps_its_distance(world: World, log: Path, letter: Claimed) -> None:
    """The evidence comes when the next letter is nearly due."""
    write(log, world, letter.message_id, taken=False)
    (following,) = world.deliveries(state="pending")
    world.now = following.due_at - timedelta(hours=1)
    assert look(world, log) == 1
    world.live(until=following.due_at + timedelta(days=4))
    # It was late by more than a day, so all after it moved on with it, and the next was planned anew.
    (first,) = world.deliveries(step="tight-hips")
    (second,) = world.deliveries(step="yoga-for-runners", state="sent")
    assert first.state == "sent"
    assert second.sent_at - first.sent_at >= world.published.compiled.sequences[GUIDE].min_gap
    check_invariants(world, world.mailbox)


def test_the_last_letter_of_a_series_goes_out_too(world: World, log: Path, example: Build) -> None:
    gather(world, 1)
    world.now = THURSDAY_MORNING
    last = world.published.compiled.sequences[GUIDE].steps[-1].slug
    while world.deliveries(state="pending", step=last) == []:
        (row,) = world.deliveries(state="pending")
        world.now = max(world.now, row.due_at)
        world.deliver()
    world.now = world.deliveries(state="pending", step=last)[0].due_at
    letter = lost(world)
    assert status(world) == "completed"
    write(log, world, letter.message_id, taken=False)
    world.wait(minutes=2)
    assert look(world, log) == 1
    assert status(world) == "active"
    check_invariants(world, world.mailbox)
    world.deliver()
    assert world.deliveries(id=letter.id)[0].state == "sent"
    assert status(world) == "completed"
    check_invariants(world, world.mailbox)


def status(world: World) -> str:
    with world.database.read() as session:
        return session.scalars(select(Enrollment.status)).one()


def test_a_letter_is_put_back_only_once(world: World, log: Path, letter: Claimed) -> None:
    for expected in (1, 0):
        write(log, world, letter.message_id, taken=False)
        world.wait(minutes=2)
        assert look(world, log) == expected
        if expected:
            assert lost(world).id == letter.id
    assert world.deliveries(id=letter.id)[0].state == "uncertain"
    check_invariants(world, world.mailbox)


def test_nobody_is_written_to_who_left_meanwhile(world: World, log: Path) -> None:
    world.joins(ADA)
    world.wait(days=2)
    letter = lost(world)
    world.leaves(ADA)
    write(log, world, letter.message_id, taken=False)
    world.wait(minutes=2)
    look(world, log)
    world.deliver()
    assert world.deliveries(id=letter.id)[0].state == "cancelled"
    check_invariants(world, world.mailbox)


@pytest.mark.parametrize("changed", [{"gate_host": "elsewhere"}, {"state": "held"}])
def test_other_rows_are_not_looked_up(world: World, log: Path, letter: Claimed, changed: dict[str, object]) -> None:
    world.changes(Delivery, letter.id, **changed)
    write(log, world, letter.message_id, taken=True)
    world.wait(minutes=2)
    assert look(world, log) == 0


def test_the_log_has_a_minute_to_speak(world: World, log: Path, letter: Claimed) -> None:
    write(log, world, letter.message_id, taken=False)
    world.wait(seconds=59)
    assert look(world, log) == 0


def test_a_log_that_cannot_be_read_is_said_once_and_nothing_changes(
    world: World, log: Path, letter: Claimed, caplog: pytest.LogCaptureFixture
) -> None:
    world.wait(minutes=2)
    reading = MailLog(log)
    with caplog.at_level(logging.ERROR):
        for _twice in range(2):
            assert reading.settle(world.database, now=world.now) == 0
    assert caplog.text.count("cannot be read") == 1
    assert "mail_log" in caplog.text
    assert world.deliveries(id=letter.id)[0].state == "uncertain"


def test_what_the_log_leaves_open_is_looked_up_ever_more_rarely(world: World, log: Path, letter: Claimed) -> None:
    log.write_text("")
    reading = MailLog(log)
    world.wait(minutes=2)
    assert reading.settle(world.database, now=world.now) == 0
    write(log, world, letter.message_id, taken=True)
    world.wait(seconds=90)
    assert reading.settle(world.database, now=world.now) == 0, "not yet again"
    world.wait(seconds=31)
    assert reading.settle(world.database, now=world.now) == 1
