"""What a rehearsal is about: the part of a made-up person, what happens to her, the events that tell it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from leadmagnet.audience.addresses import Address
from leadmagnet.content.sequences import Sequence
from leadmagnet.sequences.signup import REMIND_AFTER

#: What takes a person a moment: the tap that confirms, the link she follows, the tap that leaves.
CONFIRMS_AFTER = timedelta(seconds=30)
CLICKS_AFTER = timedelta(minutes=5)
LEAVES_AFTER = timedelta(hours=1)

#: A letter by its number, from 1, or by its slug; 0 or "confirm" is the confirmation.
Mark = int | str


@dataclass(frozen=True, slots=True)
class Part:
    """The made-up person, and what she asks for."""

    address: Address
    sequence: Sequence
    start: datetime  # UTC: when she asks; she confirms half a minute later
    zone: ZoneInfo
    first_name: str | None = None
    tags: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Script:
    """What happens to her, or to the mail server, on the way."""

    leave_after: Mark | None = None  # she leaves an hour after that letter
    bounce_at: Mark | None = None  # the server refuses that letter for good: there is no such mailbox
    outage: timedelta | None = None  # the server is away for so long from the moment her second letter is due
    clicks: frozenset[str] = frozenset()  # slugs of letters in which she follows a link five minutes later
    confirm_after: timedelta = CONFIRMS_AFTER
    never_confirms: bool = False

    @property
    def keeps_waiting(self) -> bool:
        """Whether the chores that remind and forget find her unconfirmed."""
        return self.never_confirms or self.confirm_after > REMIND_AFTER or self.bounce_at in (0, "confirm")


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened, or did not."""

    at: datetime
    what: str  # asks, starts, confirms, sent, not sent, refused, clicks, leaves, away, back, moves, ends, forgotten
    letter: str | None = None
    subject: str | None = None
    why: str | None = None
