"""One week in numbers, for the operator: who came, who left, what went out, what comes."""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from leadmagnet.content.published import Published
from leadmagnet.reports.paused import Paused, paused
from leadmagnet.sequences import preferences
from leadmagnet.store.dialect import among
from leadmagnet.store.models import AuditEvent, Delivery, Enrollment, Subscriber, Suppression

#: How many mails that wait for a decision are named.
_NAMED = 10


@dataclass(frozen=True, slots=True)
class LetterWeek:
    """One letter's week: mails that went out in it, and how many of them were clicked since; None: not counted."""

    name: str  # <sequence>/<slug>
    sent: int
    clicked: int | None


@dataclass(frozen=True, slots=True)
class Coming:
    """The next letter of so many readers, due within seven days."""

    name: str
    readers: int
    first: datetime


@dataclass(frozen=True, slots=True)
class Undecided:
    """Mails that wait for the operator: the oldest ids, and how many there are in all."""

    state: str  # uncertain, held
    ids: tuple[int, ...]
    count: int


@dataclass(frozen=True, slots=True)
class Week:
    """Seven days, Monday to Sunday where the site is; what is paused, undecided or to come is as of now."""

    monday: date
    reading: int  # people with a series that runs, now
    signed_up: int
    confirmed: int
    left_after: tuple[tuple[str | None, int], ...]  # the letter before they left, None: none; the most first
    said_why: tuple[tuple[str, int], ...]  # why they left, of those who cared to say; the most first
    blocked: tuple[tuple[str, int], ...]  # why addresses were blocked for good
    finished: int
    letters: tuple[LetterWeek, ...]
    undecided: tuple[Undecided, ...]
    paused: tuple[Paused, ...]
    coming: tuple[Coming, ...]
    zone: ZoneInfo

    @property
    def sunday(self) -> date:
        return self.monday + timedelta(days=6)

    @property
    def left(self) -> int:
        return sum(count for _letter, count in self.left_after)

    @property
    def is_quiet(self) -> bool:
        """Nothing happened in it."""
        return not (self.signed_up or self.confirmed or self.left or self.blocked or self.finished or self.letters)


def week(session: Session, published: Published, monday: date, *, now: datetime) -> Week:
    """The week that began on `monday`. Reads through all deliveries once: in a reading session, once a week."""
    begin, end = midnight(monday, published.zone), midnight(monday + timedelta(days=7), published.zone)
    return Week(
        monday=monday,
        reading=_count(session, func.count(Enrollment.subscriber_id.distinct()), Enrollment.status == "active"),
        signed_up=_count(session, func.count(Subscriber.id), *_within(Subscriber.created_at, begin, end)),
        confirmed=_count(session, func.count(Subscriber.id), *_within(Subscriber.confirmed_at, begin, end)),
        left_after=_left_after(session, begin, end),
        said_why=_said_why(session, begin, end),
        blocked=_blocked(session, begin, end),
        finished=_count(
            session,
            func.count(Enrollment.id),
            Enrollment.status == "completed",
            *_within(Enrollment.ended_at, begin, end),
        ),
        letters=_letters(session, published, begin, end),
        undecided=_undecided(session),
        paused=paused(session, now=now),
        coming=_coming(session, now),
        zone=published.zone,
    )


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """When a day begins where the site is."""
    return datetime.combine(day, time(0), zone)


def _within(column: Any, begin: datetime, end: datetime) -> tuple[Any, Any]:
    return column >= begin, column < end


def _count(session: Session, what: Any, *which: Any) -> int:
    return int(session.scalar(select(what).where(*which)) or 0)


def _left_after(session: Session, begin: datetime, end: datetime) -> tuple[tuple[str | None, int], ...]:
    leavers = session.execute(
        select(Suppression.at, Subscriber.id)
        .outerjoin(Subscriber, Subscriber.address_key == Suppression.address_key)
        .where(Suppression.scope == "letters", *_within(Suppression.at, begin, end))
    ).all()
    last = _last_letters(session, [row.id for row in leavers if row.id is not None])
    return tuple(Counter(last.get(row.id) for row in leavers).most_common())


def _said_why(session: Session, begin: datetime, end: datetime) -> tuple[tuple[str, int], ...]:
    told = session.scalars(
        select(AuditEvent.detail).where(AuditEvent.event == preferences.SAID_WHY, *_within(AuditEvent.at, begin, end))
    )
    return tuple(Counter(str(detail["reason"]) for detail in told if detail is not None).most_common())


def _last_letters(session: Session, people: Collection[int]) -> dict[int, str]:
    """Of each of these people, who get nothing any more, the last letter."""
    rows = session.execute(
        select(Delivery.subscriber_id, Delivery.sequence, Delivery.step)
        .where(
            among(session, Delivery.subscriber_id, people), Delivery.step.is_not(None), Delivery.sent_at.is_not(None)
        )
        .order_by(Delivery.sent_at)
    )
    return {row.subscriber_id: f"{row.sequence}/{row.step}" for row in rows if row.subscriber_id is not None}


def _blocked(session: Session, begin: datetime, end: datetime) -> tuple[tuple[str, int], ...]:
    rows = session.execute(
        select(Suppression.reason, func.count())
        .where(Suppression.scope == "all", *_within(Suppression.at, begin, end))
        .group_by(Suppression.reason)
        .order_by(func.count().desc(), Suppression.reason)
    )
    return tuple((reason, count) for reason, count in rows)


def _letters(session: Session, published: Published, begin: datetime, end: datetime) -> tuple[LetterWeek, ...]:
    rows = session.execute(
        select(Delivery.sequence, Delivery.step, func.count(), func.count(Delivery.clicked_at))
        .where(Delivery.step.is_not(None), *_within(Delivery.sent_at, begin, end))
        .group_by(Delivery.sequence, Delivery.step)
    ).all()
    counted = published.compiled.settings.tracking.clicks
    found = [LetterWeek(f"{row[0]}/{row[1]}", row[2], row[3] if counted else None) for row in rows]
    return tuple(sorted(found, key=lambda one: (_place(published, one.name), one.name)))


def _undecided(session: Session) -> tuple[Undecided, ...]:
    found = []
    for state in ("uncertain", "held"):
        count = _count(session, func.count(Delivery.id), Delivery.state == state)
        oldest = select(Delivery.id).where(Delivery.state == state).order_by(Delivery.ended_at, Delivery.id)
        if count:
            found.append(Undecided(state, tuple(session.scalars(oldest.limit(_NAMED))), count))
    return tuple(found)


def _coming(session: Session, now: datetime) -> tuple[Coming, ...]:
    rows = session.execute(
        select(Delivery.sequence, Delivery.step, func.count(), func.min(Delivery.due_at))
        .where(Delivery.state == "pending", Delivery.step.is_not(None), Delivery.due_at < now + timedelta(days=7))
        .group_by(Delivery.sequence, Delivery.step)
        .order_by(func.min(Delivery.due_at))
    )
    return tuple(Coming(f"{row[0]}/{row[1]}", row[2], row[3]) for row in rows)


def _place(published: Published, name: str) -> tuple[str, int]:
    """Where a letter stands: by sequence, then in its order; what is no more comes last."""
    slug, _, step = name.partition("/")
    sequence = published.sequence(slug)
    steps = [one.slug for one in sequence.steps] if sequence is not None else []
    return slug, steps.index(step) if step in steps else len(steps)
