"""What is paused: every brake that holds now, with the letters that wait behind it."""

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from leadmagnet.delivery import brakes
from leadmagnet.delivery.brakes import HELD_LANE, LETTERS, Hold
from leadmagnet.reports import words
from leadmagnet.store.models import Delivery


@dataclass(frozen=True, slots=True)
class Paused:
    """One brake, and what it holds back."""

    hold: Hold
    waiting: int  # letters to come, one for each reader at most
    due: int  # those of them that would have gone by now

    def to_json(self) -> dict[str, object]:
        """One entry of `paused` in `status --json`."""
        return {
            "scope": self.hold.scope,
            "reason": self.hold.reason,
            "since": self.hold.set_at.isoformat(),
            "until": self.hold.until.isoformat() if self.hold.until is not None else None,
            "by": self.hold.set_by,
            "waiting": self.waiting,
            "due": self.due,
        }


def paused(session: Session, *, now: datetime) -> tuple[Paused, ...]:
    """Everything that holds letters back, the widest first."""
    return tuple(_behind(session, hold, now) for hold in brakes.active(session, now=now).standing)


def _behind(session: Session, hold: Hold, now: datetime) -> Paused:
    waiting, due = session.execute(
        select(func.count(), func.count().filter(Delivery.ready_at <= now)).where(
            Delivery.state == "pending", Delivery.lane == HELD_LANE, hold.rows()
        )
    ).one()
    return Paused(hold, waiting, due)


def sentence(hold: Hold, zone: ZoneInfo) -> str:
    """By whom, since when, until when, and why: "paused by the operator since … until …"."""
    who = f"leadmagnet ({hold.reason})" if hold.automatic else "the operator"
    end = words.end(hold.until, zone) if hold.until is not None else "it is lifted"
    return f"paused by {who} since {words.moment(hold.set_at, zone)} until {end}"


def subject(scope: str) -> str:
    """What a brake holds: "All letters", "The letters of hip-openers", "Letters to gmail"."""
    kind, _, name = scope.partition(":")
    match kind:
        case "sequence":
            return f"The letters of {name}"
        case "letter":
            return f"The letter {name}"
        case "domain":
            return f"Letters to {name}"
    return "All letters"


def name(scope: str) -> str | None:
    """What stands behind `resume` to lift a brake; None: nothing does."""
    kind, _, called = scope.partition(":")
    return {LETTERS: None, "domain": scope}.get(kind, called)


def lifted_by(hold: Hold) -> str:
    """The command that lifts it."""
    return " ".join(filter(None, ("leadmagnet resume", name(hold.scope))))
