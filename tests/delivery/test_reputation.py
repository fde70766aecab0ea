"""When servers do not trust us as a sender, letters wait, nobody is blocked, and the operator is told."""

from datetime import timedelta

from sqlalchemy import delete, select, update

from leadmagnet.delivery import record
from leadmagnet.delivery.lessons import Lessons
from leadmagnet.delivery.outcomes import Deferred
from leadmagnet.store.models import Brake, Delivery, Suppression
from tests.delivery.crowd import THURSDAY_MORNING, gather
from tests.invariants import check_invariants
from tests.mail.clients import connect
from tests.mail.servers import ScriptedServer
from tests.world import World

HOUR = timedelta(hours=1)


def brakes(world: World) -> dict[str, object]:
    with world.database.read() as session:
        return {row.scope: row.until for row in session.scalars(select(Brake))}


def test_letters_to_a_group_that_distrusts_us_wait_an_hour(world: World) -> None:
    gather(world, 5)
    world.now = THURSDAY_MORNING
    with ScriptedServer({"DOT": "550 5.7.515 not authenticated"}) as server:
        world.connect = lambda: connect(server)
        world.deliver()
        assert server.commands.count("DATA") == 2, "one letter, and the mail to the operator"
        rows = world.deliveries(step="tight-hips")
        assert {row.state for row in rows} == {"pending"}
        assert {row.attempts for row in rows} == {0}
        assert brakes(world) == {"domain:example.com": world.now + HOUR}
        server.script.clear()
        world.wait(hours=1)
        world.deliver()
        assert {row.state for row in world.deliveries(step="tight-hips")} == {"sent"}
        check_invariants(world, server)
    with world.database.read() as session:
        assert session.query(Suppression).count() == 0


def test_distrust_is_never_given_up_nor_does_it_shorten_later_patience(world: World) -> None:
    gather(world, 1)
    world.now = THURSDAY_MORNING
    with ScriptedServer({"DOT": "451 4.3.0 later"}) as server:
        world.connect = lambda: connect(server)
        world.deliver()
        server.script["DOT"] = "550 5.7.1 not you"
        for _hour in range(80):
            world.wait(hours=1)
            world.deliver()
        server.script["DOT"] = "451 4.3.0 later"
        world.now = world.deliveries(step="tight-hips")[0].ready_at  # so late that it is planned anew
        world.deliver()
        (row,) = world.deliveries(step="tight-hips")
    assert (row.state, row.attempts, row.first_attempt_at) == ("pending", 1, world.now)


def test_three_groups_that_distrust_us_stop_all_letters_until_the_operator_resumes(world: World) -> None:
    ids = gather(world, 4)
    world.now = THURSDAY_MORNING
    with world.database.write() as session:
        for number, row in enumerate(ids):
            session.execute(update(Delivery).where(Delivery.id == row).values(domain_group=f"p{number}.example"))
    letters, lessons = world.claim(), Lessons()
    for letter in letters[:3]:
        assert "letters" not in brakes(world)
        _refused(world, lessons, letter)
    assert brakes(world)["letters"] is None
    assert [row.dedupe_key for row in world.deliveries(kind="notice")] == [
        "notice:reputation:2026-03-05",
        "notice:reputation-everywhere:2026-03-05",
    ]
    with world.database.write() as session:
        session.execute(delete(Brake).where(Brake.scope == "letters"))
    _refused(world, lessons, letters[2])
    assert "letters" not in brakes(world), "it is no news"


def _refused(world: World, lessons: Lessons, letter) -> None:
    world.changes(Delivery, letter.id, state="claimed")
    with world.database.write() as session:
        results = [(letter, Deferred(550, "reputation", world.now + HOUR, is_attempt=False))]
        learned = lessons.learn(session, record.apply(session, results, now=world.now), now=world.now)
    lessons.committed(learned)
