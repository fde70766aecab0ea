"""Where people stand: all of somebody that what is to come for her depends on."""

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class Waiting:
    """The letter that somebody waits for, as its row says."""

    slug: str
    due_at: datetime
    ready_at: datetime
    release: int
    in_hand: bool = False  # a worker has it: it goes out as it is
    held: bool = False  # it waits for the operator, and with it whatever follows


@dataclass(frozen=True, slots=True)
class Place:
    """Where somebody stands in one sequence: an enrollment that is active or completed, with what it waits for."""

    sequence: str
    status: str
    start: datetime
    handled: frozenset[str] = frozenset()
    clicked: frozenset[str] = frozenset()
    paused_until: datetime | None = None
    wanted_at: datetime | None = None  # since when she wants its next letter at once; None: she does not
    waiting: Waiting | None = None  # None: completed, or a letter of it is lost to the operator's hand


@dataclass(frozen=True, slots=True)
class Person:
    """One person and all places in which something may still come for her."""

    id: int
    timezone: str | None
    last_letter_at: datetime | None
    tags: frozenset[str]
    places: tuple[Place, ...]
    been_in: frozenset[str]  # sequences that a tag cannot start any more
    gap: timedelta = timedelta(0)  # the least time between two letters that she asked for
    is_finishing: bool = False  # nothing starts for her but by her own tap
