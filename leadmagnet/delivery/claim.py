"""Claims letters that are still right, and settles in the same transaction those that are not."""

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Update, bindparam, update
from sqlalchemy.orm import Session

from leadmagnet.content.compiled import Letter
from leadmagnet.content.published import Published
from leadmagnet.content.sequences import Sequence
from leadmagnet.delivery import letters, notices, queue, readers
from leadmagnet.delivery.letters import SYSTEM_LETTERS, Claimed, Course, Person
from leadmagnet.delivery.queue import Lease
from leadmagnet.delivery.quota import Quota
from leadmagnet.delivery.readers import Readers
from leadmagnet.mail.facts import MailFacts
from leadmagnet.records import record
from leadmagnet.sequences import deliveries, enrollments, moving, recheck, timetable
from leadmagnet.sequences.recheck import Drop, End, Move, PassOver, Pause, Replace, Send
from leadmagnet.sequences.schedule import Facts, Planned
from leadmagnet.store.dialect import table
from leadmagnet.store.models import Delivery, Enrollment
from leadmagnet.store.statements import Statement

_delivery = table(Delivery)


@record
class Batch:
    """What one claim brought; `wait` is the seconds after which the rate has room again, None otherwise."""

    letters: list[Claimed]
    is_full: bool  # there may be more to claim right now
    wait: float | None


def claim_within(
    session: Session,
    published: Published,
    lease: Lease,
    quota: Quota,
    *,
    lane: str,
    limit: int,
    only: int | None = None,
    without_groups: Collection[str] = (),
    now: datetime,
) -> Batch:
    """As `claim`, and no more letters than the quota has room for, which counts those that were claimed."""
    room = quota.room(session, published, lane=lane, wanted=limit, now=now)
    if not room.letters:
        return Batch([], False, room.wait)
    claimed, seen = claim(
        session,
        published,
        lease,
        lane=lane,
        limit=room.letters,
        only=only,
        without_groups=without_groups,
        now=now,
        quota_day=room.date,
    )
    return Batch(quota.take(session, claimed, room, now=now), seen == room.letters, None)


def claim(
    session: Session,
    published: Published,
    lease: Lease,
    *,
    lane: str,
    limit: int,
    only: int | None = None,
    without_groups: Collection[str] = (),
    now: datetime,
    quota_day: str | None = None,
) -> tuple[list[Claimed], int]:
    """Up to `limit` due letters of a lane, ready to send, and how many rows were looked at to find them.

    `only`: no letter but this one.
    """
    rows = queue.take(
        session,
        published,
        lease,
        lane=lane,
        limit=limit,
        only=only,
        without_groups=without_groups,
        now=now,
        quota_day=quota_day,
    )
    people = readers.of(session, rows)
    claimed = []
    for row in rows:
        letter = _settle(session, published, row, people, now)
        if letter is None:
            continue
        claimed.append(letter)
        if letter.course is not None:
            people.getting.add(letter.course.person.id)
    return claimed, len(rows)


@record
class _Case:
    """One claimed row and the person it is for."""

    published: Published
    row: Row[Any]
    subscriber: Any
    enrollment: Any
    facts: Facts | None  # None: her letters have not started
    now: datetime

    def claimed(self, letter: Letter, facts: Facts | None, course: Course | None) -> Claimed:
        """The row as a letter in hand."""
        row, enrollment = self.row, self.enrollment
        return letters.of_row(
            row,
            recipient=self.subscriber.address,
            subscriber_id=self.subscriber.id,
            enrollment_id=enrollment.id,
            published=self.published,
            letter=letter,
            facts=MailFacts(
                asked_on=enrollment.created_at.astimezone(self.published.zone).date().isoformat(),
                first_name=self.subscriber.first_name or "",
                guide=enrollment.guide,
                guide_opened=enrollment.guide_opened_at is not None,
                tags=sorted(facts.tags) if facts is not None else [],
                clicked=sorted(facts.clicked) if facts is not None else [],
            ),
            course=course,
        )

    def course(self, sequence: Sequence, planned: Planned, facts: Facts) -> Course:
        """Where the planned letter stands in her series."""
        zone = self.published.zone_of(self.subscriber.timezone)
        person = Person(self.subscriber.id, self.subscriber.domain_group)
        return Course(person, self.enrollment.id, sequence, planned.step, facts, zone)


def _settle(session: Session, published: Published, row: Row[Any], people: Readers, now: datetime) -> Claimed | None:
    """The letter, if it is to be sent now; otherwise the row is settled and None returned."""
    if row.subscriber_id is None:
        return _to_operator(session, published, row, now)
    if row.kind == "address":
        return _to_new_address(session, published, row, now)
    enrollment = people.enrollments[row.enrollment_id]
    facts = people.facts.get(enrollment.id)
    if facts is not None and row.subscriber_id in people.getting:  # the letter in hand counts as the last
        facts = replace(facts, last_letter_at=now)
    case = _Case(published, row, people.subscribers[row.subscriber_id], enrollment, facts, now)
    if row.step is not None:
        return _settle_letter(session, case)
    if row.kind in ("confirm", "reminder") and case.subscriber.status != "pending":
        _close(session, row, "cancelled", case.subscriber.status, now)
        return None
    return case.claimed(published.letter("system", SYSTEM_LETTERS[row.kind]), facts, None)


def _settle_letter(session: Session, case: _Case) -> Claimed | None:
    published, row, enrollment, now = case.published, case.row, case.enrollment, case.now
    sequence = published.sequence(enrollment.sequence)
    if case.facts is None:
        _close(session, row, "cancelled", enrollment.exit_reason or enrollment.status, now)
        return None
    zone = published.zone_of(case.subscriber.timezone)
    times = timetable.of(published)
    decision = recheck.judge(enrollment, sequence, row.step, case.facts, zone, timetable=times, now=now)
    match decision, sequence:
        case Send(planned, facts), seq if seq is not None:
            _move_start(session, enrollment, facts.start)
            letter = published.letter(seq.slug, planned.step.slug)
            return case.claimed(letter, facts, case.course(seq, planned, facts))
        case Move(due, facts, passed), seq if seq is not None:
            _move_start(session, enrollment, facts.start)
            _put_back(session, row, due)
            gone = [(enrollment.id, case.subscriber, seq, over) for over in passed]
            deliveries.pass_over(session, published, gone, now=now)
        case Pause(until), _:
            _put_back(session, row, until)
        case Replace(reason, following), seq if seq is not None:
            _close(session, row, "cancelled", reason, now)
            enrollments.follow(session, published, {enrollment.id: (case.subscriber, seq, following)}, now=now)
        case PassOver(state, reason, planned, facts), seq if seq is not None:
            _move_start(session, enrollment, facts.start)
            _close(session, row, state, reason, now)
            after = case.course(seq, planned, facts).after(times, letter_at=None)
            enrollments.follow(session, published, {enrollment.id: (case.subscriber, seq, after)}, now=now)
        case End(reason), _:
            _close(session, row, "cancelled", reason, now)
            enrollments.end(session, enrollment.id, reason, now=now)
        case Drop(reason), _:
            _close(session, row, "cancelled", reason, now)
    return None


def _to_new_address(session: Session, published: Published, row: Row[Any], now: datetime) -> Claimed | None:
    """The question at an address that a reader named; who gets it stands in her wish, as long as that waits."""
    change = moving.asked_about(session, row.id)
    letter = published.compiled.letters.get(f"system/{SYSTEM_LETTERS[row.kind]}")
    if change is None or letter is None:
        _close(session, row, "cancelled", "a newer wish" if letter is not None else "not in this version", now)
        return None
    return letters.of_row(
        row,
        recipient=change.address,
        subscriber_id=row.subscriber_id,
        enrollment_id=None,
        published=published,
        letter=letter,
        facts=MailFacts(asked_on=change.asked_at.astimezone(published.zone).date().isoformat()),
        change_id=change.id,
    )


def _to_operator(session: Session, published: Published, row: Row[Any], now: datetime) -> Claimed | None:
    """A notice, or a test mail whose sender died: its recipient, letter and sample reader stand in its facts."""
    if row.kind == "notice":
        return notices.claimed(published, row, now=now)
    facts = dict(row.facts)
    recipient, folder, slug = facts.pop("recipient"), facts.pop("folder"), facts.pop("slug")
    try:
        letter = published.letter(folder, slug)
    except KeyError:  # it was a test of something not published
        _close(session, row, "cancelled", "not in this version", now)
        return None
    return letters.of_row(
        row,
        recipient=recipient,
        subscriber_id=None,
        enrollment_id=None,
        published=published,
        letter=letter,
        facts=MailFacts.from_json(facts),
    )


def _move_start(session: Session, enrollment: Any, start: datetime) -> None:
    """Writes down that lateness moved the start, and that a pause is over."""
    if enrollment.start_at != start or enrollment.paused_until is not None:
        # A pause that she asked for since we looked must stand: the gate will find it.
        same_pause = Enrollment.paused_until.is_not_distinct_from(enrollment.paused_until)
        session.execute(
            update(Enrollment)
            .where(Enrollment.id == enrollment.id, same_pause)
            .values(start_at=start, paused_until=None),
            execution_options={"synchronize_session": False},
        )


@Statement
def _putting_back(_for_sqlite: bool) -> Update:
    """A publish that moves a letter has it put back for everybody who is claimed before the re-plan comes to her."""
    due = bindparam("due", type_=_delivery.c.due_at.type)
    mine = _delivery.c.id == bindparam("row"), _delivery.c.lease_token == bindparam("token")
    return update(_delivery).where(*mine).values(state="pending", due_at=due, ready_at=due)


def _put_back(session: Session, row: Row[Any], due: datetime) -> None:
    _putting_back.run(session, row=row.id, token=row.lease_token, due=due)


def _close(session: Session, row: Row[Any], state: str, reason: str, now: datetime) -> None:
    """Settles a row unsent; a cancelled one gives its dedupe key back, so that the letter may be planned again."""
    key = {"dedupe_key": None} if state == "cancelled" else {}
    session.execute(
        update(Delivery)
        .where(Delivery.id == row.id, Delivery.lease_token == row.lease_token)
        .values(state=state, reason=reason, ended_at=now, **key)
    )
