"""The state of everything at a glance."""

from datetime import timedelta

import pytest
from sqlalchemy import update

from leadmagnet.delivery import brakes
from leadmagnet.delivery.quota import Quota
from leadmagnet.reports import heartbeats
from leadmagnet.reports.status import status
from leadmagnet.store.database import Database
from leadmagnet.store.models import DELIVERY_STATES, Delivery
from tests.delivery.limits import claims
from tests.web.tables import dump
from tests.world import TUESDAY_EVENING, World


def looked(world: World) -> dict[str, object]:
    with world.database.read() as session:
        return status(session, now=world.now).to_json()


def test_before_the_first_publish_everything_is_nought(database: Database) -> None:
    with database.read() as session:
        found = status(session, now=TUESDAY_EVENING)
    assert found.to_json() == {
        "deliveries": dict.fromkeys(DELIVERY_STATES, 0),
        "due_now": 0,
        "oldest_due_seconds": 0,
        "release": None,
        "paused": [],
        "workers": 0,
        "subscribers": {"pending": 0, "active": 0, "unsubscribed": 0},
        "quota": None,
        "breaker": None,
        "week": {"mails": 0, "bounces": 0, "complaints": 0},
        "warnings": [],
        "attention": [],
        "funnel": [],
        "sequences": [],
    }


def test_everybody_and_every_mail_is_counted_once(world: World) -> None:
    world.joins("ada@example.com")
    world.joins("carol@example.com")
    world.leaves("carol@example.com")
    world.asks("bob@example.com")
    found = looked(world)
    assert found["subscribers"] == {"pending": 1, "active": 1, "unsubscribed": 1}
    counts = {"sent": 4, "pending": 2, "cancelled": 1}
    assert found["deliveries"] == dict.fromkeys(DELIVERY_STATES, 0) | counts
    assert found["release"] == world.published.number


def test_what_is_due_is_counted_with_the_oldest(world: World) -> None:
    world.asks("ada@example.com")
    assert (looked(world)["due_now"], looked(world)["oldest_due_seconds"]) == (1, 0)
    world.wait(seconds=90)
    world.asks("bob@example.com")
    assert (looked(world)["due_now"], looked(world)["oldest_due_seconds"]) == (2, 90)
    world.deliver()
    assert (looked(world)["due_now"], looked(world)["oldest_due_seconds"]) == (0, 0)


def test_what_is_backed_off_or_planned_for_later_is_not_due(world: World) -> None:
    world.joins("ada@example.com")
    assert looked(world)["due_now"] == 0
    world.asks("bob@example.com")
    with world.database.write() as session:
        later = world.now + timedelta(minutes=5)
        session.execute(update(Delivery).where(Delivery.kind == "confirm").values(ready_at=later))
    assert looked(world)["due_now"] == 0


def test_every_letter_shows_who_had_it_and_who_waits(world: World) -> None:
    world.joins("ada@example.com")
    world.asks("bob@example.com")
    world.live(until=world.now + timedelta(days=3))
    with world.database.read() as session:
        (found,) = status(session, now=world.now).sequences
    assert found.sequence.slug == "hip-openers"
    assert found.enrollments == {"active": 1, "pending": 1}
    counts = {one.step.slug: dict(one.counts) for one in found.steps}
    assert counts["guide"] == {"sent": 1} and counts["tight-hips"] == {"sent": 1}
    assert counts["yoga-for-runners"] == {"pending": 1} and counts["what-is-barre"] == {}
    assert [one.step.number for one in found.steps] == sorted(one.step.number for one in found.steps)


def test_what_is_paused_is_named_and_is_not_due(world: World) -> None:
    world.joins("ada@example.com")
    world.joins("carol@example.com")
    with world.database.write() as session:
        brakes.set(session, "letters", "a holiday", "maya", None, now=world.now)
        end = world.now + timedelta(days=9)
        brakes.set(session, "letter:hip-openers/your-week", "it fails", "leadmagnet", end, now=world.now)
        brakes.set(session, "domain:gmail", "over", "leadmagnet", world.now, now=world.now)
    since = world.now
    world.wait(days=3)
    world.asks("bob@example.com")
    found = looked(world)
    common = {"since": since.isoformat()}
    assert found["paused"] == [
        common | {"scope": "letters", "reason": "a holiday", "until": None, "by": "maya", "waiting": 2, "due": 2},
        common | {"scope": "letter:hip-openers/your-week", "reason": "it fails", "until": end.isoformat()}
        | {"by": "leadmagnet", "waiting": 0, "due": 0},
    ]  # fmt: skip
    assert (found["due_now"], found["oldest_due_seconds"]) == (1, 0)


@pytest.mark.parametrize(
    ("quota", "shown"),
    [
        (Quota(cap=20), {"cap": 20, "letters_left": 14, "warm_up_day": None}),
        (Quota(warm_up=True), {"cap": None, "letters_left": 50, "warm_up_day": 1}),
        (Quota(cap=2000, warm_up=True), {"cap": 2000, "letters_left": 50, "warm_up_day": 1}),
    ],
)
def test_what_may_still_go_today_is_shown(world: World, quota: Quota, shown: dict[str, object]) -> None:
    for name in ("ada@example.com", "bob@example.com"):
        world.asks(name)
    assert len(claims(world, quota, "transactional")) == 2
    before = dump(world.database)
    with world.database.read() as session:
        found = status(session, now=world.now, quota=quota).to_json()["quota"]
    assert found == {"day": "2026-03-03", "taken": 2, **shown}
    assert dump(world.database) == before


def test_looking_changes_nothing(world: World) -> None:
    world.joins("ada@example.com")
    before = dump(world.database)
    looked(world)
    assert dump(world.database) == before


class TestHeartbeats:
    """Which workers are alive."""

    def test_a_worker_counts_while_it_has_been_heard_of_lately(self, database: Database) -> None:
        self.beats(database, "one")
        self.beats(database, "two")
        self.beats(database, "one")
        assert self.alive(database) == 2
        assert self.alive(database, after=heartbeats.SILENT - timedelta(seconds=1)) == 2
        assert self.alive(database, after=heartbeats.SILENT) == 0

    def test_a_worker_that_has_stopped_does_not_count(self, database: Database) -> None:
        self.beats(database, "one")
        self.beats(database, "two")
        with database.write() as session:
            heartbeats.end(session, "one")
        assert self.alive(database) == 1

    @pytest.mark.parametrize(("later", "rows"), [(timedelta(hours=23), 2), (timedelta(hours=25), 1)])
    def test_the_dead_are_forgotten_after_a_day(self, database: Database, later: timedelta, rows: int) -> None:
        self.beats(database, "one")
        self.beats(database, "two", after=later)
        assert len(dump(database)["heartbeat"]) == rows

    @staticmethod
    def beats(database: Database, worker: str, after: timedelta = timedelta()) -> None:
        now = TUESDAY_EVENING + after
        with database.write() as session:
            heartbeats.beat(session, worker, host="here", pid=1, started_at=TUESDAY_EVENING, now=now)

    @staticmethod
    def alive(database: Database, after: timedelta = timedelta()) -> int:
        with database.read() as session:
            return heartbeats.alive(session, now=TUESDAY_EVENING + after)
