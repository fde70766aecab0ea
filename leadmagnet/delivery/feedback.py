"""Takes to heart what the world says of a mail later: bounces, complaints.

Anybody can send such a report, so it counts only with a proof that its sender has had that very mail before him:

- the mail's own return path, which is signed (RFC 5321's envelope sender; the strongest: each report comes to it), or
- its Message-ID, 80 random bits that nobody else has seen, or
- the mail's number, which alone anybody could count up to, beside the signed unsubscribe link of the same person: for
  providers that write a Message-ID of their own.

An address is no proof. Every reader holds the proofs of her own mails, so what a report does is no more than what she
could do without one: it ends her own letters, and counts once among those that `rates` judges, as her true complaint or
her deleted mailbox would. It brakes nothing.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import InstrumentedAttribute, Session

from leadmagnet import links
from leadmagnet.audience import subscribers
from leadmagnet.delivery import notices, rates, recovery, soft_bounces, tally
from leadmagnet.links import Keys, Purpose
from leadmagnet.mail.addresses import comparable
from leadmagnet.mail.bounces import Bounce, Complaint
from leadmagnet.mail.smtp_replies import ReplyClass
from leadmagnet.mail.traces import Traces
from leadmagnet.publishing.releases import Live
from leadmagnet.sequences import moving, preferences
from leadmagnet.store.dialect import insert_ignoring
from leadmagnet.store.models import Delivery, Feedback, Subscriber

_WEEK = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Heard:
    """What a report did. `blocked` is why nothing is sent to the address any more, None if that did not change."""

    delivery_id: int
    reply_class: ReplyClass | None  # None: a complaint
    status: str | None
    new: bool  # False: the same was said before, and nothing was changed
    blocked: str | None = None
    to_reader: bool = True  # False: a test mail, or a notice


@dataclass(frozen=True, slots=True)
class Stranger:
    """The report does not prove that it is about a mail of ours: nothing was changed."""


def take(session: Session, said: Bounce | Complaint, keys: Keys, *, now: datetime) -> Heard | Stranger:
    """Acts on a report, once however often it comes; returns what it did."""
    mail = _proven(session, said.traces, keys)
    if mail is None:
        return Stranger()
    person = None
    if mail.subscriber_id is not None:
        # Before anything of her mail is locked, as in the gate: neither may wait for the other.
        person = subscribers.get(session, mail.subscriber_id)
        if person is None:  # forgotten this moment
            return Stranger()
        session.refresh(mail)
    reply_class = _class_for_her(person, said) if isinstance(said, Bounce) else None
    status = said.status if isinstance(said, Bounce) else None
    heard = Heard(mail.id, reply_class, status, new=True, to_reader=mail.kind not in tally.TO_OPERATOR)
    if not _noted(session, heard, now=now):
        return Heard(mail.id, reply_class, status, new=False, to_reader=heard.to_reader)
    _stamp(session, mail.id, Delivery.complained_at if reply_class is None else Delivery.bounced_at, now=now)
    recovery.settle_reported(session, Delivery.id == mail.id, now=now)
    blocked = _blocked(session, mail, reply_class, now=now)
    if blocked is not None or _is_first_of_its_week(session, mail, reply_class, now=now):
        _count(session, mail, reply_class, now=now)
    return Heard(mail.id, reply_class, status, new=True, blocked=blocked, to_reader=heard.to_reader)


def _proven(session: Session, traces: Traces, keys: Keys) -> Delivery | None:
    """The mail that the report is certainly about."""
    for path in traces.return_paths:
        row = links.read_return_path(path, keys)
        if row is not None:
            return session.get(Delivery, row)
    named = select(Delivery).where(Delivery.message_id.in_(traces.message_ids)).order_by(Delivery.id)
    if traces.message_ids and (mail := session.scalars(named).first()) is not None:
        return mail
    token = (traces.unsubscribe_url or "").rpartition("/")[2]
    subscriber_id = links.read(token, Purpose.LEAVE, keys)
    if traces.delivery_id is None or subscriber_id is None:
        return None
    mail = session.get(Delivery, traces.delivery_id)
    return mail if mail is not None and mail.subscriber_id == subscriber_id else None


def _class_for_her(person: Subscriber | None, bounce: Bounce) -> ReplyClass:
    """The bounce's class; but where her mail is passed on to a mailbox that is none, hers is in trouble, not gone."""
    if bounce.reply_class != ReplyClass.BAD_ADDRESS or not bounce.recipients or person is None:
        return bounce.reply_class
    return ReplyClass.BAD_ADDRESS if comparable(person.address) in bounce.recipients else ReplyClass.MAILBOX


def _noted(session: Session, heard: Heard, *, now: datetime) -> bool:
    """Keeps the report; False if it says what was said of this mail before."""
    kind = "complaint" if heard.reply_class is None else "bounce"
    said = f"{kind}:{heard.delivery_id}:{heard.status}:{heard.reply_class}"
    row = {
        "at": now,
        "kind": kind,
        "delivery_id": heard.delivery_id,
        "status": heard.status,
        "smtp_class": heard.reply_class,
        "digest": hashlib.sha256(said.encode()).hexdigest(),
    }
    return session.execute(insert_ignoring(session, Feedback).values(row).returning(Feedback.id)).first() is not None


def _stamp(
    session: Session, delivery_id: int, column: InstrumentedAttribute[datetime | None], *, now: datetime
) -> None:
    """Marks the mail with the time of the first report."""
    session.execute(
        update(Delivery).where(Delivery.id == delivery_id, column.is_(None)).values({column: now}),
        execution_options={"synchronize_session": False},
    )


def _blocked(session: Session, mail: Delivery, reply_class: ReplyClass | None, *, now: datetime) -> str | None:
    """Blocks the address if that is what the report asks for, and says why."""
    if mail.subscriber_id is None:
        return None
    ended: preferences.BlockedBy = "complained" if reply_class is None else "bounced"
    if mail.kind == "address" and (reply_class is not None or moving.asked_about(session, mail.id) is not None):
        return moving.refused_there(session, mail.id, ended, now=now) if reply_class is None else None
    moved = moving.last_move(session, mail.subscriber_id) if reply_class is not None else None
    if moved is not None and (mail.handed_at or now) < moved:
        return None  # the address that she had then; a complaint is her own word, wherever it was said
    why: str | None = ended
    if reply_class not in (None, ReplyClass.BAD_ADDRESS):
        before = mail.sent_at or mail.handed_at or now
        why = soft_bounces.of_address(session, mail.subscriber_id, reply_class, before=before, now=now)
    if why is None:
        return None
    new = preferences.block(session, mail.subscriber_id, why, ended, message_id=mail.message_id, now=now)
    return why if new else None


def _is_first_of_its_week(session: Session, mail: Delivery, reply_class: ReplyClass | None, *, now: datetime) -> bool:
    """Whether a bounce that blocks nobody is to be counted: one for each person, since she has a report for each mail.

    An end counts with the block that it leads to, which also comes but once.
    """
    if mail.subscriber_id is None or reply_class in (None, ReplyClass.BAD_ADDRESS):
        return False
    hers = select(Feedback.id).join(Delivery, Delivery.id == Feedback.delivery_id)
    hers = hers.where(
        Delivery.subscriber_id == mail.subscriber_id, Feedback.kind == "bounce", Feedback.at > now - _WEEK
    )
    return len(session.scalars(hers.limit(2)).all()) == 1  # this one


def _count(session: Session, mail: Delivery, reply_class: ReplyClass | None, *, now: datetime) -> None:
    """Counts, and tells the operator where servers refuse us. Last in its transaction: others wait for the same counts.

    A brake set here would let each reader stop the letters of everybody.
    """
    letter = f"{mail.sequence}/{mail.step}" if mail.step is not None else mail.kind
    outcome = rates.COMPLAINED if reply_class is None else f"{rates.BOUNCED}{reply_class}"
    tally.add(session, {(tally.day_of(now), letter, outcome): 1})
    if reply_class == ReplyClass.REPUTATION:
        notices.tell(session, Live().get(session), notices.distrusted_later(mail.domain_group), now=now)
