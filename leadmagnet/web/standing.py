"""How a reader stands, in the words of her own page."""

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from leadmagnet.content.published import Published
from leadmagnet.reports.person import Person, person
from leadmagnet.reports.subjects import subject
from leadmagnet.sequences import preferences
from leadmagnet.store.database import Session
from leadmagnet.store.models import Subscriber


@dataclass(frozen=True, slots=True)
class Standing:
    """What the page shows, and which buttons have a meaning."""

    person: Person
    now: datetime
    subject: str | None  # of the letter that comes next; None: none does
    said_why: str | None  # why she left, once she has said it

    @property
    def zone(self) -> ZoneInfo:
        return self.person.zone

    @property
    def has_left(self) -> bool:
        return self.person.state == "unsubscribed"

    @property
    def can_return(self) -> bool:
        return self.has_left and self.person.confirmed_at is not None and self.person.blocked is None

    @property
    def runs(self) -> bool:
        """Whether letters are on their way to her."""
        return self.person.state == "active" and any(one.state == "active" for one in self.person.series)

    @property
    def paused(self) -> str | None:
        """The date on which her letters go on; None: she is not paused."""
        until = self.person.paused_until
        return on_date(until, self.zone, self.now) if until is not None else None

    @property
    def heading(self) -> str:
        """What the page is about."""
        if self.paused is not None:
            return f"Paused until {self.paused}"
        return "This series, then no more" if self.is_finishing else "Stop these emails?"

    @property
    def is_finishing(self) -> bool:
        return self.person.finishing_at is not None

    @property
    def is_slower(self) -> bool:
        return self.person.gap_days is not None

    @property
    def can_have_next(self) -> bool:
        """Whether a letter waits for its day, so that it can go now."""
        coming = self.person.coming
        return self.paused is None and coming is not None and coming.due_at is not None and coming.due_at > self.now

    @property
    def following(self) -> str | None:
        """What comes next, as a sentence; None: nothing does."""
        coming = self.person.coming
        if coming is None or coming.due_at is None or self.subject is None:
            return None
        if coming.due_at <= self.now:
            return f"“{self.subject}” is on its way."
        return f"Your next letter, “{self.subject}”, comes on {on_weekday(coming.due_at, self.zone, self.now)}."


def of(session: Session, published: Published, subscriber: Subscriber, *, now: datetime) -> Standing:
    """How she stands in this transaction."""
    found = person(session, published, subscriber, now=now)
    coming, name = found.coming, None
    if coming is not None and coming.letter is not None:
        name = subject(session, published, subscriber, coming.sequence, coming.letter)
    left = found.state == "unsubscribed"
    return Standing(found, now, name, preferences.said_why(session, subscriber) if left else None)


def on_date(at: datetime, zone: ZoneInfo, now: datetime) -> str:
    """A date as it is said to her: "4 April", with the year if it is another."""
    local = at.astimezone(zone)
    return f"{local.day} {local:%B}" + (f" {local.year}" if local.year != now.astimezone(zone).year else "")


def on_weekday(at: datetime, zone: ZoneInfo, now: datetime) -> str:
    """ "Thursday 5 March"."""
    return f"{at.astimezone(zone):%A} {on_date(at, zone, now)}"
