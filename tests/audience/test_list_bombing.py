"""When the addresses in the form are somebody else's: hardly anybody confirms."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select

from leadmagnet.audience import list_bombing
from leadmagnet.sequences import signup
from leadmagnet.store.database import Database
from leadmagnet.store.models import SignupWindow
from tests.databases import ON_SQLITE
from tests.world import World

NOON = datetime(2026, 3, 3, 12, tzinfo=UTC)


def sent(database: Database, count: int, answered: int = 0, *, at: datetime = NOON) -> None:
    with database.write() as session:
        list_bombing.sent(session, count, now=at)
        for _ in range(answered):
            list_bombing.answered(session, at)


def suspects(database: Database, **later: float) -> bool:
    with database.read() as session:
        return list_bombing.suspected(session, now=NOON + timedelta(**later)) is not None


@pytest.mark.parametrize(
    ("asked", "answered", "suspected"),
    [
        pytest.param(100, 0, True, id="nobody"),
        pytest.param(100, 9, True, id="hardly anybody"),
        pytest.param(100, 10, False, id="one in ten"),
        pytest.param(99, 0, False, id="too few to tell"),
        pytest.param(300, 180, False, id="a launch"),
        pytest.param(300, 81, False, id="the worst of honest forms"),
    ],
)
def test_a_hundred_that_hardly_anybody_answers_are_suspicious(
    database: Database, asked: int, answered: int, suspected: bool
) -> None:
    sent(database, asked, answered)
    assert suspects(database, minutes=20) is suspected


@ON_SQLITE
def test_people_have_ten_minutes_to_find_the_mail(database: Database) -> None:
    sent(database, 500)
    assert [suspects(database, minutes=minutes) for minutes in (0, 5, 14, 15, 20)] == [False, False, False, True, True]


@ON_SQLITE
def test_an_attack_is_kept_in_mind_for_a_day(database: Database) -> None:
    sent(database, 500)
    assert [suspects(database, hours=hours) for hours in (1, 12, 24, 25)] == [True, True, True, False]


@ON_SQLITE
def test_it_is_over_when_enough_people_confirm_again(database: Database) -> None:
    sent(database, 200)
    assert suspects(database, hours=2)
    sent(database, 40, 24, at=NOON + timedelta(hours=2))
    assert not suspects(database, hours=3)


@ON_SQLITE
def test_the_hour_tells_it_soon_where_the_day_was_busy(database: Database) -> None:
    sent(database, 1000, 600)
    later = NOON + timedelta(hours=3)
    sent(database, 300, 3, at=later)
    assert suspects(database, hours=3, minutes=20)


@ON_SQLITE
def test_windows_are_forgotten_once_nobody_looks_at_them(database: Database) -> None:
    sent(database, 500)
    for hours, left in ((24, 1), (25, 0)):
        with database.write() as session:
            list_bombing.forget_passed(session, now=NOON + timedelta(hours=hours))
            assert session.scalar(select(func.count()).select_from(SignupWindow)) == left


def test_what_goes_out_is_counted_when_it_goes_and_answered_once(world: World) -> None:
    def windows() -> list[tuple[datetime, int, int]]:
        with world.database.read() as session:
            return [(one.begins_at, one.asked, one.confirmed) for one in session.scalars(select(SignupWindow))]

    world.asks("ada@example.com")
    world.asks("bob@example.com")
    assert windows() == []  # as while the mail server is away: nobody could have confirmed
    world.wait(hours=3)
    world.deliver()
    began = list_bombing.window_of(world.now)
    assert windows() == [(began, 2, 0)]
    world.wait(minutes=7)
    world.confirms("ada@example.com")
    world.confirms("ada@example.com")
    world.deliver()  # the guide is no confirmation
    assert windows() == [(began, 2, 1)]


@ON_SQLITE
def test_an_answer_to_the_reminder_belongs_to_no_window(world: World) -> None:
    world.asks("ada@example.com")
    world.deliver()
    world.wait(hours=25)
    with world.database.write() as session:
        assert signup.remind(session, world.published, after=signup.REMIND_AFTER, limit=10, now=world.now) == 1
    world.deliver()
    world.confirms("ada@example.com")
    with world.database.read() as session:
        assert [(one.asked, one.confirmed) for one in session.scalars(select(SignupWindow))] == [(1, 0)]
