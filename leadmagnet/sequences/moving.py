"""A reader's new address: she asks for it on her page, and a mail to it has to prove that it is hers."""

from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import delete, func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from leadmagnet.audience import consent, history, privacy, subscribers, suppressions
from leadmagnet.audience.addresses import Address
from leadmagnet.audience.consent import Origin
from leadmagnet.content.manuscripts import NEW_ADDRESS
from leadmagnet.content.published import Published
from leadmagnet.sequences import deliveries, preferences
from leadmagnet.sequences.preferences import BlockedBy
from leadmagnet.store.dialect import insert_or_update, is_sqlite, locked_ids, table
from leadmagnet.store.models import AddressChange, AuditEvent, Consent, Delivery, SignupBucket, Subscriber

#: How long a wish waits for its answer: as long as an unconfirmed address is kept.
LIFE = timedelta(days=7)
#: One person may ask so often a day; and what several people ask of one address, the first of them alone is heard.
WISHES_A_DAY = 3
_DAY = timedelta(days=1)
#: In her history.
EVENT = "moved"
#: What she says yes to, word for word, on the page that the mail leads to.
WORDING = "From now on mails go to this address, and no longer to the old one."


class Asked(StrEnum):
    """What a wish for another address led to; the page says the same to all but the first two."""

    NOBODY = "forgotten, or never confirmed: there is nothing to send"
    TOO_OFTEN = "this person has asked often enough for today"
    QUEUED = "a mail to the new address is queued"
    SAME = "her own address: nothing changes"
    NOT_A_PERSON = "role or disposable address"
    BLOCKED = "nothing may be sent there"
    ASKED_OFTEN = "somebody else has asked for the same address today"


def possible(published: Published) -> bool:
    """Whether the mail that asks is in this version: one from before the software knew it has none."""
    return f"system/{NEW_ADDRESS}" in published.compiled.letters


def ask(
    session: Session, published: Published, subscriber_id: int, address: Address, key: str, *, now: datetime
) -> Asked:
    """Takes a wish in, instead of an older one of hers, whose link is dead from then on."""
    subscriber = subscribers.get(session, subscriber_id)
    if subscriber is None or subscriber.confirmed_at is None or not possible(published):
        return Asked.NOBODY
    if _asked_today(session, subscriber_id, now) >= WISHES_A_DAY:
        return Asked.TOO_OFTEN
    before = session.scalar(select(AddressChange.address_key).where(AddressChange.subscriber_id == subscriber_id))
    _drop(session, subscriber_id, "a newer wish", now=now)
    if key == subscriber.address_key:
        return Asked.SAME
    if not address.is_a_person(ours=published.sender_address):
        return Asked.NOT_A_PERSON
    if "all" in suppressions.scopes(session, key):
        return Asked.BLOCKED
    if not _first_today(session, key, again=before == key, now=now):
        return Asked.ASKED_OFTEN
    change = AddressChange(
        subscriber_id=subscriber_id,
        address=address.text,
        address_key=key,
        domain_group=address.domain_group,
        asked_at=now,
    )
    session.add(change)
    session.flush()
    deliveries.plan_address(session, published, subscriber, change, now=now)
    return Asked.QUEUED


def _asked_today(session: Session, subscriber_id: int, now: datetime) -> int:
    hers = (Delivery.subscriber_id == subscriber_id, Delivery.kind == "address", Delivery.due_at > now - _DAY)
    return session.scalar(select(func.count()).select_from(Delivery).where(*hers)) or 0


def _first_today(session: Session, key: str, *, again: bool, now: datetime) -> bool:
    """Whether nobody else has had a mail sent there within a day: many readers together must not flood a stranger."""
    bucket, until = table(SignupBucket), (now + _DAY).timestamp()
    values, changes = {"scope": f"address:{key}", "used_until": until}, {"used_until": until}
    is_over = None if again else bucket.c.used_until <= now.timestamp()
    # One statement looks and takes: two who ask at the same moment do not both find that nobody has.
    taking = insert_or_update(bucket, is_sqlite(session), values, changes, is_over).returning(bucket.c.scope)
    return session.execute(taking).first() is not None


def _drop(session: Session, subscriber_id: int, reason: str, *, now: datetime) -> None:
    session.execute(delete(AddressChange).where(AddressChange.subscriber_id == subscriber_id))
    hers = (Delivery.subscriber_id == subscriber_id, Delivery.kind == "address")
    deliveries.cancel_pending(session, reason, *hers, now=now)


class Moved(StrEnum):
    """What a tap at the new address led to."""

    NOW = "mails go there from now on"
    BEFORE = "nothing to change: this very link has moved her before"
    TAKEN = "somebody has letters at that address already"
    GONE = "too old, replaced by a newer wish, blocked or forgotten"


def standing(session: Session, change_id: int, *, now: datetime) -> Moved:
    """What a tap would lead to; changes nothing.

    Who has asked at that address for a guide, and has not confirmed, does not stand in the way: the tap proves whose it
    is.
    """
    # As it is by now: a page may have looked it up before her row was locked.
    change = session.get(AddressChange, change_id, populate_existing=True)
    if change is None:
        return Moved.BEFORE if _done(session, change_id) else Moved.GONE
    if change.asked_at < now - LIFE or "all" in suppressions.scopes(session, change.address_key):
        return Moved.GONE
    owner = session.scalar(select(Subscriber.status).where(Subscriber.address_key == change.address_key))
    return Moved.NOW if owner in (None, "pending") else Moved.TAKEN


def _done(session: Session, change_id: int) -> bool:
    mail = Delivery.dedupe_key == deliveries.address_key(change_id)
    answered = select(Consent.id).join(Delivery, Delivery.subscriber_id == Consent.subscriber_id)
    answered = answered.where(mail, Consent.message_id == Delivery.message_id, Consent.event == "confirmed")
    return session.scalar(answered) is not None


def move(session: Session, change_id: int, origin: Origin, *, now: datetime) -> Moved:
    """Makes the new address hers, once; it starts no letters, and brings nobody back who has left.

    What waits goes there. A mail that a worker has in hand is stopped at its gate, and made anew for the new address.
    """
    owner = session.scalar(select(AddressChange.subscriber_id).where(AddressChange.id == change_id))
    subscriber = subscribers.get(session, owner) if owner is not None else None
    verdict = standing(session, change_id, now=now)
    change = session.get(AddressChange, change_id)
    if verdict is not Moved.NOW or subscriber is None or change is None:
        return verdict
    answered = session.scalar(
        select(Delivery.message_id).where(Delivery.dedupe_key == deliveries.address_key(change_id))
    )
    privacy.forget_request(session, change.address_key)
    before = subscriber.address_key
    new = {"address": change.address, "address_key": change.address_key, "domain_group": change.domain_group}
    try:
        with session.begin_nested():
            session.execute(update(Subscriber).where(Subscriber.id == subscriber.id).values(**new))
    except IntegrityError:  # somebody signs up with it, or confirms, this moment
        return Moved.TAKEN
    _carry_over(session, before, change.address_key, now=now)
    waiting = select(Delivery.id).where(
        Delivery.subscriber_id == subscriber.id, Delivery.state.in_(["pending", "held", "uncertain"])
    )
    session.execute(
        update(Delivery).where(Delivery.id.in_(locked_ids(session, waiting))).values(domain_group=change.domain_group),
        execution_options={"synchronize_session": False},
    )
    consent.record(session, subscriber.id, "confirmed", now=now, origin=origin, wording=WORDING, message_id=answered)
    history.write(session, subscriber.id, EVENT, by="reader", now=now)
    session.delete(change)
    return Moved.NOW


def _carry_over(session: Session, before: str, after: str, *, now: datetime) -> None:
    """A block on letters is the person's own word and goes with her; one of scope `all` stays with the address."""
    if "letters" in suppressions.scopes(session, before):
        suppressions.lift(session, before)
        suppressions.add(session, after, "letters", "unsubscribed", now=now)
    else:
        suppressions.lift(session, after)


def asked_about(session: Session, delivery_id: int) -> AddressChange | None:
    """The change that this mail asks about, while it waits for its answer."""
    key = deliveries.address_key_of(table(AddressChange).c.id)
    return session.scalar(
        select(AddressChange)
        .join(Delivery, Delivery.subscriber_id == AddressChange.subscriber_id)
        .where(Delivery.id == delivery_id, Delivery.dedupe_key == key)
    )


def last_move(session: Session, subscriber_id: int) -> datetime | None:
    """When her mails last went over to another address; None: they never did."""
    moves = (AuditEvent.subscriber_id == subscriber_id, AuditEvent.event == EVENT)
    return session.scalar(select(func.max(AuditEvent.at)).where(*moves))


def refused_there(session: Session, delivery_id: int, reason: BlockedBy, *, now: datetime) -> str | None:
    """Blocks the address that this mail asked at, with whoever has it; why, or None if it waits for no answer."""
    change = asked_about(session, delivery_id)
    if change is None:
        return None
    owner = session.scalar(select(Subscriber.id).where(Subscriber.address_key == change.address_key))
    if owner is not None:
        answers = session.scalars(select(Delivery.message_id).where(Delivery.id == delivery_id)).one()
        preferences.block(session, owner, reason, reason, message_id=answers, now=now)
    else:
        suppressions.add(session, change.address_key, "all", reason, now=now)
    session.delete(change)
    return reason


def forget_unanswered(session: Session, *, limit: int, now: datetime) -> int:
    """Deletes wishes that nobody answered in time; returns how many."""
    old = select(AddressChange.id).where(AddressChange.asked_at < now - LIFE).limit(limit)
    gone = delete(AddressChange).where(AddressChange.id.in_(old)).returning(AddressChange.id)
    return len(session.scalars(gone).all())
