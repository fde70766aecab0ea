"""Whoever waits for a letter that counts as unmoved must get the very same answer from the new release."""

import random
from datetime import timedelta

import pytest

from leadmagnet.content.compiled import Build, Compiled
from leadmagnet.content.published import Published
from leadmagnet.content.sequences import Sequence, Step
from leadmagnet.publishing.unmoved import outdated_below, planned_in
from leadmagnet.sequences import schedule
from leadmagnet.sequences.deliveries import kind_of
from leadmagnet.sequences.schedule import Facts, Planned
from tests.publishing.crowd import letters_of
from tests.publishing.edits import random_edit, with_steps
from tests.world import GUIDE, TUESDAY_EVENING


@pytest.mark.parametrize("seed", range(8))
def test_an_unmoved_letter_is_due_when_it_was(example: Build, seed: int) -> None:
    dice = random.Random(seed)
    unmoved = 0
    for _ in range(60):
        live, new = _before_and_after(example, dice)
        before, after = live.sequences[GUIDE], new.sequences[GUIDE]
        held = {
            step.slug for index, step in enumerate(after.steps) if planned_in(new, live, 7, after, index) is not None
        }
        names = sorted({name for step in (*before.steps, *after.steps) for name in (step.slug, *step.was)})
        for _ in range(30):
            start = TUESDAY_EVENING + timedelta(hours=dice.randrange(400))
            last = start + timedelta(hours=dice.randrange(200)) if dice.random() < 0.7 else None
            facts = Facts(start, last, frozenset(dice.sample(names, dice.randrange(len(names)))))
            planned = schedule.next_step(before, facts, Published(1, "", live).zone)
            if isinstance(planned, Planned) and planned.step.slug in held:
                unmoved += 1
                again = schedule.next_step(after, facts, Published(2, "", new).zone)
                assert isinstance(again, Planned)
                assert (again.step.slug, again.due) == (planned.step.slug, planned.due)
                assert kind_of(after, again.step) == kind_of(before, planned.step)
    assert unmoved > 20


def _before_and_after(example: Build, dice: random.Random) -> tuple[Compiled, Compiled]:
    """Two releases that are some edits apart; letters that came late say since when, as a publish would."""
    before = letters_of(example).in_order
    for number in range(3):
        before = random_edit(dice, before, number)
    before = tuple(_dated(dice, step) if dice.random() < 0.4 else step for step in before)
    after = random_edit(dice, before, 10)
    if dice.random() < 0.3:
        after = tuple(_dated(dice, step) if dice.random() < 0.2 else step for step in after)
    if dice.random() < 0.3:
        after = tuple(step.model_copy(update={"was": ()}) for step in after)
    if dice.random() < 0.3:
        after = random_edit(dice, after, 11)
    live, new = with_steps(example, *before).compiled, with_steps(example, *after).compiled
    assert live is not None
    assert new is not None
    return live, new


def _dated(dice: random.Random, step: Step) -> Step:
    return step.model_copy(update={"since": TUESDAY_EVENING + timedelta(days=dice.randrange(9))})


@pytest.mark.parametrize(
    ("edited", "value"), [("min_gap", timedelta(hours=30)), ("guide", None)], ids=["min_gap", "guide"]
)
def test_what_the_whole_series_shares_moves_every_letter(example: Build, edited: str, value: object) -> None:
    live = example.compiled
    assert live is not None
    sequence = live.sequences[GUIDE].model_copy(update={edited: value})
    new = live.model_copy(update={"sequences": {GUIDE: sequence}})
    assert _held(new, live, sequence) == {None}


def test_the_zone_of_the_site_moves_every_letter(example: Build) -> None:
    live = example.compiled
    assert live is not None
    site = live.settings.site.model_copy(update={"timezone": "Asia/Tokyo"})
    new = live.model_copy(update={"settings": live.settings.model_copy(update={"site": site})})
    assert _held(new, live, new.sequences[GUIDE]) == {None}


def test_plans_of_older_releases_hold_as_long_as_nothing_moved_their_letter(example: Build) -> None:
    live = example.compiled
    assert live is not None
    assert _held(live, live, live.sequences[GUIDE]) == {7}
    steps = tuple(step.model_copy(update={"planned_in": 3}) for step in live.sequences[GUIDE].steps)
    older = live.model_copy(update={"sequences": {GUIDE: live.sequences[GUIDE].model_copy(update={"steps": steps})}})
    assert _held(live, older, live.sequences[GUIDE]) == {3}


def test_rows_of_letters_that_are_no_more_are_always_outdated(example: Build) -> None:
    assert example.compiled is not None
    published = Published(9, "", example.compiled)
    assert outdated_below(published, GUIDE, "never-was") == 9
    assert outdated_below(published, "no-such-series", "guide") == 9


def _held(new: Compiled, live: Compiled, sequence: Sequence) -> set[int | None]:
    return {planned_in(new, live, 7, sequence, index) for index in range(len(sequence.steps))}
