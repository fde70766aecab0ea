"""Those who ask again: the guide at once, letters only by their own tap."""

from datetime import timedelta
from itertools import pairwise

from leadmagnet.sequences.signup import Confirmed, Requested
from tests.sequences.conftest import BARRE
from tests.world import GUIDE, World

ADA, BOB = "ada@example.com", "bob@example.com"
CONFIRMATION, TOO_SOON, GUIDE_QUEUED = Requested.CONFIRMATION, Requested.TOO_SOON, Requested.GUIDE


def test_who_left_and_asks_again_gets_the_guide_alone(world: World) -> None:
    world.joins(ADA)
    world.leaves(ADA)
    world.wait(days=1)
    assert world.asks(ADA) is GUIDE_QUEUED
    world.skip(until=world.now + timedelta(days=40))
    assert [row.kind for row in world.deliveries(state="sent")] == ["confirm", "guide", "guide"]
    assert world.subscriber(ADA).status == "unsubscribed"
    assert world.enrollment(ADA).exit_reason == "unsubscribed"


def test_who_left_before_confirming_is_not_written_to_whoever_types_the_address(world: World) -> None:
    world.asks(BOB)
    world.leaves(BOB)
    world.wait(days=1)
    before = world.everything()
    assert world.asks(BOB) is Requested.BLOCKED
    assert world.everything() == before


def test_who_has_had_all_letters_gets_the_guide_alone(world: World) -> None:
    world.joins(ADA)
    world.skip(until=world.now + timedelta(days=40))
    assert world.enrollment(ADA).status == "completed"
    sent = len(world.inbox(ADA))
    assert world.asks(ADA) is GUIDE_QUEUED
    world.skip(until=world.now + timedelta(days=40))
    assert len(world.inbox(ADA)) == sent + 1
    assert world.enrollment(ADA).status == "completed"


def test_a_guide_is_sent_again_after_a_minute_then_every_ten_and_five_times_a_day(world: World) -> None:
    world.joins(ADA)
    answers = []
    for seconds in (59, 1, 599, 1, 600, 600, 600, 60 * 60 * 23, 60 * 60):
        world.wait(seconds=seconds)
        answers.append(world.asks(ADA))
        world.deliver()
    assert answers == [
        TOO_SOON, GUIDE_QUEUED, TOO_SOON, GUIDE_QUEUED, GUIDE_QUEUED, GUIDE_QUEUED, TOO_SOON, TOO_SOON, GUIDE_QUEUED
    ]  # fmt: skip
    assert world.asks(ADA, limits=False) is GUIDE_QUEUED
    again = world.deliveries(kind="guide", step=None)
    assert len({row.dedupe_key for row in again}) == len(again) == 6


def test_a_second_guide_comes_at_once_and_its_letters_only_after_her_tap(wide_world: World) -> None:
    world = wide_world
    world.joins(ADA)
    world.wait(minutes=1)
    assert world.asks(ADA, guide=BARRE) is GUIDE_QUEUED
    world.deliver()
    assert [row.state for row in world.deliveries(enrollment_id=world.enrollment(ADA, BARRE).id)] == ["sent"]
    world.skip(until=world.now + timedelta(days=3))
    assert world.enrollment(ADA, BARRE).status == "pending"
    assert {row.sequence for row in world.deliveries(kind="step")} == {GUIDE}

    assert world.starts_letters(ADA, BARRE)
    assert not world.starts_letters(ADA, BARRE)
    world.skip(until=world.now + timedelta(days=3))
    assert [row.step for row in world.deliveries(sequence=BARRE, state="sent")] == ["moves", "plie"]
    assert [(proof.event, proof.guide) for proof in world.consents(ADA)] == [
        ("requested", GUIDE), ("confirmed", GUIDE), ("requested", BARRE), ("confirmed", BARRE)
    ]  # fmt: skip


def test_letters_of_two_series_keep_their_distance(wide_world: World) -> None:
    world = wide_world
    world.joins(ADA)
    world.asks(ADA, guide=BARRE)
    world.starts_letters(ADA, BARRE)
    world.skip(until=world.now + timedelta(days=40))
    sent = sorted(row.sent_at for row in world.deliveries(kind="step", state="sent") if row.sent_at)
    assert len(sent) == 9
    assert min(later - earlier for earlier, later in pairwise(sent)) >= timedelta(hours=20)


def test_who_asks_for_two_guides_and_confirms_one_gets_both(wide_world: World) -> None:
    world = wide_world
    assert (world.asks(ADA), world.asks(ADA, guide=BARRE)) == (CONFIRMATION, TOO_SOON)
    world.deliver()
    world.confirms(ADA)
    world.deliver()
    assert [world.enrollment(ADA, slug).id for slug in (GUIDE, BARRE)] == [
        row.enrollment_id for row in world.deliveries(kind="guide", state="sent")
    ]
    assert (world.enrollment(ADA).status, world.enrollment(ADA, BARRE).status) == ("active", "pending")


def test_a_second_confirmation_in_the_queue_is_dropped_by_the_first_tap(wide_world: World) -> None:
    world = wide_world
    world.asks(ADA)
    world.deliver()
    world.wait(minutes=11)
    assert world.asks(ADA, guide=BARRE) is CONFIRMATION
    world.confirms(ADA)
    assert [(row.state, row.reason) for row in world.deliveries(kind="confirm")] == [
        ("sent", None), ("cancelled", "confirmed")
    ]  # fmt: skip


def test_nothing_a_stranger_types_later_changes_a_person(world: World) -> None:
    world.joins(ADA, first_name="Ada", timezone="Europe/Berlin")
    world.wait(days=1)
    world.asks(ADA, first_name="WIN NOW", timezone="Asia/Tokyo")
    her = world.subscriber(ADA)
    assert (her.first_name, her.timezone) == ("Ada", "Europe/Berlin")


def test_only_the_confirmed_can_start_letters(world: World) -> None:
    world.asks(BOB)
    before = world.everything()
    assert not world.starts_letters(BOB)
    assert world.everything() == before


def test_a_confirm_link_of_another_guide_does_not_bring_her_back_either(wide_world: World) -> None:
    world = wide_world
    world.joins(ADA)
    world.leaves(ADA)
    world.wait(days=1)
    world.asks(ADA, guide=BARRE)
    before = world.everything()
    assert world.confirms(ADA, BARRE) is Confirmed.BEFORE
    assert world.everything() == before
