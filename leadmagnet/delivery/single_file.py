"""Sends one letter after the other in the caller's own thread, at whatever time the caller says it is."""

from dataclasses import replace
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from sqlalchemy import func, select

from leadmagnet.content.published import Published
from leadmagnet.delivery import breaker, queue
from leadmagnet.delivery.breaker import Breaker
from leadmagnet.delivery.claim import claim
from leadmagnet.delivery.group_commit import GroupCommit
from leadmagnet.delivery.in_hand import InHand
from leadmagnet.delivery.journal import Journal
from leadmagnet.delivery.letters import Claimed
from leadmagnet.delivery.outcomes import Outcome
from leadmagnet.delivery.queue import Lease
from leadmagnet.delivery.sender import Connect, Road, Sender
from leadmagnet.delivery.stops import Stops
from leadmagnet.links import Links
from leadmagnet.mail.sign import Signer
from leadmagnet.store.database import Database
from leadmagnet.store.models import Delivery

_LEASE_SECONDS = 60


class SingleFile:
    """The road of every letter without a worker: nothing happens beside the caller but the committing.

    `now` is the only clock, and moves when the caller moves it. `published` is what letters are sent from.
    """

    published: Published

    def __init__(
        self, database: Database, links: Links, connect: Connect, journal_folder: Path, *,
        owner: str, relay: str, now: datetime,
    ) -> None:  # fmt: skip
        self.database = database
        self.links = links
        self.connect = connect
        self.now = now
        self.signer: Signer | None = None
        self.lease = Lease(owner, _LEASE_SECONDS)
        self.journal = Journal(journal_folder, owner)
        self.commits = GroupCommit(database, self.journal, lambda: self.now)
        self.breaker = Breaker(relay)
        self.stops = Stops()

    def __enter__(self) -> Self:
        self.commits.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.commits.stop()
        self.journal.close(keep=False)

    def deliver(self, *, limit: int = 100) -> list[tuple[Claimed, Outcome | None]]:
        """Sends everything that is due now, and returns what became of each letter."""
        done: list[tuple[Claimed, Outcome | None]] = []
        while letters := self.claim(limit=limit):
            done += [(letter, self.send(letter)) for letter in letters]
        return done

    def claim(self, *, limit: int = 100) -> list[Claimed]:
        """Claims what is due now; rows that are not right any more are settled on the way."""
        claimed: list[Claimed] = []
        for lane in queue.LANES:
            seen = -1
            while not claimed and seen:
                with self.database.write() as session:
                    wanted = self.breaker.letters(session, limit, now=self.now)
                    if not wanted:
                        break
                    claimed, seen = claim(session, self.published, self.lease, lane=lane, limit=wanted, now=self.now)
                    self.breaker.claimed(session, [letter.id for letter in claimed])
        return claimed

    def send(self, letter: Claimed) -> Outcome | None:
        """Hands one letter over, and waits until its outcome is in the database."""
        sender = self.sender()
        outcome = sender.deliver(letter)
        self.breaker.done(letter.id)
        sender.hang_up()
        if outcome is not None:
            self.commits.tell(letter, outcome)
            # The gate of a letter that nobody has is answered only after what was told before it.
            self.commits.gate(replace(letter, id=0))
        return outcome

    def sender(self, in_hand: InHand | None = None) -> Sender:
        """A sender on this road, for whoever asks it to deliver."""
        road = Road(
            self.connect, self.commits, self.journal, self.links, self.breaker, self.stops, lambda: self.now,
            self.signer,
        )  # fmt: skip
        return Sender(road, InHand() if in_hand is None else in_hand, taken=lambda: None)

    def next_due(self) -> datetime | None:
        """When the queue has something to send next."""
        with self.database.read() as session:
            return session.scalar(select(func.min(Delivery.ready_at)).where(Delivery.state == "pending"))

    def next_try(self) -> datetime | None:
        """Likewise, but not before the mail server is tried again while it is away."""
        due = self.next_due()
        with self.database.read() as session:
            held = breaker.read(session, self.breaker.relay)
        return due if due is None or held is None else max(due, held.until)
