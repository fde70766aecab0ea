"""The append-only proof of consent: what was asked, with which words, when, from where."""

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Literal

from sqlalchemy import Insert, insert, select
from sqlalchemy.orm import Session

from leadmagnet.store import batches
from leadmagnet.store.dialect import table
from leadmagnet.store.models import Consent
from leadmagnet.store.statements import Statement

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
            wording_hash=_hash(wording) if wording is not None else None,
            ip=origin.ip,
            user_agent=origin.user_agent,
            page=origin.page,
            source=dict(origin.source) if origin.source else None,
            message_id=message_id,
        )
    )


#: The columns of a request's proof.
_REQUESTED = ("subscriber_id", "event", "at", "guide", "wording", "wording_hash", "ip", "user_agent", "page", "source")
_consent = table(Consent)


@Statement
def _proving(for_sqlite: bool) -> Insert:
    given = batches.given(for_sqlite=for_sqlite, **{name: _consent.c[name].type for name in _REQUESTED})
    return insert(_consent).from_select(_REQUESTED, select(*(given.c[name] for name in _REQUESTED)))


def record_requests(session: Session, requests: Collection[tuple[int, str, str, Origin]], *, now: datetime) -> None:
    """Adds a row of proof for each (subscriber id, guide, wording she saw, origin); none is as many statements."""
    rows = [
        (person, "requested", now, guide, wording, _hash(wording), origin.ip, origin.user_agent, origin.page,
         json.dumps(dict(origin.source)) if origin.source else None)
        for person, guide, wording, origin in requests
    ]  # fmt: skip
    _proving.run(session, given=batches.rows(rows))


@lru_cache(maxsize=64)  # everybody sees the same words
def _hash(wording: str) -> str:
    return hashlib.sha256(wording.encode()).hexdigest()
