"""The way in: who gets which mail, how often, and once however many tap at once."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TypeVar

import pytest

from leadmagnet.audience import addresses, suppressions
from leadmagnet.content.compiled import Build
from leadmagnet.sequences.signup import Confirmed, Requested
from tests.sequences.conftest import BARRE
from tests.world import SECRET, World

ADA, BOB = "ada@example.com", "bob@example.com"
CONFIRMATION, TOO_SOON, GUIDE_QUEUED = Requested.CONFIRMATION, Requested.TOO_SOON, Requested.GUIDE

T = TypeVar("T")


def _at_once(*calls: Callable[[], T]) -> Counter[T]:
    """Runs all calls at the same moment, each in a thread, and counts their answers."""
    start = Barrier(len(calls))

    def run(call: Callable[[], T]) -> T:
        start.wait()
        return call()

    with ThreadPoolExecutor(len(calls)) as pool:
        return Counter(pool.map(run, calls))


def test_a_confirmation_goes_again_after_a_minute_then_after_ten_and_three_times_ever(world: World) -> None:
    answers = []
    for seconds in (0, 59, 1, 599, 1, 600, 60 * 60 * 24 * 5):
        world.wait(seconds=seconds)
        answers.append(world.asks(BOB))
        world.deliver()
    assert answers == [CONFIRMATION, TOO_SOON, CONFIRMATION, TOO_SOON, CONFIRMATION, TOO_SOON, TOO_SOON]
    assert len(world.inbox(BOB)) == 3


def test_without_limits_every_request_gets_its_confirmation(world: World) -> None:
    assert [world.asks(BOB, limits=False) for _ in range(5)] == [CONFIRMATION] * 5
    assert len(world.deliveries(kind="confirm")) == 5


def test_many_parallel_sign_ups_of_one_address_are_one_person_with_one_confirmation(world: World) -> None:
    spellings = ["Ada@example.com", "ada@EXAMPLE.com", "ADA@Example.Com", "ada@example.com"] * 5
    assert _at_once(*[lambda one=one: world.asks(one) for one in spellings]) == {CONFIRMATION: 1, TOO_SOON: 19}
    assert len(world.deliveries()) == 1
    assert len(world.consents(ADA)) == 1
    assert len(world.everything()["enrollment"]) == len(world.everything()["subscriber"]) == 1


def test_many_parallel_requests_of_somebody_known_are_one_mail(world: World) -> None:
    world.joins(ADA)
    world.wait(days=1)
    assert _at_once(*[lambda: world.asks(ADA)] * 20) == {GUIDE_QUEUED: 1, TOO_SOON: 19}
    assert len(world.deliveries(kind="guide", step=None)) == 1


def test_spellings_of_one_international_domain_are_one_person(world: World) -> None:
    assert world.asks("ada@bücher.example") is CONFIRMATION
    assert world.asks("ada@xn--bcher-kva.example") is TOO_SOON
    assert world.asks("ada@BÜCHER.example") is TOO_SOON
    assert len(world.everything()["subscriber"]) == 1


def test_a_second_tap_changes_nothing(world: World) -> None:
    world.asks(ADA)
    world.deliver()
    assert world.confirms(ADA) is Confirmed.NOW
    before = world.everything()
    world.wait(minutes=1)
    assert world.confirms(ADA) is Confirmed.BEFORE
    assert world.everything() == before
    world.deliver()
    assert [row.kind for row in world.deliveries(state="sent")] == ["confirm", "guide"]


def test_many_parallel_taps_confirm_once(world: World) -> None:
    world.asks(ADA)
    world.deliver()
    assert _at_once(*[lambda: world.confirms(ADA)] * 20) == {Confirmed.NOW: 1, Confirmed.BEFORE: 19}
    assert [proof.event for proof in world.consents(ADA)] == ["requested", "confirmed"]
    assert len(world.deliveries(kind="guide")) == 1
    world.deliver()
    assert len(world.inbox(ADA)) == 2


def test_a_tap_on_a_guide_that_is_no_more_confirms_nobody(wide_world: World, example: Build) -> None:
    wide_world.asks(ADA, guide=BARRE)
    wide_world.publish(example)
    assert wide_world.confirms(ADA, BARRE) is Confirmed.BEFORE
    assert wide_world.subscriber(ADA).status == "pending"
    assert [proof.event for proof in wide_world.consents(ADA)] == ["requested"]


@pytest.mark.parametrize(
    ("address", "outcome"),
    [
        ("postmaster@example.com", Requested.NOT_A_PERSON),
        ("No-Reply@example.com", Requested.NOT_A_PERSON),
        ("ada@mailinator.com", Requested.NOT_A_PERSON),
        ("maya@mail.example.com", Requested.NOT_A_PERSON),  # the letters' own sender: a loop
        ("Maya@MAIL.example.com", Requested.NOT_A_PERSON),
        ("carol@example.com", Requested.BLOCKED),
        ("CAROL@example.com", Requested.BLOCKED),
    ],
)
def test_of_some_addresses_nothing_is_written(world: World, address: str, outcome: Requested) -> None:
    carol = addresses.parse("carol@example.com").key(SECRET)
    with world.database.write() as session:
        suppressions.add(session, carol, "all", "complained", now=world.now)
    before = world.everything()
    assert world.asks(address) is outcome
    assert world.everything() == before


def test_a_block_comes_before_everything_else_she_ever_was(world: World) -> None:
    world.joins("carol@example.com")
    with world.database.write() as session:
        suppressions.add(session, world.subscriber("carol@example.com").address_key, "all", "complained", now=world.now)
    world.wait(days=1)
    before = world.everything()
    assert world.asks("carol@example.com") is Requested.BLOCKED
    assert world.everything() == before


def test_an_old_link_never_brings_back_somebody_who_left(world: World) -> None:
    world.joins(ADA)
    world.asks(BOB)
    world.deliver()
    for address in (ADA, BOB):
        world.leaves(address)
        before = world.everything()
        assert world.confirms(address) is Confirmed.BEFORE
        assert world.everything() == before
        assert world.subscriber(address).status == "unsubscribed"
