"""One person at every position of a short series, just before an edit of it is published."""

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from leadmagnet.content.compiled import Build
from leadmagnet.content.sequences import Step
from leadmagnet.store.database import Database
from tests.publishing.edits import steps_of, with_steps
from tests.world import TUESDAY_EVENING, World

#: People by what they have had, and since how many days: the guide comes on day 0, a on 2, b on 5, c on 9.
DAYS_IN = {"done": 10, "had-b": 7, "had-a": 3, "had-guide": 1, "new": 0}
PUBLISHED = TUESDAY_EVENING + timedelta(days=10)


@dataclass(frozen=True)
class Letters:
    """The series before the edit: short names for four letters of the example site."""

    guide: Step
    a: Step
    b: Step
    c: Step

    @property
    def in_order(self) -> tuple[Step, ...]:
        return (self.guide, self.a, self.b, self.c)


def letters_of(example: Build) -> Letters:
    """The letters that the crowd reads."""
    steps = steps_of(example)
    names = {"a": "tight-hips", "b": "yoga-for-runners", "c": "what-is-barre"}
    return Letters(
        steps["guide"], **{name: steps[slug].model_copy(update={"slug": name}) for name, slug in names.items()}
    )


def address_of(name: str) -> str:
    return f"{name}@example.com"


def gather_crowd(database: Database, example: Build, folder: Path) -> None:
    """Fills a migrated database with the crowd."""
    with World(database, with_steps(example, *letters_of(example).in_order), folder) as world:
        for name, days in DAYS_IN.items():
            world.skip(until=PUBLISHED - timedelta(days=days))
            world.asks(address_of(name))
            world.deliver()
            world.confirms(address_of(name))


def join_crowd(database: Database, example: Build, folder: Path) -> World:
    """A world in which the crowd already is; nobody has asked for a release since."""
    world = World(database, with_steps(example, *letters_of(example).in_order), folder)
    world.now = PUBLISHED
    return world
