"""The warm-up of a new sending domain: a curve, held where providers resist."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from sqlalchemy import insert

from leadmagnet.delivery import warm_up
from leadmagnet.delivery.quota import Quota
from leadmagnet.store.models import DailyQuota, Delivery, Tally
from tests.delivery.crowd import THURSDAY_MORNING, gather
from tests.delivery.limits import TRANSACTIONAL, asked_for, claims, days
from tests.world import World

WARMING = Quota(warm_up=True)
DOMAIN = "example.com"
TODAY = date(2026, 3, 5)


def day(world: World, ago: int, *, step: int | None, letters: int = 40) -> None:
    """The domain sent on a day before today."""
    with world.database.write() as session:
        past = (TODAY - timedelta(days=ago)).isoformat()
        session.add(DailyQuota(domain=DOMAIN, day=past, taken=letters + 5, letters=letters, warm_up_step=step))


def step(world: World) -> int:
    with world.database.read() as session:
        return warm_up.step_of(session, DOMAIN, TODAY.isoformat())


def test_the_curve_grows_by_half_a_day_and_never_ends() -> None:
    curve = [warm_up.letters(step) for step in range(14)]
    assert curve == [50, 100, 150, 225, 340, 500, 750, 1100, 1700, 2500, 3800, 5600, 8400, 12600]
    assert all(after <= before * 1.55 for before, after in pairwise(curve[2:]))
    assert warm_up.letters(10_000) > 1_000_000_000


def test_letters_follow_the_curve_and_confirmations_are_never_held(world: World) -> None:
    gather(world, 60)
    world.now = THURSDAY_MORNING
    assert len(claims(world, WARMING, limit=45)) == 45
    asked_for(world, 7)
    assert len(claims(world, WARMING, TRANSACTIONAL)) == 7
    assert len(claims(world, WARMING)) == 5
    assert claims(world, WARMING) == []
    asked_for(world, 1, first=7)
    assert len(claims(world, WARMING, TRANSACTIONAL)) == 1
    assert days(world) == {"2026-03-05": (58, 50, 0)}


@pytest.mark.parametrize(("cap", "went"), [(40, 32), (100, 50)])
def test_the_smaller_of_cap_and_curve_counts(world: World, cap: int, went: int) -> None:
    gather(world, 60)
    world.now = THURSDAY_MORNING
    assert len(claims(world, Quota(cap=cap, warm_up=True), limit=60)) == went


def test_the_first_day_is_the_curves_first(world: World) -> None:
    assert step(world) == 0
    day(world, 3, step=None)  # it has sent before, under a cap alone
    assert step(world) == 0


def test_each_day_with_letters_goes_one_further(world: World) -> None:
    day(world, 9, step=2)
    assert step(world) == 3
    day(world, 1, step=3)
    assert step(world) == 4


def test_a_day_without_letters_moves_nothing(world: World) -> None:
    day(world, 2, step=4)
    day(world, 1, step=5, letters=0)
    assert step(world) == 5


def test_another_domain_starts_anew(world: World) -> None:
    day(world, 1, step=6)
    with world.database.read() as session:
        assert warm_up.step_of(session, "other.example", TODAY.isoformat()) == 0


@pytest.mark.parametrize(
    ("tally", "held"),
    [
        ({}, False),
        ({"accepted": 1000}, False),
        ({"accepted": 905, "deferred:retry": 95}, False),
        ({"accepted": 900, "deferred:retry": 60, "deferred:throttle": 40}, True),
        ({"accepted": 981, "failed:bad_address": 19}, False),
        ({"accepted": 980, "failed:bad_address": 15, "failed:content": 5}, True),
        ({"accepted": 900, "lost": 100}, False),
    ],
)
def test_resistance_holds_the_curve(world: World, tally: dict[str, int], held: bool) -> None:
    day(world, 1, step=3)
    rows = [{"day": "2026-03-04", "letter": "a/b", "outcome": name, "count": count} for name, count in tally.items()]
    rows.append({"day": "2026-03-03", "letter": "a/b", "outcome": "failed:content", "count": 500})
    with world.database.write() as session:
        session.execute(insert(Tally), rows)
    assert step(world) == (3 if held else 4)


@pytest.mark.parametrize(("complaints", "held"), [(0, False), (1, False), (2, True)])
def test_complaints_hold_the_curve(world: World, complaints: int, held: bool) -> None:
    day(world, 1, step=3)
    with world.database.write() as session:
        session.add(Tally(day="2026-03-04", letter="a/b", outcome="accepted", count=2000))
    for letter in gather(world, 4)[:complaints]:
        world.changes(Delivery, letter, complained_at=datetime(2026, 3, 4, 23, 59, tzinfo=UTC))
    for guide in world.deliveries(kind="guide"):
        world.changes(Delivery, guide.id, complained_at=datetime(2026, 3, 5, tzinfo=UTC))
    assert step(world) == (3 if held else 4)


def test_who_complains_of_each_of_her_mails_holds_the_curve_no_more_than_others(world: World) -> None:
    day(world, 1, step=3)
    with world.database.write() as session:
        session.add(Tally(day="2026-03-04", letter="a/b", outcome="accepted", count=2000))
    gather(world, 1)
    for mail in world.deliveries():
        world.changes(Delivery, mail.id, complained_at=datetime(2026, 3, 4, 12, tzinfo=UTC))
    assert step(world) == 4


def test_a_curve_that_began_in_the_middle_of_a_day_is_kept(world: World) -> None:
    """The operator turns it on after the first mails of the day."""
    gather(world, 60)
    world.now = THURSDAY_MORNING
    claims(world, Quota(cap=1000), limit=3)
    assert days(world) == {"2026-03-05": (3, 3, None)}
    claims(world, Quota(cap=1000, warm_up=True), limit=3)
    claims(world, Quota(cap=1000), limit=1)
    assert days(world) == {"2026-03-05": (7, 7, 0)}
