"""Settles what a dead process left behind: by its journal, by its lease, by the kind of mail."""

import logging
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import ColumnElement, Row, and_, case, func, or_, select, update
from sqlalchemy.orm import Session

from leadmagnet.content.published import Published
from leadmagnet.delivery import daily, holding, notices, record
from leadmagnet.delivery.begun import POISON_AFTER, BegunLine
from leadmagnet.delivery.journal import AcceptedLine
from leadmagnet.delivery.letters import Person
from leadmagnet.sequences import deliveries, enrollments, schedule
from leadmagnet.sequences import facts as people_facts
from leadmagnet.store.columns import ServerTime
from leadmagnet.store.models import AuditEvent, Delivery, Enrollment, Subscriber

log = logging.getLogger(__name__)

#: What was asked for seconds ago is repeated once, this long after the reply was lost.
RESEND_AFTER = timedelta(minutes=2)
#: Kinds that are repeated once: losing them loses the person, and a second copy does no harm.
RESENT_ONCE = ("confirm", "reminder", "guide", "address")
#: Somebody must have had the mail to say so.
_reported = or_(Delivery.bounced_at.is_not(None), Delivery.complained_at.is_not(None))


def replay(session: Session, published: Published, path: Path, lines: list[AcceptedLine], *, now: datetime) -> int:
    """Marks as sent what a dead process's journal says was accepted; returns how many rows that settled."""
    settled = 0
    for line in lines:
        row = record.by_identity(session, line.delivery_id, line.message_id, at=line.at)
        if row is None:
            continue
        settled += 1
        _audit(session, "sent by journal", line.delivery_id, row.subscriber_id, now)
        if row.step is not None:
            go_on(session, published, row.enrollment_id, row.step, now=now)
    if settled:
        log.warning("journal %s: %d mails had been accepted", path.name, settled)
    return settled


def blame(session: Session, published: Published, begun: list[BegunLine], *, now: datetime) -> int:
    """Counts the letters that a dead process had begun, and holds what it was begun for too often; returns how many.

    A letter counts before or after one sweep, never twice: the token says which of them has been. It must run after
    `replay`, for what was accepted killed nobody, and before this process claims.
    """
    poison = Delivery.begun >= POISON_AFTER - 1
    counted = 0
    for line in begun:
        row = session.execute(
            update(Delivery)
            .where(
                Delivery.id == line.delivery_id,
                or_(
                    and_(Delivery.state == "claimed", Delivery.lease_token == line.token),
                    and_(Delivery.state == "pending", Delivery.lease_token == line.token + 1),
                ),
            )
            .values(
                begun=Delivery.begun + 1,
                lease_token=line.token + 2,
                state=case((poison, "held"), else_="pending"),
                reason=case((poison, "poison"), else_=Delivery.reason),
                ended_at=case((poison, now), else_=Delivery.ended_at),
            )
            .returning(Delivery.state, Delivery.subscriber_id, Delivery.kind, Delivery.sequence, Delivery.step),
            execution_options={"synchronize_session": False},
        ).one_or_none()
        if row is not None:
            counted += 1
            log.warning("delivery %s: its process died while it was begun (now %s)", line.delivery_id, row.state)
            if row.state == "held":
                holding.tell(session, line.delivery_id, row.subscriber_id, "poison", now=now)
                name = f"{row.sequence}/{row.step}" if row.step is not None else row.kind
                notices.tell(session, published, notices.poisoned(name, 1), now=now)
    return counted


def sweep(session: Session, published: Published, *, limit: int, now: datetime) -> int:
    """Takes rows away from dead leases; returns how many. The guards stand in the UPDATEs, the token is the fence."""
    return take_back(session, published) + lose(session, published, limit=limit, now=now)


def take_back(session: Session, published: Published) -> int:
    """Puts back what dead processes had claimed, and certainly not handed over; returns how many rows."""
    returned = session.execute(
        update(Delivery)
        .where(Delivery.state == "claimed", Delivery.lease_until < ServerTime(0))
        .values(state="pending", lease_token=Delivery.lease_token + 1)
        .returning(Delivery.quota_day, Delivery.lane),
        execution_options={"synchronize_session": False},
    ).all()
    daily.give_back(session, [(published.sender_domain, row.quota_day, row.lane) for row in returned])
    return len(returned)


def lose(session: Session, published: Published, *, limit: int, only: int | None = None, now: datetime) -> int:
    """Calls uncertain what dead processes were handing over; returns how many rows. `only`: no row but this."""
    dead = select(Delivery.id).where(Delivery.state == "handing_off", Delivery.lease_until < ServerTime(0)).limit(limit)
    if only is not None:
        dead = dead.where(Delivery.id == only)
    lost = session.execute(
        update(Delivery)
        .where(
            Delivery.id.in_(dead.scalar_subquery()),
            Delivery.state == "handing_off",
            Delivery.lease_until < ServerTime(0),
        )
        .values(
            state="uncertain",
            lease_token=Delivery.lease_token + 1,
            reason="the sender died before the server's answer",
            ended_at=now,
        )
        .returning(Delivery.id, Delivery.enrollment_id, Delivery.step, Delivery.subscriber_id),
        execution_options={"synchronize_session": False},
    ).all()
    for row in lost:
        _audit(session, "uncertain", row.id, row.subscriber_id, now)
        if row.step is not None:
            go_on(session, published, row.enrollment_id, row.step, now=now)
    return len(lost)


def settle_reported(session: Session, *which: ColumnElement[bool], now: datetime) -> int:
    """Marks as sent what somebody bounced or complained about: he had it. Returns how many maybe-sent mails it was.

    What follows them was planned when they became uncertain.
    """
    settled = session.execute(
        update(Delivery)
        .where(Delivery.state == "uncertain", _reported, *which)
        .values(
            state="sent",
            sent_at=func.coalesce(Delivery.handed_at, now),
            begun=0,
            reason=None,
            ended_at=None,
            lease_token=Delivery.lease_token + 1,
        )
        .returning(Delivery.id, Delivery.subscriber_id),
        execution_options={"synchronize_session": False},
    ).all()
    for row in settled:
        _audit(session, "sent by feedback", row.id, row.subscriber_id, now)
    return len(settled)


def resend_once(session: Session, *, now: datetime) -> int:
    """Puts back, once and with the same Message-ID, the maybe-sent mails somebody is waiting for.

    A report may overtake the loss of its mail's answer, and settles the mail here.
    """
    settle_reported(session, now=now)
    which = (Delivery.kind.in_(RESENT_ONCE), Delivery.resends < 1, Delivery.ended_at <= now - RESEND_AFTER, ~_reported)
    again = send_again(session, *which, now=now)
    for row in again:
        _audit(session, "resent once", row.id, row.subscriber_id, now)
    return len(again)


def send_again(
    session: Session, *which: ColumnElement[bool], now: datetime
) -> Sequence[Row[int, int | None, int | None, str | None]]:
    """Puts maybe-sent mails back; returns id and subscriber_id of each. The claim asks their schedule anew."""
    again = session.execute(
        update(Delivery)
        .where(Delivery.state == "uncertain", *which)
        .values(
            state="pending",
            reason=None,
            ended_at=None,
            resends=Delivery.resends + 1,
            ready_at=now,
            lease_token=Delivery.lease_token + 1,
        )
        .returning(Delivery.id, Delivery.subscriber_id, Delivery.enrollment_id, Delivery.step),
        execution_options={"synchronize_session": False},
    ).all()
    _reopen(session, [row.enrollment_id for row in again if row.step is not None])
    return again


def _reopen(session: Session, enrollment_ids: Collection[int]) -> None:
    """Lets series run again whose last letter counted as their end, and goes out once more."""
    if enrollment_ids:
        session.execute(
            update(Enrollment)
            .where(Enrollment.id.in_(enrollment_ids), Enrollment.status == "completed")
            .values(status="active", ended_at=None)
        )


def go_on(session: Session, published: Published, enrollment_id: int, slug: str, *, now: datetime) -> None:
    """Plans what follows the letter `slug`, which was settled without its sender: as the sender would have."""
    found = session.execute(
        select(Enrollment, Subscriber)
        .join(Subscriber, Subscriber.id == Enrollment.subscriber_id)
        .where(Enrollment.id == enrollment_id, Enrollment.status == "active")
    ).one_or_none()
    sequence = published.sequence(found[0].sequence) if found is not None else None
    if found is None or sequence is None:
        return
    series, subscriber = found
    facts = people_facts.gather(session, {series.id: people_facts.series_of(series, subscriber)})[series.id]
    person = Person(subscriber.id, subscriber.domain_group)
    step = sequence.step(slug)
    if step is not None:
        before = replace(facts, handled=facts.handled - {slug})
        passed = schedule.passed_over(sequence, before, step)
        deliveries.pass_over(session, published, [(enrollment_id, person, sequence, over) for over in passed], now=now)
        enrollments.give_tags(session, published, [(person.id, step.tag)] if step.tag is not None else [], now=now)
    answer = schedule.next_step(sequence, facts, published.zone_of(subscriber.timezone))
    enrollments.follow(session, published, {enrollment_id: (person, sequence, answer)}, now=now)


def _audit(session: Session, event: str, delivery_id: int, subscriber_id: int | None, now: datetime) -> None:
    session.add(AuditEvent(at=now, event=event, delivery_id=delivery_id, subscriber_id=subscriber_id))
