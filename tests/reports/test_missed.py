"""Who did not get one letter, and why."""

from datetime import timedelta

import pytest

from leadmagnet.content.compiled import Build
from leadmagnet.errors import LeadmagnetError
from leadmagnet.reports import counts, letters
from leadmagnet.reports.missed import Missed, missed
from leadmagnet.reports.status import status
from leadmagnet.store.models import Delivery
from tests.publishing.edits import steps_of, with_steps
from tests.world import World

ADA, BOB, CAROL, DORA, EVA = (f"{name}@example.com" for name in ("ada", "bob", "carol", "dora", "eva"))


def of(world: World, letter: str, *, limit: int | None = None) -> Missed:
    with world.database.read() as session:
        return missed(session, *letters.find(world.published, letter), limit=limit, now=world.now)


def groups(found: Missed) -> dict[str, tuple[int, list[str]]]:
    return {one.name: (one.count, sorted(one.people)) for one in found.groups}


@pytest.fixture
def varied(world: World, example: Build) -> World:
    """Two are past a letter when it is added, one has left, one comes to it, one has not confirmed."""
    for address in (ADA, CAROL, DORA):
        world.joins(address)
    world.skip(until=world.now + timedelta(days=6))
    world.leaves(CAROL)
    old = list(steps_of(example).values())
    new = old[1].model_copy(update={"slug": "foam-roller", "number": 25, "day": 3})
    world.publish(with_steps(example, *old[:2], new, *old[2:]))
    world.replans()
    world.joins(EVA)
    world.asks(BOB)
    world.deliver()
    return world


def test_everybody_is_in_one_group_with_one_reason(varied: World) -> None:
    found = of(varied, "25-foam-roller")
    assert (found.everybody, found.got) == (5, 0)
    assert groups(found) == {
        "before_it_existed": (2, [ADA, DORA]),
        "not_yet": (1, [EVA]),
        "left": (1, [CAROL]),
        "unconfirmed": (1, [BOB]),
    }
    varied.skip(until=varied.now + timedelta(days=5))
    later = of(varied, "25-foam-roller")
    assert later.got == 1
    assert groups(later) == {key: value for key, value in groups(found).items() if key != "not_yet"}


def test_who_waits_and_what_was_maybe_sent_are_told_apart(varied: World) -> None:
    (ada,) = [row for row in varied.deliveries(step="yoga-for-runners") if row.subscriber_id == 1]
    varied.changes(Delivery, ada.id, state="uncertain", reason="the server's answer was lost", sent_at=None)
    assert groups(of(varied, "hip-openers/yoga-for-runners"))["maybe_sent"] == (1, [ADA])
    assert groups(of(varied, "what-is-barre"))["waits"] == (2, [ADA, DORA])
    assert groups(of(varied, "what-is-barre", limit=1))["waits"] == (2, [ADA])


def test_a_letter_that_was_renamed_counts_under_all_its_names(varied: World, example: Build) -> None:
    old = list(steps_of(example).values())
    old[2] = old[2].model_copy(update={"slug": "after-the-run", "was": ("yoga-for-runners",)})
    varied.publish(with_steps(example, *old))
    found = of(varied, "after-the-run")
    assert (found.everybody, found.got) == (5, 3)
    assert of(varied, "30-yoga-for-runners") == found


@pytest.mark.parametrize(
    ("typed", "words"),
    [("tihgt-hips", "Did you mean 20-tight-hips"), ("", "`leadmagnet status` lists them")],
)
def test_a_letter_that_is_none_is_answered_with_the_nearest(world: World, typed: str, words: str) -> None:
    with pytest.raises(LeadmagnetError, match=words):
        letters.find(world.published, typed)


def test_the_map_counts_who_had_it_clicked_and_left_after_it(varied: World) -> None:
    for row in varied.deliveries(step="tight-hips")[:2]:
        varied.changes(Delivery, row.id, clicked_at=varied.now)
    with varied.database.read() as session:
        found = status(session, now=varied.now)
        sequence, step = letters.find(varied.published, "tight-hips")
        (version,) = counts.by_version(session, varied.published, sequence, step)
    (series,) = found.sequences
    cells = {one.step.slug: (one.sent, one.clicked, one.left, one.waiting) for one in series.steps}
    assert series.started == 4
    assert cells["tight-hips"] == (3, 2, 0, 1)
    assert cells["yoga-for-runners"] == (3, 0, 1, 0)
    assert (version.release, version.sent, version.clicked) == (1, 3, 2)
    assert [(one.guide, one.asked, one.confirmed, one.opened) for one in found.funnel] == [("hip-openers", 5, 4, 4)]


@pytest.mark.parametrize(("part", "whole", "percent"), [(1, 49, None), (25, 50, 50), (0, 0, None), (71, 100, 71)])
def test_a_share_of_few_says_nothing(part: int, whole: int, percent: int | None) -> None:
    assert counts.share(part, whole) == percent
