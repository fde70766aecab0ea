"""One person in two series: however many workers claim, she never gets two letters closer than `min_gap`."""

import threading
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from leadmagnet.delivery.claim import claim
from leadmagnet.delivery.letters import Claimed
from leadmagnet.delivery.queue import SEQUENCE, Lease
from tests.databases import ON_POSTGRESQL
from tests.sequences.conftest import BARRE, two_guides, wide_world  # noqa: F401 – fixtures
from tests.world import World

ADA = "ada@example.com"
#: The plié was due on Wednesday evening, tight-hips half an hour ago: nothing went out in between.
AFTER_AN_OUTAGE = datetime(2026, 3, 5, 13, tzinfo=UTC)


@pytest.fixture
def reader(wide_world: World) -> World:  # noqa: F811
    """Ada reads both series, and a letter of each is due."""
    wide_world.joins(ADA)
    wide_world.asks(ADA, guide=BARRE)
    wide_world.deliver()
    wide_world.starts_letters(ADA, BARRE)
    wide_world.deliver()
    wide_world.now = AFTER_AN_OUTAGE
    return wide_world


def _sent_since(world: World) -> list[str | None]:
    sent = {row.step: row.sent_at for row in world.deliveries(state="sent") if row.sent_at}
    return [step for step, at in sorted(sent.items(), key=lambda one: one[1]) if at >= AFTER_AN_OUTAGE]


def test_two_letters_due_at_once_go_a_gap_apart(reader: World) -> None:
    reader.deliver()
    assert _sent_since(reader) == ["plie"]
    (waiting,) = reader.deliveries(step="tight-hips")
    assert waiting.due_at >= AFTER_AN_OUTAGE + timedelta(hours=20)
    reader.skip(until=AFTER_AN_OUTAGE + timedelta(days=2))
    assert _sent_since(reader) == ["plie", "tight-hips"]


def test_a_letter_that_another_worker_has_in_hand_counts_as_the_last(reader: World) -> None:
    (first,) = reader.claim(limit=1)
    assert reader.claim() == [], "the other one was claimed in vain"
    reader.send(first)
    reader.deliver()
    assert _sent_since(reader) == ["plie"]


@ON_POSTGRESQL
def test_two_workers_that_claim_at_the_same_moment_send_one_of_them(reader: World) -> None:
    other = Lease("another worker", 60)
    found: list[Claimed] = []

    def claims() -> None:
        with reader.database.write() as session:
            found.extend(claim(session, reader.published, other, lane=SEQUENCE, limit=5, now=reader.now)[0])

    worker = threading.Thread(target=claims)
    with reader.database.write() as session:
        mine, _seen = claim(session, reader.published, reader.lease, lane=SEQUENCE, limit=1, now=reader.now)
        worker.start()
        while worker.is_alive() and not _somebody_waits(reader):
            worker.join(0.01)
    worker.join(10)
    assert len(mine) == 1
    assert found == []


def _somebody_waits(world: World) -> bool:
    with world.database.read() as session:
        waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        return bool(session.scalar(text(waiting)))
