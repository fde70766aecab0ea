"""What publishing would do, in people: the release that would be, lived through by everybody there is."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import NamedTuple

from sqlalchemy import bindparam, func, select
from sqlalchemy.orm import Session

from leadmagnet.content.compiled import Build
from leadmagnet.content.published import Published
from leadmagnet.publishing import people, releases
from leadmagnet.publishing.changes import Changes, compare
from leadmagnet.publishing.effects import Effects, Name
from leadmagnet.publishing.groups import Groups
from leadmagnet.publishing.people import Question
from leadmagnet.publishing.projection import Ending, Mail, Projector, Skip
from leadmagnet.store.dialect import table
from leadmagnet.store.models import Delivery, Enrollment, Subscriber

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


@dataclass(frozen=True, slots=True)
class Plan:
    """What publishing would do. Nobody was asked (`effects` is empty) where that could make no difference."""

    live: Published
    would_be: Published
    now: datetime
    changes: Changes
    effects: Effects
    had: Mapping[Name, int]  # people who have had a letter that reads or leads differently now, by its new name
    guide_readers: Mapping[str, int]  # people with a link to a guide, by its slug
    unconfirmed: int  # people who have asked, and have not confirmed: whatever is live then is for them
    letters_a_day: int | None = None  # what `daily_cap` leaves for letters; None: no cap
    folders_alike: tuple[tuple[str, str], ...] = ()  # removed and added sequences that look like one renamed

    @property
    def crowded(self) -> dict[date, int]:
        """Days with more letters than may go, and more than without the publish, by the site's calendar."""
        if self.letters_a_day is None:
            return {}
        effects = self.effects
        return {
            day: count
            for day, count in sorted(effects.days_after.items())
            if count > self.letters_a_day and count > effects.days_before[day]
        }

    @property
    def warns(self) -> bool:
        """Whether somebody ought to look before this is published."""
        effects = self.effects
        return bool(effects.twice or effects.too_close or effects.same_day or self.crowded or self.folders_alike)


@dataclass
class Survey:
    """Asks everybody, a chunk at a time: what publishing `build` in place of `live` changes for her.

    Whoever calls `chunk` gives each call a transaction of its own, so that none is long. Nothing is written.
    """

    live: Published
    build: Build
    files: Mapping[str, bytes]  # the operator's files of the live release
    now: datetime
    letters_a_day: int | None = None
    _person: int = 0
    _mail: int = 0
    _had: Counter[tuple[str, str]] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.would_be = releases.would_be(self.build, self.live, now=self.now)
        self.changes = compare(self.live, self.would_be, self.build, self.files)
        self._counts_mails = any(one.words or one.links for one in self.changes.letters)
        self._groups = Groups((Projector(self.live, now=self.now), Projector(self.would_be, now=self.now)))
        self._question = Question.of(self.live, self.would_be)

    def size(self, session: Session) -> int:
        """About how far `chunk` counts in all."""
        people_there = session.scalar(select(func.max(_enrollment.c.subscriber_id))) or 0
        return people_there + (_last_mail(session) if self._counts_mails else 0)

    def chunk(self, session: Session) -> int | None:
        """Asks the next few thousand; returns by how much that brought us on, None once everybody has been asked."""
        upto = people.ends(session, after=self._person)
        if upto is not None:
            for person in people.read(session, self._question, after=self._person, upto=upto):
                self._groups.add(person)
            self._person, came = upto, upto - self._person
            return came
        if not self._counts_mails or self._mail >= _last_mail(session):
            return None
        for sequence, step, count in session.execute(_HAD, {"after": self._mail, "upto": self._mail + _MAILS}):
            self._had[sequence, step] += count
        self._mail += _MAILS
        return _MAILS

    def plan(self, session: Session) -> Plan:
        """The sum of what was asked."""
        effects = Effects(self.live, self.would_be, self.now)
        for group in self._groups:
            effects.add(group)
        had: Counter[Name] = Counter()
        for (sequence, step), count in self._had.items():
            had[effects.name_of(sequence, step)] += count
        readers = session.execute(
            select(Enrollment.guide, func.count())
            .where(Enrollment.guide_opened_at.is_not(None))
            .group_by(Enrollment.guide)
        )
        return Plan(
            live=self.live,
            would_be=self.would_be,
            now=self.now,
            changes=self.changes,
            effects=effects,
            had=had,
            guide_readers={guide: count for guide, count in readers if guide is not None},
            unconfirmed=session.scalar(select(func.count()).where(Subscriber.status == "pending")) or 0,
            letters_a_day=self.letters_a_day,
            folders_alike=tuple(
                (old, new)
                for old in self.changes.sequences_removed
                for new in self.changes.sequences_added
                if _are_alike(self.live, self.would_be, old, new)
            ),
        )


def _are_alike(live: Published, would_be: Published, old: str, new: str) -> bool:
    """Whether half of the letters of a removed sequence are in a new one: its folder was renamed."""
    before = {step.slug for step in live.compiled.sequences[old].steps}
    after = {step.slug for step in would_be.compiled.sequences[new].steps}
    return 2 * len(before & after) >= len(before) > 0


def _last_mail(session: Session) -> int:
    return session.scalar(select(func.max(_delivery.c.id))) or 0


_HAD = (
    select(_delivery.c.sequence, _delivery.c.step, func.count())
    .where(
        _delivery.c.id > bindparam("after"),
        _delivery.c.id <= bindparam("upto"),
        _delivery.c.state.in_(("sent", "uncertain")),
        _delivery.c.step.is_not(None),
        _delivery.c.resend_of.is_(None),
        _delivery.c.enrollment_id.is_not(None),
    )
    .group_by(_delivery.c.sequence, _delivery.c.step)
)
