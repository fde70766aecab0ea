"""Carries out what the operator decides about mails that wait for a person: maybe sent, or held."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from leadmagnet.delivery import recovery
from leadmagnet.store import signals
from leadmagnet.store.models import AuditEvent, Delivery

#: What each of these states becomes an event of, once it is sent again.
_EVENTS = {"uncertain": "resent by operator", "held": "released by operator"}


def resend(session: Session, ids: Collection[int], *, by: str, now: datetime) -> dict[int, str | None]:
    """Lets mails go (again) that are maybe sent or held; the state before of each id, None for an unknown one.

    A mail in any other state is left as it is. The schedule, consent and all brakes are asked again on the way: who
    has left meanwhile gets nothing.
    """
    before: dict[int, str | None] = dict.fromkeys(ids)
    for row in session.execute(select(Delivery.id, Delivery.state, Delivery.lease_token).where(Delivery.id.in_(ids))):
        before[row.id] = row.state
        if row.state in _EVENTS:
            _let_go(session, row.id, row.state, row.lease_token, by, now)
    if set(before.values()) & set(_EVENTS):
        signals.something_is_due(session)
    return before


def _let_go(session: Session, delivery_id: int, state: str, token: int, by: str, now: datetime) -> None:
    again = session.execute(
        update(Delivery)
        .where(Delivery.id == delivery_id, Delivery.state == state, Delivery.lease_token == token)
        .values(
            state="pending",
            reason=None,
            ended_at=None,
            begun=0,
            # Of what is held nothing went out, unless it was repeated before.
            resends=Delivery.resends + (1 if state == "uncertain" else 0),
            ready_at=now,
            lease_token=Delivery.lease_token + 1,
        )
        .returning(Delivery.subscriber_id, Delivery.enrollment_id, Delivery.step),
        execution_options={"synchronize_session": False},
    ).one_or_none()
    if again is None:
        return  # evidence has settled it this moment
    if again.step is not None:
        recovery.reopen(session, [again.enrollment_id])
    event = AuditEvent(at=now, event=_EVENTS[state], delivery_id=delivery_id, detail={"by": by})
    event.subscriber_id = again.subscriber_id
    session.add(event)
