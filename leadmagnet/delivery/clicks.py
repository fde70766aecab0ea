"""Counts clicks: where a counted link leads, and that somebody followed it."""

from datetime import datetime, timedelta

from sqlalchemy import update
from sqlalchemy.orm import Session

from leadmagnet.links import Links
from leadmagnet.mail import render
from leadmagnet.mail.facts import MailFacts, letter_values
from leadmagnet.publishing import releases
from leadmagnet.publishing.releases import NothingPublished
from leadmagnet.store.models import Delivery

#: Mail scanners follow every link within seconds; a person has to open the mail first.
NOT_A_PERSON = timedelta(seconds=10)


def target(session: Session, links: Links, delivery_id: int, number: int) -> str | None:
    """Where link `number` of this mail leads, in the version it was sent from; None if there is no such link."""
    mail = session.get(Delivery, delivery_id)
    if mail is None or mail.release_id is None or mail.sequence is None or mail.step is None:
        return None
    if mail.subscriber_id is None or mail.enrollment_id is None:
        return None
    try:
        published = releases.load(session, mail.release_id)
    except NothingPublished:
        return None
    sequence = published.sequence(mail.sequence)
    step = sequence.step(mail.step) if sequence is not None else None
    if sequence is None or step is None:
        return None
    letter = published.letter(sequence.slug, step.slug)
    if number >= len(letter.links):
        return None
    # A link works for longer than what its mail was filled in with is kept; no address needs more of it than the guide.
    kept = mail.facts or {"asked_on": mail.due_at.date().isoformat(), "guide": sequence.guide}
    facts = MailFacts.from_json(kept)
    values = letter_values(published, links, facts, subscriber_id=mail.subscriber_id, enrollment_id=mail.enrollment_id)
    return render.link_target(letter, number, values)


def is_kept(session: Session, delivery_id: int) -> bool:
    """Whether there is such a mail; none is deleted before its reader is."""
    return session.get(Delivery, delivery_id) is not None


def count(session: Session, delivery_id: int, *, now: datetime) -> None:
    """Notes the first click of a person on this mail."""
    session.execute(
        update(Delivery)
        .where(Delivery.id == delivery_id, Delivery.clicked_at.is_(None), Delivery.sent_at < now - NOT_A_PERSON)
        .values(clicked_at=now)
    )
