"""The course of a made-up person through a sequence: which letter she gets when, which not, each with its reason.

Every answer is `schedule`'s own, asked letter by letter; nothing is read but what was published.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from leadmagnet.content.published import Published
from leadmagnet.content.sequences import EVERY_DAY, Sequence, Step
from leadmagnet.links import Keys, Links
from leadmagnet.mail import render
from leadmagnet.mail.facts import MailFacts, letter_values
from leadmagnet.reports import words
from leadmagnet.sequences import schedule
from leadmagnet.sequences.schedule import Because, Facts, Planned

#: A subject is rendered without anybody to write to: no link of it leads anywhere.
_NOWHERE = Links("https://mail.example.com", Keys.of(("forecast",)))
_NO_GAP = timedelta(0)


@dataclass(frozen=True, slots=True)
class Coming:
    """One letter of a made-up person's course. `why` says in words what made it this day."""

    step: Step
    due: datetime  # UTC; of a letter that she does not get: when it would have been her turn
    why: str  # "its day", "20 hours after the last letter", "Sun not in send_on → Mon"
    skipped: str | None  # why she does not get it: a condition, a draft, too late; None: she gets it
    subject: str  # as it comes out for her


def course(
    published: Published,
    sequence: Sequence,
    start: datetime,
    zone: ZoneInfo,
    *,
    first_name: str = "",
    tags: frozenset[str] = frozenset(),
    clicked: frozenset[str] = frozenset(),
) -> tuple[Coming, ...]:
    """All letters of `sequence` in the order in which their turn comes, for somebody who starts at `start` (UTC).

    Each letter is handled the moment it is due. She carries `tags` from the start, and follows a link in the letters
    `clicked` (slugs) as soon as she gets them.
    """
    return tuple(_Reader(published, sequence, zone, first_name, clicked, Facts(start, tags=tags)).course())


@dataclass
class _Reader:
    """A made-up person, somewhere in the sequence."""

    published: Published
    sequence: Sequence
    zone: ZoneInfo
    first_name: str
    clicks: frozenset[str]
    facts: Facts

    def course(self) -> Iterator[Coming]:
        while isinstance(planned := schedule.next_step(self.sequence, self.facts, self.zone), Planned):
            for over in schedule.passed_over(self.sequence, self.facts, planned.step):
                step = next(step for step in self.sequence.steps if step.slug == over.slug)
                yield self._went_by(step, over.reason)
            yield self._handled(planned)
        for step in self.sequence.steps:
            if step.slug not in self.facts.handled and self.facts.handled.isdisjoint(step.was):
                yield self._went_by(step, schedule.why_passed(step))

    def _handled(self, planned: Planned) -> Coming:
        step, before = planned.step, self.facts
        skipped = self._skipped(planned)
        self.facts = before.after(step.slug, letter_at=None if skipped else planned.due)
        if skipped is None:
            tags = before.tags | ({step.tag} if step.tag is not None else set())
            clicked = before.clicked | (self.clicks & {step.slug})
            self.facts = replace(self.facts, tags=tags, clicked=clicked)
        return self._coming(planned, before, skipped)

    def _went_by(self, step: Step, reason: str) -> Coming:
        before = self.facts
        self.facts = before.after(step.slug, letter_at=None)
        return self._coming(schedule.due(self.sequence, step, before, self.zone), before, reason)

    def _skipped(self, planned: Planned) -> str | None:
        stop = schedule.stop_reason(self.sequence, self.facts)
        if stop is not None:
            return f"the series stops at {stop}"
        if schedule.expired(planned, planned.due, self.zone):
            return "not_after has passed"
        return schedule.skip_reason(planned.step, self.facts)

    def _coming(self, planned: Planned, facts: Facts, skipped: str | None) -> Coming:
        why = "; ".join(reasons(self.sequence, planned, facts, self.zone))
        return Coming(planned.step, planned.due, why, skipped, self._subject(planned.step, facts))

    def _subject(self, step: Step, facts: Facts) -> str:
        known = MailFacts(
            asked_on=facts.start.astimezone(self.published.zone).date().isoformat(),
            first_name=self.first_name,
            guide=self.sequence.guide,
            guide_opened=True,
            tags=sorted(facts.tags),
            clicked=sorted(facts.clicked),
        )
        values = letter_values(self.published, _NOWHERE, known, subscriber_id=0, enrollment_id=0)
        return render.subject(self.published.letter(self.sequence.slug, step.slug), values)


def reasons(sequence: Sequence, planned: Planned, facts: Facts, zone: ZoneInfo) -> list[str]:
    """Why the letter is due when it is: what would have come of it without each rule, if that is another day."""
    step, due = planned.step, planned.due
    if step.day == 0:
        return ["at once"]
    if planned.reason is Because.WANTED:
        return [str(Because.WANTED)]
    without_gap = schedule.due(sequence, step, replace(facts, last_letter_at=None), zone).due
    any_day = step.model_copy(update={"send_on": EVERY_DAY})
    found = []
    if planned.reason is Because.SLOWER:
        found.append(str(Because.SLOWER))
    elif without_gap < due:
        found.append(f"{words.span(sequence.min_gap)} after the last letter")
    if step.catch_up and step.since is not None and schedule.due(sequence, _old(step), facts, zone).due < due:
        found.append("added later, and catches up")
    if (first := schedule.due(sequence, any_day, facts, zone).due) < due:
        found.append(_not_on(first.astimezone(zone).date(), due.astimezone(zone).date()))
    return [*(found or ["its day"]), *_clocks(step, facts.last_letter_at or facts.start, due, zone)]


def _old(step: Step) -> Step:
    return step.model_copy(update={"since": None})


def _not_on(first: date, day: date) -> str:
    refused = dict.fromkeys(f"{first + timedelta(days=n):%a}" for n in range((day - first).days))
    return f"{', '.join(refused)} not in send_on → {day:%a}"


def _clocks(step: Step, before: datetime, due: datetime, zone: ZoneInfo) -> Iterator[str]:
    """What the clocks did since the letter before."""
    then, now = before.astimezone(zone), due.astimezone(zone)
    moved = (now.utcoffset() or _NO_GAP) - (then.utcoffset() or _NO_GAP)
    if moved:
        yield f"the clocks went {'forward' if moved > _NO_GAP else 'back'}: {then:%Z} → {now:%Z}"
    if now.time() != step.send_at:
        yield f"{step.send_at:%H:%M} does not exist that day"
