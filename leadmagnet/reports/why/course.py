"""What is still ahead of one person, if everything stays as it is today: the schedule's answers, letter by letter."""

from dataclasses import dataclass, replace
from datetime import datetime
from zoneinfo import ZoneInfo

from leadmagnet.content.published import Published
from leadmagnet.content.sequences import Sequence
from leadmagnet.reports import forecast
from leadmagnet.reports.reasons import ahead
from leadmagnet.reports.why.answer import Coming, End
from leadmagnet.reports.why.mails import COMING
from leadmagnet.reports.why.record import Record
from leadmagnet.sequences import schedule
from leadmagnet.sequences.schedule import Done, Facts, Planned


@dataclass
class _Running:
    """One series of hers, somewhere on its way. `not_before` holds for its next letter only."""

    sequence: Sequence
    facts: Facts
    not_before: datetime

    def next(self, zone: ZoneInfo) -> Planned | Done:
        return schedule.next_step(self.sequence, self.facts, zone)


def course(record: Record, published: Published, *, now: datetime) -> tuple[tuple[Coming, ...], tuple[End, ...]]:
    """The letters ahead in the order of time, and how each series ends; nothing for who gets none."""
    if record.person.status != "active" or record.blocked is not None:
        return (), ()
    zone, is_finishing = published.zone_of(record.person.timezone), record.person.finishing_at is not None
    return _Course(published, zone, _running(record, published, now), is_finishing).walk()


def _running(record: Record, published: Published, now: datetime) -> list[_Running]:
    found = []
    for one in record.series.values():
        sequence = published.sequence(one.sequence)
        if sequence is None or one.status != "active" or one.id not in record.facts:
            continue
        rows = [row for row in record.mails if row.enrollment_id == one.id and row.step and row.state in COMING]
        holds = [record.brakes.holds(row.lane, row.sequence, row.step, row.domain_group) for row in rows]
        ends = [hold.until for hold in holds if hold is not None and hold.until is not None]
        # A back-off counts; an old due time that a publish is about to move does not.
        backed_off = [row.ready_at for row in rows if row.ready_at > row.due_at]
        pause = [one.paused_until] if one.paused_until is not None else []
        found.append(_Running(sequence, record.facts[one.id], max([now, *ends, *backed_off, *pause])))
    return found


class _Course:
    """Her running series side by side: the gap between two letters counts the letters of all of them."""

    def __init__(self, published: Published, zone: ZoneInfo, running: list[_Running], is_finishing: bool) -> None:
        self._published, self._zone, self._running, self._is_finishing = published, zone, running, is_finishing
        self._coming: list[Coming] = []
        self._ends: list[End] = []

    def walk(self) -> tuple[tuple[Coming, ...], tuple[End, ...]]:
        while self._running:
            answers = [(one, one.next(self._zone)) for one in self._running]
            done = [one for one, answer in answers if isinstance(answer, Done)]
            planned = [(one, answer) for one, answer in answers if isinstance(answer, Planned)]
            if done:
                self._end(done[0])
            else:
                self._go(*min(planned, key=lambda pair: max(pair[1].due, pair[0].not_before)))
        return tuple(self._coming), tuple(self._ends)

    def _go(self, one: _Running, planned: Planned) -> None:
        """Her next letter, as the claim will see it."""
        stop = schedule.stop_reason(one.sequence, one.facts)
        if stop is not None:
            self._stop(one, stop)
            return
        for over in schedule.passed_over(one.sequence, one.facts, planned.step):
            self._miss(one, over.slug, over.reason)
        facts, planned = _in_time(one, planned, self._zone)
        at = max(planned.due, one.not_before)
        late = schedule.expired(planned, at, self._zone)
        reason = "not_after has passed" if late else schedule.skip_reason(planned.step, facts)
        why = "; ".join(forecast.reasons(one.sequence, planned, facts, self._zone))
        self._coming.append(_coming(one.sequence, planned, at, why, reason))
        if reason is None:
            facts = replace(facts, start=schedule.slowed_start(planned, facts, self._zone))
        self._handled(one, facts, planned, None if reason else at)

    def _handled(self, one: _Running, facts: Facts, planned: Planned, sent_at: datetime | None) -> None:
        passed = {over.slug for over in schedule.passed_over(one.sequence, facts, planned.step)}
        tag = {planned.step.tag} if sent_at is not None and planned.step.tag is not None else set()
        one.facts = replace(facts, handled=facts.handled | passed | {planned.step.slug})
        one.not_before = max(one.not_before, planned.due)
        for other in self._running:
            last = sent_at or other.facts.last_letter_at
            other.facts = replace(other.facts, last_letter_at=last, tags=other.facts.tags | tag)

    def _miss(self, one: _Running, slug: str, reason: str) -> None:
        """A letter that has no turn any more."""
        step = one.sequence.step(slug)
        if step is not None:
            self._coming.append(Coming(one.sequence.slug, slug, step.number, step.day, None, "", ahead(reason)))

    def _end(self, one: _Running) -> None:
        for step in one.sequence.steps:
            if one.facts.handled.isdisjoint((step.slug, *step.was)):
                self._miss(one, step.slug, schedule.why_passed(step))
        tag = one.sequence.then.removeprefix("tag:") if one.sequence.then is not None else None
        starts = [other.slug for other in self._published.compiled.sequences.values() if other.starts == f"tag:{tag}"]
        self._running.remove(one)
        leaves = self._is_finishing and not self._running
        starts = starts if tag and not self._is_finishing else []
        self._ends.append(End(one.sequence.slug, one.not_before, tag, tuple(starts), leaves))

    def _stop(self, one: _Running, stop: str) -> None:
        for step in schedule.ahead(one.sequence, one.facts):
            self._miss(one, step.slug, stop)
        self._running.remove(one)
        leaves = self._is_finishing and not self._running
        self._ends.append(End(one.sequence.slug, one.not_before, None, (), leaves))


def _in_time(one: _Running, planned: Planned, zone: ZoneInfo) -> tuple[Facts, Planned]:
    """The letter with the start moved by as much as something makes it late: nothing bursts."""
    start = schedule.moved_start(planned, one.facts, zone, now=one.not_before)
    if start == one.facts.start:
        return one.facts, planned
    facts = replace(one.facts, start=start)
    return facts, schedule.due(one.sequence, planned.step, facts, zone)


def _coming(sequence: Sequence, planned: Planned, at: datetime, why: str, reason: str | None) -> Coming:
    step = planned.step
    skipped = ahead(reason) if reason is not None else None
    return Coming(sequence.slug, step.slug, step.number, step.day, at, why, skipped)
