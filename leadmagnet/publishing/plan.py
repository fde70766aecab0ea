"""What publishing would do, in people: the release that would be, lived through by everybody there is."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from leadmagnet.content.published import Published
from leadmagnet.publishing import people
from leadmagnet.publishing.effects import Effects
from leadmagnet.publishing.groups import Groups
from leadmagnet.publishing.people import Question
from leadmagnet.publishing.projection import Ending, Mail, Projector, Skip
from leadmagnet.store.dialect import table
from leadmagnet.store.models import Delivery, Enrollment

_delivery, _enrollment = table(Delivery), table(Enrollment)
#: Mails counted at once.
_MAILS = 100_000


class Predicted(NamedTuple):
    """What will come in one series of one person, in the order of time."""

    mails: tuple[tuple[str, datetime], ...]  # slug, when it goes
    skips: tuple[tuple[str, str], ...]  # slug, reason
    ending: str | None  # "completed", the reason of an exit, None: nothing ends it


def courses(session: Session, published: Published, *, now: datetime) -> dict[tuple[int, str], Predicted]:
    """What will come for everybody under a release, by (subscriber id, sequence), if it is made live at `now`.

    `published` is the live release, or one from `releases.would_be`. Everybody is held in memory.
    """
    projector, question = Projector(published, now=now), Question.of(published)
    found: dict[tuple[int, str], Predicted] = {}
    after = 0
    while (upto := people.ends(session, after=after)) is not None:
        for person in people.read(session, question, after=after, upto=upto):
            course = projector.course(person)
            for slug in _sequences(course.mails, course.skips, course.endings):
                found[person.id, slug] = Predicted(
                    tuple((mail.slug, mail.at) for mail in course.mails if mail.sequence == slug),
                    tuple((skip.slug, skip.reason) for skip in course.skips if skip.sequence == slug),
                    next((one.how for one in course.endings if one.sequence == slug), None),
                )
        after = upto
    return found


def _sequences(*parts: tuple[Mail | Skip | Ending, ...]) -> set[str]:
    return {one.sequence for part in parts for one in part}


@dataclass
class Survey:
    """Asks everybody, a chunk at a time: what publishing `would_be` in place of `live` changes for her.

    Whoever calls `chunk` gives each a transaction of its own, so that none is long. Nothing is written.
    """

    live: Published
    would_be: Published
    now: datetime
    _at: int = 0
    _done: bool = False
    _effects: Effects | None = field(default=None)

    def __post_init__(self) -> None:
        projectors = Projector(self.live, now=self.now), Projector(self.would_be, now=self.now)
        self._groups = Groups(projectors)
        self._question = Question.of(self.live, self.would_be)

    def size(self, session: Session) -> int:
        """About how many steps `chunk` counts in all."""
        return session.scalar(select(func.max(_enrollment.c.subscriber_id))) or 0

    def chunk(self, session: Session) -> int | None:
        """Asks the next few thousand; returns how far that came of `size`, None once everybody has been asked."""
        upto = people.ends(session, after=self._at)
        if upto is None:
            return None
        for person in people.read(session, self._question, after=self._at, upto=upto):
            self._groups.add(person)
        self._at = upto
        return upto

    def effects(self) -> Effects:
        """The sum of what was asked."""
        effects = Effects(self.live, self.would_be, self.now)
        for group in self._groups:
            effects.add(group)
        return effects
