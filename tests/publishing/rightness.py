"""What a re-plan must come to, computed for one person at a time by the plain schedule."""

from sqlalchemy import select

from leadmagnet.sequences import facts, schedule
from leadmagnet.sequences.deliveries import kind_of
from leadmagnet.sequences.schedule import Planned
from leadmagnet.store.models import Enrollment, Subscriber
from tests.world import World


def assert_right(world: World) -> None:
    """Everybody in a running series waits for exactly the letter that the schedule names, on the day it names."""
    waiting = world.deliveries(state="pending")
    with world.database.read() as session:
        for enrollment, subscriber in session.execute(
            select(Enrollment, Subscriber).join(Subscriber).where(Enrollment.start_at.is_not(None))
        ):
            mine = [row for row in waiting if row.enrollment_id == enrollment.id and row.step is not None]
            sequence = world.published.sequence(enrollment.sequence)
            if enrollment.status != "active" or sequence is None:
                assert mine == []
                continue
            known = facts.gather(session, {enrollment.id: facts.series_of(enrollment, subscriber)})[enrollment.id]
            answer = schedule.next_step(sequence, known, world.published.zone_of(subscriber.timezone))
            assert isinstance(answer, Planned)
            (row,) = mine
            assert (row.step, row.due_at, row.ready_at) == (answer.step.slug, answer.due, answer.due)
            assert (row.kind, row.lane) == kind_of(sequence, answer.step)
