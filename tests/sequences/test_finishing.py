"""Who wishes to leave after the series gets its letters, and no others."""

from datetime import timedelta

import pytest

from leadmagnet.audience import subscribers
from leadmagnet.content.compiled import Build
from leadmagnet.sequences import by_hand, enrollments, finishing
from leadmagnet.sequences.by_hand import Start
from tests.publishing.walks import build_of, series, step
from tests.world import GUIDE, World

ADA = "ada@example.com"
MORE = "more"


def _finish(world: World) -> bool:
    with world.database.write() as session:
        person = subscribers.get(session, world.subscriber(ADA).id)
        assert person is not None
        return finishing.finish(session, person, by="reader", now=world.now)


def _goes_on(world: World) -> bool:
    with world.database.write() as session:
        person = subscribers.get(session, world.subscriber(ADA).id)
        assert person is not None
        return finishing.go_on(session, person, by="reader", now=world.now)


def _sweep(world: World) -> int:
    with world.database.write() as session:
        return sum(finishing.leave_finished(session, one, now=world.now) for one in finishing.over(session, limit=10))


@pytest.fixture
def walk(world: World, example: Build) -> World:
    """Two series: the first gives a tag on its way and one at its end, either of which starts the second."""
    first = series(step("a0", 0), step("a1", 2, tag="done"), step("a2", 5), then="tag:done")
    more = series(step("m0", 0), step("m1", 9), slug=MORE, guide=None, starts="tag:done")
    world.publish(build_of(example, {GUIDE: first, MORE: more}))
    return world


def test_the_letters_that_run_go_on_then_she_leaves_by_herself(walk: World) -> None:
    world = walk
    world.joins(ADA)
    world.wait(hours=3)
    asked = world.now
    assert _finish(world)
    assert not _finish(world), "asked once"
    assert _sweep(world) == 0
    world.skip(until=world.now + timedelta(days=30))
    assert [row.step for row in world.deliveries(state="sent") if row.step] == ["a0", "a1", "a2"]
    assert world.subscriber(ADA).status == "active"
    assert _sweep(world) == 1
    person = world.subscriber(ADA)
    assert (person.status, person.unsubscribed_at, person.finishing_at) == ("unsubscribed", world.now, None)
    withdrawn = world.consents(ADA)[-1]
    assert (withdrawn.event, withdrawn.at) == ("withdrawn", world.now)
    assert withdrawn.source == {"from": finishing.SOURCE, "asked": asked.isoformat()}
    assert _sweep(world) == 0
    assert world.returns(ADA)
    assert _sweep(world) == 0, "who came back stays"


def test_a_slip_that_is_undone_keeps_her_wish(walk: World) -> None:
    """She wishes to leave after the series, taps the wrong button, and undoes it."""
    world = walk
    world.joins(ADA)
    world.wait(hours=3)
    asked = world.now
    _finish(world)
    world.wait(minutes=1)
    assert world.leaves(ADA)
    assert _sweep(world) == 0, "she has left"
    world.wait(minutes=1)
    assert world.returns(ADA)
    assert world.subscriber(ADA).finishing_at == asked
    world.skip(until=world.now + timedelta(days=30))
    assert [row.step for row in world.deliveries(state="sent") if row.step] == ["a0", "a1", "a2"]
    assert _sweep(world) == 1


def test_who_comes_back_after_the_last_letter_stays(walk: World) -> None:
    world = walk
    world.joins(ADA)
    _finish(world)
    world.skip(until=world.now + timedelta(days=30))
    assert world.leaves(ADA)
    assert world.returns(ADA)
    assert world.subscriber(ADA).finishing_at is None
    assert _sweep(world) == 0


def test_nothing_else_starts_but_by_her_own_tap_and_the_operator_hears_why(walk: World) -> None:
    world = walk
    world.joins(ADA)
    _finish(world)
    with world.database.write() as session:
        person = subscribers.get(session, world.subscriber(ADA).id)
        assert person is not None
        assert by_hand.start(session, world.published, person, MORE, by="maya", now=world.now) is Start.FINISHING
        assert by_hand.tag(session, world.published, person, "done", by="maya", now=world.now).started == ()
    world.starts_letters(ADA, MORE)
    assert world.enrollment(ADA, MORE).status == "active"
    world.skip(until=world.now + timedelta(days=30))
    assert {row.step for row in world.deliveries(state="sent")} >= {"a2", "m1"}
    assert _sweep(world) == 1


def test_undone_the_next_series_starts_as_ever(walk: World) -> None:
    world = walk
    world.joins(ADA)
    assert not _goes_on(world)
    _finish(world)
    assert _goes_on(world)
    world.skip(until=world.now + timedelta(days=30))
    assert world.enrollment(ADA, MORE).status == "completed"
    assert _sweep(world) == 0


def test_however_the_series_ends_she_leaves(walk: World) -> None:
    world = walk
    world.joins(ADA)
    _finish(world)
    with world.database.write() as session:
        enrollments.end(session, world.enrollment(ADA).id, "sequence removed", now=world.now)
    assert _sweep(world) == 1
    assert not _finish(world), "nothing runs"


def test_no_letter_that_catches_up_reaches_who_asked_for_an_end(walk: World, example: Build) -> None:
    """She has finished one series; another runs to its end."""
    world = walk
    world.joins(ADA)
    world.skip(until=world.now + timedelta(days=6))
    assert world.enrollment(ADA).status == "completed"
    assert _finish(world), "the second series runs"
    first = series(step("a0", 0), step("a1", 2), step("a2", 5), step("a3", 6, catch_up=True))
    more = series(step("m0", 0), step("m1", 9), slug=MORE, guide=None, starts="tag:done")
    world.publish(build_of(example, {GUIDE: first, MORE: more}))
    world.replans()
    world.skip(until=world.now + timedelta(days=20))
    assert "a3" not in {row.step for row in world.deliveries()}
    assert _sweep(world) == 1
