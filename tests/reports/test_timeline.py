"""One person's story, oldest first."""

from datetime import timedelta

from sqlalchemy import insert

from leadmagnet.audience import addresses
from leadmagnet.content.compiled import Build
from leadmagnet.delivery import decisions
from leadmagnet.reports.why import Event, Why, why
from leadmagnet.reports.why.absent import absent
from leadmagnet.sequences import preferences
from leadmagnet.store.models import Delivery, Suppression
from tests.publishing.edits import steps_of, with_steps
from tests.world import SECRET, World

ADA, BOB, CAROL = "ada@example.com", "bob@example.com", "carol@example.com"


def asked(world: World, address: str = ADA) -> Why:
    with world.database.read() as session:
        found = why(session, world.published, world.subscriber(address).address_key, now=world.now)
    assert found is not None
    return found


def told(world: World, what: str, address: str = ADA) -> list[Event]:
    return [event for event in asked(world, address).timeline if event.what == what]


def test_ada_asks_confirms_reads_and_clicks(world: World) -> None:
    world.asks(ADA)
    world.deliver()
    world.wait(minutes=4)
    world.confirms(ADA)
    world.wait(seconds=2)
    world.deliver()
    world.skip(until=world.now + timedelta(days=2))
    (letter,) = world.deliveries(step="tight-hips")
    assert letter.sent_at is not None
    world.changes(Delivery, letter.id, clicked_at=letter.sent_at + timedelta(hours=2))
    story = asked(world).timeline
    assert [(event.what, event.mail.kind if event.mail else None) for event in story] == [
        ("asked", None), ("sent", "confirm"), ("confirmed", None), ("sent", "guide"), ("sent", "step"),
        ("clicked", "step"),
    ]  # fmt: skip
    assert "eight short emails over four weeks" in story[0].detail["wording"]
    assert story[2].detail["after_seconds"] == 240
    assert story[3].detail["edition"] == story[2].detail["edition"] == asked(world).guides[0].edition
    assert story[4].detail["release"] == world.published.number
    assert story[5].detail["after_seconds"] == 7200
    assert [event.at for event in story] == sorted(event.at for event in story)


def test_a_letter_added_behind_her_tells_when_her_turn_was(world: World, example: Build) -> None:
    world.joins(ADA)
    world.skip(until=world.now + timedelta(days=6))
    added = world.now
    old = steps_of(example)
    new = old["tight-hips"].model_copy(update={"slug": "foam-roller", "number": 25, "day": 3})
    world.publish(with_steps(example, *list(old.values())[:2], new, *list(old.values())[2:]))
    world.replans()
    world.skip(until=world.now + timedelta(days=5))
    (missed,) = told(world, "not_sent")
    assert (missed.mail and missed.mail.letter, missed.detail["why"]) == ("foam-roller", "added after her turn")
    assert missed.detail["added_at"] == added
    assert missed.detail["turn"].isoformat() == "2026-03-06T12:30:00+00:00"


def test_leaving_and_coming_back_are_told_with_what_they_stopped(world: World) -> None:
    world.joins(ADA)
    world.wait(hours=1)
    world.leaves(ADA)
    world.wait(hours=1)
    world.returns(ADA)
    kinds = [event.what for event in asked(world).timeline]
    assert kinds[-3:] == ["left", "not_sent", "returned"]
    assert told(world, "not_sent")[0].detail["why"] == "left before it went"


def test_a_complaint_is_told_once_and_blocks(world: World) -> None:
    world.joins(ADA)
    mail = world.deliveries(state="sent")[-1]
    world.wait(hours=1)
    world.changes(Delivery, mail.id, complained_at=world.now)
    with world.database.write() as session:
        preferences.block(
            session, world.subscriber(ADA).id, "complained", "complained", message_id=mail.message_id, now=world.now
        )
    kinds = [event.what for event in asked(world).timeline]
    assert kinds[-3:] == ["complained", "blocked", "not_sent"] and "left" not in kinds
    assert asked(world).blocked == "complained"


def test_the_operators_hand_is_told_by_name(world: World) -> None:
    world.joins(ADA)
    mail = world.deliveries(state="sent")[-1]
    world.changes(Delivery, mail.id, state="uncertain", ended_at=world.now, sent_at=None, reason="the server's answer was lost")  # fmt: skip
    assert [event.what for event in asked(world).timeline][-1] == "maybe_sent"
    world.wait(hours=1)
    with world.database.write() as session:
        decisions.resend(session, [mail.id], by="maya", now=world.now)
    (noted,) = told(world, "noted")
    assert (noted.detail["event"], noted.detail["by"], noted.at) == ("resent by operator", "maya", world.now)


def test_bob_has_a_week_to_confirm_and_one_reminder(world: World) -> None:
    world.asks(BOB)
    world.deliver()
    bob = asked(world, BOB)
    assert bob.confirm_until == world.now + timedelta(days=7)
    assert bob.reminder_at == world.now + timedelta(days=1)
    world.joins(ADA)
    assert (asked(world).confirm_until, asked(world).reminder_at) == (None, None)


def test_of_an_address_that_nobody_has_is_said_what_can_be(world: World) -> None:
    world.asks(ADA)
    with world.database.write() as session:
        gone = addresses.parse(CAROL).key(SECRET)
        session.execute(insert(Suppression).values(address_key=gone, scope="all", reason="erased", at=world.now))
    for typed, blocked, never, close in (
        ("ada@exampel.com", None, None, (ADA,)),
        ("adda@example.com", None, None, (ADA,)),
        ("zoe@elsewhere.org", None, None, ()),
        ("postmaster@example.com", None, "role", ()),
        (CAROL, "erased", None, ()),
    ):
        parsed = addresses.parse(typed)
        with world.database.read() as session:
            found = absent(session, world.published, parsed, parsed.key(SECRET))
        assert (found.blocked, found.never, found.close) == (blocked, never, close)
        assert found.to_json()["state"] == "unknown"
