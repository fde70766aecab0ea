"""Workers are killed again and again at random moments, and no letter is lost or sent twice."""

import random
import time
from pathlib import Path

from tests.crash.processes import Crew, check_nothing_lost_nothing_twice, due_this_morning, slowly
from tests.mail.servers import ScriptedServer
from tests.world import World

LETTERS, KILLS, CONNECTIONS = 1000, 8, 4


def test_a_storm_of_kills_loses_nothing_and_sends_nothing_twice(
    living: World, server: ScriptedServer, tmp_path: Path
) -> None:
    chance = random.Random(20260304)
    server.script["DOT"] = slowly(20260304)
    letters = due_this_morning(living, LETTERS)
    in_flight = 0
    with Crew(living, tmp_path, server, connections=CONNECTIONS, lease_seconds=2) as crew:
        working = [crew.start() for _ in range(1 if living.database.is_sqlite else 2)]
        for _ in range(KILLS):
            crew.arrived.wait_for(len(crew.arrived) + chance.randint(20, 70))
            time.sleep(chance.uniform(0, 0.02))  # any moment will do, but not always the one after an answer
            victim = working.pop(0)
            victim.kill()
            under_way = crew.held_by(victim, "handing_off")
            assert under_way <= CONNECTIONS
            in_flight += under_way
            working.append(crew.start())
        for worker in working:
            crew.arrived.wait_for(len(crew.arrived) + 20)
            worker.kill()
            in_flight += crew.held_by(worker, "handing_off")
        assert len(crew.arrived) < LETTERS, "the storm was over before its last kill"

        crew.runs_out()
        last = crew.start()
        crew.until_all_are_behind()
        last.stops()
        assert crew.journal_lines() == 0
    ended = check_nothing_lost_nothing_twice(crew, letters)
    assert 0 < ended["uncertain"] <= in_flight, "no kill hit the window between the dot and its answer"
