"""People who have finished are continued by a letter that catches up, unless they left, and not while they are quiet."""

import threading
from datetime import timedelta

from sqlalchemy import text

from leadmagnet.audience.consent import Origin
from leadmagnet.content.compiled import Build
from leadmagnet.publishing.finished import CatchUp
from leadmagnet.sequences import preferences, timetable
from leadmagnet.store.models import Enrollment
from tests.publishing.crowd import address_of, letters_of
from tests.publishing.edits import with_steps
from tests.publishing.test_plan import assert_comes_true
from tests.world import World

DONE = address_of("done")


def _with_a_late_letter(example: Build) -> Build:
    x = letters_of(example)
    return with_steps(example, *x.in_order, x.c.model_copy(update={"slug": "late", "day": 10, "catch_up": True}))


def _reads_another_series(world: World, address: str, **pause: object) -> None:
    with world.database.write() as session:
        session.add(
            Enrollment(
                subscriber_id=world.subscriber(address).id, sequence="another", status="active", created_at=world.now,
                start_at=world.now, **pause,
            )
        )  # fmt: skip


def test_a_pause_of_another_series_holds_what_catches_up_too(crowd: World, example: Build) -> None:
    until = crowd.now + timedelta(days=40)
    _reads_another_series(crowd, DONE, paused_until=until)
    assert_comes_true(crowd, _with_a_late_letter(example))
    (late,) = crowd.deliveries(step="late", subscriber_id=crowd.subscriber(DONE).id)
    assert late.sent_at is not None
    assert late.sent_at >= until


def test_no_transaction_continues_more_than_it_would_move(crowd: World, example: Build) -> None:
    crowd.skip(until=crowd.now + timedelta(days=30))
    crowd.publish(_with_a_late_letter(example))
    walk = CatchUp()
    continued = []
    while len(continued) < 4:
        with crowd.database.write() as session:
            walk.chunk(session, timetable.of(crowd.published), limit=10, now=crowd.now)
        continued.append(len(crowd.deliveries(step="late")))
    assert continued == [2, 4, 5, 5]


def test_who_leaves_while_she_is_being_continued_stays_away(crowd: World, example: Build) -> None:
    crowd.publish(_with_a_late_letter(example))
    chunks = threading.Thread(target=crowd.replans)
    person = crowd.subscriber(DONE).id
    if crowd.database.is_sqlite:  # one writer: she leaves before or after
        crowd.leaves(DONE)
        crowd.replans()
    else:
        with crowd.database.write() as session:
            preferences.leave(session, person, Origin(), now=crowd.now)
            chunks.start()
            while chunks.is_alive() and not _somebody_waits(crowd):
                chunks.join(0.01)
        chunks.join(10)
    assert crowd.deliveries(step="late", subscriber_id=person) == []
    assert crowd.enrollment(DONE).status == "completed"


def _somebody_waits(world: World) -> bool:
    with world.database.read() as session:
        return bool(session.scalar(text("SELECT count(*) FROM pg_locks WHERE NOT granted")))
