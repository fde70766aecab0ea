"""Gathers what the schedule must know about people, for many at once."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Select, and_, case, func, select
from sqlalchemy.orm import Session

from leadmagnet.sequences.schedule import Facts, own_gap
from leadmagnet.store.dialect import among_given, listed, table
from leadmagnet.store.models import Delivery, Enrollment, Subscriber, SubscriberTag
from leadmagnet.store.statements import Statement

#: States in which a letter is behind a person: it will not come by itself again.
HANDLED = frozenset({"sent", "failed", "expired", "skipped", "uncertain"})

_delivery, _tag = table(Delivery), table(SubscriberTag)
_enrollment, _subscriber = table(Enrollment), table(Subscriber)


@Statement
def _letters(for_sqlite: bool) -> Select[*tuple[Any, ...]]:
    its = _delivery.c
    known = (its.id, its.subscriber_id, its.enrollment_id, its.step, its.state)
    theirs = among_given(its.subscriber_id, for_sqlite=for_sqlite)
    return select(*known, its.sent_at, its.handed_at, its.clicked_at).where(its.step.is_not(None), theirs)


@Statement
def _tags(for_sqlite: bool) -> Select[*tuple[Any, ...]]:
    return select(_tag.c.subscriber_id, _tag.c.tag).where(among_given(_tag.c.subscriber_id, for_sqlite=for_sqlite))


@Statement
def _standings(for_sqlite: bool) -> Select[*tuple[Any, ...]]:
    """The part of `gather` that decides what is next, added up by the database: one row a person."""
    letter = _delivery.c
    is_handled = letter.state.in_(HANDLED) & (letter.enrollment_id == _enrollment.c.id)
    maybe_sent = case((letter.state.in_(("uncertain", "handing_off")), letter.handed_at))
    return (
        select(
            _enrollment.c.id,
            _enrollment.c.start_at,
            _enrollment.c.paused_until,
            _enrollment.c.wanted_at,
            _subscriber.c.timezone,
            _subscriber.c.gap_days,
            func.aggregate_strings(case((is_handled, letter.step)), " ").label("handled"),
            func.max(func.coalesce(letter.sent_at, maybe_sent, type_=letter.sent_at.type)).label("last_letter_at"),
        )
        .join(_subscriber, _subscriber.c.id == _enrollment.c.subscriber_id)
        .outerjoin(_delivery, and_(letter.subscriber_id == _enrollment.c.subscriber_id, letter.step.is_not(None)))
        .where(among_given(_enrollment.c.id, for_sqlite=for_sqlite))
        .group_by(_enrollment.c.id, _subscriber.c.id)
    )


class Series(NamedTuple):
    """What `gather` is told of a series: whose it is, when it started, and what she wishes."""

    subscriber: int
    start: datetime
    gap_days: int | None
    wanted_at: datetime | None


class Open(NamedTuple):
    """A letter that has not gone: it waits in the queue, or a worker has it in hand."""

    id: int
    in_hand: bool


def standings(session: Session, enrollment_ids: Collection[int]) -> dict[int, Any]:
    """Where each enrollment stands.

    `start_at`, `paused_until`, `wanted_at`, `timezone`, `gap_days`, `handled` (slugs with spaces between),
    `last_letter_at`.

    What `gather` says of the same, without tags and clicks, which have no part in what is next.
    """
    return {row.id: row for row in _standings.run(session, ids=listed(session, enrollment_ids))}


def series_of(enrollment: Enrollment, subscriber: Subscriber, *, start: datetime | None = None) -> Series:
    """One series of one person, which has started, or does so now, at `start`. Raises ValueError for another."""
    began = start or enrollment.start_at
    if began is None:
        raise ValueError("its letters have not started")
    return Series(subscriber.id, began, subscriber.gap_days, enrollment.wanted_at)


def gather(session: Session, series: Mapping[int, Series]) -> dict[int, Facts]:
    """Facts by enrollment id, of series by enrollment id.

    Three index look-ups a person, in two statements, whatever the number of people.
    """
    return gather_open(session, series)[0]


def gather_open(session: Session, series: Mapping[int, Series]) -> tuple[dict[int, Facts], Mapping[int, list[Open]]]:
    """As `gather`, with the open letters of each of these people in all her series, by subscriber id."""
    people = list({one.subscriber for one in series.values()})
    handled: dict[int, set[str]] = defaultdict(set)
    clicked: dict[int, set[str]] = defaultdict(set)
    last_letter: dict[int, datetime] = {}
    waiting: dict[int, list[Open]] = defaultdict(list)
    found = _letters.run(session, ids=listed(session, people))
    for id_, subscriber, enrollment, step, state, sent_at, handed_at, clicked_at in found:
        if state in HANDLED:
            handled[enrollment].add(step)
        elif state in ("pending", "claimed"):
            waiting[subscriber].append(Open(id_, state == "claimed"))
        if clicked_at is not None:
            clicked[enrollment].add(step)
        # A letter that was maybe sent counts as sent: two close together would be worse than one late.
        letter_at = sent_at or (handed_at if state in ("uncertain", "handing_off") else None)
        if letter_at is not None:
            last_letter[subscriber] = max(letter_at, last_letter.get(subscriber, letter_at))
    carried = tags(session, people)
    facts = {
        enrollment: Facts(
            start=one.start,
            last_letter_at=last_letter.get(one.subscriber),
            handled=frozenset(handled[enrollment]),
            tags=carried[one.subscriber],
            clicked=frozenset(clicked[enrollment]),
            gap=own_gap(one.gap_days),
            wanted_at=one.wanted_at,
        )
        for enrollment, one in series.items()
    }
    return facts, waiting


def tags(session: Session, people: list[int]) -> Mapping[int, frozenset[str]]:
    """The tags that each of these subscribers carries."""
    given: dict[int, set[str]] = defaultdict(set)
    for subscriber, tag in _tags.run(session, ids=listed(session, people)):
        given[subscriber].add(tag)
    return defaultdict(frozenset, {subscriber: frozenset(names) for subscriber, names in given.items()})
