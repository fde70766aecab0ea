"""Keeps the senders of one process busy: claims ahead of them, and stops in good order."""

import logging
import time
from collections.abc import Collection, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from threading import Event, Thread

from sqlalchemy.exc import DBAPIError

from leadmagnet import failpoints
from leadmagnet.clock import Clock
from leadmagnet.delivery import daily, isolation, queue
from leadmagnet.delivery.breaker import Breaker
from leadmagnet.delivery.claim import Batch, claim_within
from leadmagnet.delivery.complaint import Complaint
from leadmagnet.delivery.group_commit import GroupCommit
from leadmagnet.delivery.hub import Hub
from leadmagnet.delivery.in_hand import InHand
from leadmagnet.delivery.journal import Journal, JournalTrouble
from leadmagnet.delivery.letters import Claimed
from leadmagnet.delivery.outcomes import Returned
from leadmagnet.delivery.queue import Lease
from leadmagnet.delivery.quota import UNLIMITED, Quota
from leadmagnet.delivery.sender import Connect, Road, Sender
from leadmagnet.delivery.stops import Stops
from leadmagnet.errors import LeadmagnetError
from leadmagnet.links import Links
from leadmagnet.mail.sign import Signer
from leadmagnet.publishing.releases import Live, NothingPublished
from leadmagnet.store import absence
from leadmagnet.store.database import Database, Session
from leadmagnet.store.signals import something_is_due

log = logging.getLogger(__name__)

#: Letters claimed ahead for each connection: enough to keep it busy while the next claim runs.
_AHEAD = 10
#: Letters of one claim at most: while it runs on SQLite, no gate can be committed.
_LARGEST_CLAIM = 200
#: The name of the mail server while none is set: no provider stands behind it, who might want us slower.
TEST_MAILBOX = "the test mailbox"


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
        relay: str = TEST_MAILBOX,
        journal_folder: Path,
        clock: Clock,
        signer: Signer | None = None,
        quota: Quota = UNLIMITED,
    ) -> None:
        self.lease = lease
        self._database = database
        self._clock = clock
        self._live = Live()
        self._breaker = Breaker(relay, changed=self.wake)
        self._stops = Stops(changed=self.wake)
        self._journal = Journal(journal_folder, lease.owner)
        self._commits = GroupCommit(database, self._journal, clock, quota=quota)
        self._quota = quota
        self._capacity = quota.in_hand(connections * _AHEAD)
        self._in_hand = InHand(limited=relay != TEST_MAILBOX, low=self._capacity // 2)
        self._room_in: float | None = None  # seconds until the rate has room again
        self._complaint = Complaint(log, "the journal can be written again")
        self._wake = Event()
        self._stopping = Event()
        road = Road(connect, self._commits, self._journal, links, self._breaker, self._stops, clock, signer)
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
        if self._in_hand.runs_low():
            self.wake()

    def stop(self, timeout: float) -> bool:
        """Finishes the letters in flight within `timeout` seconds, gives the others back; False if one is stuck."""
        deadline = time.monotonic() + timeout
        self._stopping.set()
        self._journal.stopping()
        self.wake()
        self._thread.join()
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
        failures = 0
        while not self._stopping.is_set():
            self._wake.wait(self._room_in)
            self._wake.clear()
            self._room_in = None
            try:
                while not self._stopping.is_set() and self._claim_more():
                    pass
                self._in_hand.watch()
                failures = 0
                self._complaint.over()
            except NothingPublished:
                pass  # a publish wakes us
            except Exception as error:  # a defect of ours must not end all sending
                failures += 1
                self._tell(error)
                self._stopping.wait(absence.pause(failures))
                self.wake()

    def _tell(self, error: Exception) -> None:
        if isinstance(error, JournalTrouble):
            self._complaint.say(str(error))
        elif not self._database.absence.met(error):
            log.error("no letters can be claimed", exc_info=error)

    def _claim_more(self) -> bool:
        """Claims one batch of each lane; True if there may be more to claim right now."""
        self._journal.require()
        full: set[str] = set()
        for lane in queue.LANES:
            room = self._room(lane)
            if not room:
                break
            now = self._clock()
            claiming = partial(self._claim, lane=lane, now=now)
            batch = isolation.claim(self._database, claiming, lane=lane, limit=min(room, _LARGEST_CLAIM), now=now)
            self._database.absence.over()  # here, where it has answered: with full hands it is not even asked
            if batch.letters:
                failpoints.reach("after_claim")
                log.debug("claimed %d mails of the lane %s", len(batch.letters), lane)
                self._in_hand.put(batch.letters)
            if batch.wait is not None:
                self._room_in = batch.wait
                break
            if batch.is_full:
                full.add(lane)
        return any(self._room(lane) for lane in full)

    def _room(self, lane: str) -> int:
        """How many more letters of a lane may be taken in hand."""
        room = self._capacity - self._in_hand.within_reach
        # A claim is a transaction: one for few letters is worth it only where somebody waits for them.
        return 0 if lane == queue.SEQUENCE and room < self._capacity // 2 else max(0, room)

    def _claim(self, session: Session, limit: int, only: int | None, *, lane: str, now: datetime) -> Batch:
        """What breaker, stopped groups and quota allow of a lane. `only`: no letter but this one."""
        published = self._live.get(session)
        wanted = self._breaker.letters(session, limit, now=now)
        stopped = self._stops.groups(session, now=now)
        self._return(self._in_hand.keep_stopped(stopped))
        if wanted <= 0:
            return Batch([], False, None)
        batch = claim_within(
            session,
            published,
            self.lease,
            self._quota,
            lane=lane,
            limit=wanted,
            only=only,
            without_groups=sorted({*stopped, *self._in_hand.crowded()}),
            now=now,
        )
        self._breaker.claimed(session, [letter.id for letter in batch.letters])
        if batch.letters:
            failpoints.reach("before_claim_commit")
        return batch

    def _return(self, letters: Sequence[Claimed]) -> None:
        """Lets letters go that cannot be sent now: another time, in the place that they had."""
        for letter in letters:
            self._commits.tell(letter, Returned(None))

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
