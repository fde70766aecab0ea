"""What the schedule knows about people: read from what became of their letters."""

from datetime import timedelta

import pytest
from sqlalchemy import insert, update

from leadmagnet.sequences import facts
from leadmagnet.sequences.schedule import Facts
from leadmagnet.store.models import Delivery, SubscriberTag
from tests.sequences.conftest import BARRE
from tests.sql import overheard
from tests.world import GUIDE, World

ADA, BOB = "ada@example.com", "bob@example.com"


def _gather(world: World, *addresses: str) -> list[Facts]:
    starts = {}
    for address in addresses:
        series = world.enrollment(address)
        starts[series.id] = facts.series_of(series, world.subscriber(address), start=series.start_at or world.now)
    with world.database.read() as session:
        gathered = facts.gather(session, starts)
    return [gathered[world.enrollment(address).id] for address in addresses]


def _rewrite(world: World, step: str, **values: object) -> None:
    with world.database.write() as session:
        session.execute(update(Delivery).where(Delivery.step == step).values(**values))


@pytest.mark.parametrize(
    ("state", "handled", "counts_for_the_gap"),
    [
        ("pending", False, False),
        ("cancelled", False, False),
        ("held", False, False),
        ("claimed", False, False),
        ("handing_off", False, True),
        ("uncertain", True, True),
        ("failed", True, False),
        ("expired", True, False),
        ("skipped", True, False),
    ],
)
def test_what_a_letter_counts_for(world: World, state: str, handled: bool, counts_for_the_gap: bool) -> None:
    world.joins(ADA)
    guide_at = world.now
    handed = guide_at + timedelta(days=2)
    _rewrite(world, "tight-hips", state=state, handed_at=handed, lease_until=handed, ended_at=handed)
    (hers,) = _gather(world, ADA)
    assert hers.handled == ({"guide", "tight-hips"} if handled else {"guide"})
    assert hers.last_letter_at == (handed if counts_for_the_gap else guide_at)


def test_a_guide_sent_again_is_no_letter(world: World) -> None:
    world.joins(ADA)
    guide_at = world.now
    world.wait(days=1)
    world.asks(ADA)
    world.deliver()
    assert _gather(world, ADA) == [Facts(guide_at, last_letter_at=guide_at, handled=frozenset({"guide"}))]


def test_the_gap_counts_letters_of_any_sequence_and_progress_only_its_own(wide_world: World) -> None:
    world = wide_world
    world.joins(ADA)
    start = world.now
    world.wait(hours=3)
    world.asks(ADA, guide=BARRE)
    world.starts_letters(ADA, BARRE)
    world.deliver()
    assert _gather(world, ADA) == [Facts(start, last_letter_at=world.now, handled=frozenset({"guide"}))]


def test_people_are_told_apart(world: World) -> None:
    world.joins(ADA)
    ada_at = world.now
    world.wait(hours=1)
    world.joins(BOB)
    _rewrite(world, "guide", clicked_at=world.now)
    with world.database.write() as session:
        tags = [{"subscriber_id": world.subscriber(BOB).id, "tag": tag, "given_at": world.now} for tag in ("x", "y")]
        session.execute(insert(SubscriberTag), tags)
    ada, bob = _gather(world, ADA, BOB)
    assert (ada.tags, bob.tags) == (frozenset(), frozenset({"x", "y"}))
    assert ada.clicked == bob.clicked == {"guide"}
    assert (ada.start, bob.start, ada.last_letter_at) == (ada_at, world.now, ada_at)


def test_many_people_take_two_statements(world: World) -> None:
    people = [f"reader{number}@example.com" for number in range(5)]
    for address in people:
        world.asks(address)
        world.confirms(address)
    starts = {world.enrollment(one).id: facts.series_of(world.enrollment(one), world.subscriber(one)) for one in people}
    with world.database.read() as session, overheard(world.database.engine) as statements:
        session.connection()
        begun = len(statements)
        gathered = facts.gather(session, starts)
    assert len(gathered) == 5
    assert len(statements) - begun == 2


def test_the_first_letters_of_a_new_person_are_all_ahead(world: World) -> None:
    world.asks(ADA)
    assert _gather(world, ADA) == [Facts(world.now)]
    assert world.enrollment(ADA, GUIDE).start_at is None
