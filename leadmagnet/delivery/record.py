"""Writes down what became of letters, many at once, with what follows in the same transaction."""

import logging
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, bindparam, select, update
from sqlalchemy.orm import Session
from sqlalchemy.sql.dml import ReturningUpdate

from leadmagnet.content.published import Published
from leadmagnet.delivery import soft_bounces
from leadmagnet.delivery.letters import Claimed, Course
from leadmagnet.delivery.outcomes import Accepted, Deferred, Failed, Lost, Outcome, Returned
from leadmagnet.sequences import deliveries, enrollments, moving, preferences, timetable
from leadmagnet.store import batches
from leadmagnet.store.dialect import table
from leadmagnet.store.models import AuditEvent, Delivery, Subscriber
from leadmagnet.store.statements import Statement

log = logging.getLogger(__name__)

Result = tuple[Claimed, Outcome]

#: From a claim on, a row is ours to write while it carries our token in one of these states.
_OURS = ("claimed", "handing_off")

_delivery = table(Delivery)


@Statement
def _sent(for_sqlite: bool) -> ReturningUpdate[Any]:
    mine = batches.given(for_sqlite=for_sqlite, id=batches.NUMBER, token=batches.NUMBER)
    at = bindparam("at", type_=_delivery.c.sent_at.type)
    return (
        update(_delivery)
        .where(_delivery.c.id == mine.c.id, _delivery.c.lease_token == mine.c.token, _delivery.c.state == "handing_off")
        .values(state="sent", sent_at=at, begun=0, smtp_code=250, smtp_class="accepted", reason=None)
        .returning(_delivery.c.id)
    )


def apply(session: Session, results: Sequence[Result], *, now: datetime) -> list[Result]:
    """Records every result whose lease still holds; a lost lease writes nothing.

    Returns what was recorded, and everything accepted: a 250 stands, whoever has the row.
    """
    sent = [(letter, outcome) for letter, outcome in results if isinstance(outcome, Accepted)]
    if sent:
        _finish(session, sent)
    recorded: list[Result] = [*sent]
    recorded += [result for result in results if not isinstance(result[1], Accepted) and _record(session, *result, now)]
    return recorded


def _record(session: Session, letter: Claimed, outcome: Outcome, now: datetime) -> bool:
    """Records anything but an acceptance; False if the lease was lost."""
    match outcome:
        case Deferred():
            return _defer(session, letter, outcome, now)
        case Returned(ready_at):
            place = {} if ready_at is None else {"ready_at": ready_at}  # None: it keeps its place
            return _write(session, letter, state="pending", **place)
        case Failed():
            return _fail(session, letter, outcome, now)
        case Lost(at):
            return _lose(session, letter, at)
        case Accepted():
            raise AssertionError("accepted mails are recorded together")


def _defer(session: Session, letter: Claimed, deferred: Deferred, now: datetime) -> bool:
    return _write(
        session,
        letter,
        state="pending",
        # Trouble of ours as a sender is no attempt: once it is mended, giving up is measured anew.
        attempts=letter.attempts + 1 if deferred.is_attempt else 0,
        first_attempt_at=(letter.first_attempt_at or now) if deferred.is_attempt else None,
        begun=0,
        ready_at=deferred.ready_at,
        smtp_code=deferred.code,
        smtp_class=deferred.reply_class,
    )


def _finish(session: Session, sent: Sequence[tuple[Claimed, Accepted]]) -> None:
    """`sent` and the next letter are one transaction: a crash finds both or neither."""
    at = sent[0][1].at
    mine = batches.rows([(letter.id, letter.token) for letter, _accepted in sent])
    done = {row.id for row in _sent.run(session, given=mine, at=at)}
    late = [(letter, accepted) for letter, accepted in sent if letter.id not in done]
    done |= {letter.id for letter, accepted in late if _accepted_late(session, letter, accepted.at)}
    go_on(session, [(letter, accepted.at) for letter, accepted in sent if letter.id in done], now=at)


def _accepted_late(session: Session, letter: Claimed, at: datetime) -> bool:
    """Settles a mail whose 250 came after its lease had run out; False if it was settled otherwise."""
    settled = by_identity(session, letter.id, letter.message_id, at=at) is not None
    if settled:
        session.add(
            AuditEvent(at=at, event="sent by late answer", delivery_id=letter.id, subscriber_id=letter.subscriber_id)
        )
    words = "delivery %s: answered 250 after its lease had run out (settled: %s)"
    log.warning(words, letter.id, settled, extra={"delivery": letter.id})
    return settled


def by_identity(
    session: Session, delivery_id: int, message_id: str, *, at: datetime
) -> Row[int | None, int | None, str | None] | None:
    """Marks a maybe-sent mail as sent, since a 250 proves acceptance whoever holds the row.

    Returns its subscriber_id, enrollment_id and step, or None if it was settled otherwise.
    """
    return session.execute(
        update(Delivery)
        .where(
            Delivery.id == delivery_id,
            Delivery.message_id == message_id,
            Delivery.state.in_(["handing_off", "uncertain"]),
        )
        .values(
            state="sent",
            sent_at=at,
            begun=0,
            smtp_code=250,
            smtp_class="accepted",
            reason=None,
            ended_at=None,
            lease_token=Delivery.lease_token + 1,
        )
        .returning(Delivery.subscriber_id, Delivery.enrollment_id, Delivery.step),
        execution_options={"synchronize_session": False},
    ).one_or_none()


def go_on(session: Session, handled: Collection[tuple[Claimed, datetime | None]], *, now: datetime) -> None:
    """Plans what follows each handled letter of a series; `letter_at` None: no letter went out."""
    # What a letter of the release before plans bears that release's number, so that the re-plan will look at it.
    by_release: dict[Published, list[tuple[Course, datetime | None]]] = {}
    for letter, letter_at in handled:
        if letter.course is not None:
            by_release.setdefault(letter.published, []).append((letter.course, letter_at))
    for published, courses in by_release.items():
        _go_on(session, published, courses, now)


def _go_on(
    session: Session, published: Published, courses: Collection[tuple[Course, datetime | None]], now: datetime
) -> None:
    times = timetable.of(published)
    passed, following, tags = [], {}, []
    for course, letter_at in courses:
        passed += [(course.enrollment_id, course.person, course.sequence, over) for over in course.passed_over(times)]
        following[course.enrollment_id] = (course.person, course.sequence, course.after(times, letter_at=letter_at))
        if course.step.tag is not None and letter_at is not None:
            tags.append((course.person.id, course.step.tag))
    deliveries.pass_over(session, published, passed, now=now)
    enrollments.give_tags(session, published, tags, now=now)
    enrollments.follow(session, published, following, now=now)


def _fail(session: Session, letter: Claimed, failed: Failed, now: datetime) -> bool:
    values: dict[str, Any] = {"smtp_code": failed.code, "smtp_class": failed.reply_class}
    if not _write(session, letter, state="failed", reason=failed.reason, ended_at=now, **values):
        return False
    if letter.kind == "address":  # what is refused is not her address yet
        if failed.suppress:
            moving.refused_there(session, letter.id, "bounced", now=now)
        return True
    why = "bounced" if failed.suppress else soft_bounces.verdict(session, letter, failed, now=now)
    if why is not None and _has_moved(session, letter):
        why = None
    if why is not None and letter.subscriber_id is not None:
        preferences.block(session, letter.subscriber_id, why, "bounced", message_id=letter.message_id, now=now)
    else:
        go_on(session, [(letter, None)], now=now)
    return True


def _has_moved(session: Session, letter: Claimed) -> bool:
    """Whether the address that refused the letter is not hers any more: she moved while a sender had it in hand."""
    address = session.scalar(select(Subscriber.address).where(Subscriber.id == letter.subscriber_id))
    return address is not None and address != letter.recipient


def _lose(session: Session, letter: Claimed, at: datetime) -> bool:
    """A lost reply: counts as progress, because most were accepted, and waits for evidence or the operator."""
    if not _write(session, letter, state="uncertain", reason="the server's answer was lost", ended_at=at):
        return False
    session.add(
        AuditEvent(
            at=at,
            event="uncertain",
            delivery_id=letter.id,
            subscriber_id=letter.subscriber_id,
            detail={"reason": "the server's answer was lost"},
        )
    )
    go_on(session, [(letter, at)], now=at)
    return True


def _write(session: Session, letter: Claimed, **values: Any) -> bool:
    """A guarded write: False, and nothing changed, if the lease was lost."""
    written = session.execute(
        update(Delivery)
        .where(Delivery.id == letter.id, Delivery.lease_token == letter.token, Delivery.state.in_(_OURS))
        .values(**values)
        .returning(Delivery.id),
        execution_options={"synchronize_session": False},
    )
    return written.first() is not None
