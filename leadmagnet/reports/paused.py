"""What is paused: every brake that holds now, with the letters that wait behind it."""

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from leadmagnet.delivery import brakes
from leadmagnet.delivery.brakes import HELD_LANE, Hold
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
    end = moment(hold.until, zone) if hold.until is not None else "it is lifted"
    return f"paused by {who} since {moment(hold.set_at, zone)} until {end}"


def moment(at: datetime, zone: ZoneInfo) -> str:
    """A time as people say it: "Tue 3 Mar 2026, 21:12 EST"."""
    local = at.astimezone(zone)
    return f"{local:%a} {local.day} {local:%b %Y, %H:%M %Z}"
