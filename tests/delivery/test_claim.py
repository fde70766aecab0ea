"""Claims: who gets which rows, under which lease."""

import threading
from collections import Counter
from datetime import timedelta

from sqlalchemy import insert, select, text, update

from leadmagnet.delivery import gate, queue
from leadmagnet.delivery.claim import claim
from leadmagnet.delivery.queue import Lease
from leadmagnet.store.columns import ServerTime
from leadmagnet.store.database import Database
from leadmagnet.store.models import Delivery
from tests.databases import ON_POSTGRESQL
from tests.delivery.crowd import THURSDAY_MORNING, gather
from tests.world import World

ADA, BOB = "ada@example.com", "bob@example.com"


def test_what_has_waited_longest_is_claimed_first(world: World) -> None:
    letters = gather(world, 5)
    for minutes, row in enumerate(reversed(letters), start=1):
        world.changes(Delivery, row, ready_at=THURSDAY_MORNING + timedelta(minutes=minutes))
    world.now = THURSDAY_MORNING + timedelta(hours=1)
    assert [letter.id for letter in world.claim(limit=3)] == letters[:1:-1]
    assert [letter.id for letter in world.claim(limit=3)] == letters[1::-1]


def test_of_letters_due_at_the_same_moment_the_first_planned_goes_first(world: World) -> None:
    letters = gather(world, 4)
    world.now = THURSDAY_MORNING
    assert [letter.id for letter in world.claim()] == letters


def test_what_somebody_waits_for_goes_before_every_letter(world: World) -> None:
    gather(world, 3)
    world.now = THURSDAY_MORNING + timedelta(hours=1)
    world.asks(BOB)
    assert [letter.kind for letter in world.claim()] == ["confirm"]
    assert [letter.kind for letter in world.claim()] == ["step"] * 3


def test_nothing_is_claimed_before_it_is_ready(world: World) -> None:
    gather(world, 1)
    world.now = THURSDAY_MORNING - timedelta(seconds=1)
    assert world.claim() == []
    world.now = THURSDAY_MORNING
    assert len(world.claim()) == 1


def test_a_claim_leaves_its_lease_on_the_row(world: World) -> None:
    world.asks(ADA)
    (letter,) = world.claim()
    with world.database.read() as session:
        (row,) = session.scalars(select(Delivery))
        left = Delivery.lease_until.between(ServerTime(50), ServerTime(60))
        assert session.scalar(select(Delivery.id).where(left)) == letter.id
    assert (row.state, row.lease_owner, row.lease_token, row.release_id) == ("claimed", "world", 1, 1)
    assert (letter.id, letter.token, letter.message_id) == (row.id, 1, row.message_id)
    assert letter.recipient == ADA


def test_every_claim_of_a_row_gets_a_token_of_its_own(world: World) -> None:
    world.asks(ADA)
    (first,) = world.claim()
    with world.database.write() as session:
        queue.release(session, world.lease)
    (second,) = world.claim()
    assert second.id == first.id
    assert second.token > first.token


def test_what_a_mail_is_rendered_with_stands_on_its_row(world: World) -> None:
    world.joins(ADA, first_name="Ada")
    world.tagged(ADA, "tried-barre")
    world.now = THURSDAY_MORNING
    ((letter, _outcome),) = world.deliver()
    (row,) = world.deliveries(id=letter.id)
    made = row.facts.pop("made")  # how its bytes came about: see test_rendered
    assert made[0] == int(world.now.timestamp())
    assert row.facts == {
        "asked_on": "2026-03-03",
        "first_name": "Ada",
        "guide": "hip-openers",
        "guide_opened": True,
        "tags": ["tried-barre"],
        "clicked": [],
    }
    assert letter.facts.to_json() == row.facts


def test_a_mail_to_the_operator_that_ended_its_sender_is_known_by_it(world: World) -> None:
    facts = {"recipient": "maya@example.com", "subject": "Paused", "lines": [], "commands": []}
    with world.database.write() as session:
        session.execute(insert(Delivery).values(**_notice(world, 1), facts=facts, begun=2))
    (letter,) = world.claim()
    assert (letter.kind, letter.begun) == ("notice", 2)


def test_a_claim_never_takes_more_than_it_asked_for(world: World) -> None:
    """A fresh PostgreSQL knows nothing of its tables, and plans as for a handful of rows."""
    with world.database.write() as session:
        session.execute(insert(Delivery), [_notice(world, number) for number in range(40)])
    with world.database.write() as session:
        rows = queue.take(session, world.published, world.lease, lane="sequence", limit=3, now=world.now)
    assert [row.message_id for row in rows] == ["notice-0", "notice-1", "notice-2"]
    assert len(world.deliveries(state="claimed")) == 3


def test_eight_claimers_share_two_thousand_rows_without_a_double(world: World) -> None:
    letters = gather(world, 2000)
    world.now = THURSDAY_MORNING
    claimed: Counter[int] = Counter()
    counting = threading.Lock()
    start = threading.Barrier(8, timeout=60)

    def take_all(number: int) -> None:
        database = Database(world.database.url)
        lease = Lease(f"claimer-{number}", 60)
        start.wait()
        while True:
            with database.write() as session:
                batch, _seen = claim(session, world.published, lease, lane="sequence", limit=50, now=world.now)
            with counting:
                claimed.update(letter.id for letter in batch)
            if not batch:
                break
        database.close()

    threads = [threading.Thread(target=take_all, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(claimed.elements()) == letters
    assert {row.lease_token for row in world.deliveries(kind="step")} == {1}


def test_renewing_extends_our_leases_and_nobody_elses(world: World) -> None:
    letters = gather(world, 4)
    world.now = THURSDAY_MORNING
    mine = [letter.id for letter in world.claim(limit=2)]
    with world.database.write() as session:
        claim(session, world.published, Lease("other", 60), lane="sequence", limit=2, now=world.now)
        session.execute(update(Delivery).values(lease_until=ServerTime(5)))
    with world.database.write() as session:
        queue.renew(session, world.lease)
    with world.database.read() as session:
        long = select(Delivery.id).where(Delivery.lease_until > ServerTime(50)).order_by(Delivery.id)
        assert list(session.scalars(long)) == mine == letters[:2]


@ON_POSTGRESQL
def test_renewing_does_not_wait_for_a_row_at_its_gate(world: World) -> None:
    """It would hold other rows meanwhile that the same gate may need: a deadlock."""
    gather(world, 2)
    world.now = THURSDAY_MORNING
    first, second = world.claim()
    with world.database.write() as at_gate:
        gate.open_gates(at_gate, [second], now=world.now)
        with world.database.write() as renewing:
            renewing.execute(text("SET LOCAL lock_timeout = '5s'"))
            queue.renew(renewing, world.lease)
        assert gate.open_gates(at_gate, [first], now=world.now) == {first.id: gate.Gate.OPEN}


def test_given_back_rows_are_taken_from_us_but_not_what_is_being_handed_over(world: World) -> None:
    gather(world, 2)
    world.now = THURSDAY_MORNING
    first, second = world.claim()
    assert world.commits.gate(first) is gate.Gate.OPEN
    with world.database.write() as session:
        queue.release(session, world.lease)
    assert [row.state for row in world.deliveries(kind="step")] == ["handing_off", "pending"]
    assert world.commits.gate(second) is gate.Gate.LEASE_LOST


def _notice(world: World, number: int) -> dict[str, object]:
    return {
        "kind": "notice",
        "lane": "sequence",
        "due_at": world.now,
        "ready_at": world.now,
        "message_id": f"notice-{number}",
        "domain_group": "example.com",
    }


def test_a_group_that_is_left_out_may_have_any_name(world: World) -> None:
    odd = ["example.com", 'a"b', "back\\slash", "{brace, and comma}", "it's", "NULL", ""]
    gather(world, len(odd), group=lambda number: odd[number])
    world.now = THURSDAY_MORNING
    with world.database.write() as session:
        letters, _seen = claim(
            session, world.published, world.lease, lane="sequence", limit=10, without_groups=odd[1:], now=world.now
        )
    assert [letter.domain_group for letter in letters] == [odd[0]]
