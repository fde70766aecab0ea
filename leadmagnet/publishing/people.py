"""Reads where everybody stands, in chunks of people, each in a short transaction of its own."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import Row, func, select
from sqlalchemy.orm import Session

from leadmagnet.content.published import Published
from leadmagnet.publishing import finished
from leadmagnet.publishing.places import Person, Place, Waiting
from leadmagnet.sequences import facts as people_facts
from leadmagnet.sequences.facts import Series
from leadmagnet.sequences.schedule import Facts, own_gap
from leadmagnet.store.dialect import among, by_index, table
from leadmagnet.store.models import Delivery, Enrollment, Subscriber

#: People read at once: some tens of milliseconds.
CHUNK = 4_000

_delivery, _enrollment, _subscriber = table(Delivery), table(Enrollment), table(Subscriber)
_LAST = 2**62
_OPEN = ("pending", "claimed", "handing_off", "held")
_ENROLLED = (
    select(
        _enrollment.c.id,
        _enrollment.c.subscriber_id,
        _enrollment.c.sequence,
        _enrollment.c.status,
        _enrollment.c.start_at,
        _enrollment.c.ended_at,
        _enrollment.c.paused_until,
        _enrollment.c.wanted_at,
        _subscriber.c.timezone,
        _subscriber.c.gap_days,
        _subscriber.c.finishing_at,
    )
    .join(_subscriber, _subscriber.c.id == _enrollment.c.subscriber_id)
    .where(_subscriber.c.status == "active")
    .order_by(_enrollment.c.subscriber_id, _enrollment.c.id)
)
_WAITING = select(
    _delivery.c.id,
    _delivery.c.enrollment_id,
    _delivery.c.step,
    _delivery.c.state,
    _delivery.c.due_at,
    _delivery.c.ready_at,
    _delivery.c.release_id,
).where(_delivery.c.state.in_(_OPEN), _delivery.c.step.is_not(None), _delivery.c.resend_of.is_(None))


@dataclass(frozen=True, slots=True)
class Question:
    """What of people the releases in question make a difference by: the rest need not be read."""

    tags: frozenset[str]
    clicks: frozenset[str]
    started_by_tag: bool
    catching_up: dict[str, Any]

    @classmethod
    def of(cls, *releases: Published) -> "Question":
        sequences = [sequence for one in releases for sequence in one.compiled.sequences.values()]
        conditions = [
            condition
            for sequence in sequences
            for step in sequence.steps
            for condition in (*step.only_if, *step.skip_if)
        ]
        stops = {stop[4:] for sequence in sequences for stop in sequence.stop_when if stop.startswith("tag:")}
        catching_up: dict[str, Any] = {}
        for one in releases:
            catching_up |= finished.catching_up(one)
        return cls(
            tags=frozenset({one.name for one in conditions if one.kind == "tag"} | stops),
            clicks=frozenset(one.name for one in conditions if one.kind != "tag"),
            started_by_tag=any(sequence.starts.startswith("tag:") for sequence in sequences),
            catching_up=catching_up,
        )


def ends(session: Session, *, after: int, limit: int = CHUNK) -> int | None:
    """The subscriber id at which the next chunk ends; None: there is nobody after `after`."""
    ids = (
        select(_enrollment.c.subscriber_id)
        .where(_enrollment.c.subscriber_id > after)
        .order_by(_enrollment.c.subscriber_id)
        .limit(limit)
        .subquery()
    )
    last: int | None = session.scalar(select(func.max(ids.c.subscriber_id)))
    return last


def read(session: Session, question: Question, *, after: int, upto: int) -> Iterator[Person]:
    """Everybody whose subscriber id is in (after, upto] and to whom something may still come."""
    by_index(session)
    rows = session.connection().execute(
        _ENROLLED.where(
            _enrollment.c.subscriber_id > after,
            _enrollment.c.subscriber_id <= upto,
            *([] if question.started_by_tag or question.catching_up else [_enrollment.c.status == "active"]),
        )
    )
    by_person: dict[int, list[Any]] = defaultdict(list)
    for row in rows:
        by_person[row.subscriber_id].append(row)
    wanted = {row.id: row for rows in by_person.values() for row in rows if _is_wanted(row, question)}
    waiting = _waiting(session, [id_ for id_, row in wanted.items() if row.status == "active"])
    rank = {id_: place for place, id_ in enumerate(waiting)}
    facts = _facts(session, wanted, question)
    for person, series in by_person.items():
        # Two letters that are due at the same moment go in the order in which they were planned.
        mine = sorted((row for row in series if row.id in wanted), key=lambda row: rank.get(row.id, _LAST))
        if mine:
            yield _person(person, mine, series, facts, waiting, question)


def _is_wanted(row: Row[Any], question: Question) -> bool:
    if row.status == "active":
        return True
    since = question.catching_up.get(row.sequence)
    return row.status == "completed" and since is not None and finished.may_be_continued(since, row.ended_at)


def _person(
    person: int,
    mine: list[Any],
    series: list[Any],
    facts: dict[int, Facts],
    waiting: dict[int, Waiting],
    question: Question,
) -> Person:
    places = tuple(
        Place(
            sequence=row.sequence,
            status=row.status,
            start=facts[row.id].start,
            handled=facts[row.id].handled,
            clicked=facts[row.id].clicked & question.clicks,
            paused_until=row.paused_until,
            waiting=waiting.get(row.id),
            wanted_at=facts[row.id].wanted,
        )
        for row in mine
    )
    known = facts[mine[0].id]
    been_in = frozenset(row.sequence for row in series if row.status != "pending") if question.started_by_tag else _NONE
    return Person(
        id=person,
        timezone=mine[0].timezone,
        last_letter_at=known.last_letter_at,
        tags=known.tags & question.tags,
        places=places,
        been_in=been_in,
        gap=known.gap,
        is_finishing=mine[0].finishing_at is not None,
    )


_NONE: frozenset[str] = frozenset()


def _facts(session: Session, wanted: dict[int, Row[Any]], question: Question) -> dict[int, Facts]:
    """By enrollment id; tags and clicks only where a letter asks for them."""
    if question.clicks:
        return people_facts.gather(session, {id_: _series(row) for id_, row in wanted.items()})
    carried: Mapping[int, frozenset[str]] = {}
    if question.tags or question.started_by_tag:
        carried = people_facts.tags(session, [row.subscriber_id for row in wanted.values()])
    standings = people_facts.standings(session, list(wanted))
    return {
        id_: Facts(
            row.start_at,
            standings[id_].last_letter_at,
            _names(standings[id_].handled or ""),
            carried.get(row.subscriber_id, _NONE),
            gap=own_gap(row.gap_days),
            wanted_at=row.wanted_at,
        )
        for id_, row in wanted.items()
    }


def _series(row: Row[Any]) -> Series:
    return Series(row.subscriber_id, row.start_at, row.gap_days, row.wanted_at)


@lru_cache(4096)
def _names(handled: str) -> frozenset[str]:
    """One set for all who have had the same letters in the same order: they are compared again and again."""
    return frozenset(handled.split())


def _waiting(session: Session, enrollment_ids: Collection[int]) -> dict[int, Waiting]:
    found = session.connection().execute(_WAITING.where(among(session, _delivery.c.enrollment_id, enrollment_ids)))
    rows = sorted(found, key=lambda row: row.id)
    return {
        row.enrollment_id: Waiting(
            row.step, row.due_at, row.ready_at, row.release_id or 0,
            in_hand=row.state in ("claimed", "handing_off"), held=row.state == "held",
        )
        for row in rows
    }  # fmt: skip
