"""The far side is away for hours, or wants less: nothing fails, nothing is lost, nobody is flooded."""

import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import delete, func, select

from leadmagnet.delivery import breaker
from leadmagnet.delivery.dispatcher import Dispatcher
from leadmagnet.delivery.outcomes import Accepted
from leadmagnet.delivery.queue import Lease
from leadmagnet.delivery.stops import PAUSE, Stops
from leadmagnet.mail.handover import Reply, WrongPassword
from leadmagnet.reports.status import status
from leadmagnet.store.database import Database
from leadmagnet.store.models import AuditEvent, Brake, Delivery, Subscriber
from tests.delivery.crowd import THURSDAY_MORNING, gather
from tests.delivery.relays import Relay
from tests.invariants import check_invariants
from tests.waiting import PATIENCE
from tests.world import _NOBODY, World

RELAY = "mail.example:587"
MANY = 10_000
BOB = "bob@example.com"


def dispatcher(world: World, database: Database, relay: Relay, folder: Path, *, connections: int = 5) -> Dispatcher:
    return Dispatcher(
        database,
        relay.connect,
        world.links,
        lease=Lease(str(uuid.uuid4()), 600),
        connections=connections,
        relay=RELAY,
        journal_folder=folder / "journal",
        clock=lambda: world.now,
    )


class ByHand:
    """A worker whose turns a test takes: everything but the threads that would take them by themselves."""

    def __init__(self, world: World, relay: Relay, folder: Path) -> None:
        self.world = world
        self.database = Database(world.database.url)
        self.parts = dispatcher(world, self.database, relay, folder)
        self.probes: list[int] = []
        self.parts._commits.start()

    def turn(self) -> int:
        """Claims what may be claimed, hands it over, and waits until every row says so; how many letters that were."""
        letters = 0
        self.parts.wake()
        while self.parts._wake.is_set():
            self.parts._wake.clear()
            while self.parts._claim_more():
                pass
            letters += self._hand_over()
        return letters

    def _hand_over(self) -> int:
        parts, letters = self.parts, 0
        while (letter := parts._in_hand.get(0)) is not None:
            if parts._breaker._probe == letter.id:
                self.probes.append(letter.id)
            outcome = parts._senders[0].deliver(letter)
            parts._breaker.done(letter.id)
            parts._in_hand.done(letter, accepted=isinstance(outcome, Accepted))
            if outcome is not None:
                parts._commits.tell(letter, outcome)
            letters += 1
        parts._commits.gate(replace(_NOBODY, published=self.world.published))
        return letters

    def end(self) -> None:
        parts = self.parts
        parts._senders[0].hang_up()
        assert parts._commits.stop()
        parts._journal.close(keep=False)
        self.database.close()


@contextmanager
def by_hand(world: World, relay: Relay, folder: Path) -> Iterator[ByHand]:
    worker = ByHand(world, relay, folder)
    yield worker
    worker.end()


@contextmanager
def sending(world: World, relay: Relay, folder: Path, *, connections: int) -> Iterator[Dispatcher]:
    """A worker with all its threads, and a tick that only the test gives."""
    database = Database(world.database.url)
    running = dispatcher(world, database, relay, folder, connections=connections)
    running.start()
    running.wake()
    yield running
    assert running.stop(PATIENCE)
    database.close()


def counted(world: World, *where) -> int:
    with world.database.read() as session:
        return session.scalar(select(func.count()).select_from(Delivery).where(*where)) or 0


def in_order(world: World, limit: int | None = None) -> list[tuple[int, str]]:
    """The ids and addresses of all that is ready, as it is to be served."""
    with world.database.read() as session:
        query = select(Delivery.id, Subscriber.address).join(Subscriber, Delivery.subscriber_id == Subscriber.id)
        ready = query.where(Delivery.state == "pending", Delivery.ready_at <= world.now)
        rows = session.execute(ready.order_by(Delivery.lane.desc(), Delivery.ready_at, Delivery.id).limit(limit))
        return [(number, address) for number, address in rows]


def test_six_hours_without_a_mail_server_cost_nothing_but_time(world: World, tmp_path: Path) -> None:
    """Ten thousand letters are due in the course of it, not in the order of their ids; Bob signs up in the middle."""

    def ready(number: int) -> datetime:
        return THURSDAY_MORNING + timedelta(seconds=(number * 7919) % MANY * 2)

    letters = gather(world, MANY, ready=ready, group=lambda number: f"group{number % 50}")
    world.now = THURSDAY_MORNING + timedelta(minutes=1)
    end = THURSDAY_MORNING + timedelta(hours=6)
    relay = Relay(lambda: world.now)
    relay.away = True
    with by_hand(world, relay, tmp_path / "a") as one, by_hand(world, relay, tmp_path / "b") as two:
        one.turn()
        two.turn()
        assert relay.knocks == [world.now] * 5, "five failures are enough for both"
        asked = False
        while True:
            with world.database.read() as session:
                held = breaker.read(session, RELAY)
            assert held is not None and held.wait <= timedelta(minutes=15)
            knocks = len(relay.knocks)
            world.now = held.until - timedelta(seconds=1)
            assert (one.turn(), two.turn(), len(relay.knocks)) == (0, 0, knocks), "not before its time"
            if held.until > end:
                break
            if not asked and world.now > THURSDAY_MORNING + timedelta(hours=3):
                asked = bool(world.asks(BOB))
            world.now = held.until
            oldest, _address = in_order(world, 1)[0]
            first, second = (one, two) if knocks % 2 else (two, one)
            assert first.turn() + second.turn() == 1, "one letter probes, whoever sends it"
            assert len(relay.knocks) == knocks + 1
            assert first.probes[-1] == oldest, "what somebody waits for before what has waited longest"
        waits = [int((b - a).total_seconds()) for a, b in zip(relay.knocks[4:], relay.knocks[5:], strict=False)]
        assert waits == [30, 60, 120, 240, 480] + [900] * (len(waits) - 5)
        assert asked and min(len(one.probes), len(two.probes)) > 5

    unharmed = (Delivery.state == "pending", Delivery.attempts == 0, Delivery.begun == 0)
    assert counted(world, *unharmed) == MANY + 1
    with world.database.read() as session:
        assert session.scalar(select(func.count()).select_from(AuditEvent)) == 0
        found = session.execute(select(Delivery.id, Delivery.ready_at).where(Delivery.step == "tight-hips")).all()
    places = dict(zip(letters, map(ready, range(MANY)), strict=True))
    assert sum(at != places[row] for row, at in found) <= 4, "those that failed before it opened"

    relay.away = False
    world.now = held.until
    expected = [address for _number, address in in_order(world)]
    assert len(expected) == MANY + 1 and expected[0] == BOB
    with sending(world, relay, tmp_path / "c", connections=20):
        relay.arrived.wait_for(MANY + 1)
    arrived = [mail.recipient for mail in relay.arrived]
    assert Counter(arrived) == Counter(expected), "everybody once"
    assert arrived[0] == BOB, "somebody waited for it, and so it was the probe"
    place = {address: number for number, address in enumerate(expected)}
    # Twenty connections, two hundred letters claimed ahead: so much may overtake.
    assert max(abs(place[address] - number) for number, address in enumerate(arrived)) <= 400
    assert counted(world, Delivery.state == "sent") == MANY + 1
    assert counted(world, Delivery.state == "pending", Delivery.due_at > world.now) == MANY


def test_a_refused_login_stops_all_workers_and_fails_nobody(world: World, tmp_path: Path) -> None:
    gather(world, 10)
    world.now = THURSDAY_MORNING
    relay = Relay(lambda: world.now)

    def refused() -> None:
        relay.knocks.append(world.now)
        raise WrongPassword("mail.example:587 refused the username and password.")

    relay.connect = refused  # type: ignore[method-assign,assignment]
    with by_hand(world, relay, tmp_path / "a") as one, by_hand(world, relay, tmp_path / "b") as two:
        assert (one.turn() > 0, two.turn()) == (True, 0)
        assert len(relay.knocks) == 1, "trying on would lock the login"
    rows = world.deliveries(step="tight-hips")
    assert {(row.state, row.attempts, row.ready_at) for row in rows} == {("pending", 0, THURSDAY_MORNING)}
    with world.database.read() as session:
        found = status(session, now=world.now).to_json()["breaker"]
    since, again = world.now.isoformat(), (world.now + timedelta(seconds=30)).isoformat()
    reason = "mail.example:587 refused the username and password."
    assert found == {"relay": RELAY, "reason": reason, "since": since, "next_try": again}


def test_a_group_that_asks_for_a_pause_gets_it_from_all_workers(world: World, tmp_path: Path) -> None:
    """Of twelve letters the six to Gmail meet "4.7.28"; the six others, and the other worker, do not wait for them."""
    gather(world, 12, group=lambda number: "gmail" if number % 2 else "elsewhere")
    world.now = THURSDAY_MORNING
    relay = Relay(lambda: world.now)
    odd = {f"reader{number}@example.com" for number in range(1, 12, 2)}
    too_fast = Reply(452, "4.7.28 unusual rate of mail\n4.7.28 from your address")
    relay.answer = lambda recipient: too_fast if recipient in odd else None
    with by_hand(world, relay, tmp_path / "a") as one, by_hand(world, relay, tmp_path / "b") as two:
        one.turn()
        assert len(relay.arrived) == 6
        assert sum(row.attempts for row in world.deliveries()) == 1, "one was refused, the others kept their places"
        with world.database.read() as session:
            (brake,) = session.scalars(select(Brake))
        assert (brake.scope, brake.until) == ("domain:gmail", world.now + PAUSE)
        relay.answer = lambda _recipient: None
        world.asks("dora@gmail.com")
        assert two.turn() == 0, "not even what somebody waits for: it would only make it worse"
        world.now += PAUSE - timedelta(seconds=1)
        tokens = [row.lease_token for row in world.deliveries()]
        assert (one.turn(), two.turn()) == (0, 0)
        assert [row.lease_token for row in world.deliveries()] == tokens, "nor are they claimed in vain"
        world.now += timedelta(seconds=1)
        assert one.turn() == 7
        assert one.parts._in_hand._groups["gmail"].pace.limit == 1
    check_invariants(world, relay)  # type: ignore[arg-type]


def test_a_longer_brake_on_a_group_stays_as_it_is(world: World) -> None:
    later = world.now + timedelta(days=1)
    for until in (later, None):
        with world.database.write() as session:
            session.execute(delete(Brake))
            session.add(Brake(scope="domain:gmail", reason="Maya", set_by="maya", set_at=world.now, until=until))
        stops = Stops()
        stops.asked("gmail")
        with world.database.write() as session:
            stops.groups(session, now=world.now)
        with world.database.read() as session:
            (brake,) = session.scalars(select(Brake))
        assert (brake.reason, brake.until) == ("Maya", until)


def test_a_421_in_mid_conversation_is_no_attempt_and_slows_the_group_down(world: World, tmp_path: Path) -> None:
    gather(world, 1, group=lambda _number: "gmail")
    world.now = THURSDAY_MORNING
    relay = Relay(lambda: world.now)
    relay.answer = lambda _recipient: Reply(421, "4.7.0 try again later")
    with by_hand(world, relay, tmp_path) as worker:
        worker.turn()
        assert worker.parts._in_hand._groups["gmail"].pace.limit == 1
    (row,) = world.deliveries(step="tight-hips")
    assert (row.state, row.attempts, row.ready_at) == ("pending", 0, world.now + timedelta(seconds=30))


def test_a_slow_group_leaves_the_hands_free_for_the_others(world: World, tmp_path: Path) -> None:
    """Two hundred letters to one group stand before ten to others; five connections, and only two for the group."""
    gather(world, 210, group=lambda number: "slow" if number < 200 else f"group{number}")
    world.now = THURSDAY_MORNING
    relay = Relay(lambda: world.now)
    worker = dispatcher(world, world.database, relay, tmp_path)
    for _ in range(2):
        while worker._claim_more():
            pass
        handed_out = []
        while (letter := worker._in_hand.get(0)) is not None:
            handed_out.append(letter.domain_group)
    assert handed_out == [f"group{number}" for number in range(200, 210)]
    assert len(worker._in_hand) <= 50
    worker._give_back()
    worker._journal.close(keep=False)


def test_never_more_at_once_to_one_group_than_it_bears(world: World, tmp_path: Path) -> None:
    gather(world, 120)
    world.now = THURSDAY_MORNING
    relay = Relay(lambda: world.now)
    with sending(world, relay, tmp_path, connections=8):
        relay.arrived.wait_for(120)
    assert relay.most_at_once <= 2 + 120 // 50
    check_invariants(world, relay)  # type: ignore[arg-type]


def test_greylisted_for_ten_minutes_then_taken_once(world: World, tmp_path: Path) -> None:
    gather(world, 1)
    world.now = THURSDAY_MORNING
    world.asks(BOB)
    relay = Relay(lambda: world.now)
    first: dict[str, datetime] = {}

    def greylisting(recipient: str) -> Reply | None:
        waited = world.now - first.setdefault(recipient, world.now)
        return None if waited >= timedelta(minutes=10) else Reply(451, "4.7.1 Greylisting in action, come back later")

    relay.answer = greylisting
    with by_hand(world, relay, tmp_path) as worker:
        for _minute in range(60):
            worker.turn()
            world.wait(minutes=1)
        assert worker.parts._in_hand._groups["example.com"].pace.limit == 2, "it is no sign of being too fast"
    assert sorted(mail.recipient for mail in relay.arrived) == [BOB, "reader0@example.com"]
    assert all(row.attempts >= 1 for row in world.deliveries(state="sent"))
    check_invariants(world, relay)  # type: ignore[arg-type]
