"""Claims under limits, without a dispatcher's threads."""

from datetime import timedelta

from sqlalchemy import select

from leadmagnet.delivery.claim import Batch, claim_within
from leadmagnet.delivery.letters import Claimed
from leadmagnet.delivery.queue import SEQUENCE, TRANSACTIONAL, Lease
from leadmagnet.delivery.quota import Quota
from leadmagnet.store.database import Database
from leadmagnet.store.models import DailyQuota, Enrollment
from tests.world import World


def batch(
    world: World, quota: Quota, lane: str = SEQUENCE, *, limit: int = 50, database: Database | None = None
) -> Batch:
    """One claim of a lane, by a worker of its own if it has a database of its own."""
    world.commits._quota = quota
    lease = world.lease if database is None else Lease("another", 60)
    with (database or world.database).write() as session:
        return claim_within(session, world.published, lease, quota, lane=lane, limit=limit, now=world.now)


def claims(world: World, quota: Quota, lane: str = SEQUENCE, *, limit: int = 50) -> list[Claimed]:
    return batch(world, quota, lane, limit=limit).letters


def days(world: World) -> dict[str, tuple[int, int, int | None]]:
    """What each day has seen: mails, letters among them, warm-up step."""
    with world.database.read() as session:
        rows = session.scalars(select(DailyQuota).where(DailyQuota.domain == world.published.sender_domain))
        return {row.day: (row.taken, row.letters, row.warm_up_step) for row in rows}


def quiet(world: World, *rows: int) -> None:
    """The people of these letters have asked for quiet."""
    for row in rows:
        (letter,) = world.deliveries(id=row)
        assert letter.enrollment_id is not None
        world.changes(Enrollment, letter.enrollment_id, paused_until=world.now + timedelta(days=2))


def asked_for(world: World, count: int, *, first: int = 0) -> None:
    """So many people wait for a confirmation."""
    for number in range(first, first + count):
        world.asks(f"somebody{number}@example.com", limits=False)


__all__ = ["SEQUENCE", "TRANSACTIONAL", "asked_for", "batch", "claims", "days", "quiet"]
