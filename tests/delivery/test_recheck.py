"""What becomes of a claimed row that is no longer right: it is settled before any connection is opened."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from sqlalchemy import event, update

from leadmagnet.content.compiled import Build
from leadmagnet.content.sequences import Condition
from leadmagnet.delivery import record
from leadmagnet.delivery.outcomes import Accepted
from leadmagnet.store.database import Database
from leadmagnet.store.models import Delivery, Enrollment
from tests.databases import ON_POSTGRESQL
from tests.delivery.crowd import THURSDAY_MORNING
from tests.delivery.editing import edited, retitled, without, without_series
from tests.world import TUESDAY_EVENING, World

ADA = "ada@example.com"
#: Ada's letters: guide Tue 3 March, tight-hips Thu 5, yoga-for-runners Sun 8 (summer time begins), what-is-barre Thu 12.
SUNDAY_MORNING = datetime(2026, 3, 8, 11, 30, tzinfo=UTC)


@pytest.fixture
def reader(world: World) -> World:
    """Ada has confirmed and had the guide; the second letter is due on Thursday."""
    world.joins(ADA)
    return world


def to_come(world: World) -> list[tuple[str | None, datetime]]:
    return [(row.step, row.due_at) for row in world.deliveries(state="pending")]


def state_of(world: World, step: str) -> tuple[str, str | None]:
    (row,) = [row for row in world.deliveries(step=step) if row.state != "pending"]
    return row.state, row.reason


def test_a_letter_that_is_right_is_claimed(reader: World) -> None:
    reader.now = THURSDAY_MORNING
    (letter,) = reader.claim()
    assert letter.course is not None
    assert (letter.letter.slug, letter.course.facts.start) == ("tight-hips", reader.enrollment(ADA).start_at)


def test_a_letter_moved_to_a_later_day_waits_for_it(reader: World, example: Build) -> None:
    reader.publish(edited(example, "tight-hips", day=3))
    reader.now = THURSDAY_MORNING
    assert reader.claim() == []
    (row,) = reader.deliveries(state="pending")
    assert (row.step, row.due_at, row.ready_at) == ("tight-hips", THURSDAY_MORNING + timedelta(days=1), row.due_at)


def test_a_letter_is_replaced_by_one_that_now_comes_first(reader: World, example: Build) -> None:
    reader.publish(without(example, "tight-hips"))
    reader.now = THURSDAY_MORNING
    assert reader.claim() == []
    assert state_of(reader, "tight-hips") == ("cancelled", "letter removed")
    assert to_come(reader) == [("yoga-for-runners", SUNDAY_MORNING)]


def test_a_draft_is_replaced_and_can_be_planned_again_once_it_is_ready(reader: World, example: Build) -> None:
    reader.publish(edited(example, "tight-hips", draft=True))
    reader.now = THURSDAY_MORNING
    assert reader.claim() == []
    (row,) = reader.deliveries(step="tight-hips")
    assert (row.state, row.reason, row.dedupe_key) == ("cancelled", "draft", None)


def test_a_letter_whose_condition_does_not_hold_is_skipped_and_the_next_is_planned(reader: World) -> None:
    reader.tagged(ADA, "tried-barre")
    reader.live(until=datetime(2026, 3, 23, 11, 30, tzinfo=UTC), step=timedelta(days=1))
    reader.live(until=datetime(2026, 3, 24, tzinfo=UTC))
    assert state_of(reader, "never-tried-barre") == ("skipped", "only if not tag:tried-barre")
    assert [step for step, _due in to_come(reader)] == ["your-week"]
    (skipped,) = reader.deliveries(state="skipped")
    assert skipped.dedupe_key is not None


def test_the_condition_that_skips_is_judged_when_the_letter_is_due(reader: World, example: Build) -> None:
    condition = Condition(kind="tag", name="tried-barre", negated=False)
    reader.publish(edited(example, "tight-hips", skip_if=(condition,)))
    reader.tagged(ADA, "tried-barre")
    reader.now = THURSDAY_MORNING
    assert reader.claim() == []
    assert state_of(reader, "tight-hips") == ("skipped", "skipped if tag:tried-barre")


def test_a_letter_that_is_too_old_expires_and_keeps_its_key(reader: World, example: Build) -> None:
    reader.publish(edited(example, "tight-hips", expires_after=timedelta(days=2)))
    reader.now = THURSDAY_MORNING + timedelta(days=2, seconds=1)
    assert reader.claim() == []
    assert state_of(reader, "tight-hips") == ("expired", "not_after has passed")
    assert [step for step, _due in to_come(reader)] == ["yoga-for-runners"]
    (row,) = reader.deliveries(state="expired")
    assert row.dedupe_key is not None


def test_a_stop_tag_ends_the_series(reader: World, example: Build) -> None:
    reader.publish(retitled(example, stop_when=("tag:bought",)))
    reader.tagged(ADA, "bought")
    reader.now = THURSDAY_MORNING
    assert reader.claim() == []
    assert state_of(reader, "tight-hips") == ("cancelled", "tag:bought")
    enrollment = reader.enrollment(ADA)
    assert (enrollment.status, enrollment.exit_reason, enrollment.ended_at) == ("exited", "tag:bought", reader.now)
    assert to_come(reader) == []


def test_a_removed_series_lets_its_people_go(reader: World, example: Build) -> None:
    reader.publish(without_series(example))
    reader.now = THURSDAY_MORNING
    assert reader.claim() == []
    assert state_of(reader, "tight-hips") == ("cancelled", "sequence removed")
    assert reader.enrollment(ADA).exit_reason == "sequence removed"


def test_a_row_of_somebody_who_left_is_dropped(reader: World) -> None:
    reader.leaves(ADA)
    (row,) = reader.deliveries(step="tight-hips")
    reader.changes(Delivery, row.id, state="pending", reason=None, ended_at=None)  # as if planned a moment too late
    reader.now = THURSDAY_MORNING
    assert reader.claim() == []
    assert state_of(reader, "tight-hips") == ("cancelled", "unsubscribed")


def test_a_confirmation_of_somebody_who_has_confirmed_is_dropped(world: World) -> None:
    world.asks(ADA)
    world.confirms(ADA)
    (row,) = world.deliveries(kind="confirm")
    world.changes(Delivery, row.id, state="pending", reason=None, ended_at=None)
    assert [letter.kind for letter in world.claim()] == ["guide"]
    (row,) = world.deliveries(kind="confirm")
    assert (row.state, row.reason, row.dedupe_key) == ("cancelled", "active", None)


def test_while_she_pauses_her_letter_waits(reader: World) -> None:
    until = THURSDAY_MORNING + timedelta(days=10)
    reader.pauses(ADA, until)
    reader.now = THURSDAY_MORNING
    assert reader.claim() == []
    # It ends at 8:30 in New York, where the clocks have gone forward: after the hour of the letters.
    assert to_come(reader) == [("tight-hips", datetime(2026, 3, 16, 11, 30, tzinfo=UTC))]


def test_after_a_pause_the_rhythm_goes_on_where_it_stood(reader: World) -> None:
    reader.pauses(ADA, THURSDAY_MORNING + timedelta(days=10, hours=3))
    reader.now = THURSDAY_MORNING
    reader.claim()
    reader.live(until=THURSDAY_MORNING + timedelta(days=18))
    sent = [(row.step, row.sent_at) for row in reader.deliveries(state="sent", kind="step")]
    # The pause ended on a Sunday at 11:30, ten days and three hours late: her day 0 is Saturday the 14th now.
    assert sent == [
        ("tight-hips", datetime(2026, 3, 16, 11, 30, tzinfo=UTC)),
        ("yoga-for-runners", datetime(2026, 3, 19, 11, 30, tzinfo=UTC)),
        ("what-is-barre", datetime(2026, 3, 23, 11, 30, tzinfo=UTC)),
    ]
    assert reader.enrollment(ADA).paused_until is None


def test_a_few_hours_late_a_letter_goes_at_once_and_moves_nothing(reader: World) -> None:
    before = reader.enrollment(ADA).start_at
    reader.now = THURSDAY_MORNING + timedelta(hours=23)
    assert [letter.letter.slug for letter in reader.claim()] == ["tight-hips"]
    assert reader.enrollment(ADA).start_at == before


def test_days_late_it_goes_at_the_next_allowed_time_and_the_rest_moves_with_it(reader: World) -> None:
    before = reader.enrollment(ADA).start_at
    assert before is not None
    late = timedelta(days=3, hours=4)
    reader.now = THURSDAY_MORNING + late
    assert reader.claim() == []
    assert to_come(reader) == [("tight-hips", datetime(2026, 3, 9, 11, 30, tzinfo=UTC))]
    assert reader.enrollment(ADA).start_at == before + late  # past midnight: her day 0 is a Saturday now
    reader.now = datetime(2026, 3, 9, 11, 30, tzinfo=UTC)
    reader.deliver()
    reader.live(until=datetime(2026, 3, 13, tzinfo=UTC))
    sent = [(row.step, row.sent_at) for row in reader.deliveries(state="sent", kind="step")]
    assert sent == [
        ("tight-hips", datetime(2026, 3, 9, 11, 30, tzinfo=UTC)),
        ("yoga-for-runners", datetime(2026, 3, 12, 11, 30, tzinfo=UTC)),
    ]


def test_days_late_it_goes_at_once_if_this_mornings_time_is_all_it_missed(reader: World) -> None:
    late = timedelta(days=3, hours=2)
    reader.now = THURSDAY_MORNING + late
    (letter,) = reader.claim()
    assert letter.course is not None
    assert letter.course.facts.start == reader.enrollment(ADA).start_at == TUESDAY_EVENING + late


def test_nothing_bursts_after_three_weeks_of_silence(reader: World) -> None:
    reader.wait(days=21)
    assert reader.deliver() == []
    reader.live(until=reader.now + timedelta(days=15), step=timedelta(hours=3))
    times = [row.sent_at for row in reader.deliveries(state="sent", kind="step")]
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert len(times) == 5
    assert min(gaps) >= timedelta(days=2)


@ON_POSTGRESQL
def test_a_pause_asked_for_during_the_claim_stands(reader: World) -> None:
    """Ada pauses after the claim has read her series, and before it writes that the start has moved."""
    until = reader.now + timedelta(days=30)
    enrollment = reader.enrollment(ADA)
    other = Database(reader.database.url)

    def she_pauses(_connection, _cursor, statement, _parameters, _context, _many) -> None:
        if statement.startswith("UPDATE enrollment"):
            with other.write() as session:
                session.execute(update(Enrollment).where(Enrollment.id == enrollment.id).values(paused_until=until))

    event.listen(reader.database.writing_engine, "before_cursor_execute", she_pauses)
    reader.now = THURSDAY_MORNING + timedelta(days=2)
    reader.claim()
    event.remove(reader.database.writing_engine, "before_cursor_execute", she_pauses)
    other.close()
    assert reader.enrollment(ADA).paused_until == until


def test_answers_to_letters_of_two_versions_each_plan_by_their_own(world: World, example: Build) -> None:
    """Both come in one commit; what the older version planned must still be looked at by the re-plan."""
    world.joins(ADA)
    world.joins("bob@example.com")
    world.now = THURSDAY_MORNING
    (older,) = world.claim(limit=1)
    world.publish(edited(example, "yoga-for-runners", day=4))
    world.replans()
    (newer,) = world.claim(limit=1)
    assert older.published.number < newer.published.number
    for letter in (older, newer):
        world.changes(Delivery, letter.id, state="handing_off", handed_at=world.now)
    results = [(letter, Accepted(world.now)) for letter in (older, newer)]
    with world.database.write() as session:
        record.apply(session, results, now=world.now)
    world.replans()
    assert {row.due_at for row in world.deliveries(state="pending")} == {SUNDAY_MORNING - timedelta(days=1, hours=-1)}
