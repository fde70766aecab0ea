"""The timetable says for everybody what the schedule says for her alone."""

import random
from datetime import UTC, date, datetime, time, timedelta

import pytest

from leadmagnet.content.compiled import Build
from leadmagnet.content.published import Published
from leadmagnet.content.sequences import Sequence, Step
from leadmagnet.sequences import schedule
from leadmagnet.sequences.schedule import Facts
from leadmagnet.sequences.timetable import Timetable
from tests.world import GUIDE

#: Clocks that jump at half past one, at midnight, by half an hour, over a whole day, back over midnight, never.
ZONES = (
    "America/New_York",
    "America/Sao_Paulo",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "America/St_Johns",
    "UTC",
    None,
)
FIRST = datetime(2010, 10, 1, tzinfo=UTC)


def _step(dice: random.Random, number: int) -> Step:
    return Step(
        slug=f"s{number}",
        number=number,
        day=dice.choice([0, 1, 1, 2, 3, 5, 9]),
        send_at=time(dice.choice([0, 0, 1, 7, 23]), dice.choice([0, 1, 30, 59])),
        send_on=frozenset(dice.sample(range(7), dice.choice([1, 3, 7]))),
        draft=dice.random() < 0.15,
        was=(f"old{number}",) if dice.random() < 0.3 else (),
        catch_up=dice.random() < 0.25,
        since=FIRST + timedelta(days=dice.randrange(500)) if dice.random() < 0.25 else None,
    )


def _published(build: Build, dice: random.Random) -> Published:
    assert build.compiled is not None
    like: Sequence = build.compiled.sequences[GUIDE]
    steps = tuple(_step(dice, number) for number in range(dice.randrange(1, 6)))
    gap = timedelta(hours=dice.choice([0, 1, 20, 24, 70]))
    sequence = like.model_copy(update={"steps": steps, "min_gap": gap})
    return Published(1, "", build.compiled.model_copy(update={"sequences": {GUIDE: sequence}}))


@pytest.mark.parametrize("seed", range(5))
def test_whoever_asks_gets_the_answer_of_the_schedule(example: Build, seed: int) -> None:
    dice = random.Random(seed)
    for _ in range(25):
        published = _published(example, dice)
        sequence = published.compiled.sequences[GUIDE]
        timetable = Timetable(published)
        names = [name for step in sequence.steps for name in (step.slug, *step.was)]
        days = [FIRST + timedelta(days=dice.randrange(480)) for _ in range(3)]  # few: so that people stand alike
        for _ in range(40):
            start = dice.choice(days) + timedelta(seconds=dice.randrange(86_400), microseconds=dice.randrange(10**6))
            last = start + timedelta(hours=dice.randrange(400)) if dice.random() < 0.8 else None
            handled = dice.sample(names, dice.randrange(len(names) + 1))
            zone = timetable.zone_of(dice.choice(ZONES))
            gap = schedule.own_gap(dice.choice([None, 2, 7]))
            wanted = start + timedelta(hours=dice.randrange(400)) if dice.random() < 0.2 else None
            facts = Facts(start, last, frozenset(handled), gap=gap, wanted_at=wanted)
            assert _plain(timetable.next_step(sequence, facts, zone)) == _plain(
                schedule.next_step(sequence, facts, zone)
            )
            step = dice.choice(sequence.steps)
            assert timetable.passed_over(sequence, facts, step) == schedule.passed_over(sequence, facts, step)


def test_a_letter_just_before_midnight_in_the_second_pass_of_it_holds_the_next_one_back(example: Build) -> None:
    """St. John's put its clocks back from 0:01 to 23:01: a later instant had the earlier date."""
    assert example.compiled is not None
    step = Step(slug="b", number=1, day=2, send_at=time(0, 0), send_on=frozenset(range(7)))
    like = example.compiled.sequences[GUIDE].model_copy(update={"steps": (step,), "min_gap": timedelta(0)})
    published = Published(1, "", example.compiled.model_copy(update={"sequences": {GUIDE: like}}))
    zone = published.zone_of("America/St_Johns")
    start = datetime(2010, 11, 5, 12, tzinfo=zone).astimezone(UTC)
    last = datetime(2010, 11, 6, 23, 30, tzinfo=zone, fold=1).astimezone(UTC)
    expected = schedule.next_step(like, Facts(start, last), zone)
    assert Timetable(published).next_step(like, Facts(start, last), zone) == expected
    assert isinstance(expected, schedule.Planned)
    assert expected.due.astimezone(zone).date() == date(2010, 11, 8)


def _plain(answer: schedule.Planned | schedule.Done) -> tuple[str, datetime] | None:
    # The reason may differ where two hold at once; nobody reads it here.
    return (answer.step.slug, answer.due) if isinstance(answer, schedule.Planned) else None
