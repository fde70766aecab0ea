"""Sets letters aside for the operator: what the machine must not decide by itself."""

from datetime import datetime

from sqlalchemy import update
from sqlalchemy.orm import Session

from leadmagnet.store.models import AuditEvent, Delivery


def hold(session: Session, delivery_id: int, token: int, state: str, reason: str, *, now: datetime) -> bool:
    """Holds a row that is still in `state` under `token`; False, and nothing changed, if somebody moved it."""
    held = session.execute(
        update(Delivery)
        .where(Delivery.id == delivery_id, Delivery.lease_token == token, Delivery.state == state)
        .values(state="held", reason=reason, ended_at=now, lease_token=Delivery.lease_token + 1)
        .returning(Delivery.subscriber_id),
        execution_options={"synchronize_session": False},
    ).one_or_none()
    if held is None:
        return False
    tell(session, delivery_id, held.subscriber_id, reason, now=now)
    return True


def tell(session: Session, delivery_id: int, subscriber_id: int | None, reason: str, *, now: datetime) -> None:
    """Writes down that a row is held, and why."""
    session.add(
        AuditEvent(
            at=now, event="held", delivery_id=delivery_id, subscriber_id=subscriber_id, detail={"reason": reason}
        )
    )
