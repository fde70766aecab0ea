"""The subject under which somebody gets a letter, as it is before it is sent."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from leadmagnet.content.published import Published
from leadmagnet.links import Keys, Links
from leadmagnet.mail import render
from leadmagnet.mail.facts import MailFacts, letter_values
from leadmagnet.sequences import facts as people_facts
from leadmagnet.store.models import Enrollment, Subscriber

#: A subject has no links.
_NOWHERE = Links("", Keys.of(("-",)))


def subject(session: Session, published: Published, subscriber: Subscriber, sequence: str, letter: str) -> str | None:
    """The subject under which she will get a letter; None for one that is not published any more."""
    found = published.sequence(sequence)
    step = found.step(letter) if found is not None else None
    hers = Enrollment.subscriber_id == subscriber.id, Enrollment.sequence == sequence
    series = session.scalars(select(Enrollment).where(*hers)).one_or_none()
    if step is None or series is None or series.start_at is None:
        return None
    known = people_facts.gather(session, {series.id: people_facts.series_of(series, subscriber)})[series.id]
    facts = MailFacts(
        asked_on=series.created_at.astimezone(published.zone).date().isoformat(),
        first_name=subscriber.first_name or "",
        guide=series.guide,
        guide_opened=series.guide_opened_at is not None,
        tags=sorted(known.tags),
        clicked=sorted(known.clicked),
    )
    values = letter_values(published, _NOWHERE, facts, subscriber_id=subscriber.id, enrollment_id=series.id)
    return render.subject(published.letter(sequence, step.slug), values)
