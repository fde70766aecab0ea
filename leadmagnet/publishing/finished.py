"""Continues people who have finished, where a letter that was added later says `catch_up`."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import bindparam, func, select, update
from sqlalchemy.orm import Session

from leadmagnet.content.published import Published
from leadmagnet.content.sequences import Sequence
from leadmagnet.sequences import enrollments, schedule
from leadmagnet.sequences import facts as people_facts
from leadmagnet.sequences.facts import Series
from leadmagnet.sequences.schedule import Facts, Planned
from leadmagnet.sequences.timetable import Timetable
from leadmagnet.store.dialect import among, table
from leadmagnet.store.models import Enrollment, Subscriber

#: Somebody who is continued takes as long as so many who only wait: her history is read, and a row is written.
_AS_LONG_AS = 5
#: Who finished while a version became live may have been sent her last letter by the version before it.
_WHILE_PUBLISHING = timedelta(days=1)

_enrollment, _subscriber = table(Enrollment), table(Subscriber)


def catching_up(published: Published) -> Mapping[str, datetime]:
    """The sequences in which somebody who has finished may be continued, with when the newest such letter came."""
    found = {
        slug: [step.since for step in sequence.steps if step.catch_up and not step.draft and step.since is not None]
        for slug, sequence in published.compiled.sequences.items()
    }
    return {slug: max(dates) for slug, dates in found.items() if dates}


def may_be_continued(since: datetime, ended_at: datetime | None) -> bool:
    """Whether somebody who finished at `ended_at` may have missed a letter that came at `since`."""
    return ended_at is not None and ended_at < since + _WHILE_PUBLISHING


def continued(
    timetable: Timetable, sequence: Sequence | None, facts: Facts, zone: ZoneInfo, paused_until: datetime | None
) -> Planned | None:
    """What comes next for somebody who has finished, and may be paused until then; None: nothing catches her up."""
    if sequence is None or schedule.stop_reason(sequence, facts) is not None:
        return None
    if not any(step.catch_up and step.since is not None for step in schedule.ahead(sequence, facts)):
        return None
    answer = timetable.next_step(sequence, facts, zone)
    if not isinstance(answer, Planned):
        return None
    return schedule.after_pause(sequence, answer, facts, zone, paused_until)


class _Person(NamedTuple):
    id: int
    domain_group: str


class CatchUp:
    """One process's walk past everybody who has finished, once for each release that asks for it.

    Any number of processes may walk: who has been continued is not finished any more.
    """

    def __init__(self) -> None:
        self._release = 0
        self._mark: int | None = None

    def chunk(self, session: Session, timetable: Timetable, *, limit: int, now: datetime) -> int:
        """Continues who is to be among the next `limit` enrollments; returns how many were looked at, 0 at the end.

        `limit` is what fits into a transaction of people who only wait: no more are continued than take as long.
        """
        published = timetable.published
        if self._release != published.number:
            self._release, self._mark = published.number, 0
        wanted = catching_up(published)
        if self._mark is None or not wanted:
            return 0
        last = session.scalar(select(func.max(_enrollment.c.id))) or 0
        if self._mark >= last:
            self._mark = None
            return 0
        upto = self._mark + limit
        these = _FINISHED.where(_enrollment.c.id > self._mark, _enrollment.c.id <= upto)
        found: list[Any] = [
            row
            for row in session.connection().execute(these)
            if row.sequence in wanted and may_be_continued(wanted[row.sequence], row.ended_at)
        ]
        most = max(1, limit // _AS_LONG_AS)
        self._mark = upto if len(found) <= most else found[most - 1].id
        if found := found[:most]:
            _continue(session, timetable, found, now)
        return limit


_FINISHED = (
    select(
        _enrollment.c.id,
        _enrollment.c.sequence,
        _enrollment.c.start_at,
        _enrollment.c.ended_at,
        _enrollment.c.paused_until,
        _enrollment.c.subscriber_id,
        _enrollment.c.wanted_at,
        _subscriber.c.domain_group,
        _subscriber.c.timezone,
        _subscriber.c.gap_days,
    )
    .join(_subscriber, _subscriber.c.id == _enrollment.c.subscriber_id)
    .where(_enrollment.c.status == "completed", _subscriber.c.status == "active", _subscriber.c.finishing_at.is_(None))
    .order_by(_enrollment.c.id)
)


def _continue(session: Session, timetable: Timetable, rows: list[Any], now: datetime) -> None:
    published = timetable.published
    rows = _still_there(session, rows)
    known = people_facts.gather(
        session, {row.id: Series(row.subscriber_id, row.start_at, row.gap_days, row.wanted_at) for row in rows}
    )
    quiet = _quiet(session, rows, now)
    following = {}
    for row in rows:
        sequence, zone = published.sequence(row.sequence), timetable.zone_of(row.timezone)
        answer = continued(timetable, sequence, known[row.id], zone, quiet.get(row.id))
        if sequence is not None and answer is not None:
            following[row.id] = (_Person(row.subscriber_id, row.domain_group), sequence, answer)
    running = session.scalars(
        update(_enrollment)
        .where(among(session, _enrollment.c.id, following), _enrollment.c.status == "completed")
        .values(status="active", ended_at=None, paused_until=None)
        .returning(_enrollment.c.id)
    ).all()
    paused = [{"one": id_, "until": quiet[id_]} for id_ in running if id_ in quiet]
    if paused:
        session.connection().execute(_PAUSING, paused)
    enrollments.follow(session, published, {id_: following[id_] for id_ in running}, now=now)


_PAUSING = (
    update(_enrollment).where(_enrollment.c.id == bindparam("one")).values(paused_until=bindparam("until"))
)  # fmt: skip


def _still_there(session: Session, rows: list[Any]) -> list[Any]:
    """Those of people who have not left meanwhile, nor said they would; from here on until the commit nobody does."""
    people = among(session, _subscriber.c.id, {row.subscriber_id for row in rows})
    goes_on = _subscriber.c.status == "active", _subscriber.c.finishing_at.is_(None)
    staying = select(_subscriber.c.id).where(people, *goes_on).order_by(_subscriber.c.id)
    there = set(session.scalars(staying.with_for_update(read=True)))
    return [row for row in rows if row.subscriber_id in there]


def _quiet(session: Session, rows: list[Any], now: datetime) -> dict[int, datetime]:
    """Until when the letters of each of these enrollments wait, because of a pause of hers in whichever series."""
    elsewhere = enrollments.pauses(session, {row.subscriber_id for row in rows}, now=now)
    found = {}
    for row in rows:
        own = row.paused_until if row.paused_until is not None and row.paused_until > now else None
        if until := max(filter(None, (own, elsewhere.get(row.subscriber_id))), default=None):
            found[row.id] = until
    return found
