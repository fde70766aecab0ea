"""Reads for whom the letters of one claim are: once for the whole batch."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, Select, select
from sqlalchemy.orm import Session

from leadmagnet.sequences import facts as people_facts
from leadmagnet.sequences.facts import Open, Series
from leadmagnet.sequences.schedule import Facts
from leadmagnet.store.dialect import among_given, in_turn, listed, table
from leadmagnet.store.models import Enrollment, Subscriber
from leadmagnet.store.statements import Statement

#: What claims of people with several letters at once take turns at.
_CLAIMS_OF_SEVERAL = 7216300216

_subscriber, _enrollment = table(Subscriber), table(Enrollment)


# Statements of their own, after the claim: what another process committed before it counts.
@Statement
def _subscribers(for_sqlite: bool) -> Select[*tuple[Any, ...]]:
    hers = _subscriber.c
    known = (hers.address, hers.status, hers.first_name, hers.timezone, hers.domain_group, hers.gap_days)
    return select(hers.id, *known).where(among_given(hers.id, for_sqlite=for_sqlite))


@Statement
def _enrollments(for_sqlite: bool) -> Select[*tuple[Any, ...]]:
    its = _enrollment.c
    known = (its.subscriber_id, its.sequence, its.guide, its.status, its.exit_reason)
    times = (its.created_at, its.start_at, its.paused_until, its.wanted_at, its.guide_opened_at)
    return select(its.id, *known, *times).where(among_given(its.id, for_sqlite=for_sqlite))


@dataclass(frozen=True, slots=True)
class Readers:
    """The people of a batch, and where each stands."""

    subscribers: Mapping[int, Any]
    enrollments: Mapping[int, Any]
    facts: Mapping[int, Facts]  # by enrollment id, of those whose letters have started
    getting: set[int]  # subscriber ids of those for whom somebody has a letter in hand


def of(session: Session, rows: Collection[Row[Any]]) -> Readers:
    """The readers of these claimed rows."""
    subscribers = _by_id(session, _subscribers, {row.subscriber_id for row in rows})
    enrollments = _by_id(session, _enrollments, {row.enrollment_id for row in rows})
    series = {
        one.id: Series(one.subscriber_id, one.start_at, subscribers[one.subscriber_id].gap_days, one.wanted_at)
        for one in enrollments.values()
        if one.start_at is not None
    }
    if not series:
        return Readers(subscribers, enrollments, {}, set())
    facts, waiting = people_facts.gather_open(session, series)
    several = {person for person, letters in waiting.items() if len(letters) > 1}
    if several:
        # Another worker may be claiming the other letter this moment: whoever comes second sees the first's.
        in_turn(session, _CLAIMS_OF_SEVERAL)
        theirs = {id_: one for id_, one in series.items() if one.subscriber in several}
        anew, waiting = people_facts.gather_open(session, theirs)
        facts |= anew
    return Readers(subscribers, enrollments, facts, _getting(waiting, several, {row.id for row in rows}))


def _getting(waiting: Mapping[int, Collection[Open]], several: set[int], mine: set[int]) -> set[int]:
    """Who of `several` has a letter in other hands than `mine`."""
    return {person for person in several if any(one.in_hand and one.id not in mine for one in waiting.get(person, ()))}


def _by_id(session: Session, reading: Statement, ids: set[int | None]) -> dict[int, Any]:
    wanted = [one for one in ids if one is not None]
    if not wanted:
        return {}
    return {row.id: row for row in reading.run(session, ids=listed(session, wanted))}
