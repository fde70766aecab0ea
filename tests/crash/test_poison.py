"""A letter that kills its worker three times is set aside; the letters beside it, and begun with it, come to no harm."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import select

from leadmagnet.store.models import AuditEvent
from tests.crash.test_kill_points import kill_a_worker, recover, settle, zone_where_it_is_nine
from tests.invariants import check_invariants
from tests.mail.servers import ScriptedServer
from tests.world import World

PEOPLE = [f"{name}@example.com" for name in ("ada", "bea", "carol", "dora", "eve", "fay")]
POISON = "carol@example.com"

#: Four letters are begun together, and the others are still under way when one of them kills the process.
_DIES_OF_ONE_LETTER = f"""
import os, signal
from leadmagnet import cli, waiting
from leadmagnet.delivery import message
really = message.build
def build(letter, links, **given):
    if letter.recipient == "{POISON}":
        waiting.pause(0.5)
        os.kill(os.getpid(), signal.SIGKILL)
    waiting.pause(1)
    return really(letter, links, **given)
message.build = build
cli.main()
"""


def begun(world: World) -> dict[str, tuple[str, int]]:
    people = {world.subscriber(address).id: address for address in PEOPLE}
    return {people[row.subscriber_id]: (row.state, row.begun) for row in world.deliveries(step="tight-hips")}


def test_a_letter_that_kills_its_worker_three_times_is_held_and_no_other_is_harmed(
    living: World, database_url: str, server: ScriptedServer, tmp_path: Path
) -> None:
    living.now = datetime.now(UTC) - timedelta(days=2)
    for address in PEOPLE:
        living.joins(address, timezone=zone_where_it_is_nine())

    def dies() -> dict[str, tuple[str, int]]:
        kill_a_worker(None, database_url, tmp_path, server, program=_DIES_OF_ONE_LETTER, connections=4)
        recover(living, tmp_path)
        return begun(living)

    dies()
    after = dies()
    assert after.pop(POISON) == ("pending", 2)
    assert ("pending", 2) in after.values(), "another was begun with it, twice"
    assert dies()[POISON] == ("held", 3)
    settle(living, tmp_path)
    assert {state for address, (state, _count) in begun(living).items() if address != POISON} == {"sent"}
    (held,) = living.deliveries(state="held")
    assert held.reason == "poison"
    with living.database.read() as session:
        (event,) = session.scalars(select(AuditEvent).where(AuditEvent.event == "held"))
    assert (event.delivery_id, event.detail) == (held.id, {"reason": "poison"})
    check_invariants(living, server)
