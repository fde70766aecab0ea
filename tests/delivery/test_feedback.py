"""What the world says of a mail later: who is written to no more, and who still is."""

import threading
from datetime import timedelta

import psycopg
import pytest
from sqlalchemy import text

from leadmagnet.delivery import rates
from leadmagnet.delivery.feedback import Heard, Stranger
from leadmagnet.delivery.gate import Gate
from leadmagnet.delivery.outcomes import Lost
from leadmagnet.mail.smtp_replies import ReplyClass
from leadmagnet.sequences import signup
from leadmagnet.sequences.signup import Confirmed, Requested
from leadmagnet.store.models import AuditEvent, Brake, Delivery, Subscriber
from tests.databases import ON_POSTGRESQL
from tests.delivery.reported import about, blocks, comes_back, hears, newest, rows, tallies
from tests.mail.clients import connect
from tests.mail.returned import ADA
from tests.mail.servers import ScriptedServer
from tests.waiting import PATIENCE, until
from tests.world import GUIDE, World

BOB, CAROL = "bob@example.com", "carol@example.com"


def test_a_hard_bounce_blocks_the_address_before_the_next_letter(world: World) -> None:
    world.joins(ADA)
    world.joins(CAROL)
    world.asks(ADA, limits=False)  # the guide once more, not sent yet
    mail = newest(world)
    heard = comes_back(world, "postfix-no-such-user", mail)
    assert heard == Heard(mail.id, ReplyClass.BAD_ADDRESS, "5.1.1", new=True, blocked="bounced")
    assert blocks(world) == [("all", "bounced")]
    assert (world.subscriber(ADA).status, world.subscriber(CAROL).status) == ("unsubscribed", "active")
    assert world.enrollment(ADA, GUIDE).exit_reason == "bounced"
    assert [row.reason for row in world.deliveries(subscriber_id=mail.subscriber_id, state="cancelled")] == [
        "bounced"
    ] * 2
    (marked,) = world.deliveries(id=mail.id)
    assert (marked.state, marked.bounced_at, marked.complained_at) == ("sent", world.now, None)
    assert tallies(world) == {("hip-openers/guide", "bounced:bad_address"): 1}
    world.skip(until=world.now + timedelta(days=40))
    assert len(world.inbox(ADA)) == 2 and len(world.inbox(CAROL)) > 2
    assert world.returns(ADA) is False  # no undo of a block
    before = len(world.deliveries())
    world.asks(ADA)
    assert len(world.deliveries()) == before


def test_a_refusal_at_once_ends_as_much_as_a_bounce_that_comes_later(world: World) -> None:
    for address in (ADA, CAROL):
        world.joins(address)
        world.asks(address, limits=False)
    comes_back(world, "postfix-no-such-user")
    with ScriptedServer({"RCPT": "550 5.1.1 no such person"}) as server:
        world.connect = lambda: connect(server)
        world.deliver(limit=1)
    assert blocks(world) == [("all", "bounced")] * 2
    ended = []
    for address in (ADA, CAROL):
        person, series = world.subscriber(address), world.enrollment(address)
        letters = [row.reason for row in world.deliveries(subscriber_id=person.id, state="cancelled", kind="step")]
        ended.append((person.status, person.unsubscribed_at, series.exit_reason, letters))
    assert ended[0] == ended[1] == ("unsubscribed", world.now, "bounced", ["bounced"])


def test_a_letter_in_hand_stops_at_the_gate_when_the_bounce_of_the_one_before_comes(world: World) -> None:
    world.joins(ADA)
    guide = newest(world)
    world.now = world.next_due() or world.now
    (letter,) = world.claim()
    comes_back(world, "postfix-no-such-user", guide)
    world.send(letter)
    (row,) = world.deliveries(id=letter.id)
    assert row.state == "cancelled" and row.sent_at is None
    assert len(world.inbox(ADA)) == 2


def test_a_complaint_stops_everything_at_once_and_for_good(world: World) -> None:
    world.joins(CAROL)
    mail = newest(world, CAROL)
    heard = hears(world, about(world, mail, "arf-abuse", CAROL))
    assert heard == Heard(mail.id, None, None, new=True, blocked="complained")
    assert blocks(world) == [("all", "complained")]
    assert world.enrollment(CAROL).exit_reason == "complained"
    assert world.consents(CAROL)[-1].event == "withdrawn" and world.consents(CAROL)[-1].message_id == mail.message_id
    assert [row.complained_at for row in world.deliveries(id=mail.id)] == [world.now]
    assert tallies(world) == {("hip-openers/guide", rates.COMPLAINED): 1}
    assert world.returns(CAROL) is False
    world.asks(CAROL)
    world.skip(until=world.now + timedelta(days=40))
    assert len(world.inbox(CAROL)) == 2


def test_a_complaint_about_the_confirmation_counts_as_well(world: World) -> None:
    world.asks(BOB)
    world.deliver()
    assert isinstance(hears(world, about(world, newest(world, BOB), "outlook-complaint", BOB)), Heard)
    assert (world.enrollment(BOB).status, blocks(world)) == ("exited", [("all", "complained")])
    assert world.confirms(BOB) is Confirmed.BEFORE
    assert world.subscriber(BOB).status == "pending" and world.deliver() == []


@pytest.mark.parametrize("name", ["postfix-no-such-user", "arf-abuse"])
def test_of_a_blocked_address_that_never_confirmed_only_the_block_is_kept(world: World, name: str) -> None:
    world.asks(BOB)
    world.deliver()
    hears(world, about(world, newest(world, BOB), name, BOB))
    world.wait(days=2)
    with world.database.write() as session:
        assert signup.remind(session, world.published, after=timedelta(days=1), limit=10, now=world.now) == 0
    world.wait(days=6)
    with world.database.write() as session:
        assert signup.forget_unconfirmed(session, limit=10, now=world.now) == 1
    assert rows(world, Subscriber) == [] and len(blocks(world)) == 1
    assert world.asks(BOB) is Requested.BLOCKED


def test_the_same_report_again_changes_nothing(world: World) -> None:
    world.joins(ADA)
    comes_back(world, "exim-no-such-user")
    before = world.everything()
    world.wait(hours=1)
    again = comes_back(world, "postfix-no-such-user")  # another copy of the same news, by another way
    assert (again.new, again.blocked) == (False, None)
    assert world.everything() == before


def test_a_person_counts_once_however_many_of_her_mails_are_reported(world: World) -> None:
    for address in (ADA, CAROL):
        world.joins(address)
    world.skip(until=world.now + timedelta(days=3))
    hers, carols = (
        world.deliveries(subscriber_id=world.subscriber(address).id, state="sent") for address in (ADA, CAROL)
    )
    assert len(hers) == len(carols) == 3
    for name in ("postfix-mailbox-full", "exchange-full", "postfix-unreachable"):
        for mail in hers:
            comes_back(world, name, mail)
    world.wait(days=7)
    comes_back(world, "outlook-policy", hers[0])
    for mail in hers:
        comes_back(world, "postfix-no-such-user", mail)
    blocking, *others = [hears(world, about(world, mail, "arf-abuse", CAROL)) for mail in carols]
    assert [(one.new, one.blocked) for one in others] == [(True, None)] * 2 and blocking.blocked == "complained"
    counted = sorted((outcome, count) for (_letter, outcome), count in tallies(world).items())
    once = ("bounced:bad_address", "bounced:mailbox", "bounced:reputation", rates.COMPLAINED)
    assert counted == [(outcome, 1) for outcome in once]
    assert [consent.event for consent in world.consents(CAROL)].count("withdrawn") == 1
    assert blocks(world) == [("all", "bounced"), ("all", "complained")]


@pytest.mark.parametrize("name", ["postfix-unreachable", "postfix-spam", "outlook-policy", "gmail-inactive", "qmail-unexplained"])  # fmt: skip
def test_whatever_is_not_the_persons_address_blocks_nobody(world: World, name: str) -> None:
    world.joins(ADA)
    heard = comes_back(world, name)
    assert heard.blocked is None and heard.new
    assert blocks(world) == [] and world.subscriber(ADA).status == "active"
    assert world.deliveries(state="pending", kind="step") != []


FULL = "mailbox full or disabled for a week, three mails failed"
TWICE = "refused twice without a reason, a day apart"


@pytest.mark.parametrize(
    ("name", "days", "silent", "block"),
    [
        ("postfix-mailbox-full", [1, 4, 8], None, FULL),
        ("postfix-mailbox-full", [1, 2, 3, 5], None, None),
        ("postfix-mailbox-full", [1, 4, 5, 9], 5, None),  # in between one arrived
        ("postfix-mailbox-full", [1, 4, 8, 9], 9, FULL),  # of that one nothing is known yet
        ("qmail-unexplained", [1, 2.1], None, TWICE),
        ("qmail-unexplained", [1, 1.9], None, None),
        ("postfix-unreachable", [1, 4, 8, 12], None, None),
    ],
)
def test_soft_bounces_count_like_those_of_the_moment_of_sending(
    world: World, name: str, days: list[float], silent: float | None, block: str | None
) -> None:
    world.joins(ADA)
    (letter,) = world.deliveries(state="pending")
    world.changes(Delivery, letter.id, state="cancelled", dedupe_key=None)  # only what she asks for
    start, mails = world.now, {}
    for day in days:
        world.now = start + timedelta(days=day)
        world.asks(ADA, limits=False)
        world.deliver()
        mails[day] = newest(world)
        if day != silent and day + 1 != silent:
            comes_back(world, name, mails[day])
    if silent is not None and silent - 1 in mails:
        world.wait(hours=1)
        comes_back(world, name, mails[silent - 1])
    assert blocks(world) == ([("all", block)] if block else [])


@pytest.mark.parametrize(
    ("typed", "said", "hers"),
    [
        (ADA, "ada.elsewhere@example.org", False),
        (ADA, "ADA@Example.NET", True),
        ("ada@bücher.example", "ada@xn--bcher-kva.example", True),
        ("ada@bücher.example", "Ada@Bücher.example", True),  # RFC 6533
        (ADA, "ada@-bücher-.example", False),
    ],
)
def test_mail_that_is_passed_on_to_a_mailbox_that_is_none_does_not_end_hers(
    world: World, typed: str, said: str, hers: bool
) -> None:
    world.joins(typed)
    heard = hears(world, about(world, newest(world, typed), "gmail-no-such-user", said))
    assert isinstance(heard, Heard)
    assert heard.reply_class == (ReplyClass.BAD_ADDRESS if hers else ReplyClass.MAILBOX)
    assert blocks(world) == ([("all", "bounced")] if hers else [])


def test_distrust_told_later_is_told_to_the_operator_and_holds_no_letter_back(world: World) -> None:
    """One reader, with an address at each provider, could otherwise stop everybody's letters."""
    hers = [f"eve@{provider}" for provider in ("gmail.com", "outlook.com", "yahoo.com")]
    for address in hers:
        world.joins(address)
        hears(world, about(world, newest(world, address), "outlook-policy", address))
    assert rows(world, Brake) == []
    (notice,) = world.deliveries(kind="notice")
    assert notice.facts is not None and notice.facts["subject"] == "Reported: gmail refused mail from you"
    assert tallies(world) == {("hip-openers/guide", "bounced:reputation"): 3}


def test_bounces_and_complaints_are_what_stops_the_letters(world: World) -> None:
    world.joins(ADA)
    world.joins(CAROL)
    comes_back(world, "postfix-no-such-user")
    hears(world, about(world, newest(world, CAROL), "arf-yahoo", CAROL))
    with world.database.read() as session:
        week = rates.of_week(session, now=world.now)
    assert (week.bounces, week.complaints) == (1, 1)


def test_a_bounce_proves_that_a_mail_with_a_lost_answer_had_been_accepted(world: World) -> None:
    world.joins(ADA)
    mail = newest(world)
    world.changes(Delivery, mail.id, state="uncertain", sent_at=None, ended_at=world.now, reason="lost")
    comes_back(world, "postfix-mailbox-full", mail)
    (settled,) = world.deliveries(id=mail.id)
    assert (settled.state, settled.sent_at, settled.ended_at) == ("sent", mail.handed_at, None)
    assert [row.event for row in rows(world, AuditEvent)] == ["sent by feedback"]  # type: ignore[attr-defined]


def test_a_bounce_that_overtakes_the_loss_of_the_answer_settles_the_mail_which_is_not_sent_again(world: World) -> None:
    world.asks(BOB)
    (letter,) = world.claim()
    assert world.commits.gate(letter) is Gate.OPEN
    (mail,) = world.deliveries()
    handed = world.now
    world.wait(seconds=5)
    hears(world, about(world, mail, "postfix-mailbox-full", BOB))
    assert [row.state for row in world.deliveries()] == ["handing_off"], "its sender has the last word"
    world.commits.tell(letter, Lost(world.now))
    world.settle()
    world.wait(minutes=3)
    assert world.sweeps() == 0
    (mail,) = world.deliveries()
    assert (mail.state, mail.sent_at, mail.resends) == ("sent", handed, 0)


def test_a_bounce_of_a_mail_to_the_operator_blocks_and_counts_nobody(world: World) -> None:
    world.joins(ADA)
    comes_back(world, "outlook-policy")
    world.deliver()
    (notice,) = world.deliveries(kind="notice", state="sent")
    before = tallies(world)
    heard = hears(world, about(world, notice, "postfix-no-such-user", "maya@example.com"))
    assert heard == Heard(notice.id, ReplyClass.BAD_ADDRESS, "5.1.1", new=True, to_reader=False)
    assert blocks(world) == [] and tallies(world) == before


@ON_POSTGRESQL
def test_a_report_waits_for_the_gate_of_its_reader_without_holding_her_mail(world: World, postgres_server: str) -> None:
    """The gate locks a person, then her mail: locked the other way around, each would wait for the other."""
    world.joins(ADA)
    report, mail = about(world, newest(world), "postfix-no-such-user"), newest(world)
    with world.database.write() as gate, psycopg.connect(postgres_server, autocommit=True) as watching:
        gate.execute(text("SELECT FROM subscriber FOR SHARE"))
        hearing = threading.Thread(target=hears, args=(world, report))
        hearing.start()
        waits = "SELECT FROM pg_stat_activity WHERE datname = %s AND wait_event_type = 'Lock'"
        until(lambda: watching.execute(waits, [world.database.engine.url.database]).rowcount == 1)
        gate.execute(text("SELECT FROM delivery WHERE id = :id FOR UPDATE NOWAIT"), {"id": mail.id})
    hearing.join(PATIENCE)
    assert blocks(world) == [("all", "bounced")]


def test_a_forgotten_persons_mail_is_nobodys(world: World) -> None:
    world.asks(BOB)
    world.deliver()
    report = about(world, newest(world, BOB), "postfix-no-such-user", BOB)
    world.wait(days=8)
    with world.database.write() as session:
        signup.forget_unconfirmed(session, limit=10, now=world.now)
    assert hears(world, report) == Stranger()
