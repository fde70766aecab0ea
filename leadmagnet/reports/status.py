"""The state of everything at a glance: counts, lateness, what needs the operator."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import func, or_, select, text
from sqlalchemy.orm import Session

from leadmagnet.audience import list_bombing
from leadmagnet.delivery import brakes, breaker, rates
from leadmagnet.delivery.breaker import Open
from leadmagnet.delivery.daily import Day
from leadmagnet.delivery.quota import UNLIMITED, Quota
from leadmagnet.delivery.rates import Week
from leadmagnet.publishing.releases import Live, NothingPublished
from leadmagnet.reports import heartbeats
from leadmagnet.reports.counts import SequenceStatus, count, sequences
from leadmagnet.reports.funnel import Funnel, funnels
from leadmagnet.reports.paused import Paused, paused
from leadmagnet.store.models import Delivery, Subscriber

# Written out: with parameters no partial index would be used, and every mail read.
_UNSETTLED = text("delivery.state IN ('uncertain', 'held')")
#: How many of the mails that wait for a decision are named.
_ATTENTION = 20


@dataclass(frozen=True, slots=True)
class Waiting:
    """One mail that waits for the operator: maybe sent, or held."""

    id: int
    letter: str  # <sequence>/<slug>; the kind of other mails
    state: str
    reason: str
    since: datetime
    to: str | None = None  # whose it is; None: a mail to the operator

    def to_json(self) -> dict[str, object]:
        return {
            "id": self.id, "letter": self.letter, "state": self.state, "reason": self.reason,
            "since": self.since.isoformat(), "to": self.to,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Status:
    """What `status` shows. `release` is None before the first publish; what is paused is not due."""

    release: int | None
    zone: ZoneInfo  # the site's
    deliveries: Mapping[str, int]
    paused: tuple[Paused, ...]
    due_now: int
    oldest_due_seconds: int
    workers: int
    subscribers: Mapping[str, int]
    sequences: tuple[SequenceStatus, ...]
    funnel: tuple[Funnel, ...]
    week: Week  # what became of the mails of the last seven days, as far as the world has told
    warnings: tuple[str, ...]  # too many bounces or complaints, too few that confirm: in words
    attention: tuple[Waiting, ...]  # the oldest of those that wait for a decision
    quota: Day | None = None  # None: no day is limited
    breaker: Open | None = None  # None: the mail server works, as far as anybody knows

    def to_json(self) -> dict[str, object]:
        """The documented form of `status --json`."""
        return {
            "deliveries": dict(self.deliveries),
            "due_now": self.due_now,
            "oldest_due_seconds": self.oldest_due_seconds,
            "release": self.release,
            "paused": [one.to_json() for one in self.paused],
            "workers": self.workers,
            "subscribers": dict(self.subscribers),
            "quota": self.quota.to_json() if self.quota is not None else None,
            "breaker": _breaker(self.breaker),
            "week": asdict(self.week),
            "warnings": list(self.warnings),
            "attention": [one.to_json() for one in self.attention],
            "funnel": [one.to_json() for one in self.funnel],
            "sequences": [one.to_json() for one in self.sequences],
        }


def status(session: Session, *, now: datetime, quota: Quota = UNLIMITED) -> Status:
    """Counts everything; reads, never changes."""
    try:
        published = Live().get(session)
    except NothingPublished:
        published = None
    due, oldest = _due(session, now)
    week = rates.of_week(session, now=now)
    bombing = list_bombing.suspected(session, now=now)
    counts = count(session)
    people = session.execute(select(Subscriber.status, func.count()).group_by(Subscriber.status)).all()
    return Status(
        release=published.number if published is not None else None,
        zone=published.zone if published is not None else ZoneInfo("UTC"),
        paused=paused(session, now=now),
        deliveries=counts.by_state(),
        due_now=due,
        oldest_due_seconds=int((now - oldest).total_seconds()) if oldest is not None else 0,
        workers=heartbeats.alive(session, now=now),
        subscribers={"pending": 0, "active": 0, "unsubscribed": 0} | dict(people),
        sequences=sequences(session, published, counts) if published is not None else (),
        funnel=funnels(session, now=now),
        quota=quota.today(session, published, now=now) if published is not None else None,
        breaker=breaker.read(session),
        attention=_attention(session),
        week=week,
        warnings=tuple(map(str, [*rates.judge(week), *([bombing] if bombing is not None else [])])),
    )


def _attention(session: Session) -> tuple[Waiting, ...]:
    query = (
        select(Delivery, Subscriber.address)
        .outerjoin(Subscriber, Subscriber.id == Delivery.subscriber_id)
        .where(_UNSETTLED)
        .order_by(Delivery.ended_at, Delivery.id)
        .limit(_ATTENTION)
    )
    return tuple(
        Waiting(
            id=row.id,
            letter=f"{row.sequence}/{row.step}" if row.step is not None else row.kind,
            state=row.state,
            reason=row.reason or "",
            since=row.ended_at or row.due_at,
            to=address,
        )
        for row, address in session.execute(query)
    )


def _due(session: Session, now: datetime) -> tuple[int, datetime | None]:
    """How many mails should be on their way, and since when the oldest."""
    due = select(func.count(), func.min(Delivery.ready_at)).where(Delivery.state == "pending", Delivery.ready_at <= now)
    for passing in brakes.active(session, now=now).passing():
        due = due.where(or_(Delivery.lane != brakes.HELD_LANE, passing))
    count, oldest = session.execute(due).one()
    return count, oldest


def _breaker(found: Open | None) -> dict[str, str] | None:
    if found is None:
        return None
    times = {"since": found.since.isoformat(), "next_try": found.until.isoformat()}
    return {"relay": found.relay, "reason": found.reason, **times}
