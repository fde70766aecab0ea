"""Carries out what the operator decides about mails that wait for a person: maybe sent, or held."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from leadmagnet.audience import suppressions
from leadmagnet.content.published import Published
from leadmagnet.delivery import brakes, recovery
from leadmagnet.sequences import facts as people_facts
from leadmagnet.sequences import moving, schedule
from leadmagnet.sequences.schedule import Planned
from leadmagnet.store import signals
from leadmagnet.store.models import AuditEvent, Delivery, Enrollment, Subscriber

#: The states that wait for a decision.
UNDECIDED = ("uncertain", "held")


@dataclass(frozen=True, slots=True)
class Before:
    """A mail before the decision. `never` says why it would not go out even if it is let go; `later` what it waits for.

    Both are None for a mail that goes out at once, and for one that waits for no decision.
    """

    state: str
    reason: str | None
    at: datetime  # when it came to that state, or is due
    never: str | None = None
    later: str | None = None


def look(session: Session, published: Published, ids: Collection[int], *, now: datetime) -> dict[int, Before]:
    """What deciding about these mails would do; an unknown id is missing."""
    rows = session.execute(
        select(Delivery, Subscriber, Enrollment)
        .outerjoin(Subscriber, Subscriber.id == Delivery.subscriber_id)
        .outerjoin(Enrollment, Enrollment.id == Delivery.enrollment_id)
        .where(Delivery.id.in_(ids))
    ).all()
    found = {}
    for mail, person, series in rows:
        before = Before(mail.state, mail.reason, mail.sent_at or mail.ended_at or mail.due_at)
        if mail.state in UNDECIDED and person is not None:
            never = _never(session, published, mail, person, series)
            later = _later(session, mail, series, now) if never is None else None
            before = replace(before, never=never, later=later)
        found[mail.id] = before
    return found


def _never(
    session: Session, published: Published, mail: Delivery, person: Subscriber, series: Enrollment | None
) -> str | None:
    if mail.kind == "address":
        change = moving.asked_about(session, mail.id)
        return None if change is not None else "she has confirmed it meanwhile, or wished for something else"
    blocked = suppressions.why_blocked(session, person.address_key)
    if blocked is not None:
        return f"the address is blocked ({blocked})"
    if mail.kind in ("confirm", "reminder"):
        return "she has confirmed meanwhile, or has left" if person.status != "pending" else None
    if mail.step is None or series is None:
        return None
    if person.status == "unsubscribed":
        return "she has left"
    if series.status == "exited":
        return f"her letters of {series.sequence} ended: {series.exit_reason}"
    sequence = published.sequence(series.sequence)
    step = sequence.step(mail.step) if sequence is not None else None
    if sequence is None or step is None or step.draft or series.start_at is None:
        return "the letter is no longer in what is published"
    facts = people_facts.gather(session, {series.id: people_facts.series_of(series, person)})[series.id]
    facts = replace(facts, handled=facts.handled - {mail.step})
    following = schedule.next_step(sequence, facts, published.zone_of(person.timezone))
    is_next = isinstance(following, Planned) and following.step.slug == mail.step
    return None if is_next else "she has had a later letter since, and letters do not go backwards"


def _later(session: Session, mail: Delivery, series: Enrollment | None, now: datetime) -> str | None:
    if mail.step is None:
        return None
    if series is not None and series.paused_until is not None and series.paused_until > now:
        return "her own pause is over"
    held = brakes.active(session, now=now).holds(mail.lane, mail.sequence, mail.step, mail.domain_group)
    return "the letters are resumed" if held is not None else None


def resend(session: Session, ids: Collection[int], *, by: str, now: datetime) -> dict[int, str | None]:
    """Lets mails go (again) that are maybe sent or held; the state before of each id, None for an unknown one.

    A mail in any other state is left as it is. The schedule, consent and all brakes are asked again on the way: who
    has left meanwhile gets nothing.
    """
    these = Delivery.id.in_(ids)
    before: dict[int, str | None] = dict.fromkeys(ids)
    before |= {row.id: row.state for row in session.execute(select(Delivery.id, Delivery.state).where(these))}
    again = recovery.send_again(session, these, now=now)
    released = session.execute(
        update(Delivery)
        .where(these, Delivery.state == "held")
        .values(
            state="pending",
            reason=None,
            ended_at=None,
            begun=0,
            ready_at=now,
            lease_token=Delivery.lease_token + 1,
        )
        .returning(Delivery.id, Delivery.subscriber_id),
        execution_options={"synchronize_session": False},
    ).all()
    for event, rows in (("resent by operator", again), ("released by operator", released)):
        for row in rows:
            written = AuditEvent(at=now, event=event, delivery_id=row.id, detail={"by": by})
            written.subscriber_id = row.subscriber_id
            session.add(written)
    if again or released:
        signals.something_is_due(session)
    return before
