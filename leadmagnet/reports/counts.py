"""Counts what became of the letters and the people of each sequence: one pass over the mails, one over the people."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from leadmagnet.content.published import Published
from leadmagnet.content.sequences import Sequence, Step
from leadmagnet.reports.reasons import conditions
from leadmagnet.store.dialect import table
from leadmagnet.store.models import DELIVERY_STATES, Delivery, Enrollment, Release

#: A share of fewer mails than this says nothing.
ENOUGH = 50
_WAITING = ("pending", "claimed", "handing_off")
_LEFT = ("unsubscribed", "complained", "bounced")
_delivery, _enrollment = table(Delivery), table(Enrollment)


def share(part: int, whole: int) -> int | None:
    """Percent, rounded; None of fewer than `ENOUGH`."""
    return round(100 * part / whole) if whole >= ENOUGH else None


@dataclass(frozen=True, slots=True)
class StepStatus:
    """One letter on the map: how many wait for it, had it, did not get it."""

    step: Step
    counts: Mapping[str, int]  # by state
    clicked: int | None = None  # mails of it in which a link was followed; None: clicks are not counted
    left: int = 0  # people who left, complained or bounced for good when it was the last they had

    @property
    def sent(self) -> int:
        return self.counts.get("sent", 0)

    @property
    def waiting(self) -> int:
        return sum(self.counts.get(state, 0) for state in _WAITING)

    def to_json(self) -> dict[str, object]:
        """One entry of `letters`."""
        counts = {state: self.counts.get(state, 0) for state in DELIVERY_STATES}
        return {
            "letter": self.step.slug, "number": self.step.number, "day": self.step.day, "draft": self.step.draft,
            "conditions": conditions(self.step), "deliveries": counts, "sent": self.sent, "waiting": self.waiting,
            "clicked": self.clicked, "left": self.left,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class SequenceStatus:
    """One sequence on the map."""

    sequence: Sequence
    enrollments: Mapping[str, int]  # by status
    steps: tuple[StepStatus, ...]
    started: int = 0  # people whose letters have begun, whatever became of them

    def to_json(self) -> dict[str, object]:
        """One entry of `sequences`."""
        people = {"pending": 0, "active": 0, "completed": 0, "exited": 0} | dict(self.enrollments)
        letters = [one.to_json() for one in self.steps]
        return {
            "sequence": self.sequence.slug, "title": self.sequence.title, "people": people, "started": self.started,
            "letters": letters,
        }  # fmt: skip


class _Cell(NamedTuple):
    sequence: str | None
    step: str | None
    state: str
    mails: int
    clicked: int


@dataclass(frozen=True)
class Counts:
    """All mails, counted once."""

    cells: tuple[_Cell, ...]

    def by_state(self) -> dict[str, int]:
        """Every state, also at zero: a program that reads this need not know which may be missing."""
        found = Counter(dict.fromkeys(DELIVERY_STATES, 0))
        for cell in self.cells:
            found[cell.state] += cell.mails
        return dict(found)

    def of(self, sequence: Sequence, step: Step) -> tuple[dict[str, int], int]:
        """(mails by state, clicked) of one letter, under all its names."""
        states: Counter[str] = Counter()
        clicked = 0
        for cell in self.cells:
            if cell.sequence == sequence.slug and cell.step in (step.slug, *step.was):
                states[cell.state] += cell.mails
                clicked += cell.clicked if cell.state == "sent" else 0
        return dict(states), clicked


def count(session: Session) -> Counts:
    """Reads every mail's row once: the one slow part of `status`."""
    mail = _delivery.c
    query = select(mail.sequence, mail.step, mail.state, func.count(), func.count(mail.clicked_at))
    return Counts(tuple(_Cell(*row) for row in session.execute(query.group_by(mail.sequence, mail.step, mail.state))))


def sequences(session: Session, published: Published, counts: Counts) -> tuple[SequenceStatus, ...]:
    """Every sequence of the release, with its letters."""
    series = _enrollment.c
    people: dict[str, Counter[str]] = defaultdict(Counter)
    started: Counter[str] = Counter()
    query = select(series.sequence, series.status, func.count(), func.count(series.start_at))
    for slug, status, number, began in session.execute(query.group_by(series.sequence, series.status)):
        people[slug][status] += number
        started[slug] += began
    left = _left_after(session)
    clicks = published.compiled.settings.tracking.clicks
    found = []
    for sequence in published.compiled.sequences.values():
        steps = []
        for step in sequence.steps:
            states, clicked = counts.of(sequence, step)
            gone = sum(left[sequence.slug, slug] for slug in (step.slug, *step.was))
            steps.append(StepStatus(step, states, clicked if clicks else None, gone))
        found.append(
            SequenceStatus(sequence, dict(people[sequence.slug]), tuple(steps), started=started[sequence.slug])
        )
    return tuple(found)


def _left_after(session: Session) -> Counter[tuple[str, str]]:
    """People who left, by the last letter that they had."""
    mail, series = _delivery.c, _enrollment.c
    at = func.coalesce(mail.sent_at, mail.handed_at)
    place = func.row_number().over(partition_by=series.id, order_by=(at.desc(), mail.id.desc()))
    last = (
        select(series.sequence, mail.step, place.label("place"))
        .join(_delivery, mail.enrollment_id == series.id)
        .where(series.status == "exited", series.exit_reason.in_(_LEFT))
        .where(mail.step.is_not(None), mail.state.in_(("sent", "uncertain")))
        .subquery()
    )
    query = select(last.c.sequence, last.c.step, func.count()).where(last.c.place == 1)
    rows = session.execute(query.group_by(last.c.sequence, last.c.step))
    return Counter({(sequence, step): number for sequence, step, number in rows})


@dataclass(frozen=True, slots=True)
class VersionCounts:
    """What became of one letter as one version had it."""

    release: int | None  # None: no longer known
    published_at: datetime | None
    note: str | None
    sent: int
    clicked: int | None  # None: clicks are not counted
    bounced: int
    complained: int

    def to_json(self) -> dict[str, object]:
        """One entry of `versions`."""
        at = self.published_at.isoformat() if self.published_at is not None else None
        return {name: getattr(self, name) for name in self.__slots__} | {"published_at": at}


def by_version(session: Session, published: Published, sequence: Sequence, step: Step) -> tuple[VersionCounts, ...]:
    """The sent mails of a letter, the oldest version first: a subject that was changed is measured for free."""
    mail = _delivery.c
    query = (
        select(
            mail.release_id, func.count(), func.count(mail.clicked_at), func.count(mail.bounced_at),
            func.count(mail.complained_at),
        )
        .where(mail.sequence == sequence.slug, mail.step.in_((step.slug, *step.was)), mail.state == "sent")
        .group_by(mail.release_id)
    )  # fmt: skip
    rows = session.execute(query).all()
    numbers = [row[0] for row in rows if row[0] is not None]
    known = session.execute(select(Release.id, Release.published_at, Release.note).where(Release.id.in_(numbers)))
    releases = {one.id: one for one in known}
    clicks = published.compiled.settings.tracking.clicks
    found = []
    for number, sent, clicked, bounced, complained in sorted(rows, key=lambda row: row[0] or 0):
        release = releases.get(number)
        at, note = (release.published_at, release.note) if release is not None else (None, None)
        found.append(VersionCounts(number, at, note, sent, clicked if clicks else None, bounced, complained))
    return tuple(found)
