"""Says, before something goes live, what it does to the people there are."""

import sys
from dataclasses import dataclass
from datetime import datetime

import click

from leadmagnet.content.compiled import Build
from leadmagnet.publishing import releases
from leadmagnet.publishing.effects import Effects
from leadmagnet.publishing.plan import Survey
from leadmagnet.publishing.releases import NothingPublished
from leadmagnet.store.database import Database


@dataclass(frozen=True, slots=True)
class Foretold:
    """What going live would do; `over` is the version it is compared with, None if there is none yet."""

    over: int | None
    effects: Effects | None

    @property
    def moves_people(self) -> bool:
        """Whether anybody gets other letters, or gets them at other times."""
        return self.effects is not None and self.effects.changed > 0

    @property
    def words(self) -> str:
        """For people; empty where there is nothing to say."""
        if self.effects is None or not self.effects.people:
            return ""
        changed, people = self.effects.changed, self.effects.people
        if not changed:
            return f"Compared with version {self.over}, everybody's letters come as before; only words may differ."
        get = "1 person gets" if changed == 1 else f"{changed:,} people get"
        return f"Compared with version {self.over}, {get} other letters, or at other times (of {people:,} waiting)."


def foretell(database: Database, build: Build, *, now: datetime) -> Foretold:
    """Asks everybody, with a progress bar where that takes long; writes nothing."""
    with database.read() as session:
        try:
            live = releases.Live().get(session)
        except NothingPublished:
            return Foretold(None, None)
        if live.digest == build.digest:
            return Foretold(live.number, None)
    survey = Survey(live, releases.would_be(build, live, now=now), now)
    with database.read() as session:
        size = survey.size(session)
    shown = sys.stderr.isatty()
    with click.progressbar(length=size, label="Asking everybody", file=sys.stderr, hidden=not shown) as bar:
        while True:
            with database.read() as session:
                come = survey.chunk(session)
            if come is None:
                return Foretold(live.number, survey.effects())
            bar.update(come - bar.pos)
