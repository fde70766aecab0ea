"""A reader's answer to the question of her guide: a tag that her letters know."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.orm import Session

from leadmagnet.audience import history, subscribers
from leadmagnet.content.published import Published
from leadmagnet.content.questions import Question
from leadmagnet.sequences import enrollments
from leadmagnet.sequences import facts as people_facts
from leadmagnet.store.models import AuditEvent, Enrollment, Subscriber

_EVENT = "answered"


class Answered(StrEnum):
    """What a tap on an answer led to."""

    NOW = "kept, with its tag"
    BEFORE = "nothing to change: the same answer again"
    UNKNOWN = "no answer of this question"
    NOT_ASKED = "nobody asks her: forgotten, left, or her letters do not run"


@dataclass(frozen=True, slots=True)
class Given:
    """What somebody answered, and when."""

    words: str
    at: datetime


def asked(published: Published, subscriber: Subscriber, enrollment: Enrollment) -> Question | None:
    """The question for somebody on the page of her guide: only where her letters run, which the answer is for."""
    guide = published.guide(enrollment.guide) if enrollment.guide is not None else None
    if guide is None or subscriber.status != "active" or enrollment.status != "active":
        return None
    return guide.question


def given(session: Session, enrollment: Enrollment, question: Question) -> Given | None:
    """Her last answer to this very question of this guide."""
    answers = session.execute(
        select(AuditEvent.at, AuditEvent.detail)
        .where(AuditEvent.subscriber_id == enrollment.subscriber_id, AuditEvent.event == _EVENT)
        .order_by(AuditEvent.id.desc())
    )
    here = ((at, told) for at, told in answers if told is not None and told["guide"] == enrollment.guide)
    newest = next(here, None)
    if newest is None:
        return None
    at, told = newest
    fits = told["question"] == question.ask and question.answer(told["answer"]) is not None
    return Given(told["answer"], at) if fits else None


def is_known(session: Session, subscriber_id: int, question: Question) -> bool:
    """True if a tag of hers answers it already, wherever she got it: another guide may have asked the same."""
    return not question.tags.isdisjoint(people_facts.tags(session, [subscriber_id])[subscriber_id])


def answer(session: Session, published: Published, enrollment_id: int, words: str, *, now: datetime) -> Answered:
    """Gives the tag of an answer and takes those of the others; she may change her mind."""
    enrollment = session.get(Enrollment, enrollment_id)
    # The lock makes two taps take turns, and lets none of them overtake a leave.
    subscriber = subscribers.get(session, enrollment.subscriber_id) if enrollment is not None else None
    question = asked(published, subscriber, enrollment) if enrollment is not None and subscriber is not None else None
    if enrollment is None or question is None:
        return Answered.NOT_ASKED
    chosen = question.answer(words)
    if chosen is None:
        return Answered.UNKNOWN
    before = given(session, enrollment, question)
    if before is not None and before.words == chosen.words:
        return Answered.BEFORE
    person = enrollment.subscriber_id
    for other in sorted(question.tags - {chosen.tag}):
        enrollments.take_tag(session, person, other)
    if chosen.tag is not None:
        enrollments.give_tags(session, published, [(person, chosen.tag)], now=now)
    history.write(
        session, person, _EVENT, by="reader", now=now, guide=enrollment.guide, question=question.ask, answer=words
    )
    return Answered.NOW
