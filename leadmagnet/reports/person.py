"""One person at a glance: where she stands, and what comes next; `why` tells the whole."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import and_, select
from sqlalchemy.orm import Session

from leadmagnet.audience import suppressions
from leadmagnet.content.published import Published
from leadmagnet.store.models import Consent, Delivery, Enrollment, Subscriber, SubscriberTag


@dataclass(frozen=True, slots=True)
class Series:
    """One sequence of one person. Without a letter that waits, `letter` and `due_at` are None."""

    sequence: str
    state: str  # pending, active, completed, exited
    reason: str | None  # why it ended early
    ended_at: datetime | None
    paused_until: datetime | None  # None: not paused (any more)
    letter: str | None
    due_at: datetime | None
    wanted_at: datetime | None = None  # when she asked for this letter now; None: she did not

    def to_json(self) -> dict[str, object]:
        return {name: _plain(getattr(self, name)) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class Person:
    """The documented short form of a subscriber."""

    address: str
    state: str  # pending, active, unsubscribed
    blocked: str | None  # why nothing at all may be sent to the address
    asked_at: datetime
    confirmed_at: datetime | None
    unsubscribed_at: datetime | None
    tags: tuple[str, ...]
    series: tuple[Series, ...]
    zone: ZoneInfo  # hers, or the site's
    gap_days: int | None  # she wants at most one letter in so many days; None: as many as there are
    finishing_at: datetime | None  # since then she wants to leave with the last series; None: no, or she has left
    # What led her to the form when she first asked: `page`, `referrer` (a host), `utm_…`; empty: nothing was told.
    came_from: Mapping[str, str] = field(default_factory=dict)

    @property
    def paused_until(self) -> datetime | None:
        return max((one.paused_until for one in self.series if one.paused_until is not None), default=None)

    @property
    def coming(self) -> Series | None:
        """The series whose letter comes first."""
        waiting = [one for one in self.series if one.due_at is not None]
        return min(waiting, key=lambda one: one.due_at or self.asked_at, default=None)

    def in_series(self, slug: str) -> Series | None:
        return next((one for one in self.series if one.sequence == slug), None)

    def to_json(self) -> dict[str, object]:
        """The `person` of `person --json`."""
        first = self.coming
        plain = (
            "state",
            "blocked",
            "asked_at",
            "confirmed_at",
            "unsubscribed_at",
            "paused_until",
            "gap_days",
            "finishing_at",
        )
        return {
            "subscriber": self.address,
            **{name: _plain(getattr(self, name)) for name in plain},
            "tags": list(self.tags),
            "came_from": dict(self.came_from) or None,
            "series": [one.to_json() for one in self.series],
            "next": {"sequence": first.sequence, "letter": first.letter, "due_at": _plain(first.due_at)}
            if first is not None
            else None,
        }


def person(session: Session, published: Published, subscriber: Subscriber, *, now: datetime) -> Person:
    """The person as she is in this transaction."""
    session.flush()
    hers = select(SubscriberTag.tag).where(SubscriberTag.subscriber_id == subscriber.id)
    tags = session.scalars(hers.order_by(SubscriberTag.tag)).all()
    # Read anew: what a change wrote past the object counts.
    state, left, gap_days, finishing = session.execute(
        select(Subscriber.status, Subscriber.unsubscribed_at, Subscriber.gap_days, Subscriber.finishing_at).where(
            Subscriber.id == subscriber.id
        )
    ).one()
    return Person(
        address=subscriber.address,
        state=state,
        blocked=suppressions.why_blocked(session, subscriber.address_key),
        asked_at=subscriber.asked_at,
        confirmed_at=subscriber.confirmed_at,
        unsubscribed_at=left,
        tags=tuple(tags),
        series=_series(session, subscriber.id, now),
        zone=published.zone_of(subscriber.timezone),
        gap_days=gap_days,
        finishing_at=finishing if state == "active" else None,
        came_from=_came_from(session, subscriber.id),
    )


def _series(session: Session, subscriber_id: int, now: datetime) -> tuple[Series, ...]:
    coming = and_(
        Delivery.enrollment_id == Enrollment.id,
        Delivery.step.is_not(None),
        Delivery.state.in_(["pending", "claimed", "handing_off"]),
    )
    rows = session.execute(
        select(Enrollment, Delivery.step, Delivery.due_at)
        .outerjoin(Delivery, coming)
        .where(Enrollment.subscriber_id == subscriber_id)
        .order_by(Enrollment.id, Delivery.due_at)
        .execution_options(populate_existing=True)
    )
    return tuple(
        Series(
            sequence=one.sequence,
            state=one.status,
            reason=one.exit_reason,
            ended_at=one.ended_at,
            paused_until=one.paused_until if _holds(one.status, one.paused_until, now) else None,
            letter=letter,
            due_at=due,
            wanted_at=one.wanted_at if one.wanted_at == due else None,
        )
        for one, letter, due in rows
    )


def _came_from(session: Session, subscriber_id: int) -> dict[str, str]:
    """First touch: of the first request that is kept, whatever later ones said."""
    first = session.execute(
        select(Consent.page, Consent.source)
        .where(Consent.subscriber_id == subscriber_id, Consent.event == "requested")
        .order_by(Consent.id)
        .limit(1)
    ).first()
    if first is None:
        return {}
    return {**({"page": first.page} if first.page is not None else {}), **(first.source or {})}


def _holds(status: str, until: datetime | None, now: datetime) -> bool:
    return status == "active" and until is not None and until > now


def _plain(value: object) -> object:
    return value.isoformat() if isinstance(value, datetime) else value
