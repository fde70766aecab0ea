"""Every promise that a row can break is kept by the database itself."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.exc import DBAPIError, IntegrityError

from leadmagnet.store.database import Database
from leadmagnet.store.models import (
    AuditEvent,
    Consent,
    Delivery,
    Enrollment,
    Model,
    Subscriber,
    SubscriberTag,
    Suppression,
)

NOW = datetime(2026, 3, 4, 2, 12, tzinfo=UTC)
SUBSCRIBER = {
    "address": "ada@example.com",
    "address_key": "ada",
    "domain_group": "example.com",
    "created_at": NOW,
    "asked_at": NOW,
}
ENROLLMENT = {"subscriber_id": 1, "sequence": "hip-openers", "created_at": NOW}
DELIVERY = {
    "kind": "notice",
    "lane": "sequence",
    "due_at": NOW,
    "ready_at": NOW,
    "message_id": "a@example.com",
    "domain_group": "example.com",
}
LETTER = {
    **DELIVERY,
    "kind": "step",
    "subscriber_id": 1,
    "enrollment_id": 1,
    "sequence": "hip-openers",
    "step": "tight-hips",
}
CONSENT = {"subscriber_id": 1, "event": "requested", "at": NOW}
SUPPRESSION = {"address_key": "ada", "scope": "letters", "reason": "unsubscribed", "at": NOW}

GOOD: list[tuple[type[Model], dict[str, object]]] = [
    (Subscriber, SUBSCRIBER),
    (Subscriber, {**SUBSCRIBER, "address_key": "b", "status": "active", "confirmed_at": NOW}),
    (Enrollment, ENROLLMENT),
    (Enrollment, {**ENROLLMENT, "sequence": "b", "status": "active", "start_at": NOW}),
    (Enrollment, {**ENROLLMENT, "sequence": "c", "status": "exited", "exit_reason": "unsubscribed"}),
    (SubscriberTag, {"subscriber_id": 1, "tag": "tried-barre", "given_at": NOW}),
    (Consent, CONSENT),
    (Suppression, SUPPRESSION),
    (Suppression, {**SUPPRESSION, "scope": "all"}),
    (Delivery, {**DELIVERY, "dedupe_key": "notice:1"}),
    (Delivery, {**DELIVERY, "message_id": "b", "dedupe_key": None}),
    (Delivery, {**DELIVERY, "message_id": "c", "dedupe_key": None}),  # many cancelled rows may have none
    (Delivery, {**LETTER, "message_id": "d", "state": "claimed", "lease_until": NOW}),
    (AuditEvent, {"at": NOW, "event": "uncertain", "delivery_id": 1, "subscriber_id": 1}),
]

BAD: list[tuple[str, type[Model], dict[str, object]]] = [
    ("one address, one person", Subscriber, SUBSCRIBER),
    ("a status is one of three", Subscriber, {**SUBSCRIBER, "address_key": "x", "status": "confirmed"}),
    ("nobody is active unconfirmed", Subscriber, {**SUBSCRIBER, "address_key": "x", "status": "active"}),
    ("a person has an address", Subscriber, {**SUBSCRIBER, "address_key": "x", "address": None}),
    ("one person, one sequence, once", Enrollment, ENROLLMENT),
    ("an enrollment's status is one of four", Enrollment, {**ENROLLMENT, "sequence": "x", "status": "paused"}),
    ("letters run from a start", Enrollment, {**ENROLLMENT, "sequence": "x", "status": "active"}),
    ("a completed series had a start", Enrollment, {**ENROLLMENT, "sequence": "x", "status": "completed"}),
    ("who exits has a reason", Enrollment, {**ENROLLMENT, "sequence": "x", "status": "exited"}),
    ("a reason belongs to an exit", Enrollment, {**ENROLLMENT, "sequence": "x", "exit_reason": "bounced"}),
    ("an enrollment is somebody's", Enrollment, {**ENROLLMENT, "sequence": "x", "subscriber_id": 99}),
    ("a tag is given once", SubscriberTag, {"subscriber_id": 1, "tag": "tried-barre", "given_at": NOW}),
    ("a tag is somebody's", SubscriberTag, {"subscriber_id": 99, "tag": "x", "given_at": NOW}),
    ("a consent's event is one of four", Consent, {**CONSENT, "event": "assumed"}),
    ("a consent is somebody's", Consent, {**CONSENT, "subscriber_id": 99}),
    ("an address is blocked once in a scope", Suppression, SUPPRESSION),
    ("a scope is one of two", Suppression, {**SUPPRESSION, "scope": "some"}),
    ("nothing is planned twice", Delivery, {**DELIVERY, "message_id": "x", "dedupe_key": "notice:1"}),
    ("no Message-ID is used twice", Delivery, DELIVERY),
    ("a kind is one of six", Delivery, {**DELIVERY, "message_id": "x", "kind": "newsletter"}),
    ("a lane is one of two", Delivery, {**DELIVERY, "message_id": "x", "lane": "fast"}),
    ("a state is one of ten", Delivery, {**DELIVERY, "message_id": "x", "state": "sending"}),
    ("sent means when", Delivery, {**DELIVERY, "message_id": "x", "state": "sent"}),
    ("claimed means until when", Delivery, {**DELIVERY, "message_id": "x", "state": "claimed"}),
    ("handing off means until when", Delivery, {**DELIVERY, "message_id": "x", "state": "handing_off"}),
    ("a letter has a name", Delivery, {**LETTER, "message_id": "x", "step": None}),
    ("a letter belongs to a series", Delivery, {**LETTER, "message_id": "x", "enrollment_id": None}),
    ("a delivery is to somebody who exists", Delivery, {**LETTER, "message_id": "x", "subscriber_id": 99}),
    ("a delivery is of a series that exists", Delivery, {**LETTER, "message_id": "x", "enrollment_id": 99}),
    ("a delivery is of a release that exists", Delivery, {**DELIVERY, "message_id": "x", "release_id": 99}),
    ("a resend is of a delivery that exists", Delivery, {**DELIVERY, "message_id": "x", "resend_of": 99}),
    ("an event is about a delivery that exists", AuditEvent, {"at": NOW, "event": "x", "delivery_id": 99}),
    ("an event is about somebody who exists", AuditEvent, {"at": NOW, "event": "x", "subscriber_id": 99}),
]  # fmt: skip


@pytest.fixture
def filled(database: Database) -> Database:
    """A database that has taken every good row."""
    for model, row in GOOD:
        with database.write() as session:
            session.execute(insert(model).values(**row))
    return database


def test_no_bad_row_gets_in(filled: Database) -> None:
    """One database for the whole table: a refused row leaves nothing behind."""
    for promise, model, row in BAD:
        with pytest.raises(IntegrityError), filled.write() as session:
            session.execute(insert(model).values(**row))
            pytest.fail(f"broken: {promise}")


def test_a_cancelled_row_that_gave_its_key_back_makes_room_for_another(filled: Database) -> None:
    with filled.write() as session:
        session.execute(update(Delivery).where(Delivery.dedupe_key == "notice:1").values(dedupe_key=None))
        session.execute(insert(Delivery).values(**{**DELIVERY, "message_id": "x", "dedupe_key": "notice:1"}))


@pytest.mark.parametrize("column", ["event", "wording", "at", "ip"])
def test_a_proof_of_consent_can_never_be_edited(filled: Database, column: str) -> None:
    value = datetime(2020, 1, 1, tzinfo=UTC) if column == "at" else "confirmed"
    with pytest.raises(DBAPIError, match="consent rows are never changed"), filled.write() as session:
        session.execute(update(Consent).values({column: value}))


def test_who_is_forgotten_goes_with_all_that_is_hers_but_the_block_stays(filled: Database) -> None:
    with filled.write() as session:
        session.execute(delete(Subscriber))
    with filled.read() as session:
        for model in (Enrollment, SubscriberTag, Consent, AuditEvent):
            assert session.scalar(select(func.count()).select_from(model)) == 0
        assert session.scalar(select(func.count()).where(Delivery.subscriber_id.is_not(None))) == 0
        assert session.scalar(select(func.count()).select_from(Suppression)) == 2


def test_a_row_id_is_never_given_twice(database: Database) -> None:
    """Ids stand in signed links: a new person must not be reached by an old person's link."""
    for model, row in ((Subscriber, SUBSCRIBER), (Enrollment, ENROLLMENT), (Delivery, DELIVERY)):
        with database.write() as session:
            session.execute(insert(Subscriber).values(**{**SUBSCRIBER, "address_key": "owner"}))
            owner = session.scalars(select(Subscriber.id).where(Subscriber.address_key == "owner")).one()
            values = {**row, "subscriber_id": owner} if model is Enrollment else row
            first = session.execute(insert(model).values(**values).returning(model.id)).scalar_one()
            session.execute(delete(model))
        with database.write() as session:
            if model is Enrollment:
                values = {**row, "subscriber_id": owner}
            second = session.execute(insert(model).values(**values).returning(model.id)).scalar_one()
            assert second > first
            session.execute(delete(Delivery))
            session.execute(delete(Subscriber))
