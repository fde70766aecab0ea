"""What Prometheus is told: right, complete, bounded, and cheap whatever the table holds."""

import sqlite3
from collections.abc import Iterator
from datetime import timedelta

import pytest
from prometheus_client import REGISTRY
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import event, insert, text

from leadmagnet.reports import heartbeats, metrics
from leadmagnet.reports.metrics import Numbers
from leadmagnet.store.database import Database
from leadmagnet.store.models import Brake, Breaker, DailyQuota, Delivery, Tally
from tests.world import TUESDAY_EVENING, World

Samples = dict[tuple[str, tuple[str, ...]], float]


def looked(world: World, numbers: Numbers | None = None) -> Samples:
    """Every sample, by its name and the values of its labels."""
    with world.database.read() as session:
        told = (numbers or Numbers()).text(session, world.published, now=world.now).decode()
    samples = [sample for family in text_string_to_metric_families(told) for sample in family.samples]
    found = {
        (sample.name.removeprefix("leadmagnet_"), tuple(sample.labels.values())): sample.value for sample in samples
    }
    assert len(found) == len(samples)
    return found


def test_what_is_due_is_told_by_lane_with_how_late_the_oldest_is(world: World) -> None:
    world.joins("ada@example.com")
    found = looked(world)
    assert found["due_mails", ("transactional",)] == found["due_mails", ("sequence",)] == 0
    assert found["oldest_due_seconds", ("sequence",)] == 0
    world.now = world.deliveries(state="pending")[0].ready_at + timedelta(seconds=30)
    world.asks("bob@example.com")
    world.wait(seconds=60)
    world.asks("carol@example.com")
    found = looked(world)
    assert (found["due_mails", ("transactional",)], found["oldest_due_seconds", ("transactional",)]) == (2, 60)
    assert (found["due_mails", ("sequence",)], found["oldest_due_seconds", ("sequence",)]) == (1, 90)


def test_counting_stops_where_a_number_says_enough(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ada", "bob", "carol"):
        world.asks(f"{name}@example.com")
    monkeypatch.setattr(metrics, "MOST", 2)
    monkeypatch.setattr(metrics, "_MAILS", metrics._mails())
    assert looked(world)["due_mails", ("transactional",)] == 2


def test_mails_that_need_a_look_are_counted_by_state(world: World) -> None:
    for name, state in (("ada", "uncertain"), ("bob", "uncertain"), ("carol", "held"), ("dora", "failed")):
        world.asks(f"{name}@example.com")
        (row,) = world.deliveries(state="pending")
        world.changes(Delivery, row.id, state=state)
    world.asks("eve@example.com")
    world.claim()
    found = looked(world)
    states = {state: found["open_mails", (state,)] for state in ("claimed", "handing_off", "uncertain", "held")}
    assert states == {"claimed": 1, "handing_off": 0, "uncertain": 2, "held": 1}


def test_outcomes_are_summed_over_days_for_the_letters_that_are_live(world: World) -> None:
    given = [
        ("2026-03-02", "hip-openers/tight-hips", "accepted", 5),
        ("2026-03-03", "hip-openers/tight-hips", "accepted", 7),
        ("2026-03-03", "hip-openers/tight-hips", "failed:bad_address", 2),
        ("2026-03-03", "confirm", "deferred:throttle", 3),
        ("2026-03-03", "hip-openers/gone-long-ago", "accepted", 11),
        ("2026-03-03", "guard:confirm", "accepted", 13),
    ]
    with world.database.write() as session:
        session.execute(
            insert(Tally), [dict(zip(("day", "letter", "outcome", "count"), row, strict=True)) for row in given]
        )
    mails = {labels: value for (name, labels), value in looked(world).items() if name == "mails_total"}
    assert mails == {
        ("hip-openers/tight-hips", "accepted", ""): 12,
        ("hip-openers/tight-hips", "failed", "bad_address"): 2,
        ("confirm", "deferred", "throttle"): 3,
    }


def test_what_holds_mail_back_is_told_without_its_reason(world: World) -> None:
    hour = timedelta(hours=1)
    brakes = [
        ("letters", "maya", None),
        ("letter:hip-openers/tight-hips", "leadmagnet", world.now + hour),
        ("domain:gmail", "leadmagnet", None),
        ("domain:yahoo", "leadmagnet", world.now - hour),
    ]
    with world.database.write() as session:
        for scope, by, end in brakes:
            session.add(Brake(scope=scope, reason="ada@example.com says", set_by=by, set_at=world.now, until=end))
        at = {"opened_at": world.now, "open_until": world.now + hour}
        session.add(Breaker(relay="smtp.example.net:587", reason="535 ada@example.com", wait_seconds=30, **at))
    found = looked(world)
    told = {labels: value for (name, labels), value in found.items() if name == "brakes"}
    assert {labels for labels, value in told.items() if value} == {
        ("letters", "operator"), ("letter", "leadmagnet"), ("domain", "leadmagnet"),
    }  # fmt: skip
    assert len(told) == 8 and max(told.values()) == 1
    assert found["breaker_open", ("smtp.example.net:587",)] == 1


def test_workers_are_counted_while_they_are_heard_of(world: World) -> None:
    for worker, ago in (("one", 5), ("two", 65), ("three", 125)):
        with world.database.write() as session:
            at = world.now - timedelta(seconds=ago)
            heartbeats.beat(session, worker, host="here", pid=1, started_at=at, now=at)
    found = looked(world)
    assert found["workers", ()] == 2
    ages = {labels: value for (name, labels), value in found.items() if name == "worker_heartbeat_age_seconds"}
    assert ages == {("here", "one"): 5, ("here", "two"): 65}


def test_the_quota_is_that_of_the_operators_day(world: World) -> None:
    """It is Tuesday evening in New York, and Wednesday in UTC."""
    with world.database.write() as session:
        for day, taken in (("2026-03-02", 1), ("2026-03-03", 40), ("2026-03-04", 7)):
            session.add(DailyQuota(domain="mail.example.com", day=day, taken=taken))
    assert looked(world)["daily_quota_used", ("mail.example.com",)] == 40


def test_people_are_counted_once_a_minute(world: World) -> None:
    numbers = Numbers()
    world.joins("ada@example.com")

    def people() -> tuple[float, ...]:
        found = looked(world, numbers)
        return tuple(found["subscribers", (status,)] for status in ("pending", "active", "unsubscribed"))

    assert people() == (0, 1, 0)
    world.asks("bob@example.com")
    world.wait(seconds=59)
    assert people() == (0, 1, 0)
    world.wait(seconds=1)
    assert people() == (1, 1, 0)
    world.asks("carol@example.com")
    world.wait(hours=-1)  # the clock was set back: that must not make an old number last
    assert people() == (2, 1, 0)


def test_the_live_version_is_told(world: World) -> None:
    assert looked(world)["release", ()] == world.published.number


def test_before_the_first_publish_everything_is_nought(database: Database) -> None:
    with database.read() as session:
        told = Numbers().text(session, None, now=TUESDAY_EVENING).decode()
    samples = [sample for family in text_string_to_metric_families(told) for sample in family.samples]
    assert {sample.value for sample in samples if sample.name != "leadmagnet_info"} == {0}


def test_nothing_of_it_is_in_the_registry_that_all_sites_of_a_process_share(world: World) -> None:
    looked(world)
    assert not [family.name for family in REGISTRY.collect() if family.name.startswith("leadmagnet")]


def test_a_scrape_reads_no_mail_that_is_over_and_done(world: World) -> None:
    """At five million mails, all but a few are."""
    asked: list[tuple[str, object]] = []
    event.listen(world.database.engine, "before_cursor_execute", lambda *given: asked.append((given[2], given[3])))
    looked(world)
    statements = [(words, values) for words, values in asked if "delivery" in words]
    assert len(statements) == 1 and len(asked) < 12
    plan = list(_plan(world.database, *statements[0]))
    touched = [line for line in plan if " delivery" in line]
    assert len(touched) >= 8
    # A bitmap heap scan stands above the index that it reads.
    named = ("delivery_ready", "delivery_leases", "delivery_attention", "Bitmap Heap Scan")
    assert all(any(name in line for name in named) for line in touched), touched


def _plan(database: Database, statement: str, values: object) -> Iterator[str]:
    with database.engine.connect() as connection:
        if database.is_sqlite:
            raw = connection.connection.driver_connection
            assert isinstance(raw, sqlite3.Connection)
            yield from (row[3] for row in raw.execute(f"EXPLAIN QUERY PLAN {statement}", values))  # type: ignore[call-overload]
            return
        # Of a table with four rows the planner would read all, whatever indexes there are.
        connection.execute(text("SET enable_seqscan = off"))
        yield from (row[0] for row in connection.exec_driver_sql(f"EXPLAIN {statement}", values))  # type: ignore[arg-type]
