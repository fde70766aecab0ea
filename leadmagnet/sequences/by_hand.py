"""What the operator does to one person by hand, through the doors that readers use, each change in her history."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.orm import Session

from leadmagnet.audience import history
from leadmagnet.audience.consent import Origin
from leadmagnet.content.published import Published
from leadmagnet.sequences import enrollments, preferences
from leadmagnet.store.models import Enrollment, Subscriber, SubscriberTag

#: No browser was there: the proof of a withdrawal by hand has no address of one.
_BY_HAND = Origin()


class Start(StrEnum):
    """What became of letters that were to start."""

    STARTED = "the letters start now"
    RUNNING = "they have started already"
    OVER = "she has had them, or they ended early"
    FINISHING = "she asked to leave after the series that runs"


@dataclass(frozen=True, slots=True)
class Tagged:
    """A tag given: whether it is new, and the slugs of the sequences that it started."""

    new: bool
    started: tuple[str, ...]


def leave(session: Session, subscriber: Subscriber, *, by: str, now: datetime) -> bool:
    """Stops all letters to a person; False if she had left before."""
    left = preferences.leave(session, subscriber.id, _BY_HAND, now=now)
    if left:
        history.write(session, subscriber.id, "left", by=by, now=now)
    return left


def tag(session: Session, published: Published, subscriber: Subscriber, name: str, *, by: str, now: datetime) -> Tagged:
    """Gives a tag, which may start sequences for somebody who may get letters."""
    if session.get(SubscriberTag, (subscriber.id, name)) is not None:
        return Tagged(new=False, started=())
    before = _running(session, subscriber)
    enrollments.give_tags(session, published, [(subscriber.id, name)], now=now)
    history.write(session, subscriber.id, "tagged", by=by, now=now, tag=name)
    return Tagged(new=True, started=tuple(sorted(_running(session, subscriber) - before)))


def untag(session: Session, subscriber: Subscriber, name: str, *, by: str, now: datetime) -> bool:
    """Takes a tag away; False if she had none of that name."""
    taken = enrollments.take_tag(session, subscriber.id, name)
    if taken:
        history.write(session, subscriber.id, "untagged", by=by, now=now, tag=name)
    return taken


def start(
    session: Session, published: Published, subscriber: Subscriber, slug: str, *, by: str, now: datetime
) -> Start:
    """Starts the letters of a sequence for somebody who has confirmed, has not left and is not blocked.

    Raises ValueError for anybody else, and KeyError for a sequence that is not published.
    """
    if subscriber.status != "active":
        raise ValueError("nobody is written to who has not confirmed, or has left")
    enrollment = enrollments.find_or_add(session, subscriber.id, published.compiled.sequences[slug], now=now)
    if enrollments.start(session, published, subscriber, enrollment, by_tap=False, now=now):
        history.write(session, subscriber.id, "started", by=by, now=now, sequence=slug)
        return Start.STARTED
    if enrollment.status == "pending" and subscriber.finishing_at is not None:
        return Start.FINISHING
    return Start.RUNNING if enrollment.status == "active" else Start.OVER


def _running(session: Session, subscriber: Subscriber) -> set[str]:
    running = select(Enrollment.sequence).where(
        Enrollment.subscriber_id == subscriber.id, Enrollment.status == "active"
    )
    return set(session.scalars(running))
