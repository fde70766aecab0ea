"""The day's cap, and all limits together: counted where letters are claimed, given back where they are not accepted."""

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from leadmagnet.content.compiled import Build
from leadmagnet.delivery import queue, samples
from leadmagnet.delivery.claim import claim
from leadmagnet.delivery.gate import Gate
from leadmagnet.delivery.letters import Claimed
from leadmagnet.delivery.outcomes import Accepted, Deferred, Failed, Lost, Outcome, Returned
from leadmagnet.delivery.queue import Lease
from leadmagnet.delivery.quota import UNLIMITED, CapReached, Quota
from leadmagnet.delivery.rate import Rate
from leadmagnet.delivery.samples import Sample
from leadmagnet.mail.facts import MailFacts
from leadmagnet.mail.handover import Refused
from leadmagnet.store.database import Database
from leadmagnet.store.models import Delivery, Subscriber
from tests.databases import ON_POSTGRESQL
from tests.delivery.crowd import THURSDAY_MORNING, gather
from tests.delivery.editing import edited
from tests.delivery.limits import SEQUENCE, TRANSACTIONAL, asked_for, batch, claims, days, quiet
from tests.invariants import check_invariants
from tests.sql import overheard
from tests.workers import made
from tests.world import GUIDE, World

TEN = Quota(cap=10)
THURSDAY = "2026-03-05"


@pytest.fixture
def crowd(world: World) -> World:
    """25 letters are due on Thursday morning."""
    gather(world, 25)
    world.now = THURSDAY_MORNING
    return world


def test_letters_stop_at_four_fifths_of_the_cap(crowd: World) -> None:
    assert len(claims(crowd, TEN)) == 8
    held = batch(crowd, TEN)
    assert (held.letters, held.is_full, held.wait) == ([], False, None)
    asked_for(crowd, 3)
    assert len(claims(crowd, TEN, TRANSACTIONAL)) == 2
    assert claims(crowd, TEN, TRANSACTIONAL) == []
    assert days(crowd) == {THURSDAY: (10, 8, None)}


def test_whoever_used_the_cap_letters_leave_a_fifth_of_it_free(crowd: World) -> None:
    asked_for(crowd, 5)
    assert len(claims(crowd, TEN, TRANSACTIONAL)) == 5
    assert len(claims(crowd, TEN)) == 3
    assert days(crowd) == {THURSDAY: (8, 3, None)}


def test_two_workers_together_claim_no_more_than_one_may(crowd: World) -> None:
    asked_for(crowd, 3)
    start = threading.Barrier(2, timeout=60)
    claimed: list[Claimed] = []

    def work() -> None:
        database = Database(crowd.database.url)
        start.wait()
        for _ in range(4):
            claimed.extend(batch(crowd, TEN, SEQUENCE, limit=3, database=database).letters)
        start.wait()
        for _ in range(3):
            claimed.extend(batch(crowd, TEN, TRANSACTIONAL, limit=1, database=database).letters)
        database.close()

    workers = [threading.Thread(target=work) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert sorted(letter.lane for letter in claimed) == ["sequence"] * 8 + ["transactional"] * 2
    assert len({letter.id for letter in claimed}) == 10
    assert days(crowd) == {THURSDAY: (10, 8, None)}
    assert len(crowd.deliveries(state="claimed")) == 10


@ON_POSTGRESQL
def test_of_two_that_saw_the_same_room_the_later_puts_its_letters_back(crowd: World) -> None:
    quota = Quota(Rate("mail.example.com:587", 5), cap=15)
    lease = Lease("late", 60)
    with crowd.database.write() as late:
        room = quota.room(late, crowd.published, lane=SEQUENCE, wanted=7, now=crowd.now)
        assert room.letters == 7
        assert len(claims(crowd, quota, limit=7)) == 7
        claimed, _seen = claim(late, crowd.published, lease, lane=SEQUENCE, limit=7, now=crowd.now, quota_day=room.date)
        kept = quota.take(late, claimed, room, now=crowd.now)
        assert kept == claimed[:3], "the bucket held ten"
    assert days(crowd) == {THURSDAY: (10, 10, None)}
    assert len(crowd.deliveries(state="claimed")) == 10
    assert claims(crowd, quota) == []
    crowd.wait(seconds=60)
    assert [letter.id for letter in claims(crowd, quota)] == [letter.id for letter in claimed[3:5]], "the cap holds two"


def test_rows_that_were_settled_on_the_way_are_not_counted(crowd: World) -> None:
    quiet(crowd, *(row.id for row in crowd.deliveries(kind="step")[:5]))
    assert [len(claims(crowd, TEN)) for _ in range(3)] == [3, 5, 0]
    assert days(crowd) == {THURSDAY: (8, 8, None)}


def test_at_midnight_the_rest_goes_on_in_its_order_on_a_day_of_23_hours(world: World, example: Build) -> None:
    """Sunday 8 March 2026 in New York: midnight after it comes at four o'clock UTC, not at five."""
    world.publish(edited(example, "tight-hips", day=5))
    letters = gather(world, 25)
    due = datetime(2026, 3, 8, 11, 30, tzinfo=UTC)
    for row in letters:
        world.changes(Delivery, row, due_at=due, ready_at=due)
    world.now = due
    went = [letter.id for letter in claims(world, TEN)]
    world.now = datetime(2026, 3, 9, 3, 59, 59, tzinfo=UTC)
    assert claims(world, TEN) == []
    world.wait(seconds=1)
    went += [letter.id for letter in claims(world, TEN)]
    assert went == letters[:16]
    assert days(world) == {"2026-03-08": (8, 8, None), "2026-03-09": (8, 8, None)}


@pytest.mark.parametrize(
    ("outcome", "taken"),
    [
        (lambda now: Deferred(450, "retry", now + timedelta(minutes=5)), 0),
        (lambda now: Returned(now + timedelta(seconds=30)), 0),
        (lambda _now: Failed("content", 554, "content"), 0),
        (Lost, 1),
        (Accepted, 1),
    ],
    ids=["deferred", "returned", "failed", "lost", "accepted"],
)
def test_a_mail_that_was_not_accepted_is_given_back(world: World, outcome, taken: int) -> None:
    gather(world, 1)
    world.now = THURSDAY_MORNING
    (letter,) = claims(world, TEN)
    assert days(world) == {THURSDAY: (1, 1, None)}
    assert world.commits.gate(letter) is Gate.OPEN
    said: Outcome = outcome(world.now)
    world.commits.tell(letter, said)
    world.commits.tell(letter, said)  # the second time the lease is lost
    world.settle()
    assert days(world) == {THURSDAY: (taken, taken, None)}


def test_it_is_given_back_to_the_day_it_was_counted_in(world: World) -> None:
    gather(world, 2)
    asked_for(world, 1)
    world.now = THURSDAY_MORNING
    (letter, _other), (confirmation,) = claims(world, TEN), claims(world, TEN, TRANSACTIONAL)
    world.wait(hours=20)
    for one in (letter, confirmation):
        world.commits.tell(one, Returned(world.now))
    world.settle()
    assert days(world) == {THURSDAY: (1, 1, None)}
    assert len(claims(world, TEN)) == 1
    assert days(world) == {THURSDAY: (1, 1, None), "2026-03-06": (1, 1, None)}


def test_a_letter_whose_gate_stays_shut_is_given_back(world: World) -> None:
    gather(world, 3)
    world.now = THURSDAY_MORNING
    left, paused, lost = claims(world, TEN)
    world.changes(Subscriber, left.subscriber_id, status="unsubscribed")
    quiet(world, paused.id)
    world.changes(Delivery, lost.id, lease_token=9)
    assert [world.commits.gate(one) for one in (left, paused, lost)] == [Gate.REFUSED, Gate.PAUSED, Gate.LEASE_LOST]
    assert days(world) == {THURSDAY: (1, 1, None)}, "whoever took the third from us gives it back"


def test_what_a_dead_worker_held_is_given_back_once(world: World) -> None:
    gather(world, 3)
    asked_for(world, 1)
    world.now = THURSDAY_MORNING
    letters = claims(world, TEN)
    claims(world, TEN, TRANSACTIONAL)
    assert world.commits.gate(letters[0]) is Gate.OPEN
    world.leases_run_out()
    world.sweeps()
    assert days(world) == {THURSDAY: (1, 1, None)}, "one may have gone"
    world.commits.tell(letters[1], Deferred(450, "retry", world.now))
    world.settle()
    assert days(world) == {THURSDAY: (1, 1, None)}


def test_what_a_stopping_worker_gives_back_counts_again(crowd: World, tmp_path: Path) -> None:
    claims(crowd, TEN, limit=3)
    worker = made(crowd, tmp_path / "var", crowd.mailbox.connect)
    with crowd.database.write() as session:
        queue.renew(session, crowd.lease)
    worker.dispatcher.lease = crowd.lease
    worker.dispatcher._give_back()
    worker._database.close()
    assert days(crowd) == {THURSDAY: (0, 0, None)}
    assert len(claims(crowd, TEN)) == 8


def test_an_outage_costs_no_quota_and_afterwards_all_limits_hold(world: World) -> None:
    letters = gather(world, 30)
    world.now = THURSDAY_MORNING
    quota = Quota(Rate("mail.example.com:587", 0.1), cap=20)
    for _ in range(24):
        for letter in claims(world, quota):
            world.commits.tell(letter, Returned(world.now + timedelta(seconds=30)))
        world.settle()
        world.wait(minutes=15)
    assert days(world) == {THURSDAY: (0, 0, None)}
    assert {row.attempts for row in world.deliveries(kind="step")} == {0}
    went, minutes = [], []
    for _ in range(4):
        minutes.append(0)
        for _ in range(12):
            for letter in claims(world, quota):
                world.send(letter)
                went.append(letter.id)
                minutes[-1] += 1
            world.wait(seconds=5)
    assert max(minutes) <= 12
    assert went == letters[24:] + letters[:10], "who was tried in the outage waits behind the others"
    assert days(world) == {THURSDAY: (16, 16, None)}
    check_invariants(world, world.mailbox)


class TestTestMails:
    """They do not queue, and count all the same."""

    def test_a_test_mail_counts_until_the_cap_is_reached(self, crowd: World) -> None:
        quota = Quota(Rate("mail.example.com:587", 1), cap=10)
        claims(crowd, TEN)
        assert self.sends(crowd, quota) == [Accepted(crowd.now)] * 2
        assert days(crowd) == {THURSDAY: (10, 8, None)}
        assert batch(crowd, Quota(quota.rate)).letters == [], "the next letter waits for its token"
        with pytest.raises(CapReached, match=r"today's 10 mails have gone \(daily_cap\).* America/New_York\."):
            self.sends(crowd, quota)
        assert days(crowd) == {THURSDAY: (10, 8, None)}
        assert len(crowd.deliveries(kind="test")) == 2

    def test_one_that_was_refused_is_given_back(self, crowd: World, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("leadmagnet.mail.mailbox.MailboxConnection.offer", refuse)
        outcomes = self.sends(crowd, TEN)
        assert outcomes == [Failed("bad_address", 550, "bad_address", suppress=True)] * 2
        assert days(crowd) == {THURSDAY: (0, 0, None)}

    @staticmethod
    def sends(world: World, quota: Quota) -> list[Outcome | None]:
        sample = Sample(world.published, GUIDE, "tight-hips", "maya@example.com")
        facts = MailFacts(asked_on="2026-03-03", first_name="", guide=GUIDE, guide_opened=True, tags=[], clicked=[])
        folder = world.mailbox.path.parent / "journal"
        sent = samples.send(
            world.database, world.mailbox.connect, world.links, folder, sample, [facts] * 2,
            clock=lambda: world.now, quota=quota,
        )  # fmt: skip
        return [outcome for _facts, outcome in sent]


def refuse(*_given: object) -> None:
    raise Refused(550, "5.1.1 no such person", "rcpt")


def test_limits_cost_a_look_and_one_write_each_and_none_without_them(crowd: World) -> None:
    everything = Quota(Rate("mail.example.com:587", 100), cap=1000)
    statements = {}
    for name, quota in (("plain", None), ("none", UNLIMITED), ("cap", TEN), ("all", everything)):
        with overheard(crowd.database.writing_engine) as said:
            if quota is None:
                with crowd.database.write() as session:
                    claim(session, crowd.published, crowd.lease, lane=SEQUENCE, limit=3, now=crowd.now)
            else:
                claims(crowd, quota, limit=3)
        statements[name] = _spoken(said)
    plain = statements["plain"]
    assert statements == {"plain": plain, "none": plain, "cap": plain + 2, "all": plain + 3}
    with overheard(crowd.database.writing_engine) as said:
        claims(crowd, everything, TRANSACTIONAL)
    assert _spoken(said) == 2, "a look, and nothing due"


def _spoken(statements: list[str]) -> int:
    """How many there are, whatever frames them."""
    return sum(not one.startswith(("BEGIN", "COMMIT")) for one in statements)
