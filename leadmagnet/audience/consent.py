"""The append-only proof of consent: what was asked, with which words, when, from where."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import insert
from sqlalchemy.orm import Session

from leadmagnet.store.models import Consent

Event = Literal["requested", "confirmed", "withdrawn", "renewed"]


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a visitor's request came from, as far as it is trusted. Every field may be unknown (None)."""

    ip: str | None = None
    user_agent: str | None = None
    page: str | None = None
    source: Mapping[str, str] | None = None  # referrer host and utm_*


def record(
    session: Session,
    subscriber_id: int,
    event: Event,
    *,
    now: datetime,
    origin: Origin,
    guide: str | None = None,
    wording: str | None = None,
    message_id: str | None = None,
) -> None:
    """Adds one row of proof; `wording` is the exact sentence the person saw."""
    session.execute(
        insert(Consent).values(
            subscriber_id=subscriber_id,
            event=event,
            at=now,
            guide=guide,
            wording=wording,
            wording_hash=hashlib.sha256(wording.encode()).hexdigest() if wording is not None else None,
            ip=origin.ip,
            user_agent=origin.user_agent,
            page=origin.page,
            source=dict(origin.source) if origin.source else None,
            message_id=message_id,
        )
    )
