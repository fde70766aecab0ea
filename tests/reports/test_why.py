"""Everything about one address."""

from datetime import timedelta

import pytest

from leadmagnet.delivery import brakes, feedback
from leadmagnet.mail import bounces
from leadmagnet.mail.bounces import Bounce
from leadmagnet.reports.why import Why, why
from leadmagnet.store.models import Delivery
from tests.mail import returned
from tests.web.tables import dump
from tests.world import GUIDE, World

ADA, BOB, CAROL = "ada@example.com", "bob@example.com", "carol@example.com"


def asked(world: World, address: str) -> Why:
    with world.database.read() as session:
        found = why(session, world.published, world.subscriber(address).address_key, now=world.now)
    assert found is not None
    return found


def waiting(world: World) -> str | None:
    (following,) = asked(world, ADA).waiting
    return following.waiting


def test_ada_reads_carol_has_left_bob_never_confirmed(world: World) -> None:
    for address in (ADA, CAROL):
        world.joins(address)
    world.asks(BOB)
    world.deliver()
    world.leaves(CAROL)
    ada, bob, carol = (asked(world, address) for address in (ADA, BOB, CAROL))
    assert [one.state for one in (ada, bob, carol)] == ["active", "pending", "unsubscribed"]
    assert [(mail.kind, mail.letter, mail.state) for mail in ada.mails] == [
        ("confirm", None, "sent"),
        ("guide", "guide", "sent"),
        ("step", "tight-hips", "pending"),
    ]
    assert [(mail.kind, mail.state) for mail in bob.mails] == [("confirm", "sent")]
    assert (bob.waiting, carol.waiting, ada.not_sent) == ([], [], [])
    assert [(mail.letter, mail.reason) for mail in carol.not_sent] == [("tight-hips", "unsubscribed")]


def test_the_answer_for_programs(world: World) -> None:
    world.joins(ADA)
    answer = asked(world, ADA).to_json()
    documented = ["subscriber", "state", "guides", "mails", "not_sent", "next", "timeline", "coming", "ends"]
    assert list(answer) == [*documented, "blocked", "confirm_until", "reminder_at"]
    assert (answer["subscriber"], answer["state"], answer["not_sent"]) == (ADA, "active", [])
    (row,) = world.deliveries(state="pending")
    assert answer["next"] == {
        "id": row.id,
        "kind": "step",
        "sequence": GUIDE,
        "letter": "tight-hips",
        "state": "pending",
        "reason": None,
        "due_at": "2026-03-05T12:30:00+00:00",
        "sent_at": None,
        "ended_at": None,
        "bounced_at": None,
        "complained_at": None,
        "clicked_at": None,
        "bounce": None,
        "waiting": "waiting for its day",
        "release": world.published.number,
        "code": None,
    }
    world.leaves(ADA)
    assert asked(world, ADA).to_json()["next"] is None


def test_mails_stand_in_the_order_in_which_they_happened(world: World) -> None:
    world.joins(ADA)
    world.tagged(ADA, "tried-barre")
    world.skip(until=world.now + timedelta(days=23))
    found = asked(world, ADA)
    assert [mail.at for mail in found.mails] == sorted(mail.at for mail in found.mails)
    assert [(mail.letter, mail.state) for mail in found.not_sent] == [("never-tried-barre", "skipped")]
    assert found.not_sent[0].reason
    assert [mail.letter for mail in found.waiting] == ["your-week"]


@pytest.mark.parametrize(
    ("scope", "who", "days", "words"),
    [
        ("letters", "maya", None, "paused by the operator since Tue 3 Mar 2026, 21:12 EST until it is lifted"),
        ("sequence:hip-openers", "maya", 9,
         "paused by the operator since Tue 3 Mar 2026, 21:12 EST until Thu 12 Mar 2026, 22:12 EDT"),
        ("domain:example.com", "leadmagnet", 1,
         "paused by leadmagnet (too fast) since Tue 3 Mar 2026, 21:12 EST until Wed 4 Mar 2026, 21:12 EST"),
        ("domain:gmail", "leadmagnet", 1, "waiting for its day"),
    ],
)  # fmt: skip
def test_a_brake_is_named_by_whom_and_how_long(
    world: World, scope: str, who: str, days: int | None, words: str
) -> None:
    world.joins(ADA)
    with world.database.write() as session:
        end = world.now + timedelta(days=days) if days else None
        brakes.set(session, scope, "too fast", who, end, now=world.now)
    assert waiting(world) == words


def test_what_a_letter_waits_for_when_nothing_holds_it(world: World) -> None:
    world.joins(ADA)
    world.skip(until=world.now + timedelta(days=3))
    assert waiting(world) == "waiting for its day"
    world.pauses(ADA, world.now + timedelta(days=8))
    assert waiting(world) == "waiting for the end of her own pause, Sat 14 Mar 2026, 22:12 EDT"
    world.pauses(ADA, None)
    world.wait(days=7)
    assert waiting(world) == "waiting for a worker"
    (row,) = world.deliveries(state="pending")
    world.changes(Delivery, row.id, ready_at=world.now + timedelta(minutes=5))
    assert waiting(world) == "waiting for another try at Fri 13 Mar 2026, 22:17 EDT"


def test_a_letter_in_the_hands_of_a_worker_says_so(world: World) -> None:
    world.joins(ADA)
    due = world.next_due()
    assert due is not None
    world.now = due
    world.claim()
    assert waiting(world) == "a worker has it in hand"


def test_a_guide_mail_of_no_known_release_leaves_the_guide_as_it_was_opened(world: World) -> None:
    world.joins(ADA)
    world.wait(days=1)
    world.asks(ADA)
    world.deliver()
    again = asked(world, ADA).guides[0]
    assert again.since == world.now
    world.changes(Delivery, max(mail.id for mail in asked(world, ADA).mails if mail.kind == "guide"), release_id=None)
    assert asked(world, ADA).guides[0].edition == again.edition
    assert asked(world, ADA).guides[0].since < again.since


def test_nobody_is_nobody(world: World) -> None:
    with world.database.read() as session:
        assert why(session, world.published, "no such key", now=world.now) is None


def test_asking_changes_nothing(world: World) -> None:
    world.joins(ADA)
    before = dump(world.database)
    asked(world, ADA)
    assert dump(world.database) == before


def test_what_the_world_said_of_a_mail_later_is_told_in_words(world: World) -> None:
    world.joins(ADA)
    mail = world.deliveries(state="sent")[-1]
    said = bounces.read(returned.raw("qmail-remote-full", message_id=mail.message_id))
    assert isinstance(said, Bounce)
    with world.database.write() as session:
        feedback.take(session, said, world.links.keys, now=world.now)
    told = [(one.id, one.bounced_at, one.bounce) for one in asked(world, ADA).mails if one.bounced_at is not None]
    assert told == [(mail.id, world.now, "the mailbox is full or disabled")]
