"""Brakes: what holds letters back, until a date or until it is lifted, by the operator's hand or by our own caution.

A brake holds rows of the lane `sequence` only: confirmations, reminders and guides always go on.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, bindparam, case, delete, not_, or_, select, true
from sqlalchemy.orm import Session

from leadmagnet.delivery.letters import Claimed
from leadmagnet.store.dialect import table, upserting
from leadmagnet.store.models import Brake, Delivery
from leadmagnet.store.signals import something_is_due
from leadmagnet.store.statements import Statement

#: Who sets a brake that nobody has asked for.
AUTOMATIC = "leadmagnet"
#: The only lane that brakes hold.
HELD_LANE = "sequence"
#: The scope of all letters. The others are narrower, see below.
LETTERS = "letters"

_FOR_EVER = datetime.max.replace(tzinfo=UTC)
_NARROWER = ("sequence", "letter", "domain")
_brake, _delivery = table(Brake), table(Delivery)


@Statement
def _standing(_for_sqlite: bool) -> Select[*tuple[Any, ...]]:
    now = bindparam("now", type_=_brake.c.until.type)
    return select(_brake).where(or_(_brake.c.until.is_(None), _brake.c.until > now))


def sequence_scope(slug: str) -> str:
    """The scope of one sequence's letters."""
    return f"sequence:{slug}"


def letter_scope(sequence: str, slug: str) -> str:
    """The scope of one letter."""
    return f"letter:{sequence}/{slug}"


def domain_scope(domain_group: str) -> str:
    """The scope of all letters to one domain group."""
    return f"domain:{domain_group}"


@dataclass(frozen=True, slots=True)
class Hold:
    """One brake that holds now."""

    scope: str
    reason: str
    set_by: str  # the operator's name, or AUTOMATIC
    set_at: datetime
    until: datetime | None  # None: until somebody lifts it

    @property
    def automatic(self) -> bool:
        return self.set_by == AUTOMATIC

    def rows(self) -> ColumnElement[bool]:
        """Which deliveries of the held lane it holds; says the same as `Brakes.holds`."""
        kind, _, name = self.scope.partition(":")
        match kind:
            case "sequence":
                return _delivery.c.sequence == name
            case "letter":
                sequence, _, slug = name.partition("/")
                return and_(_delivery.c.sequence == sequence, _delivery.c.step == slug)
            case "domain":
                return _delivery.c.domain_group == name
        return true()


@dataclass(frozen=True, slots=True)
class Brakes:
    """All brakes that hold at one moment, the widest first."""

    standing: tuple[Hold, ...] = ()

    def holds(self, lane: str, sequence: str | None, step: str | None, domain_group: str | None) -> Hold | None:
        """What holds such a mail the longest, or None if it may go."""
        if not self.standing or lane != HELD_LANE:
            return None
        scopes = {
            LETTERS,
            sequence_scope(sequence or ""),
            letter_scope(sequence or "", step or ""),
            domain_scope(domain_group or ""),
        }
        found = (hold for hold in self.standing if hold.scope in scopes)
        return max(found, key=lambda hold: hold.until or _FOR_EVER, default=None)

    def hold_all(self, sequences: Collection[str]) -> bool:
        """Whether no letter at all may go, where these sequences are live: then nobody need look for one."""
        scopes = frozenset(hold.scope for hold in self.standing)
        return LETTERS in scopes or (bool(scopes) and scopes.issuperset(map(sequence_scope, sequences)))

    def passing(self) -> list[ColumnElement[bool]]:
        """What a delivery of the held lane must meet to go; nothing while no brake is set."""
        return [not_(hold.rows()) for hold in self.standing]


def active(session: Session, *, now: datetime) -> Brakes:
    """The brakes that hold now: one small statement."""
    rows = _standing.run(session, now=now)
    if not rows:
        return Brakes()
    holds = [Hold(row.scope, row.reason, row.set_by, row.set_at, row.until) for row in rows]
    return Brakes(tuple(sorted(holds, key=_width)))


def held(session: Session, letters: Collection[Claimed], *, now: datetime) -> frozenset[int]:
    """The ids of those claimed letters that a brake holds by now; asks the database only about the held lane."""
    if all(letter.lane != HELD_LANE for letter in letters):
        return frozenset()
    brakes = active(session, now=now)
    return frozenset(letter.id for letter in letters if brakes.standing and _holds(brakes, letter))


def set(  # noqa: A001 -- called as brakes.set(…)
    session: Session, scope: str, reason: str, set_by: str, until: datetime | None, *, now: datetime
) -> Hold:
    """Sets a brake, and returns the one that holds then.

    Of two that meet in one scope the later end wins, so that no caution is cut short by another one, or by the
    operator's shorter pause; only she may shorten what she has set herself. Raises ValueError for an unknown scope.
    """
    kind, _, name = scope.partition(":")
    if scope != LETTERS and not (kind in _NARROWER and name):
        raise ValueError(f"there is no brake of scope {scope!r}")
    new = upserting(session, Brake).values(
        scope=scope, reason=reason[:255], set_by=set_by[:64], set_at=now, until=until
    )
    given, old = new.excluded, _brake.c
    over = and_(old.until.is_not(None), old.until <= now)
    by_hand = and_(old.set_by != AUTOMATIC, given.set_by != AUTOMATIC)
    longer = and_(old.until.is_not(None), or_(given.until.is_(None), given.until > old.until))
    session.execute(
        new.on_conflict_do_update(
            index_elements=[old.scope],
            set_={
                "reason": given.reason,
                "set_by": given.set_by,
                "until": given.until,
                "set_at": case((over, given.set_at), else_=old.set_at),
            },
            where=or_(over, by_hand, longer),
        )
    )
    row = session.execute(select(_brake).where(old.scope == scope)).one()
    return Hold(row.scope, row.reason, row.set_by, row.set_at, row.until)


def lift(session: Session, scope: str) -> bool:
    """Ends a brake, and wakes the workers when this commits; False if there was none."""
    gone = session.execute(delete(_brake).where(_brake.c.scope == scope).returning(_brake.c.scope)).first()
    if gone is not None:
        something_is_due(session)
    return gone is not None


def forget_passed(session: Session, *, now: datetime) -> None:
    """Deletes the brakes whose end has come; they hold nothing any more."""
    session.execute(delete(_brake).where(_brake.c.until <= now))


def _width(hold: Hold) -> tuple[int, str]:
    kind = hold.scope.partition(":")[0]
    return (_NARROWER.index(kind) if kind in _NARROWER else -1), hold.scope


def _holds(brakes: Brakes, letter: Claimed) -> bool:
    course = letter.course
    if course is None:
        return brakes.holds(letter.lane, None, None, None) is not None
    place = (course.sequence.slug, course.step.slug, course.person.domain_group)
    return brakes.holds(letter.lane, *place) is not None
