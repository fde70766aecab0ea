"""The pace of one person: fewer letters without a burst afterwards, and the next one now, once."""

from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from sqlalchemy import select

from leadmagnet.audience import subscribers
from leadmagnet.delivery import brakes
from leadmagnet.delivery.claim import claim
from leadmagnet.sequences import pace, pauses
from leadmagnet.sequences.pace import ONE_A_WEEK, Answer, Next
from leadmagnet.store.models import AuditEvent, Delivery, SubscriberTag
from tests.databases import ON_POSTGRESQL
from tests.sequences.conftest import BARRE
from tests.world import GUIDE, World

ADA = "ada@example.com"


def _wants_next(world: World) -> Answer:
    with world.database.write() as session:
        person = subscribers.get(session, world.subscriber(ADA).id)
        assert person is not None
        return pace.next_now(session, world.published, person, by="reader", now=world.now)


def _at_most_one_in(world: World, days: int | None) -> bool:
    with world.database.write() as session:
        person = subscribers.get(session, world.subscriber(ADA).id)
        assert person is not None
        return pace.at_most_one_in(session, world.published, person, days, by="reader", now=world.now)


def _pauses(world: World) -> None:
    with world.database.write() as session:
        person = subscribers.get(session, world.subscriber(ADA).id)
        assert person is not None
        pauses.pause(session, world.published, person, world.now + timedelta(days=9), by="reader", now=world.now)


def _sent(world: World) -> list[datetime]:
    return [row.sent_at for row in world.deliveries(state="sent") if row.step and row.sent_at]


def _distances(times: list[datetime]) -> list[int]:
    return [(later.date() - earlier.date()).days for earlier, later in pairwise(times)]


def test_the_next_letter_goes_at_once_and_the_others_keep_their_days(world: World) -> None:
    world.joins(ADA)
    usual = world.next_due()
    world.wait(hours=2)
    assert _wants_next(world) == Answer(Next.COMING, GUIDE, "tight-hips")
    again = Answer(Next.ON_ITS_WAY, GUIDE, "tight-hips")
    assert _wants_next(world) == again, "a second tap"
    assert world.next_due() == world.now
    (letter,) = world.claim()
    assert _wants_next(world) == again, "a third, while a worker has it in hand"
    world.send(letter)
    assert _sent(world)[1] == world.now
    assert usual is not None
    world.skip(until=world.now + timedelta(days=40))
    assert _distances([usual, *_sent(world)[2:]]) == [3, 4, 3, 4, 4, 4, 4]
    assert _wants_next(world) == Answer(Next.NOTHING)
    with world.database.read() as session:
        events = session.scalars(select(AuditEvent)).all()
    assert [(event.event, event.detail) for event in events] == [
        ("next now", {"by": "reader", "letter": f"{GUIDE}/tight-hips"})
    ]


def test_a_wish_names_the_letter_that_is_for_her_and_conditions_hold(world: World) -> None:
    world.joins(ADA)
    steps = world.published.compiled.sequences[GUIDE].steps
    only = next(index for index, step in enumerate(steps) if step.only_if or step.skip_if)
    tag = (*steps[only].only_if, *steps[only].skip_if)[0]
    if tag.negated or steps[only].skip_if:
        world.tagged(ADA, tag.name)
    while world.deliveries(state="pending")[-1].step != steps[only].slug:
        world.skip(until=world.next_due() or world.now)
    world.wait(hours=30)
    answer = _wants_next(world)
    assert answer == Answer(Next.COMING, GUIDE, steps[only + 1].slug)
    world.deliver()
    assert [row.step for row in world.deliveries(state="sent")][-1] == answer.letter


def test_no_wish_reaches_into_a_pause_and_a_pause_ends_a_wish(world: World) -> None:
    world.joins(ADA)
    world.wait(hours=2)
    _wants_next(world)
    _pauses(world)
    assert _wants_next(world) == Answer(Next.PAUSED)
    assert world.deliver() == []
    assert world.enrollment(ADA).wanted_at is None
    world.skip(until=world.now + timedelta(days=20))
    assert _distances(_sent(world)[1:3]) == [3]


def test_leaving_forgets_a_wish(world: World) -> None:
    world.joins(ADA)
    world.wait(hours=2)
    _wants_next(world)
    world.leaves(ADA)
    world.returns(ADA)
    assert world.deliver() == []


def test_a_wish_outlives_the_operators_brake_and_is_one_letter(world: World) -> None:
    world.joins(ADA)
    world.wait(hours=2)
    with world.database.write() as session:
        brakes.set(session, brakes.LETTERS, "for now", "maya", None, now=world.now)
    assert _wants_next(world).outcome is Next.COMING
    assert world.deliver() == []
    world.wait(days=10)
    with world.database.write() as session:
        brakes.lift(session, brakes.LETTERS)
    assert [letter.step for letter in _letters(world)] == ["tight-hips"]
    assert world.deliver() == [], "the next one has its day"
    world.skip(until=world.now + timedelta(days=40))
    assert _distances(_sent(world)[1:]) == [3, 4, 3, 4, 4, 4, 4], "the rhythm stays"


def _letters(world: World) -> list[Delivery]:
    gone = {row.id for row in world.deliveries(state="sent")}
    world.deliver()
    return [row for row in world.deliveries(state="sent") if row.id not in gone]


def test_of_two_series_the_letter_that_comes_first_is_the_next_one(wide_world: World) -> None:
    world = wide_world
    world.joins(ADA)
    world.asks(ADA, guide=BARRE)
    world.starts_letters(ADA, BARRE)
    world.deliver()
    world.wait(hours=2)
    first = min(world.deliveries(state="pending"), key=lambda row: row.due_at)
    assert _wants_next(world) == Answer(Next.COMING, first.sequence, first.step)
    before = len(_sent(world))
    world.deliver()
    world.wait(hours=1)
    world.deliver()
    assert len(_sent(world)) == before + 1


def test_one_letter_a_week_comes_on_its_weekday_and_then_the_rhythm_returns_without_a_burst(world: World) -> None:
    world.joins(ADA)
    world.skip(until=world.next_due() or world.now)
    assert _at_most_one_in(world, ONE_A_WEEK)
    assert not _at_most_one_in(world, ONE_A_WEEK), "nothing new"
    world.skip(until=world.now + timedelta(days=21))
    assert _distances(_sent(world)[1:]) == [7, 7, 7]
    assert _at_most_one_in(world, None)
    world.skip(until=world.now + timedelta(days=40))
    assert _distances(_sent(world)[4:]) == [4, 4, 4, 4]


def test_a_letter_that_a_worker_has_is_left_to_it_and_what_follows_is_put_right_when_claimed(world: World) -> None:
    world.joins(ADA)
    world.now = world.next_due() or world.now
    (letter,) = world.claim()
    _at_most_one_in(world, ONE_A_WEEK)
    world.send(letter)
    world.skip(until=world.now + timedelta(days=12))
    assert _distances(_sent(world)[1:]) == [7]


@ON_POSTGRESQL
@pytest.mark.parametrize("wishes_first", [True, False], ids=["before the claim", "during the claim"])
def test_a_wish_in_the_second_of_a_claim_neither_doubles_nor_loses_a_letter(world: World, wishes_first: bool) -> None:
    world.joins(ADA)
    world.wait(days=2)
    world.now = world.next_due() or world.now
    with world.database.write() as session:
        session.connection().exec_driver_sql("SET lock_timeout = '5s'")
        if wishes_first:
            person = subscribers.get(session, world.subscriber(ADA).id)
            assert person is not None
            pace.at_most_one_in(session, world.published, person, ONE_A_WEEK, by="reader", now=world.now)
            pace.next_now(session, world.published, person, by="reader", now=world.now)
            assert world.claim() == [], "her row is locked, and nobody waits for it"
        else:
            (letter,), _seen = claim(session, world.published, world.lease, lane="sequence", limit=9, now=world.now)
            assert _wants_next(world) == Answer(Next.ON_ITS_WAY, GUIDE, "tight-hips")
            assert _at_most_one_in(world, ONE_A_WEEK)
    if not wishes_first:
        world.send(letter)
    world.deliver()
    world.wait(hours=1)
    world.deliver()
    assert [row.step for row in world.deliveries(state="sent") if row.step] == ["guide", "tight-hips"]
    world.skip(until=world.now + timedelta(days=8))
    assert _distances(_sent(world)[1:]) == [7]
    with world.database.read() as session:
        assert session.scalars(select(SubscriberTag)).all() == []
