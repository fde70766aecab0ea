"""The quiet of one person: nothing comes before its end, and then no burst, at the date that was said."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from sqlalchemy import select

from leadmagnet.audience import subscribers
from leadmagnet.content.compiled import Build
from leadmagnet.delivery.claim import claim
from leadmagnet.delivery.gate import Gate
from leadmagnet.sequences import pauses
from leadmagnet.sequences.pauses import Quiet
from leadmagnet.store.models import AuditEvent
from tests.databases import ON_POSTGRESQL
from tests.sequences.conftest import BARRE
from tests.world import GUIDE, World

ADA, BOB = "ada@example.com", "bob@example.com"
#: Saturday, midnight in New York; her second letter would be due on Thursday 5 March.
FOURTH_OF_APRIL = datetime(2026, 4, 4, 4, tzinfo=UTC)
SATURDAY_MORNING = datetime(2026, 4, 4, 11, 30, tzinfo=UTC)


def _pauses(world: World, address: str, until: datetime) -> Quiet | None:
    with world.database.write() as session:
        person = subscribers.get(session, world.subscriber(address).id)
        assert person is not None
        return pauses.pause(session, world.published, person, until, by="maya", now=world.now)


def _resumes(world: World, address: str) -> Quiet | None:
    with world.database.write() as session:
        person = subscribers.get(session, world.subscriber(address).id)
        assert person is not None
        return pauses.resume(session, world.published, person, by="maya", now=world.now)


def _sent(world: World, sequence: str = GUIDE) -> list[datetime]:
    return [row.sent_at for row in world.deliveries(sequence=sequence, state="sent") if row.sent_at]


def _distances(times: list[datetime]) -> list[int]:
    return [(later.date() - earlier.date()).days for earlier, later in pairwise(times)]


def test_the_letter_goes_on_the_date_that_was_said_and_the_others_keep_their_rhythm(world: World) -> None:
    world.joins(ADA)
    quiet = _pauses(world, ADA, FOURTH_OF_APRIL)
    assert quiet is not None
    (moved,) = quiet.moved
    assert (moved.letter, moved.after) == ("tight-hips", SATURDAY_MORNING)
    assert world.next_due() == SATURDAY_MORNING, "nothing to do before"
    world.skip(until=world.now + timedelta(days=62))
    times = _sent(world)
    assert times[1] == SATURDAY_MORNING
    assert _distances(times[1:]) == [3, 4, 3, 4, 4, 4, 4]
    assert world.enrollment(ADA).paused_until is None


def test_a_letter_that_comes_after_the_pause_anyway_stays_where_it_is(world: World) -> None:
    world.joins(ADA)
    due = world.next_due()
    quiet = _pauses(world, ADA, world.now + timedelta(hours=20))
    assert quiet is not None
    assert [(one.before, one.after) for one in quiet.moved] == [(due, due)]
    world.skip(until=world.now + timedelta(days=30))
    assert _distances(_sent(world)) == [1, 3, 4, 3, 4, 4, 4, 4]  # the first is 21:12 in New York, the next day in UTC


def test_resuming_early_brings_the_letters_back_without_a_burst(world: World) -> None:
    world.joins(ADA)
    due = world.next_due()
    _pauses(world, ADA, FOURTH_OF_APRIL)
    quiet = _resumes(world, ADA)
    assert quiet is not None
    assert [one.after for one in quiet.moved] == [due]
    assert _resumes(world, ADA) is None
    _pauses(world, ADA, FOURTH_OF_APRIL)
    world.wait(days=12)
    quiet = _resumes(world, ADA)
    assert quiet is not None
    (moved,) = quiet.moved
    assert world.now < moved.after < world.now + timedelta(days=1)
    world.skip(until=world.now + timedelta(days=60))
    times = _sent(world)
    assert times[1] == moved.after
    assert _distances(times[1:]) == [3, 4, 3, 4, 4, 4, 4]


def test_a_later_word_on_the_pause_counts_and_the_history_keeps_each(world: World) -> None:
    world.joins(ADA)
    _pauses(world, ADA, FOURTH_OF_APRIL)
    again = _pauses(world, ADA, FOURTH_OF_APRIL)
    assert again is not None
    assert again.before == again.until
    shorter = _pauses(world, ADA, FOURTH_OF_APRIL - timedelta(days=7))
    assert shorter is not None
    assert [one.after for one in shorter.moved] == [SATURDAY_MORNING - timedelta(days=7)]
    with world.database.read() as session:
        told = session.scalars(select(AuditEvent).order_by(AuditEvent.id)).all()
    assert [(event.event, event.detail and event.detail["by"]) for event in told] == [("paused", "maya")] * 2


def test_two_series_are_held_and_neither_bursts_afterwards(wide_world: World) -> None:
    world = wide_world
    world.joins(ADA)
    world.asks(ADA, guide=BARRE)
    world.starts_letters(ADA, BARRE)
    world.deliver()
    quiet = _pauses(world, ADA, FOURTH_OF_APRIL)
    assert quiet is not None
    assert len({one.after for one in quiet.moved}) == 2, "not both on one morning"
    world.skip(until=world.now + timedelta(days=60))
    assert {one.after for one in quiet.moved} == {_sent(world)[1], _sent(world, BARRE)[1]}
    assert _distances(_sent(world)[2:]) == [4, 3, 4, 4, 4, 4], "as ever, after one that the other series held back"


def test_who_left_or_has_not_confirmed_has_nothing_to_pause(world: World) -> None:
    world.asks(BOB)
    world.joins(ADA)
    world.leaves(ADA)
    before = world.everything()
    assert _pauses(world, ADA, FOURTH_OF_APRIL) is None
    assert _pauses(world, BOB, FOURTH_OF_APRIL) is None
    assert world.everything() == before


def test_coming_back_during_ones_pause_keeps_it(world: World) -> None:
    world.joins(ADA)
    _pauses(world, ADA, FOURTH_OF_APRIL)
    world.leaves(ADA)
    world.returns(ADA)
    assert world.next_due() == SATURDAY_MORNING


def test_a_letter_in_hand_is_stopped_at_the_gate_and_comes_at_its_hour(world: World) -> None:
    world.joins(ADA)
    world.now = world.next_due() or world.now
    (letter,) = world.claim()
    _pauses(world, ADA, FOURTH_OF_APRIL)
    world.send(letter)
    assert len(world.inbox(ADA)) == 2
    assert world.next_due() == FOURTH_OF_APRIL, "the gate knows no hours"
    world.skip(until=FOURTH_OF_APRIL + timedelta(days=4))
    assert _sent(world)[1:] == [SATURDAY_MORNING, SATURDAY_MORNING + timedelta(days=3)]


@ON_POSTGRESQL
def test_a_pause_does_not_wait_for_a_claim_in_progress_and_the_gate_stays_shut(world: World) -> None:
    world.joins(ADA)
    world.wait(days=2)
    with world.database.write() as session:
        session.connection().exec_driver_sql("SET lock_timeout = '5s'")
        (letter,), _seen = claim(session, world.published, world.lease, lane="sequence", limit=9, now=world.now)
        quiet = _pauses(world, ADA, FOURTH_OF_APRIL)
        assert quiet is not None
        assert not quiet.moved
    assert world.commits.gate(letter) is Gate.PAUSED
    assert len(world.inbox(ADA)) == 2


def test_no_edit_brings_a_letter_into_the_pause(world: World, example: Build) -> None:
    world.joins(ADA)
    _pauses(world, ADA, FOURTH_OF_APRIL)
    world.wait(days=1)
    assert example.compiled is not None
    sequence = example.compiled.sequences[GUIDE]
    steps = tuple(one.model_copy(update={"day": 1}) if one.slug == "tight-hips" else one for one in sequence.steps)
    earlier = {GUIDE: sequence.model_copy(update={"steps": steps})}
    compiled = example.compiled.model_copy(update={"sequences": earlier})
    world.publish(type(example)(example.findings, compiled, example.files, "0" * 64))
    world.replans()
    assert world.next_due() == SATURDAY_MORNING
    world.skip(until=FOURTH_OF_APRIL + timedelta(days=5))
    assert _sent(world)[1] == SATURDAY_MORNING
