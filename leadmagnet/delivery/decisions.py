"""Carries out what the operator decides about mails that wait for a person: maybe sent, or held."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from leadmagnet.delivery import recovery
from leadmagnet.store import signals
from leadmagnet.store.models import AuditEvent, Delivery


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
