"""The rate of a mail server: how fast mails may go, by whichever worker."""

from bisect import bisect_left
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import create_engine, select
from sqlalchemy.orm import Session

from leadmagnet import worker as metronome
from leadmagnet.delivery.outcomes import Deferred, Returned
from leadmagnet.delivery.quota import Quota
from leadmagnet.delivery.rate import Rate
from leadmagnet.store.models import RateBucket
from leadmagnet.worker import Worker
from tests.delivery.crowd import THURSDAY_MORNING, gather
from tests.delivery.limits import TRANSACTIONAL, asked_for, batch, claims, quiet
from tests.invariants import check_invariants
from tests.test_worker import tick
from tests.waiting import until
from tests.workers import made
from tests.world import TUESDAY_EVENING, World

RELAY = "mail.example.com:587"


def at(per_second: float) -> Quota:
    return Quota(Rate(RELAY, per_second))


def test_a_full_bucket_gives_two_seconds_worth_and_then_waits(world: World) -> None:
    gather(world, 20)
    world.now = THURSDAY_MORNING
    assert len(claims(world, at(4))) == 8
    held = batch(world, at(4))
    assert (held.letters, held.is_full) == ([], False)
    assert held.wait == pytest.approx(0.25, abs=0.01)
    world.wait(seconds=0.5)
    assert len(claims(world, at(4))) == 2


def test_nothing_is_saved_up_while_nothing_is_due(world: World) -> None:
    gather(world, 20)
    world.now = THURSDAY_MORNING
    assert len(claims(world, at(2))) == 4
    world.wait(hours=5)
    assert len(claims(world, at(2))) == 4


def test_a_tenth_a_second_is_six_a_minute(world: World) -> None:
    gather(world, 20)
    world.now = THURSDAY_MORNING
    went = []
    for _ in range(60):
        went.append(len(claims(world, at(0.1))))
        world.wait(seconds=1)
    assert sum(went) == 6
    assert went[:11] == [1] + [0] * 9 + [1]


def test_what_somebody_waits_for_gets_the_next_token(world: World) -> None:
    """Letters wait until it is worth a claim; a confirmation goes with the first token."""
    gather(world, 200)
    world.now = THURSDAY_MORNING
    quota = at(40)
    assert len(claims(world, quota, limit=80)) == 80
    asked_for(world, 1)
    world.wait(seconds=0.03)
    assert claims(world, quota) == []
    assert [letter.kind for letter in claims(world, quota, TRANSACTIONAL)] == ["confirm"]


def test_two_mail_servers_have_a_bucket_each(world: World) -> None:
    gather(world, 20)
    world.now = THURSDAY_MORNING
    assert len(claims(world, at(2))) == 4
    assert len(claims(world, Quota(Rate("other.example.com:587", 2)))) == 4


def test_rows_that_were_settled_on_the_way_cost_no_token(world: World) -> None:
    letters = gather(world, 5)
    world.now = THURSDAY_MORNING
    quiet(world, *letters[:2])
    settled = batch(world, at(1))
    assert (settled.letters, settled.is_full) == ([], True)
    assert [letter.id for letter in claims(world, at(1))] == letters[2:4]


def test_a_clock_that_was_wrong_stops_nobody_for_long(world: World) -> None:
    gather(world, 20)
    world.now = THURSDAY_MORNING + timedelta(hours=6)
    assert len(claims(world, at(2))) == 4
    world.now = THURSDAY_MORNING
    assert len(claims(world, at(2))) == 4
    assert claims(world, at(2)) == []


@pytest.mark.parametrize(("outcome", "tokens"), [("returned", 1), ("deferred", 0)])
def test_a_letter_that_nobody_answered_gives_its_token_back(world: World, outcome: str, tokens: int) -> None:
    gather(world, 3)
    world.now = THURSDAY_MORNING
    (letter,) = claims(world, at(0.5))
    later = world.now + timedelta(minutes=5)
    world.commits.tell(letter, Returned(later) if outcome == "returned" else Deferred(450, "retry", later))
    world.settle()
    assert len(claims(world, at(0.5))) == tokens


def test_little_is_kept_in_hand_of_what_goes_slowly() -> None:
    assert [at(rate).in_hand(50) for rate in (0.01, 0.1, 1, 10)] == [1, 3, 30, 50]
    assert Quota().in_hand(50) == 50


def test_letters_that_the_rate_held_back_go_without_a_tick(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gather(world, 9)
    world.now = THURSDAY_MORNING
    tick(monkeypatch)
    monkeypatch.setattr(metronome.Listener, "start", lambda _self: None)
    monkeypatch.setattr(metronome.Listener, "stop", lambda _self: None)
    really = made

    def limited(*given, **named) -> Worker:
        return Worker(*given, **named, quota=at(2))

    monkeypatch.setattr("tests.workers.Worker", limited)
    worker = really(world, tmp_path / "var", world.mailbox.connect)
    worker.start()
    for expected in (4, 6, 8):
        until(lambda expected=expected: len(world.inbox()) == expected)
        world.wait(seconds=1)
    until(lambda: len(world.inbox()) == 9)
    assert worker.stop()
    worker._database.close()
    check_invariants(world, world.mailbox)


class Bucket:
    """A bucket in a database of its own, and the moments at which letters were let go."""

    def __init__(self, per_second: float) -> None:
        self.rate = Rate(RELAY, per_second)
        self.now = TUESDAY_EVENING
        self.went: list[datetime] = []
        engine = create_engine("sqlite://")
        RateBucket.metadata.create_all(engine, tables=[RateBucket.__table__])  # type: ignore[list-item]
        self.session = Session(engine)

    def room(self, wanted: int = 1000) -> int:
        tokens = self.rate.tokens(self.session.scalar(select(RateBucket.used_until)), now=self.now)
        return self.rate.room(tokens, lane=TRANSACTIONAL, wanted=wanted)

    def claim(self, wanted: int) -> int:
        room = self.room(wanted)
        if room:
            assert self.rate.take(self.session, room, now=self.now) == 0
        return room


STEPS = st.lists(
    st.tuples(st.floats(0, 90), st.integers(1, 200), st.booleans()), min_size=1, max_size=30
)  # seconds that pass, letters that are due, whether none of them is accepted


@settings(max_examples=60, deadline=None)
@given(st.sampled_from([0.02, 0.1, 0.5, 1.0, 7.0, 40.0]), STEPS)
def test_no_minute_exceeds_twice_the_rate_and_no_token_is_lost_for_good(
    per_second: float, steps: list[tuple[float, int, bool]]
) -> None:
    bucket = Bucket(per_second)
    for seconds, wanted, returned in steps:
        room = bucket.claim(wanted)
        if returned and room:
            bucket.rate.give_back(bucket.session, room)
        else:
            bucket.went += [bucket.now] * room
        bucket.now += timedelta(seconds=seconds)
    for number, start in enumerate(bucket.went):
        in_a_minute = bisect_left(bucket.went, start + timedelta(minutes=1)) - number
        assert in_a_minute <= max(1, 2 * 60 * per_second)
    bucket.now += timedelta(seconds=1 / per_second)
    assert bucket.room() >= 1
    bucket.now += timedelta(seconds=bucket.rate.holds / per_second)
    assert bucket.room() == int(bucket.rate.holds)


def test_over_an_hour_of_plenty_the_rate_is_kept_to_a_letter() -> None:
    bucket = Bucket(3.0)
    while bucket.now < TUESDAY_EVENING + timedelta(hours=1):
        bucket.went += [bucket.now] * bucket.claim(50)
        bucket.now += timedelta(seconds=0.7)
    assert len(bucket.went) == pytest.approx(3 * 3600 + 6, abs=3)
    assert max(later - earlier for earlier, later in pairwise(bucket.went)) < timedelta(seconds=1)
