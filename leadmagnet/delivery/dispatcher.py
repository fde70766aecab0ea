"""Keeps the senders of one process busy: claims ahead of them, and stops in good order."""

import logging
import time
from collections.abc import Collection
from pathlib import Path
from threading import Event, Thread

from sqlalchemy.exc import DBAPIError

from leadmagnet import failpoints
from leadmagnet.clock import Clock
from leadmagnet.delivery import daily, isolation, queue
from leadmagnet.delivery.complaint import Complaint
from leadmagnet.delivery.group_commit import GroupCommit
from leadmagnet.delivery.hub import Hub
from leadmagnet.delivery.journal import Journal, JournalTrouble
from leadmagnet.delivery.queue import Lease
from leadmagnet.delivery.quota import UNLIMITED, Quota
from leadmagnet.delivery.sender import Connect, InHand, Road, Sender
from leadmagnet.delivery.throttle import Breaker
from leadmagnet.errors import LeadmagnetError
from leadmagnet.links import Links
from leadmagnet.mail.sign import Signer
from leadmagnet.publishing.releases import Live, NothingPublished
from leadmagnet.store import outage
from leadmagnet.store.database import Database
from leadmagnet.store.signals import something_is_due

log = logging.getLogger(__name__)

#: Letters claimed ahead for each connection: enough to keep it busy while the next claim runs.
_AHEAD = 10
#: After trouble with the database; the next tick, signal or sender wakes us anyway.
_PAUSE_SECONDS = 2.0


class Dispatcher:
    """All sending of one process: one thread that claims, one for all connections, one that commits."""

    def __init__(
        self,
        database: Database,
        connect: Connect,
        links: Links,
        *,
        lease: Lease,
        connections: int,
        journal_folder: Path,
        clock: Clock,
        signer: Signer | None = None,
        quota: Quota = UNLIMITED,
    ) -> None:
        self.lease = lease
        self._database = database
        self._clock = clock
        self._live = Live()
        self._breaker = Breaker()
        self._journal = Journal(journal_folder, lease.owner)
        self._commits = GroupCommit(database, self._journal, clock, quota=quota)
        self._in_hand = InHand()
        self._quota = quota
        self._capacity = quota.in_hand(connections * _AHEAD)
        self._pause: float | None = None  # seconds until the rate has room again
        self._complaint = Complaint(log, "letters are claimed again")
        self._wake = Event()
        self._stopping = Event()
        road = Road(connect, self._commits, self._journal, links, self._breaker, clock, signer)
        self._hub = Hub("senders")
        self._senders = [Sender(road, self._in_hand, taken=self._taken) for _ in range(connections)]
        self._thread = Thread(target=self._run, name="claims", daemon=True)

    def start(self) -> None:
        self._commits.start()
        self._hub.start()
        for sender in self._senders:
            self._hub.spawn(sender.run)
        self._thread.start()

    def wake(self) -> None:
        """Says that something may have become due."""
        self._wake.set()

    def _taken(self) -> None:
        # A claim is a transaction: one for many letters, before the senders run dry.
        if len(self._in_hand) == self._capacity // 2:
            self.wake()

    def stop(self, timeout: float) -> bool:
        """Finishes the letters in flight within `timeout` seconds, gives the others back; False if one is stuck."""
        deadline = time.monotonic() + timeout
        self._stopping.set()
        self._journal.stopping()
        self.wake()
        self._thread.join()
        for sender in self._senders:
            sender.stop()
        left = self._in_hand.close()
        if left:
            self._give_back(only=[letter.id for letter in left])  # nobody needs to wait for our slow server
        done = self._hub.stop(max(0.0, deadline - time.monotonic()))
        recorded = self._commits.stop()
        self._give_back()
        if done:
            self._journal.close(keep=not recorded)
        # Otherwise it stays open until the process ends: what a slow server still answers is worth writing down.
        return done and recorded

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._wake.wait(self._pause)
            self._wake.clear()
            self._pause = None
            try:
                while not self._stopping.is_set() and self._claim_more():
                    pass
                self._complaint.over()
            except NothingPublished:
                pass  # a publish wakes us
            except JournalTrouble as error:
                self._complaint.say(str(error))
                self._stopping.wait(_PAUSE_SECONDS)
            except DBAPIError as error:
                self._complaint.say(f"no letters can be claimed: {outage.words(error)}. It is tried again.")
                self._stopping.wait(_PAUSE_SECONDS)
            except Exception:  # a defect of ours must not end all sending
                log.exception("no letters can be claimed")
                self._stopping.wait(_PAUSE_SECONDS)

    def _claim_more(self) -> bool:
        """Claims one batch of each lane; True if there may be more to claim right now."""
        self._journal.require()
        full = False
        for lane in queue.LANES:
            room = self._capacity - len(self._in_hand)
            if lane == queue.SEQUENCE and room < self._capacity // 2:
                return False
            wanted = self._breaker.letters(room, now=self._clock())
            if wanted <= 0:
                return False
            batch = isolation.claim(
                self._database, self._live, self.lease, self._quota, lane=lane, limit=wanted, now=self._clock()
            )
            if batch.letters:
                failpoints.reach("after_claim")
                log.debug("claimed %d mails of the lane %s", len(batch.letters), lane)
            self._in_hand.put(batch.letters)
            if batch.wait is not None:
                self._pause = batch.wait
                return full
            full = full or batch.is_full
        return full

    def _give_back(self, *, only: Collection[int] | None = None) -> None:
        try:
            with self._database.write() as session:
                released = queue.release(session, self.lease, only=only)
                if released:
                    something_is_due(session)
                if any(day for day, _lane in released):
                    domain = self._live.get(session).sender_domain
                    daily.give_back(session, [(domain, day, lane) for day, lane in released])
        except (DBAPIError, LeadmagnetError) as error:
            log.warning("claimed letters could not be given back (%s): their leases run out", type(error).__name__)
