"""Which index each statement can use: on a table of millions the wrong one shows."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import text

from leadmagnet.delivery import queue
from leadmagnet.publishing import replan
from leadmagnet.store.models import Delivery
from tests.databases import ON_POSTGRESQL
from tests.delivery.crowd import THURSDAY_MORNING, gather
from tests.sql import listening
from tests.world import World


@contextmanager
def plans(world: World) -> Iterator[list[str]]:
    """The plans of all statements inside, as PostgreSQL makes them for who writes."""
    found: list[str] = []
    statements: list[tuple[str, Any]] = []

    def note(statement: str, parameters: Any) -> None:
        if statement.lstrip().startswith(("SELECT", "UPDATE", "WITH")):
            statements.append((statement, parameters))

    with listening(note, world.database.engine, world.database.writing_engine):
        yield found
    with world.database.writing_engine.connect() as connection:
        for statement, parameters in statements:
            lines = connection.exec_driver_sql(f"EXPLAIN {statement}", parameters).scalars()
            found.append(f"{statement}\n" + "\n".join(lines))
    assert found


@ON_POSTGRESQL
def test_a_gate_and_its_result_never_read_all_letters_in_hand(world: World) -> None:
    """Few rows are under a lease at a time, but a busy day leaves dead entries of all of them in that index."""
    gather(world, 40)
    with world.database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE delivery"))  # at a quiet hour: nothing is in hand
    world.now = THURSDAY_MORNING
    letters = world.claim(limit=3)
    with plans(world) as found:
        for letter in letters:
            world.send(letter)
    assert len(world.deliveries(step="tight-hips", state="sent")) == 3
    assert [plan for plan in found if "delivery_leases" in plan] == []


@ON_POSTGRESQL
def test_chores_never_read_the_whole_table(world: World) -> None:
    gather(world, 3)
    world.now = THURSDAY_MORNING
    world.claim()
    with plans(world) as found:
        with world.database.write() as session:
            queue.renew(session, world.lease)
            replan.chunk(session, world.published, limit=10, now=world.now)
            queue.release(session, world.lease)
        world.sweeps()
    assert [plan for plan in found if "Seq Scan on delivery" in plan] == []


@ON_POSTGRESQL
def test_forgetting_a_mail_does_not_read_the_whole_table(world: World) -> None:
    """PostgreSQL looks for its resends by itself."""
    with plans(world) as found, world.database.read() as session:
        session.query(Delivery.id).where(Delivery.resend_of == 1).all()
    assert "delivery_resend_of" in found[0]


@ON_POSTGRESQL
def test_nothing_on_the_road_reads_a_whole_table_even_before_it_was_counted(world: World) -> None:
    """Autovacuum counts a table some time after it has grown: until then PostgreSQL takes it for a small one."""
    gather(world, 40)
    world.now = THURSDAY_MORNING
    with plans(world) as found:
        for letter in world.claim(limit=3):
            world.send(letter)
    assert len(world.deliveries(step="tight-hips", state="sent")) == 3
    people = ("delivery", "enrollment", "subscriber")
    assert [plan for plan in found for name in people if f"Seq Scan on {name}" in plan] == []
