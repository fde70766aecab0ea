"""A claimed delivery in hand: everything a sender needs, so that it never asks the database."""

from dataclasses import field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from leadmagnet.content.compiled import Letter
from leadmagnet.content.manuscripts import NEW_ADDRESS
from leadmagnet.content.published import Published
from leadmagnet.content.sequences import Sequence, Step
from leadmagnet.delivery.making import Making
from leadmagnet.mail.facts import MailFacts
from leadmagnet.records import record
from leadmagnet.sequences.schedule import Done, Facts, PassedOver, Planned
from leadmagnet.sequences.timetable import Timetable

#: Which mail of the system is sent where no letter of a series is, by kind.
SYSTEM_LETTERS = {
    "confirm": "confirm",
    "reminder": "confirm-reminder",
    "guide": "guide-again",
    "address": NEW_ADDRESS,
}


@record
class Person:
    """The part of a subscriber that planning a delivery needs."""

    id: int
    domain_group: str


@record
class Course:
    """Where a letter stands in its reader's series, so that what follows can be planned when it is sent."""

    person: Person
    enrollment_id: int
    sequence: Sequence
    step: Step
    facts: Facts
    zone: ZoneInfo

    def after(self, timetable: Timetable, *, letter_at: datetime | None) -> Planned | Done:
        """What follows once this letter is behind the reader. `timetable` is that of the letter's release."""
        facts = self.facts.after(self.step.slug, letter_at=letter_at)
        return timetable.next_step(self.sequence, facts, self.zone)

    def passed_over(self, timetable: Timetable) -> tuple[PassedOver, ...]:
        """The letters the reader goes past with this one."""
        return timetable.passed_over(self.sequence, self.facts, self.step)


@record
class Claimed:
    """One delivery under this process's lease; `token` is the fence that every later write repeats."""

    id: int
    token: int
    kind: str
    lane: str
    domain_group: str
    message_id: str
    recipient: str
    attempts: int
    first_attempt_at: datetime | None
    subscriber_id: int | None  # None: test, notice
    enrollment_id: int | None  # None: belongs to no sequence
    published: Published
    letter: Letter
    facts: MailFacts
    course: Course | None  # None: not a letter of a series
    quota_day: str | None = None  # the day it was counted in; None: no day is limited
    begun: int = 0  # how often a process began it, and died
    change_id: int | None = None  # the address change that it asks about; None: it asks about none
    making: Making = field(default_factory=Making, compare=False)


def of_row(
    row: Any,
    *,
    recipient: str,
    subscriber_id: int | None,
    enrollment_id: int | None,
    published: Published,
    letter: Letter,
    facts: MailFacts,
    course: Course | None = None,
    change_id: int | None = None,
) -> Claimed:
    """A claimed row of deliveries as a letter in hand; `letter` and `facts` make its words."""
    return Claimed(
        id=row.id,
        token=row.lease_token,
        kind=row.kind,
        lane=row.lane,
        domain_group=row.domain_group,
        message_id=row.message_id,
        recipient=recipient,
        attempts=row.attempts,
        first_attempt_at=row.first_attempt_at,
        subscriber_id=subscriber_id,
        enrollment_id=enrollment_id,
        published=published,
        letter=letter,
        facts=facts,
        course=course,
        quota_day=row.quota_day,
        begun=row.begun,
        change_id=change_id,
    )
