"""Domain groups that asked for a pause, shared by all workers through the database."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from leadmagnet.delivery import brakes
from leadmagnet.store.dialect import table
from leadmagnet.store.models import Brake

#: How long a group that asked for it is left in peace, by every worker and in both lanes.
PAUSE = timedelta(minutes=10)
#: How such a brake is told from those that hold back letters alone.
REASON = "too many mails at once (4.7.28)"
#: How old our last look at the others' stops may be.
_LOOK = timedelta(seconds=1)

_brake = table(Brake)


@dataclass
class Stops:
    """Which groups are left in peace; any thread may call `asked`, the claiming thread the rest."""

    changed: Callable[[], None] = lambda: None
    _asked: set[str] = field(default_factory=set)  # not yet in the database
    _stopped: frozenset[str] = frozenset()
    _looked: datetime | None = None

    def asked(self, group: str) -> None:
        """A reply asked for a pause of a domain group."""
        self._asked.add(group)
        self.changed()

    def groups(self, session: Session, *, now: datetime) -> frozenset[str]:
        """The groups that no worker writes to now; shares in the same transaction what was asked here."""
        asked = frozenset(self._asked)
        if not asked and self._looked is not None and timedelta() <= now - self._looked < _LOOK:
            return self._stopped
        for group in sorted(asked):
            brakes.set(session, brakes.domain_scope(group), REASON, brakes.AUTOMATIC, now + PAUSE, now=now)
        query = select(_brake.c.scope).where(_brake.c.reason == REASON, _brake.c.until > now)
        self._stopped = frozenset(scope.partition(":")[2] for scope in session.scalars(query))
        self._looked = now
        self._asked -= asked
        return self._stopped
