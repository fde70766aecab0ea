"""What `plan` says will happen is exactly what then happens."""

import random
from collections import defaultdict
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from leadmagnet.content.compiled import Build
from leadmagnet.publishing import plan, releases
from leadmagnet.publishing.plan import Predicted
from leadmagnet.store.models import Enrollment
from tests.publishing.crowd import address_of, letters_of
from tests.publishing.edits import random_edit, with_steps, without_sequence
from tests.publishing.test_replan import EDITS
from tests.world import GUIDE, World


def predicted(world: World, build: Build) -> dict[tuple[int, str], Predicted]:
    """What will come for everybody if the build is published now."""
    with world.database.read() as session:
        live = releases.Live().get(session)
        return plan.courses(session, releases.would_be(build, live, now=world.now), now=world.now)


def lived(world: World, sent: set[int]) -> dict[tuple[int, str], list[tuple[str, datetime]]]:
    """The letters that really went, but for those that were `sent` before."""
    found = defaultdict(list)
    for row in sorted(world.deliveries(state="sent"), key=lambda row: row.sent_at or world.now):
        if row.step is not None and row.sent_at is not None and row.id not in sent and row.subscriber_id is not None:
            found[row.subscriber_id, row.sequence or ""].append((row.step, row.sent_at))
    return found


def assert_comes_true(world: World, build: Build) -> None:
    """Publishes the build, lets everybody's letters go out on time, and compares."""
    said = predicted(world, build)
    before = {row.id for row in world.deliveries()}
    sent = {row.id for row in world.deliveries(state="sent")}
    world.publish(build)
    world.replans()
    world.skip(until=world.now + timedelta(days=120))
    happened = lived(world, sent)
    assert {key: list(one.mails) for key, one in said.items() if one.mails} == happened
    skipped = {(row.subscriber_id, row.step) for row in world.deliveries() if row.state in ("skipped", "expired")
               and row.id not in before}  # fmt: skip
    assert {(person, slug) for (person, _series), one in said.items() for slug, _reason in one.skips} == skipped


@pytest.mark.parametrize("edit", ["later", "insert ahead", "insert behind, catching up", "delete", "renumber"])
def test_what_is_said_of_an_edit_is_what_happens(crowd: World, example: Build, edit: str) -> None:
    assert_comes_true(crowd, with_steps(example, *EDITS[edit][0](letters_of(example))))


def test_what_is_said_of_a_removed_sequence_is_what_happens(crowd: World, example: Build) -> None:
    assert_comes_true(crowd, without_sequence(example))


@pytest.mark.parametrize("seed", range(5))
def test_what_is_said_of_any_edit_is_what_happens(crowd: World, example: Build, seed: int) -> None:
    dice = random.Random(seed)
    steps = letters_of(example).in_order
    for number in range(dice.randrange(1, 4)):
        steps = random_edit(dice, steps, number)
    if dice.random() < 0.5:
        until = crowd.now + timedelta(hours=dice.randrange(200))
        crowd.pauses(address_of(dice.choice(["had-b", "had-a", "had-guide"])), until)
    crowd.now += timedelta(minutes=dice.randrange(6000))  # late letters move starts
    if dice.random() < 0.5:
        crowd.deliver()
    assert_comes_true(crowd, with_steps(example, *steps))


def _with_a_series_by_tag(example: Build) -> Build:
    """The site with a second series, which who has finished the first begins."""
    build = with_steps(example, *letters_of(example).in_order)
    compiled = build.compiled
    assert compiled is not None
    letter = letters_of(example).a
    series = compiled.sequences[GUIDE].model_copy(
        update={"slug": "barre", "starts": "tag:hip-openers-done", "guide": None, "then": None, "steps": (letter,)}
    )
    compiled = compiled.model_copy(
        update={
            "sequences": {**compiled.sequences, "barre": series},
            "letters": {**compiled.letters, "barre/a": compiled.letters[f"{GUIDE}/tight-hips"]},
        }
    )
    return replace(build, compiled=compiled, digest="barre")


def test_a_series_that_a_tag_starts_is_foreseen(crowd: World, example: Build) -> None:
    build = _with_a_series_by_tag(example)
    said = predicted(crowd, build)
    assert sum(bool(one.mails) for (_person, slug), one in said.items() if slug == "barre") == 4  # all but who finished
    assert_comes_true(crowd, build)


def test_a_series_that_a_tag_starts_in_a_pause_of_another_waits_for_its_end(crowd: World, example: Build) -> None:
    person, until = crowd.subscriber(address_of("had-b")).id, crowd.now + timedelta(days=40)
    with crowd.database.write() as session:
        session.add(
            Enrollment(
                subscriber_id=person, sequence="another", status="active", created_at=crowd.now, start_at=crowd.now,
                paused_until=until,
            )
        )  # fmt: skip
    build = _with_a_series_by_tag(example)
    assert predicted(crowd, build)[person, "barre"].mails[0][1] >= until
    assert_comes_true(crowd, build)
