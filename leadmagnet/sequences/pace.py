"""The pace of one person: her next letter now, fewer letters, or as many as the series says."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Row, select, update
from sqlalchemy.orm import Session

from leadmagnet.audience import history
from leadmagnet.content.published import Published
from leadmagnet.content.sequences import Sequence, Step
from leadmagnet.sequences import enrollments, schedule
from leadmagnet.sequences import facts as people_facts
from leadmagnet.sequences.schedule import Facts, Planned
from leadmagnet.store.models import Delivery, Enrollment, Subscriber

#: What "slower" is on her page: at most one letter in so many days.
ONE_A_WEEK = 7


class Next(StrEnum):
    """What became of the wish for the next letter at once."""

    COMING = "it goes now"
    ON_ITS_WAY = "it was on its way already"
    PAUSED = "she is paused: that comes first"
    NOTHING = "no letter is to come"


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of the wish, and the letter that goes, where one does."""

    outcome: Next
    sequence: str | None = None
    letter: str | None = None


def next_now(session: Session, published: Published, subscriber: Subscriber, *, by: str, now: datetime) -> Answer:
    """Lets the next letter of a person go at once, whatever its day: of several series, that which comes first.

    `subscriber` is locked by `subscribers.get`. Conditions, drafts and brakes hold as ever; the letters after it keep
    their days. While a letter of hers is in hand, or due anyway, nothing is changed: a second tap is no second letter.
    """
    running = {series.id: series for series in enrollments.running(session, subscriber)}
    if any(series.paused_until is not None and series.paused_until > now for series in running.values()):
        return Answer(Next.PAUSED)
    waiting, in_hand = _open(session, subscriber.id, list(running))
    for row in in_hand:
        return Answer(Next.ON_ITS_WAY, row.sequence, row.step)
    zone = published.zone_of(subscriber.timezone)
    facts = people_facts.gather(session, {id_: people_facts.series_of(one, subscriber) for id_, one in running.items()})
    for row in waiting:
        sequence, series = published.sequence(row.sequence), running[row.enrollment_id]
        coming = _coming(sequence, facts[series.id], zone) if sequence is not None else None
        if sequence is None or coming is None:
            continue
        if row.due_at <= now:
            return Answer(Next.ON_ITS_WAY, sequence.slug, coming.slug)
        _bring_forward(session, series, row, now)
        history.write(session, subscriber.id, "next now", by=by, now=now, letter=f"{sequence.slug}/{coming.slug}")
        return Answer(Next.COMING, sequence.slug, coming.slug)
    return Answer(Next.NOTHING)


def _open(session: Session, subscriber_id: int, series: list[int]) -> tuple[list[Row[Any]], list[Row[Any]]]:
    """Letters that wait, locked, the first to go first; and those that a worker has in hand or is claiming now."""
    letters = (
        select(Delivery.id, Delivery.enrollment_id, Delivery.sequence, Delivery.step, Delivery.state, Delivery.due_at)
        .where(Delivery.subscriber_id == subscriber_id, Delivery.enrollment_id.in_(series), Delivery.step.is_not(None))
        .order_by(Delivery.due_at, Delivery.id)
    )
    free = letters.where(Delivery.state == "pending").with_for_update(skip_locked=True)
    # The locks first: a letter that is claimed between the two statements is in hand for the second.
    waiting: list[Row[Any]] = [*session.execute(free)]
    mine = {row.id for row in waiting}
    known: list[Row[Any]] = [*session.execute(letters.where(Delivery.state.in_(["pending", "claimed", "handing_off"])))]
    return waiting, [row for row in known if row.id not in mine]


def _coming(sequence: Sequence, facts: Facts, zone: ZoneInfo) -> Step | None:
    """The letter that she gets if the next one goes now: those that are not for her are passed over."""
    if schedule.stop_reason(sequence, facts) is not None:
        return None
    while isinstance(planned := schedule.next_step(sequence, facts, zone), Planned):
        if schedule.skip_reason(planned.step, facts) is None:
            return planned.step
        facts = facts.after(planned.step.slug, letter_at=None)
    return None


def _bring_forward(session: Session, series: Enrollment, row: Row[Any], now: datetime) -> None:
    """The wish, which every later answer of the schedule heeds, and the row, which a claim puts right if need be."""
    series.wanted_at = now
    session.flush()
    session.execute(
        update(Delivery).where(Delivery.id == row.id, Delivery.state == "pending").values(due_at=now, ready_at=now)
    )


def at_most_one_in(
    session: Session, published: Published, subscriber: Subscriber, days: int | None, *, by: str, now: datetime
) -> bool:
    """Lets at most one letter go to a person in so many days; None: as the series says. False if so it was.

    `subscriber` is locked by `subscribers.get`. What waits is planned anew; a letter that a worker has in hand is left
    to it, and what follows that one is put right when it is claimed.
    """
    if subscriber.status != "active" or subscriber.gap_days == days:
        return False
    subscriber.gap_days = days
    session.flush()
    running = {series.id: series for series in enrollments.running(session, subscriber)}
    facts = people_facts.gather(session, {id_: people_facts.series_of(one, subscriber) for id_, one in running.items()})
    waiting, _in_hand = _open(session, subscriber.id, list(running))
    for row in waiting:
        series, sequence = running[row.enrollment_id], published.sequence(row.sequence)
        if sequence is not None:
            zone = published.zone_of(subscriber.timezone)
            answer = enrollments.next_for(sequence, facts[series.id], zone, series.paused_until)
            _put(session, row, answer)
    history.write(session, subscriber.id, "slower" if days is not None else "as usual", by=by, now=now, days=days)
    return True


def _put(session: Session, row: Row[Any], answer: Planned | schedule.Done) -> None:
    """When the letter of `row` goes from now on; one that is not her next is left to the re-plan that is under way."""
    if isinstance(answer, Planned) and answer.step.slug == row.step and answer.due != row.due_at:
        session.execute(
            update(Delivery)
            .where(Delivery.id == row.id, Delivery.state == "pending")
            .values(due_at=answer.due, ready_at=answer.due)
        )
