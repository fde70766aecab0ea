"""Who stands alike is projected once: everybody's course is still her own."""

import random
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

import pytest

from leadmagnet.content.compiled import Build
from leadmagnet.content.published import Published
from leadmagnet.publishing.groups import Groups
from leadmagnet.publishing.places import Person, Place, Waiting
from leadmagnet.publishing.projection import Projector
from leadmagnet.sequences import schedule
from leadmagnet.sequences.schedule import Facts, Planned
from tests.publishing.crowd import letters_of
from tests.publishing.edits import random_edit, with_steps
from tests.world import GUIDE

NOW = datetime(2026, 3, 9, 15, 20, tzinfo=UTC)
ZONES = ("America/New_York", "Pacific/Auckland")
NOBODY = frozenset[str]()


def _somebody(number: int, dice: random.Random, live: Published) -> Person:
    """Somebody anywhere in the live series, with a letter that waits, maybe for days."""
    sequence = live.sequence(GUIDE)
    assert sequence is not None
    zone, start = dice.choice(ZONES), NOW - timedelta(seconds=dice.randrange(7 * 86_400))
    had = dice.randrange(len(sequence.steps))
    handled = frozenset(step.slug for step in sequence.steps[:had])
    last = NOW - timedelta(seconds=dice.randrange(3 * 86_400)) if had else None
    gap = schedule.own_gap(dice.choice([None, None, 2, 7]))
    wanted = NOW - timedelta(seconds=dice.randrange(900)) if dice.random() < 0.1 else None
    facts = Facts(start, last, handled, gap=gap, wanted_at=wanted)
    planned = schedule.next_step(sequence, facts, live.zone_of(zone))
    assert isinstance(planned, Planned)
    waiting = Waiting(planned.step.slug, planned.due, planned.due, live.number)
    paused = NOW + timedelta(days=2) if dice.random() < 0.2 else None
    place = Place(GUIDE, "active", start, handled, NOBODY, paused, facts.wanted, waiting)
    return Person(number, zone, last, NOBODY, (place,), NOBODY, gap, dice.random() < 0.1)


@pytest.mark.parametrize("seed", range(3))
def test_the_course_of_a_group_is_everybodys_own(example: Build, seed: int) -> None:
    dice = random.Random(seed)
    steps = letters_of(example).in_order
    edited = random_edit(dice, steps, 1)
    edited = tuple(step.model_copy(update={"send_at": dice.choice([step.send_at, time(19)])}) for step in edited)
    before, after = with_steps(example, *steps).compiled, with_steps(example, *edited).compiled
    assert before is not None
    assert after is not None
    live = Published(1, "before", before)
    projectors = Projector(live, now=NOW), Projector(Published(2, "after", after), now=NOW)
    groups = Groups(projectors)
    everybody = [_somebody(number, dice, live) for number in range(700)]
    everybody += [replace(one, gap=schedule.own_gap(7)) for one in everybody[:50]]
    everybody += [replace(one, is_finishing=not one.is_finishing) for one in everybody[:50]]
    everybody += [replace(one, places=(replace(one.places[0], wanted_at=NOW),)) for one in everybody[:50]]
    for person in everybody:
        for projector, course in zip(projectors, groups.add(person).courses, strict=True):
            own = projector.course(person)
            assert (own.mails, own.skips, own.endings) == (course.mails, course.skips, course.endings)
    assert sum(group.people for group in groups) == len(everybody)
    assert len(list(groups)) < len(everybody)
