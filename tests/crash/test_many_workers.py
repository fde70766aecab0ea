"""Worker processes share one queue: none starves, none repeats, and one that stands still does no harm."""

from collections import Counter
from pathlib import Path

from leadmagnet.store.models import Delivery
from tests.crash.processes import (
    LETTER,
    YES,
    Crew,
    Held,
    audited,
    check_nothing_lost_nothing_twice,
    due_this_morning,
    slowly,
)
from tests.mail.servers import ScriptedServer
from tests.waiting import until
from tests.world import World


def test_workers_share_the_letters_and_none_is_sent_twice(
    living: World, server: ScriptedServer, tmp_path: Path
) -> None:
    together, connections = 2 if living.database.is_sqlite else 4, 2
    # Nobody gets far before all are there.
    held = Held(server, "DOT", *[YES] * together * connections, then=slowly(20260306))
    letters = due_this_morning(living, 400)
    with Crew(living, tmp_path, server, connections=connections) as crew:
        workers = [crew.start() for _ in range(together)]
        held.wait_until_reached()
        held.let_go()
        crew.until_all_are_behind()
        for worker in workers:
            worker.stops()
    assert check_nothing_lost_nothing_twice(crew, letters) == {"sent": 400}
    shares = Counter(row.lease_owner for row in living.deliveries(step=LETTER))
    # More than the twenty that it claimed before anybody was answered: it came to its turn again.
    assert len(shares) == together and min(shares.values()) > 20, shares


def test_a_worker_that_was_frozen_while_others_took_its_letters_does_no_harm(
    living: World, server: ScriptedServer, tmp_path: Path
) -> None:
    # Two letters behind the gate, whose answers come while nobody listens, and one before it.
    dots = Held(server, "DOT", YES, "451 4.3.0 later", then=lambda: YES)
    body = Held(server, "DATA", "354 go on", after=2, then=lambda: "354 go on")
    letters = due_this_morning(living, 12)
    with Crew(living, tmp_path, server, connections=3) as crew:
        frozen = crew.start()
        dots.wait_until_reached()
        body.wait_until_reached()
        assert (crew.held_by(frozen, "handing_off"), crew.held_by(frozen, "claimed")) == (2, 10)
        crew.freeze(frozen)
        dots.let_go()
        body.let_go()
        crew.arrived.wait_for(1)
        crew.runs_out()
        assert (crew.count(Delivery.state == "uncertain"), crew.count(Delivery.state == "pending")) == (2, 10)
        other = crew.start()
        crew.arrived.wait_for(11)
        until(lambda: crew.held_by(other, "sent") == 10)

        frozen.thaw()
        # It believes that they are still its own, and offers each of them; no gate opens.
        until(lambda: len(server.cut_short) == 10)
        until(lambda: crew.count(Delivery.state == "uncertain") == 1)
        frozen.stops()
        other.stops()
    # The 250 is believed, whoever has the row; the "later" of a lost lease writes nothing.
    assert check_nothing_lost_nothing_twice(crew, letters) == {"sent": 11, "uncertain": 1}
    (late,) = [row for row in living.deliveries(step=LETTER, state="sent") if row.id in audited(living, "uncertain")]
    assert audited(living, "sent by late answer") == [late.id]
    (unsettled,) = living.deliveries(step=LETTER, state="uncertain")
    assert (unsettled.attempts, unsettled.smtp_code) == (0, None)


def test_a_worker_that_is_stopped_finishes_what_is_in_flight_and_others_take_the_rest_at_once(
    living: World, server: ScriptedServer, tmp_path: Path
) -> None:
    held = Held(server, "DOT", YES, YES, then=lambda: YES)
    letters = due_this_morning(living, 12)
    with Crew(living, tmp_path, server, connections=2) as crew:
        stopping = crew.start()
        held.wait_until_reached()
        other = crew.start()
        until(lambda: crew.owner(other) is not None)
        stopping.asks_to_stop()
        # No lease has run out: they were given back, while the slow server still thinks about the two.
        crew.arrived.wait_for(10)
        assert stopping.lives
        assert crew.held_by(stopping, "handing_off") == 2
        held.let_go()
        assert stopping.ended() == 0, stopping.log.read_text()
        crew.until_all_are_behind()
        other.stops()
        assert list((tmp_path / "var" / "journal").iterdir()) == []
    assert check_nothing_lost_nothing_twice(crew, letters) == {"sent": 12}
