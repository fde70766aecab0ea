"""Keeps the senders of one process busy: claims ahead of them, and stops in good order."""

import logging
import time
from collections.abc import Sequence
from pathlib import Path
from threading import Event, Thread

from sqlalchemy.exc import DBAPIError

from leadmagnet import failpoints
from leadmagnet.clock import Clock
from leadmagnet.delivery import queue
from leadmagnet.delivery.breaker import Breaker
from leadmagnet.delivery.claim import claim
from leadmagnet.delivery.group_commit import GroupCommit
from leadmagnet.delivery.in_hand import InHand
from leadmagnet.delivery.journal import Journal
from leadmagnet.delivery.letters import Claimed
from leadmagnet.delivery.outcomes import Returned
from leadmagnet.delivery.queue import Lease
from leadmagnet.delivery.sender import Connect, Road, Sender
from leadmagnet.delivery.stops import Stops
from leadmagnet.errors import LeadmagnetError
from leadmagnet.links import Links
from leadmagnet.publishing.releases import Live, NothingPublished
from leadmagnet.store import absence
from leadmagnet.store.database import Database

log = logging.getLogger(__name__)

#: Letters claimed ahead for each connection: enough to keep it busy while the next claim runs.
_AHEAD = 10
#: The name of the mail server while none is set: no provider stands behind it, who might want us slower.
TEST_MAILBOX = "the test mailbox"


class Dispatcher:
    """All sending of one process: one claiming thread, `connections` sender threads, one committing thread."""

    def __init__(
        self,
        database: Database,
        connect: Connect,
        links: Links,
        *,
        lease: Lease,
        connections: int,
        relay: str = TEST_MAILBOX,
        journal_folder: Path,
        clock: Clock,
    ) -> None:
        self.lease = lease
        self._database = database
        self._clock = clock
        self._live = Live()
        self._breaker = Breaker(relay, changed=self.wake)
        self._stops = Stops(changed=self.wake)
        self._journal = Journal(journal_folder, lease.owner)
        self._commits = GroupCommit(database, self._journal, clock)
        self._capacity = connections * _AHEAD
        self._in_hand = InHand(limited=relay != TEST_MAILBOX, low=self._capacity // 2)
        self._wake = Event()
        self._stopping = Event()
        road = Road(connect, self._commits, self._journal, links, self._breaker, self._stops, clock)
        self._senders = [
            Sender(road, self._in_hand, taken=self._taken, name=f"sender-{number}") for number in range(connections)
        ]
        self._thread = Thread(target=self._run, name="claims", daemon=True)

    def start(self) -> None:
        self._commits.start()
        for sender in self._senders:
            sender.start()
        self._thread.start()

    def wake(self) -> None:
        """Says that something may have become due."""
        self._wake.set()

    def _taken(self) -> None:
        # A claim is a transaction: one for many letters, before the senders run dry.
        if self._in_hand.runs_low():
            self.wake()

    def stop(self, timeout: float) -> bool:
        """Finishes the letters in flight within `timeout` seconds, gives the others back; False if one is stuck."""
        deadline = time.monotonic() + timeout
        self._stopping.set()
        self.wake()
        self._thread.join()
        for sender in self._senders:
            sender.stop()
            self._in_hand.wake()
        stuck = [sender for sender in self._senders if not sender.join(max(0.0, deadline - time.monotonic()))]
        done = not stuck
        recorded = self._commits.stop()
        self._give_back()
        if done:
            self._journal.close(keep=not recorded)
        # Otherwise it stays open until the process ends: what a slow server still answers is worth writing down.
        return done and recorded

    def _run(self) -> None:
        failures = 0
        while not self._stopping.is_set():
            self._wake.wait()
            self._wake.clear()
            try:
                while not self._stopping.is_set() and self._claim_more():
                    pass
                failures = 0
                self._database.absence.over()
            except NothingPublished:
                pass  # a publish wakes us
            except Exception as error:  # a defect of ours must not end all sending
                failures += 1
                self._pause(error, failures)

    def _pause(self, error: Exception, failures: int) -> None:
        """After trouble with the database, or a defect: waits, but not for the next tick."""
        if not self._database.absence.met(error):
            if isinstance(error, DBAPIError):
                log.warning("no letters can be claimed: the database refuses (%s)", type(error).__name__)
            else:
                log.error("no letters can be claimed", exc_info=error)
        self._stopping.wait(absence.pause(failures))
        self.wake()

    def _claim_more(self) -> bool:
        """Claims one batch of each lane; True if there may be more to claim right now."""
        full = False
        for lane in queue.LANES:
            room = self._capacity - self._in_hand.within_reach
            if room <= 0 or (lane == queue.SEQUENCE and room < self._capacity // 2):
                return False
            now = self._clock()
            with self._database.write() as session:
                published = self._live.get(session)
                wanted = self._breaker.letters(session, room, now=now)
                stopped = self._stops.groups(session, now=now)
                self._return(self._in_hand.keep_stopped(stopped))
                if wanted <= 0:
                    return False
                without = sorted({*stopped, *self._in_hand.crowded()})
                claimed, seen = claim(
                    session, published, self.lease, lane=lane, limit=wanted, without_groups=without, now=now
                )
                self._breaker.claimed(session, [letter.id for letter in claimed])
                if claimed:
                    failpoints.reach("before_claim_commit")
            if claimed:
                failpoints.reach("after_claim")
            for letter in claimed:
                self._in_hand.put(letter)
            full = full or seen == wanted
        return full

    def _return(self, letters: Sequence[Claimed]) -> None:
        """Lets letters go that cannot be sent now: another time, in the place that they had."""
        for letter in letters:
            self._commits.tell(letter, Returned(None))

    def _give_back(self) -> None:
        try:
            with self._database.write() as session:
                queue.release(session, self.lease)
        except (DBAPIError, LeadmagnetError) as error:
            log.warning("claimed letters could not be given back (%s): their leases run out", type(error).__name__)
