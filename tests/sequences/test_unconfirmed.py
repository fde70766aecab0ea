"""Between asking and confirming: a link, a reminder, a proof, and after a week nothing."""

import hashlib
from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from leadmagnet.audience.consent import Origin
from leadmagnet.sequences import signup
from leadmagnet.sequences.signup import Confirmed
from tests.world import GUIDE, World

ADA, BOB = "ada@example.com", "bob@example.com"


def _reminds(world: World) -> int:
    with world.database.write() as session:
        return signup.remind(session, world.published, after=timedelta(hours=24), limit=100, now=world.now)


def _forgets(world: World) -> int:
    with world.database.write() as session:
        return signup.forget_unconfirmed(session, limit=100, now=world.now)


def _taps(world: World, enrollment_id: int) -> Confirmed:
    """A tap with an old link in hand."""
    with world.database.write() as session:
        return signup.confirm(session, world.published, enrollment_id, Origin(), now=world.now)


def test_the_link_lives_as_long_as_the_unconfirmed_address(world: World) -> None:
    world.asks(ADA)
    world.asks(BOB)
    world.wait(days=7)
    assert world.confirms(ADA) is Confirmed.NOW
    world.wait(seconds=1)
    before = world.everything()
    assert world.confirms(BOB) is Confirmed.EXPIRED
    assert world.everything() == before


def test_asking_again_gives_the_link_another_week(world: World) -> None:
    world.asks(ADA)
    world.wait(days=5)
    world.asks(ADA)
    world.wait(days=5)
    assert _forgets(world) == 0
    assert world.confirms(ADA) is Confirmed.NOW


def test_an_unanswered_confirmation_is_followed_by_one_reminder(world: World) -> None:
    world.asks(BOB)
    world.joins(ADA)
    world.wait(hours=23, minutes=59)
    assert _reminds(world) == 0
    world.wait(minutes=1, seconds=1)
    assert _reminds(world) == 1
    world.deliver()
    for _day in range(6):
        world.wait(hours=23)
        assert _reminds(world) == 0
    assert [row.kind for row in world.deliveries(subscriber_id=world.subscriber(BOB).id)] == ["confirm", "reminder"]
    assert len(world.inbox(BOB)) == 2


def test_a_confirmation_that_never_went_out_is_not_followed_by_a_reminder(world: World) -> None:
    world.asks(BOB)
    world.wait(days=2)
    assert _reminds(world) == 0


def test_a_reminder_in_the_queue_is_dropped_once_she_confirms(world: World) -> None:
    world.asks(ADA)
    world.deliver()
    world.wait(hours=25)
    assert _reminds(world) == 1
    world.confirms(ADA)
    assert [(row.state, row.reason) for row in world.deliveries(kind="reminder")] == [("cancelled", "confirmed")]


def test_the_unconfirmed_are_forgotten_after_a_week_without_a_trace(world: World) -> None:
    world.asks(BOB)
    world.deliver()
    world.wait(hours=25)
    _reminds(world)
    world.deliver()
    person, series = world.subscriber(BOB).id, world.enrollment(BOB).id
    mails = {row.id for row in world.deliveries()}
    world.wait(days=6)
    assert _forgets(world) == 1
    left = world.everything()
    # Letters, their pictures and counts of outcomes stay: nobody is to be found in them.
    assert {table for table, rows in left.items() if rows} == {"media", "release", "signup_window", "tally"}
    assert "bob" not in str(left)
    assert _taps(world, series) is Confirmed.EXPIRED

    # Links name rows: a number that came back would open somebody else's guide.
    world.asks(ADA)
    assert world.subscriber(ADA).id > person
    assert world.enrollment(ADA).id > series
    assert min(row.id for row in world.deliveries()) > max(mails)


def test_the_confirmed_and_those_who_left_are_not_forgotten(world: World) -> None:
    world.joins(ADA)
    world.joins(BOB)
    world.leaves(BOB)
    world.wait(days=60)
    assert _forgets(world) == 0
    assert (world.subscriber(ADA).status, world.subscriber(BOB).status) == ("active", "unsubscribed")


def test_forgetting_goes_on_in_chunks(world: World) -> None:
    for number in range(3):
        world.asks(f"bob{number}@example.com")
    world.wait(days=8)
    with world.database.write() as session:
        counts = [signup.forget_unconfirmed(session, limit=2, now=world.now) for _ in range(3)]
    assert counts == [2, 1, 0]


def test_the_proof_holds_words_places_times_and_the_mail_that_was_answered(world: World) -> None:
    asked_at = world.now
    world.asks(ADA)
    world.deliver()
    world.wait(hours=25)
    _reminds(world)
    world.deliver()
    world.confirms(ADA)
    asked, confirmed = world.consents(ADA)
    guide = world.published.guide(GUIDE)
    assert guide is not None
    assert asked.wording == confirmed.wording == guide.consent
    assert asked.wording_hash == confirmed.wording_hash == hashlib.sha256(guide.consent.encode()).hexdigest()
    assert (asked.event, asked.at, asked.ip, asked.guide) == ("requested", asked_at, "192.0.2.1", GUIDE)
    assert (confirmed.event, confirmed.at, confirmed.ip) == ("confirmed", world.now, "192.0.2.2")
    (reminder,) = world.deliveries(kind="reminder")
    assert (asked.message_id, confirmed.message_id) == (None, reminder.message_id)
    assert any(mail["Message-ID"] == f"<{confirmed.message_id}>" for mail in world.inbox(ADA))


def test_a_proof_cannot_be_edited(world: World) -> None:
    world.asks(ADA)
    before = world.everything()["consent"]
    with pytest.raises(DBAPIError, match="consent rows are never changed"), world.database.write() as session:
        session.execute(text("UPDATE consent SET ip = '203.0.113.9'"))
    assert world.everything()["consent"] == before
