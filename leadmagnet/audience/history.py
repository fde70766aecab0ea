"""The history of a person: what was done to her by hand, when, and by whom."""

from datetime import datetime

from sqlalchemy.orm import Session

from leadmagnet.store.models import AuditEvent


def write(session: Session, subscriber_id: int, event: str, *, by: str, now: datetime, **detail: object) -> None:
    """Adds one event; `by` is the operator's name, or "reader" for the person herself."""
    session.add(AuditEvent(at=now, event=event, subscriber_id=subscriber_id, detail={"by": by, **detail}))
