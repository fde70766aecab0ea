"""What has become of one person's letters since one last looked, in the order in which it happened."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from leadmagnet.store.models import Delivery, Enrollment

#: What is still on its way is no news.
_UNDER_WAY = ("pending", "claimed", "handing_off")


@dataclass(frozen=True, slots=True)
class Settled:
    """One mail that is settled now; `state` and `reason` are the row's own."""

    id: int
    name: str  # "confirm", or the slug of the letter
    sequence: str | None
    state: str
    reason: str | None


@dataclass(frozen=True, slots=True)
class Series:
    """One series that goes on otherwise than before."""

    sequence: str
    status: str
    exit_reason: str | None
    moved: timedelta  # by which its start moved; zero as a rule


class Diary:
    """Remembers what it told."""

    def __init__(self) -> None:
        self._told: set[int] = set()
        self._series: dict[int, tuple[str, datetime | None]] = {}

    def mails(self, session: Session) -> Iterator[Settled]:
        """The mails settled since the last call, in the order of their making, what was passed over first."""
        rows = session.execute(
            select(Delivery.id, Delivery.kind, Delivery.sequence, Delivery.step, Delivery.state, Delivery.reason)
            .where(Delivery.state.not_in(_UNDER_WAY))
            .order_by(Delivery.state != "skipped", Delivery.id)
        ).all()
        for row in rows:
            if row.id not in self._told:
                self._told.add(row.id)
                yield Settled(row.id, row.step or row.kind, row.sequence, row.state, row.reason)

    def series(self, session: Session) -> Iterator[Series]:
        """The series that ended since the last call, or whose start moved."""
        rows = session.execute(
            select(
                Enrollment.id, Enrollment.sequence, Enrollment.status, Enrollment.exit_reason, Enrollment.start_at
            ).order_by(Enrollment.id)
        ).all()
        for row in rows:
            status, start = self._series.get(row.id, (row.status, row.start_at))
            self._series[row.id] = (row.status, row.start_at)
            moved = row.start_at - start if row.start_at is not None and start is not None else timedelta()
            if moved or (row.status != status and row.status in ("completed", "exited")):
                yield Series(row.sequence, row.status, row.exit_reason, moved)
