"""Counts are neither lost nor doubled, whatever becomes of the transaction that brings them."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from leadmagnet.delivery import rates, tally
from leadmagnet.delivery.letters import Claimed
from leadmagnet.delivery.outcomes import Accepted, Deferred, Failed, Lost, Outcome, Returned
from leadmagnet.delivery.rates import Week, judge
from leadmagnet.delivery.tally import Tallies
from leadmagnet.reports.status import status
from leadmagnet.store.models import Brake, Tally
from tests.delivery.test_outcomes import letter
from tests.world import World

NOW = datetime(2026, 3, 5, 23, 59, 59, tzinfo=UTC)
SECOND = timedelta(seconds=1)
A, B = Accepted(NOW), Deferred(451, "retry", NOW)


def counts(world: World) -> dict[tuple[str, str], int]:
    with world.database.read() as session:
        return {(row.day, row.outcome): row.count for row in session.scalars(select(Tally))}


def told(*outcomes: Outcome) -> list[tuple[Claimed, Outcome]]:
    return [(letter(), outcome) for outcome in outcomes]


def commit(world: World, tallies: Tallies, *outcomes: Outcome, now: datetime) -> None:
    with world.database.write() as session:
        written = tallies.write(session, told(*outcomes), now=now)
    tallies.committed(written)


def test_acceptances_are_written_once_a_second_and_anything_else_at_once(world: World) -> None:
    tallies = Tallies()
    commit(world, tallies, A, A, now=NOW)
    commit(world, tallies, A, now=NOW + SECOND / 2)
    assert counts(world) == {("2026-03-05", "accepted"): 2}
    commit(world, tallies, B, Lost(NOW), Failed("content"), Returned(NOW), now=NOW + SECOND / 2)
    assert counts(world) == {
        ("2026-03-05", "accepted"): 3,
        ("2026-03-05", "deferred:retry"): 1,
        ("2026-03-05", "lost"): 1,
        ("2026-03-05", "failed:content"): 1,
    }
    commit(world, tallies, A, now=NOW + SECOND)
    commit(world, tallies, now=NOW + 2 * SECOND)
    assert counts(world)["2026-03-06", "accepted"] == 1


def test_a_batch_that_is_rolled_back_is_counted_when_it_comes_again(world: World) -> None:
    tallies = Tallies()
    commit(world, tallies, A, now=NOW)
    commit(world, tallies, A, now=NOW)
    for _ in range(2):
        with pytest.raises(RuntimeError), world.database.write() as session:
            tallies.write(session, told(A, B), now=NOW)
            raise RuntimeError("rolled back")
    commit(world, tallies, A, B, now=NOW)
    assert counts(world) == {("2026-03-05", "accepted"): 3, ("2026-03-05", "deferred:retry"): 1}


def test_what_is_left_is_written_when_the_process_stops(world: World) -> None:
    world.joins("ada@example.com")
    world.commits.stop()
    with world.database.read() as session:
        found = {(row.letter, row.outcome): row.count for row in session.scalars(select(Tally))}
    assert found == {("confirm", "accepted"): 1, ("hip-openers/guide", "accepted"): 1}
    world.commits = type(world.commits)(world.database, world.journal, lambda: world.now)
    world.commits.start()


@pytest.mark.parametrize(
    ("week", "found"),
    [
        (Week(199, 199, 199), []),
        (Week(1000, 19, 0), []),
        (Week(1000, 20, 1), [("bounces", False), ("complaints", False)]),
        (Week(1000, 50, 3), [("bounces", True), ("complaints", True)]),
        (Week(350, 7, 0), [("bounces", False)]),
    ],
)
def test_a_week_is_judged_by_the_limits_of_the_mailbox_providers(week: Week, found: list[tuple[str, bool]]) -> None:
    assert [(excess.what, excess.stop) for excess in judge(week)] == found


def test_far_too_many_bounces_stop_the_letters_once_a_day(world: World) -> None:
    day = tally.day_of(world.now - timedelta(days=6))
    old = tally.day_of(world.now - timedelta(days=7))
    with world.database.write() as session:
        tally.add(session, {(day, "guide", "accepted"): 190, (day, "confirm", "failed:bad_address"): 10})
        tally.add(session, {(old, "guide", "accepted"): 9000, (day, "notice", "accepted"): 9000})
        assert str(*status(session, now=world.now).warnings) == "5.0 % bounces in seven days (10 of 200 mails)"
    for _minute in range(2):
        with world.database.write() as session:
            rates.watch(session, world.published, now=world.now)
            brake = session.get(Brake, "letters")
            assert (brake is not None) == (_minute == 0), "after a resume it is not set again on the same day"
            if brake is not None:
                session.delete(brake)
    assert len(world.deliveries(kind="notice")) == 1
