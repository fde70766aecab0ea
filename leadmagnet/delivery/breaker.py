"""Holds back when the mail server is away, so that an outage costs nothing but time: one breaker for all workers.

Its state is one row for each mail server; no row: it works. Senders report to their process, in memory alone; the
claiming thread carries what they said into the row, in a transaction that it has open anyway.
"""

import logging
import socket
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from threading import Lock

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from leadmagnet.mail.server import Server
from leadmagnet.store.dialect import insert_ignoring, table
from leadmagnet.store.models import Breaker as Row
from leadmagnet.store.signals import something_is_due

log = logging.getLogger(__name__)

_FIRST, _LONGEST = timedelta(seconds=30), timedelta(minutes=15)
#: Failures in a row that open it. Fewer are a hiccup.
_IN_A_ROW = 5
#: It opens as well when half of so many tries failed.
_TRIES = 20
#: While the server works, how old our last look at the row may be.
_LOOK = timedelta(seconds=1)
#: A row that nobody has probed for so long belongs to a server that is not used any more.
_FORGOTTEN = timedelta(days=1)
_REASON = 512  # characters that the row takes

_row = table(Row)


def relay_of(server: Server) -> str:
    """The name under which all workers share what they know of `server`: "host:port".

    Behind a loopback address stands another server on every machine: there the host is this machine's name.
    """
    return f"{socket.gethostname()}:{server.port}" if server.is_loopback else str(server)


@dataclass(frozen=True, slots=True)
class Open:
    """The breaker of one mail server, while it holds mail back."""

    relay: str
    reason: str
    wait: timedelta  # the one that ends at `until`
    since: datetime
    until: datetime  # from then on one letter probes

    def is_over(self, now: datetime) -> bool:
        """Whether a letter may probe; no honest clock is far before `until`, so that one was set back."""
        return not timedelta() < self.until - now <= 2 * _LONGEST


@dataclass
class Breaker:
    """What one process knows of the breaker of its mail server; any thread may call it.

    `changed` is called when the claiming thread has something to do. A breaker that is not `shared` serves a single
    test mail: it tries at once whatever the others found, stops at its first failure, and tells nobody.
    """

    relay: str
    shared: bool = True
    changed: Callable[[], None] = lambda: None
    _held: Open | None = None
    _failures: int = 0
    _tries: deque[bool] = field(default_factory=lambda: deque(maxlen=_TRIES))
    _interrupted: int | None = None  # the letter that was interrupted last
    _probe: int | None = None  # the letter that probes
    _turn: tuple[Open, Open] | None = None  # the row before and after we took the turn to probe
    _unspent: datetime | None = None  # the `until` of a turn whose letter never came to the server
    _to_open: Open | None = None
    _to_close: Open | None = None
    _to_say: Open | None = None
    _looked: datetime | None = None
    _lock: Lock = field(default_factory=Lock)

    # What senders say: in memory only, and next to nothing while the server works.

    def may_try(self, letter: int) -> bool:
        """Whether a connection may be opened for this letter."""
        return self._held is None or letter == self._probe

    def answered(self, letter: int) -> None:
        """The server gave its last word about a letter, whatever it was: it works."""
        self._tries.append(True)
        if not self._failures and self._held is None:
            return
        with self._lock:
            self._failures, self._interrupted = 0, None
            # A letter on an older connection proves nothing about a login that is refused since.
            if self._held is None or letter != self._probe:
                return
            self._to_close, self._to_open = self._held, None
            self._close()
        self.changed()

    def failed(self, letter: int, reason: str, *, now: datetime, at_once: bool = False, alone: bool = False) -> None:
        """No conversation came about, or it broke off before the last word; `reason` is for the operator.

        `at_once`: the login was refused, and trying on would lock it. `alone`: the letter itself may be to blame,
        so that one letter alone, however often it is tried, never opens the breaker.
        """
        with self._lock:
            if self._held is not None:
                self._probe_failed(letter, reason)
                return
            again = alone and letter == self._interrupted
            self._interrupted = letter if alone else None
            if not again:
                self._failures += 1
                self._tries.append(False)
            half = len(self._tries) == _TRIES and self._tries.count(False) * 2 >= _TRIES
            if self.shared and not (at_once or self._failures >= _IN_A_ROW or half):
                return
            self._held = self._to_open = Open(self.relay, reason[:_REASON], _FIRST, now, now + _FIRST)
        then = f" Trying again in {_FIRST.total_seconds():.0f} seconds." if self.shared else ""
        log.error("no mail can be sent: %s%s", reason, then)
        self.changed()

    def done(self, letter: int) -> None:
        """A sender is through with a letter; a probe that never came to the server leaves the turn to the next."""
        if letter != self._probe:
            return
        with self._lock:
            self._probe = None
            self._unspent = self._held.until if self._held is not None else None
        self.changed()

    def behind(self, at: datetime) -> datetime:
        """`at`, or later: when a letter that broke off is ready again. It must not be the next probe as well."""
        held = self._held
        return at if held is None else max(at, held.until + timedelta(seconds=1))

    def _probe_failed(self, letter: int, reason: str) -> None:
        if letter == self._probe and self._held is not None:
            self._probe = None
            self._held = self._to_say = replace(self._held, reason=reason[:_REASON])
            log.info("still no mail can be sent: %s Next try in %.0f seconds.", reason, self._held.wait.total_seconds())

    def _close(self) -> None:
        self._held = self._probe = self._unspent = None
        self._failures = 0
        self._tries.clear()
        log.warning("the mail server is back: sending again")

    # What the claiming thread does, in the transaction of its claim.

    def letters(self, session: Session, wanted: int, *, now: datetime) -> int:
        """How many letters may be claimed: all that are wanted, one as a probe, or none.

        Tell `claimed` what came of it, in the same transaction.
        """
        self._turn = None
        self._share(session)
        if self._held is None and self._looked is not None and timedelta() <= now - self._looked < _LOOK:
            return wanted
        found = read(session, self.relay)
        self._looked = now
        with self._lock:
            if self._to_open is not None:  # a sender spoke since
                return 0
            if found is None:
                if self._held is not None:
                    self._close()
                return wanted
            if self._held is None:
                log.warning("no mail is sent: another worker found: %s", found.reason)
            self._held = found
            unspent = self._unspent == found.until
        if not (unspent or found.is_over(now)):
            return 0
        wait = found.wait if unspent else min(found.wait * 2, _LONGEST)
        moved = replace(found, wait=wait, until=now + wait)
        if not _move(session, found, moved):
            return 0  # another worker probes
        with self._lock:
            self._held, self._turn, self._unspent = moved, (found, moved), None
        return min(wanted, 1)

    def claimed(self, session: Session, letters: Sequence[int]) -> None:
        """Names the letter that probes (`letters`: ids); with none to send, the turn is left to the next."""
        if self._turn is None:
            return
        (before, after), self._turn = self._turn, None
        if letters:
            self._probe = letters[0]
        else:
            _move(session, after, before)
            self._held = before

    def _share(self, session: Session) -> None:
        opened, closed, said = self._to_open, self._to_close, self._to_say
        if closed is not None:
            # Only what we found: meanwhile another worker may have opened it anew.
            session.execute(delete(_row).where(_row.c.relay == closed.relay, _row.c.opened_at == closed.since))
            something_is_due(session)
        if opened is not None:
            session.execute(insert_ignoring(session, Row).values(_values(opened)))
        if said is not None:
            _move(session, said, said)
        with self._lock:
            self._to_open = None if self._to_open is opened else self._to_open
            self._to_close = None if self._to_close is closed else self._to_close
            self._to_say = None if self._to_say is said else self._to_say


def read(session: Session, relay: str | None = None) -> Open | None:
    """The breaker of `relay`, or the one that opened last of all; None: mail is not held back."""
    query = select(_row).order_by(_row.c.opened_at.desc()).limit(1)
    found = session.execute(query if relay is None else query.where(_row.c.relay == relay)).one_or_none()
    if found is None:
        return None
    return Open(found.relay, found.reason, timedelta(seconds=found.wait_seconds), found.opened_at, found.open_until)


def forget(session: Session, *, now: datetime) -> None:
    """Drops the rows of mail servers that nobody has tried for a day."""
    session.execute(delete(_row).where(_row.c.open_until < now - _FORGOTTEN))


def _move(session: Session, seen: Open, to: Open) -> bool:
    """Writes `to` over `seen`; False if the row is not as seen any more: this alone decides who probes."""
    moved = session.execute(
        update(_row)
        .where(_row.c.relay == seen.relay, _row.c.opened_at == seen.since, _row.c.open_until == seen.until)
        .values(_values(to))
        .returning(_row.c.relay)
    )
    return moved.first() is not None


def _values(state: Open) -> dict[str, object]:
    return {
        "relay": state.relay,
        "reason": state.reason,
        "wait_seconds": int(state.wait.total_seconds()),
        "opened_at": state.since,
        "open_until": state.until,
    }
