"""The way out and back in: at once, for good, and only by her own hand."""

from datetime import timedelta
from itertools import pairwise

from leadmagnet.audience import suppressions
from leadmagnet.content.compiled import Build
from tests.sequences.conftest import BARRE
from tests.world import GUIDE, World

ADA, BOB = "ada@example.com", "bob@example.com"


def _scopes(world: World, address: str) -> frozenset[str]:
    with world.database.read() as session:
        return suppressions.scopes(session, world.subscriber(address).address_key)


def test_leaving_ends_the_letters_and_gives_their_keys_back(world: World) -> None:
    world.joins(ADA)
    (waiting,) = world.deliveries(state="pending")
    assert waiting.dedupe_key == f"step:{waiting.enrollment_id}:tight-hips"
    world.wait(hours=1)
    assert world.leaves(ADA)
    (row,) = world.deliveries(step="tight-hips")
    assert (row.state, row.reason, row.ended_at, row.dedupe_key) == ("cancelled", "unsubscribed", world.now, None)
    series = world.enrollment(ADA)
    assert (series.status, series.exit_reason, series.ended_at) == ("exited", "unsubscribed", world.now)
    assert world.subscriber(ADA).unsubscribed_at == world.now
    assert _scopes(world, ADA) == {"letters"}
    assert [proof.event for proof in world.consents(ADA)] == ["requested", "confirmed", "withdrawn"]
    world.skip(until=world.now + timedelta(days=40))
    assert len(world.inbox(ADA)) == 2


def test_leaving_twice_is_leaving_once(world: World) -> None:
    world.joins(ADA)
    world.leaves(ADA)
    before = world.everything()
    assert not world.leaves(ADA)
    assert world.everything() == before


def test_a_letter_already_claimed_is_stopped_at_the_gate(world: World) -> None:
    world.joins(ADA)
    world.now = world.next_due() or world.now
    (letter,) = world.claim()
    world.leaves(ADA)
    world.send(letter)
    (row,) = world.deliveries(step="tight-hips")
    assert (row.state, row.dedupe_key) == ("cancelled", None)
    assert len(world.inbox(ADA)) == 2


def test_a_guide_she_asked_for_still_comes(world: World) -> None:
    world.joins(ADA)
    world.wait(days=1)
    world.asks(ADA)
    world.leaves(ADA)
    world.deliver()
    assert [row.state for row in world.deliveries(kind="guide")] == ["sent", "sent"]


def test_leaving_at_once_stops_even_the_guide_mail_of_the_series(world: World) -> None:
    world.asks(ADA)
    world.deliver()
    world.confirms(ADA)
    world.leaves(ADA)
    assert [(row.kind, row.state) for row in world.deliveries()] == [("confirm", "sent"), ("guide", "cancelled")]


def test_leaving_ends_every_series_of_hers_and_nobody_elses(wide_world: World) -> None:
    world = wide_world
    world.joins(ADA)
    world.joins(BOB)
    world.asks(ADA, guide=BARRE)
    world.starts_letters(ADA, BARRE)
    world.leaves(ADA)
    assert {world.enrollment(ADA, slug).exit_reason for slug in (GUIDE, BARRE)} == {"unsubscribed"}
    assert [row.subscriber_id for row in world.deliveries(state="pending", kind="step")] == [world.subscriber(BOB).id]


def test_a_bounce_ends_her_letters_and_undo_cannot_bring_them_back(world: World) -> None:
    world.joins(ADA)
    with world.database.write() as session:
        suppressions.add(session, world.subscriber(ADA).address_key, "all", "bounced", now=world.now)
    world.leaves(ADA)
    before = world.everything()
    assert not world.returns(ADA)
    assert not world.starts_letters(ADA)
    assert world.everything() == before


def test_coming_back_takes_the_letters_up_where_they_stopped(world: World) -> None:
    world.joins(ADA)
    world.skip(until=world.now + timedelta(days=6))
    world.leaves(ADA)
    world.wait(days=30)
    world.deliver()
    assert world.returns(ADA)
    assert _scopes(world, ADA) == frozenset()
    her = world.subscriber(ADA)
    assert (her.status, her.unsubscribed_at) == ("active", None)
    assert [proof.event for proof in world.consents(ADA)][-1] == "renewed"
    returned = world.now
    world.skip(until=world.now + timedelta(days=40))
    sent = world.deliveries(sequence=GUIDE, state="sent")
    assert len({row.step for row in sent}) == len(sent) == 9
    times = [row.sent_at for row in sent if row.sent_at]
    assert returned <= times[3] < returned + timedelta(days=1)
    # Days 9, 12, 16, 20, 24 and 28 keep their distance.
    assert [(later.date() - earlier.date()).days for earlier, later in pairwise(times[3:])] == [
        3, 4, 4, 4, 4
    ]  # fmt: skip


def test_coming_back_before_anything_was_missed_changes_no_date(world: World) -> None:
    world.joins(ADA)
    due = world.next_due()
    world.leaves(ADA)
    world.wait(minutes=1)
    world.returns(ADA)
    assert [row.due_at for row in world.deliveries(state="pending")] == [due]


def test_only_who_left_can_come_back(world: World) -> None:
    world.asks(BOB)
    world.joins(ADA)
    before = world.everything()
    assert not world.returns(BOB)
    assert not world.returns(ADA)
    assert world.everything() == before


def test_who_left_before_confirming_comes_back_by_confirming_alone(world: World) -> None:
    world.asks(BOB)
    world.leaves(BOB)
    assert [row.state for row in world.deliveries()] == ["cancelled"]
    before = world.everything()
    assert not world.returns(BOB)
    assert not world.starts_letters(BOB)
    assert world.everything() == before


def test_coming_back_does_not_start_letters_she_never_started(wide_world: World) -> None:
    world = wide_world
    world.joins(ADA)
    world.wait(days=1)
    world.asks(ADA, guide=BARRE)
    world.deliver()
    world.leaves(ADA)
    world.returns(ADA)
    assert (world.enrollment(ADA).status, world.enrollment(ADA, BARRE).status) == ("active", "pending")
    assert {row.sequence for row in world.deliveries(state="pending")} == {GUIDE}
    assert world.starts_letters(ADA, BARRE)


def test_the_button_on_a_guides_page_brings_her_back_and_starts_its_letters(wide_world: World) -> None:
    world = wide_world
    world.joins(ADA)
    world.leaves(ADA)
    world.wait(days=1)
    world.asks(ADA, guide=BARRE)
    world.deliver()
    assert world.starts_letters(ADA, BARRE)
    assert (world.enrollment(ADA).status, world.enrollment(ADA, BARRE).status) == ("active", "active")
    assert world.subscriber(ADA).status == "active"


def test_the_button_starts_nothing_for_somebody_who_has_complained_since(wide_world: World) -> None:
    world = wide_world
    world.joins(ADA)
    world.leaves(ADA)
    world.wait(days=1)
    world.asks(ADA, guide=BARRE)
    world.deliver()
    with world.database.write() as session:
        suppressions.add(session, world.subscriber(ADA).address_key, "all", "complained", now=world.now)
    before = world.everything()
    assert not world.starts_letters(ADA, BARRE)
    assert world.everything() == before


def test_coming_back_leaves_a_series_that_is_no_more(wide_world: World, example: Build) -> None:
    world = wide_world
    world.joins(ADA, guide=GUIDE)
    world.asks(ADA, guide=BARRE)
    world.starts_letters(ADA, BARRE)
    world.leaves(ADA)
    world.publish(example)
    world.returns(ADA)
    assert (world.enrollment(ADA).status, world.enrollment(ADA, BARRE).status) == ("active", "exited")
    assert {row.sequence for row in world.deliveries(state="pending", kind="step")} == {GUIDE}
