"""What is kept about one person: told to her as a whole, and deleted as a whole."""

import time
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, func, null, or_, select, update
from sqlalchemy.orm import Session

from leadmagnet.audience import suppressions
from leadmagnet.store.database import Database
from leadmagnet.store.dialect import is_sqlite
from leadmagnet.store.models import (
    AddressChange,
    AuditEvent,
    Consent,
    Delivery,
    Enrollment,
    Feedback,
    Model,
    Subscriber,
    SubscriberTag,
    Suppression,
)

#: What mails were filled in with, and clicks in them, are kept for 13 months.
KEPT = timedelta(days=396)
#: Mails that are looked at in one go, and written to in one transaction.
_LOOKED_AT, _WRITTEN_AT_ONCE = 10_000, 200
#: How often, and how many seconds apart, somebody is deleted whose mail a worker has in its hands.
_TRIES, _WAIT = 40, 0.05
#: The part of a mail's facts that says how its bytes were put together: nothing about its reader.
_MADE = "made"

# What of each row is told. All else are our own numbers, keys and locks: a test looks that nothing is forgotten here.
PERSON = (
    "address", "first_name", "timezone", "status", "created_at", "asked_at", "confirmed_at", "unsubscribed_at",
    "finishing_at", "gap_days",
)  # fmt: skip
CONSENT = ("event", "at", "guide", "wording", "wording_hash", "ip", "user_agent", "page", "source", "message_id")
SERIES = (
    "sequence", "guide", "status", "exit_reason", "created_at", "start_at", "paused_until", "wanted_at", "ended_at",
    "guide_opened_at", "guide_edition",
)  # fmt: skip
MAIL = (
    "id", "kind", "sequence", "step", "state", "reason", "due_at", "sent_at", "ended_at", "clicked_at", "bounced_at",
    "complained_at", "smtp_code", "message_id",
)  # fmt: skip
NEW_ADDRESS = ("address", "asked_at")
TAG = ("tag", "given_at")
BLOCK = ("scope", "reason", "at")
REPORT = ("at", "kind", "status")


def export(session: Session, subscriber: Subscriber, *, now: datetime) -> dict[str, Any]:
    """Everything kept about a person, ready for JSON: `format` 1, times in ISO 8601 with their zone.

    `person`, `new_address` (asked for, not confirmed; or null), `tags`, `consents`, `series`, `mails` (each with
    `filled_in_with` while that is kept, and the `reports` that came back), `history` (what was done, and whether `by`
    herself or by us), `blocked`.
    """
    hers = subscriber.id
    mails = _rows(session, Delivery, Delivery.subscriber_id == hers)
    change = session.scalar(select(AddressChange).where(AddressChange.subscriber_id == hers))
    blocks = _rows(session, Suppression, Suppression.address_key == subscriber.address_key)
    return {
        "format": 1,
        "made_at": now.isoformat(),
        "person": _told(subscriber, PERSON),
        "new_address": _told(change, NEW_ADDRESS) if change is not None else None,
        "tags": [_told(row, TAG) for row in _tags(session, hers)],
        "consents": [_told(row, CONSENT) for row in _rows(session, Consent, Consent.subscriber_id == hers)],
        "series": [_told(row, SERIES) for row in _rows(session, Enrollment, Enrollment.subscriber_id == hers)],
        "mails": [_mail(session, row) for row in mails],
        "history": [_event(row) for row in _history(session, hers, [row.id for row in mails])],
        "blocked": [_told(row, BLOCK) for row in blocks],
    }


def _rows(session: Session, model: type[Any], which: ColumnElement[bool]) -> Sequence[Any]:
    return session.scalars(select(model).where(which).order_by(model.id)).all()


def _tags(session: Session, subscriber_id: int) -> Sequence[SubscriberTag]:
    hers = select(SubscriberTag).where(SubscriberTag.subscriber_id == subscriber_id)
    return session.scalars(hers.order_by(SubscriberTag.given_at, SubscriberTag.tag)).all()


def _history(session: Session, subscriber_id: int, mails: Sequence[int]) -> Sequence[AuditEvent]:
    hers = or_(AuditEvent.subscriber_id == subscriber_id, AuditEvent.delivery_id.in_(mails))
    return _rows(session, AuditEvent, hers)


def _told(row: Model, names: Sequence[str]) -> dict[str, Any]:
    values = {name: getattr(row, name) for name in names}
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in values.items()}


def _mail(session: Session, row: Delivery) -> dict[str, Any]:
    filled_in = {name: value for name, value in (row.facts or {}).items() if name != _MADE}
    reports = _rows(session, Feedback, Feedback.delivery_id == row.id) if row.bounced_at or row.complained_at else ()
    return _told(row, MAIL) | {
        "filled_in_with": filled_in or None,
        "reports": [_told(report, REPORT) for report in reports],
    }


def _event(row: AuditEvent) -> dict[str, Any]:
    details: Mapping[str, Any] = row.detail or {}
    told = {"at": row.at.isoformat(), "event": row.event, "mail": row.delivery_id, **details}
    if "by" in details:  # who of us it was is nothing about her
        told["by"] = "you" if details["by"] == "reader" else "us"
    return told


class Forgotten(StrEnum):
    """What a wish to be forgotten led to."""

    NOW = "everything is deleted"
    BEFORE = "there was nothing any more"
    BUSY = "a mail of hers is in a worker's hands this moment: nothing changed, ask again"


def forget(session: Session, subscriber_id: int, *, now: datetime) -> Forgotten:
    """Deletes a person with all that belongs to her, and blocks her address for good, by its keyed hash.

    Her own row is locked first, so that a gate which stands open at this moment either was committed before, or finds
    nobody. A mail past its gate may still arrive: what becomes of it has no row to be written on. Deleting takes her
    mails with it, which a worker may be writing to while it wants her row: it is never waited for with hers in hand.
    """
    her = select(Subscriber.address, Subscriber.address_key).where(Subscriber.id == subscriber_id)
    found = session.execute(her.with_for_update()).one_or_none()
    if found is None:
        return Forgotten.BEFORE
    if not _has_all_mails(session, subscriber_id):
        return Forgotten.BUSY
    _forget_in_facts(session, subscriber_id, found.address)
    # Somebody else may have wished to move to her address: nobody will, and it stands there to be read.
    session.execute(delete(AddressChange).where(AddressChange.address_key == found.address_key))
    suppressions.lift(session, found.address_key)
    suppressions.add(session, found.address_key, "all", "erased", now=now)
    session.execute(delete(Subscriber).where(Subscriber.id == subscriber_id))
    return Forgotten.NOW


def _has_all_mails(session: Session, subscriber_id: int) -> bool:
    """Locks all her mails; False if a worker has one of them in its hands."""
    if is_sqlite(session):
        return True
    mails = select(Delivery.id).where(Delivery.subscriber_id == subscriber_id)
    free = len(session.scalars(mails.with_for_update(skip_locked=True)).all())
    return free == session.scalar(select(func.count()).select_from(mails.subquery()))


def forget_request(session: Session, address_key: str) -> None:
    """Deletes who has asked with this address and not confirmed, because it is proven to be somebody else's.

    Without waiting for anybody: a row that is in other hands this moment stays.
    """
    asked = select(Subscriber.id).where(Subscriber.address_key == address_key, Subscriber.status == "pending")
    found = session.scalar(asked.with_for_update(skip_locked=True))
    if found is not None and _has_all_mails(session, found):
        session.execute(delete(Subscriber).where(Subscriber.id == found))


def forget_at_once(database: Database, subscriber_id: int, *, now: datetime) -> Forgotten:
    """As `forget`, in transactions of its own, until no worker is in the way: each of theirs takes milliseconds."""
    for _try in range(_TRIES):
        with database.write() as session:
            done = forget(session, subscriber_id, now=now)
        if done is not Forgotten.BUSY:
            return done
        time.sleep(_WAIT)
    return Forgotten.BUSY


def _forget_in_facts(session: Session, subscriber_id: int, address: str) -> None:
    """Takes her out of mails to the operator: copies of letters she got, tests that were sent to her address.

    These have no subscriber; their keys tell them, a few rows for each letter that was ever watched or tried out.
    """
    found = select(Delivery.id, Delivery.facts, Delivery.due_at).where(Delivery.facts.is_not(None))
    for row in session.execute(found.where(_starts("watch:"))).all():
        # A copy from before the reader was noted may be of hers.
        if (facts := row.facts or {}).get("reader", subscriber_id) == subscriber_id:
            blank = facts | {"reader": None, "facts": {"asked_on": row.due_at.date().isoformat()}}
            session.execute(update(Delivery).where(Delivery.id == row.id).values(facts=blank))
    for row in session.execute(found.where(_starts("test:"))).all():
        if str((row.facts or {}).get("recipient", "")).casefold() == address.casefold():
            session.execute(update(Delivery).where(Delivery.id == row.id).values(facts=null()))


def _starts(prefix: str) -> ColumnElement[bool]:
    """Keys that begin so, as a range of their index."""
    return and_(Delivery.dedupe_key >= prefix, Delivery.dedupe_key < prefix[:-1] + chr(ord(prefix[-1]) + 1))


def forget_old(database: Database, *, after: int, now: datetime) -> int:
    """Takes what is older than 13 months out of the mails that follow number `after`; returns where to go on.

    That is 0 after the last of them. No index knows their age, as it would cost every mail that is sent: some thousands
    are looked at, without a lock, and few of them are written to at a time.
    """
    end = after + _LOOKED_AT
    these = and_(Delivery.id > after, Delivery.id <= end)
    with database.read() as session:
        old = list(session.scalars(select(Delivery.id).where(these, or_(_facts_are_old(now), _click_is_old(now)))))
        newest = session.scalar(select(func.max(Delivery.id))) or 0
    for start in range(0, len(old), _WRITTEN_AT_ONCE):
        some = Delivery.id.in_(old[start : start + _WRITTEN_AT_ONCE])
        with database.write() as session:
            session.execute(update(Delivery).where(some, _facts_are_old(now)).values(facts=null()))
            session.execute(update(Delivery).where(some, _click_is_old(now)).values(clicked_at=None))
    return end if end < newest else 0


def _facts_are_old(now: datetime) -> ColumnElement[bool]:
    """Of a mail that is over: one to the operator that still waits is made from its facts, and about no reader."""
    at = func.coalesce(Delivery.sent_at, Delivery.ended_at, Delivery.due_at)
    waits = or_(
        Delivery.state.in_(["pending", "claimed", "handing_off"]),
        and_(Delivery.subscriber_id.is_(None), Delivery.state.in_(["held", "uncertain"])),
    )
    return and_(Delivery.facts.is_not(None), at < now - KEPT, ~waits)


def _click_is_old(now: datetime) -> ColumnElement[bool]:
    return Delivery.clicked_at < now - KEPT
