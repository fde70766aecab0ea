"""The one creator of Deliveries: what it plans, and what it never plans twice."""

from datetime import time, timedelta

import pytest

from leadmagnet.content.sequences import Sequence
from leadmagnet.sequences import deliveries, enrollments, facts, schedule
from leadmagnet.sequences.schedule import Done, PassedOver
from tests.sequences.lives import letter
from tests.world import GUIDE, World

ADA, BOB = "ada@example.com", "bob@example.com"


def _sequence(world: World) -> Sequence:
    sequence = world.published.sequence(GUIDE)
    assert sequence is not None
    return sequence


def test_a_series_starts_once(world: World) -> None:
    world.joins(ADA)
    before = world.everything()
    with world.database.write() as session:
        her, series = world.subscriber(ADA), world.enrollment(ADA)
        assert not enrollments.start(session, world.published, her, series, now=world.now + timedelta(days=1))
    assert world.everything() == before


def test_a_person_has_one_enrollment_in_a_sequence(world: World) -> None:
    world.asks(ADA)
    with world.database.write() as session:
        found = enrollments.find_or_add(session, world.subscriber(ADA).id, _sequence(world), now=world.now)
    assert found.id == world.enrollment(ADA).id


def test_planning_the_same_letter_again_adds_nothing(world: World) -> None:
    world.joins(ADA)
    her, series, sequence = world.subscriber(ADA), world.enrollment(ADA), _sequence(world)
    before = world.everything()
    with world.database.write() as session:
        gathered = facts.gather(session, {series.id: facts.series_of(series, her)})
        following = schedule.next_step(sequence, gathered[series.id], world.published.zone)
        enrollments.follow(session, world.published, {series.id: (her, sequence, following)}, now=world.now)
    assert world.everything() == before


def test_the_end_of_a_series_gives_its_tag_once(world: World) -> None:
    world.joins(ADA)
    her, series, sequence = world.subscriber(ADA), world.enrollment(ADA), _sequence(world)
    for _twice in range(2):
        with world.database.write() as session:
            enrollments.follow(session, world.published, {series.id: (her, sequence, Done())}, now=world.now)
        world.wait(days=1)
    assert world.enrollment(ADA).status == "completed"
    assert world.enrollment(ADA).ended_at == world.now - timedelta(days=2)
    with world.database.read() as session:
        gathered = facts.gather(session, {series.id: facts.series_of(series, her)})
    assert gathered[series.id].tags == {"hip-openers-done"}


def test_a_letter_passed_over_leaves_one_row_that_says_why(world: World) -> None:
    world.joins(ADA)
    her, series = world.subscriber(ADA), world.enrollment(ADA)
    passed = [(series.id, her, _sequence(world), PassedOver("strong-hips", "draft"))]
    for _twice in range(2):
        with world.database.write() as session:
            deliveries.pass_over(session, world.published, passed, now=world.now)
    (row,) = world.deliveries(state="skipped")
    assert (row.step, row.reason, row.ended_at) == ("strong-hips", "draft", world.now)
    assert row.dedupe_key == f"step:{series.id}:strong-hips"


def test_an_ended_series_stays_as_it_ended(world: World) -> None:
    world.joins(ADA)
    series = world.enrollment(ADA)
    for reason in ("tag:student", "sequence removed"):
        with world.database.write() as session:
            enrollments.end(session, series.id, reason, now=world.now)
    assert world.enrollment(ADA).exit_reason == "tag:student"


@pytest.mark.parametrize(
    ("day", "guide", "kind_and_lane"),
    [
        (0, "hips", ("guide", "transactional")),
        (0, None, ("step", "sequence")),
        (2, "hips", ("step", "sequence")),
    ],
)
def test_the_guide_mail_goes_before_other_letters(day: int, guide: str | None, kind_and_lane: tuple[str, str]) -> None:
    step = letter("guide", day, send_at=time(7, 30))
    sequence = Sequence(
        slug="hips", title="Hips", starts="manual", guide=guide, min_gap=timedelta(0), stop_when=(), steps=(step,)
    )
    assert deliveries.kind_of(sequence, step) == kind_and_lane


def test_every_mail_has_a_message_id_of_its_own_at_the_senders_domain(world: World) -> None:
    world.asks(ADA)
    world.asks(BOB)
    ids = [row.message_id for row in world.deliveries()]
    assert len(set(ids)) == 2
    assert all(one.endswith("@mail.example.com") for one in ids)
    assert {row.domain_group for row in world.deliveries()} == {"example.com"}


def test_a_letter_bears_the_same_key_whoever_writes_it(world: World) -> None:
    """The statement that plans it spells the key itself: another spelling would let a letter come twice."""
    world.joins(ADA)
    (planned,) = world.deliveries(state="pending", kind="step")
    assert planned.step is not None
    assert planned.dedupe_key == deliveries.step_key(planned.enrollment_id or 0, planned.step)
    assert (planned.ready_at, planned.release_id) == (planned.due_at, world.published.number)
