"""Everything about one address: what it got, what it did not get, what comes next, each with its reason."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from leadmagnet.content.published import Published
from leadmagnet.delivery import brakes
from leadmagnet.delivery.brakes import Brakes
from leadmagnet.mail import answers
from leadmagnet.publishing import releases
from leadmagnet.reports.paused import moment, sentence
from leadmagnet.sequences import facts as people_facts
from leadmagnet.sequences import schedule
from leadmagnet.sequences.schedule import Facts, Planned
from leadmagnet.store.models import Delivery, Enrollment, Feedback, Subscriber

_COMING = ("pending", "claimed", "handing_off")
_NOT_SENT = ("skipped", "cancelled", "expired", "failed", "held")


@dataclass(frozen=True, slots=True)
class Mail:
    """One mail of one person. `waiting` says what for, and is None unless the mail is still to come."""

    id: int
    kind: str
    sequence: str | None
    letter: str | None
    state: str
    reason: str | None
    due_at: datetime
    sent_at: datetime | None
    ended_at: datetime | None
    bounced_at: datetime | None
    complained_at: datetime | None
    clicked_at: datetime | None
    bounce: str | None  # what the server said that gave it up later, in words
    waiting: str | None

    @property
    def at(self) -> datetime:
        """When it came to its state; while it is to come, when it is due."""
        return self.sent_at or self.ended_at or self.due_at

    def to_json(self) -> dict[str, object]:
        """The documented form of a mail."""
        return {name: _plain(getattr(self, name)) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class HeldGuide:
    """The guide that somebody has: which edition she opened or was mailed last, when, and what her link shows now."""

    guide: str
    edition: str
    since: datetime
    newest: str | None  # None: the guide is no more

    def to_json(self) -> dict[str, object]:
        """The documented form of a guide somebody has."""
        return {name: _plain(getattr(self, name)) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class Why:
    """The answer about one subscriber; `mails` in the order of time, with what is still to come."""

    address: str
    state: str
    confirmed_at: datetime | None
    unsubscribed_at: datetime | None
    mails: tuple[Mail, ...]
    guides: tuple[HeldGuide, ...] = ()

    @property
    def not_sent(self) -> list[Mail]:
        return [mail for mail in self.mails if mail.state in _NOT_SENT]

    @property
    def coming(self) -> list[Mail]:
        return [mail for mail in self.mails if mail.waiting is not None]

    def to_json(self) -> dict[str, object]:
        """The documented form of `why --json`; `next` is the first mail to come, or null."""
        following = [mail.to_json() for mail in self.coming]
        return {
            "subscriber": self.address,
            "state": self.state,
            "guides": [guide.to_json() for guide in self.guides],
            "mails": [mail.to_json() for mail in self.mails],
            "not_sent": [mail.to_json() for mail in self.not_sent],
            "next": following[0] if following else None,
        }


def why(session: Session, published: Published, address_key: str, *, now: datetime) -> Why | None:
    """What is known of the person with this address key; None if there is nobody."""
    person = session.scalars(select(Subscriber).where(Subscriber.address_key == address_key)).one_or_none()
    if person is None:
        return None
    rows = session.execute(
        select(Delivery, Enrollment)
        .outerjoin(Enrollment, Enrollment.id == Delivery.enrollment_id)
        .where(Delivery.subscriber_id == person.id)
    ).all()
    outlook = _Outlook(published, person, _facts(session, person, rows), brakes.active(session, now=now), now)
    said = _said(session, [row for row, _series in rows if row.bounced_at is not None])
    mails = sorted((_mail(*row, outlook, said) for row in rows), key=lambda mail: (mail.at, mail.id))
    guides = _guides(session, published, person, [mail for mail, _series in rows])
    return Why(person.address, person.status, person.confirmed_at, person.unsubscribed_at, tuple(mails), tuple(guides))


def _guides(
    session: Session, published: Published, person: Subscriber, mails: Sequence[Delivery]
) -> Iterator[HeldGuide]:
    """The guides of one person, each as she last got it: by her tap, or by a guide mail after it."""
    series = session.scalars(select(Enrollment).where(Enrollment.subscriber_id == person.id).order_by(Enrollment.id))
    loaded = {published.number: published}  # a release is large, and often brought all her guides
    for one in series.all():
        live = published.guide(one.guide or "")
        newest = live.edition if live is not None else None
        opened, edition = one.guide_opened_at, one.guide_edition
        sent = [mail for mail in mails if mail.kind == "guide" and mail.enrollment_id == one.id and mail.sent_at]
        last = max(sent, key=lambda mail: mail.sent_at or mail.due_at, default=None)
        if (
            last is not None
            and last.sent_at
            and last.release_id is not None
            and (opened is None or last.sent_at > opened)
        ):
            if last.release_id not in loaded:
                loaded[last.release_id] = releases.load(session, last.release_id)
            guide = loaded[last.release_id].guide(one.guide or "")
            opened, edition = last.sent_at, guide.edition if guide is not None else edition
        if opened is not None and edition is not None:
            yield HeldGuide(one.guide or "", edition, opened, newest)


@dataclass(frozen=True, slots=True)
class _Outlook:
    """What decides when this person's mails go."""

    published: Published
    person: Subscriber
    facts: Mapping[int, Facts]  # by enrollment id
    brakes: Brakes
    now: datetime

    def waits(self, row: Delivery, series: Enrollment | None) -> str:
        """What a mail that is to come still waits for."""
        zone = self.published.zone
        if row.state != "pending":
            return "a worker has it in hand"
        hold = self.brakes.holds(row.lane, row.sequence, row.step, row.domain_group)
        if hold is not None:
            return sentence(hold, zone)
        if row.step and series is not None and series.paused_until is not None and series.paused_until > self.now:
            return f"waiting for the end of her own pause, {moment(series.paused_until, zone)}"
        if row.ready_at > max(row.due_at, self.now):
            return f"waiting for another try at {moment(row.ready_at, zone)}"
        if row.due_at > self.now:
            return f"waiting for {self._because(row, series)}"
        return "waiting for a worker"

    def _because(self, row: Delivery, series: Enrollment | None) -> str:
        sequence = self.published.sequence(series.sequence) if series is not None else None
        if series is not None and sequence is not None and series.id in self.facts:
            zone = self.published.zone_of(self.person.timezone)
            planned = schedule.next_step(sequence, self.facts[series.id], zone)
            if isinstance(planned, Planned) and planned.step.slug == row.step:
                return planned.reason
        return "its time"


def _facts(session: Session, person: Subscriber, rows: Any) -> Mapping[int, Facts]:
    running = {series.id: series.start_at for _mail, series in rows if series is not None and series.start_at}
    return people_facts.gather(session, {series: (person.id, start) for series, start in running.items()})


def _said(session: Session, bounced: list[Delivery]) -> Mapping[int, str]:
    """What the bounces of these mails said; of several the last, by delivery id."""
    query = select(Feedback.delivery_id, Feedback.smtp_class).where(
        Feedback.delivery_id.in_([row.id for row in bounced]), Feedback.kind == "bounce"
    )
    told = session.execute(query.order_by(Feedback.id)).all() if bounced else []
    return {row.delivery_id: answers.meaning(row.smtp_class) for row in told}


def _mail(row: Delivery, series: Enrollment | None, outlook: _Outlook, said: Mapping[int, str]) -> Mail:
    return Mail(
        id=row.id,
        kind=row.kind,
        sequence=row.sequence,
        letter=row.step,
        state=row.state,
        reason=row.reason,
        due_at=row.due_at,
        sent_at=row.sent_at,
        ended_at=row.ended_at,
        bounced_at=row.bounced_at,
        complained_at=row.complained_at,
        clicked_at=row.clicked_at,
        bounce=said.get(row.id),
        waiting=outlook.waits(row, series) if row.state in _COMING else None,
    )


def _plain(value: Any) -> object:
    return value.isoformat() if isinstance(value, datetime) else value
