"""The metronome: ticks, sweeps and housekeeping around one dispatcher.

APScheduler keeps no campaign time: it only says "look again". Any number of workers may tick, because
every chore takes its rows in SQL.
"""

import gc
import logging
import os
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from threading import Event, Thread

from apscheduler.schedulers.background import BackgroundScheduler

from leadmagnet.audience import limits, list_bombing, privacy
from leadmagnet.clock import Clock
from leadmagnet.delivery import begun, brakes, breaker, isolation, notices, queue, rates, recovery
from leadmagnet.delivery.dispatcher import TEST_MAILBOX, Dispatcher
from leadmagnet.delivery.evidence import MailLog
from leadmagnet.delivery.gate import HOST
from leadmagnet.delivery.journal import AcceptedLine, left_behind
from leadmagnet.delivery.queue import Lease
from leadmagnet.delivery.quota import UNLIMITED, Quota
from leadmagnet.delivery.sender import Connect
from leadmagnet.links import Links
from leadmagnet.mail.sign import Signer
from leadmagnet.publishing.releases import Live, NothingPublished
from leadmagnet.publishing.replanner import Replanner
from leadmagnet.reports import heartbeats, weekly_mail
from leadmagnet.sequences import finishing, moving, signup
from leadmagnet.settings import Settings
from leadmagnet.store import outage
from leadmagnet.store.database import Database, Session
from leadmagnet.store.signals import Listener

log = logging.getLogger(__name__)

TICK = timedelta(seconds=2)
CHECKPOINT = timedelta(seconds=0.5)
SWEEP = timedelta(seconds=15)
HOUSEKEEPING = timedelta(minutes=1)
#: However long a lease is, a worker that is silent for longer would soon be taken for dead.
HEARTBEAT = timedelta(seconds=20)
#: Rows that one chore touches in one transaction: sign-ups never wait long behind it.
CHUNK = 200
CLOCK_WATCH_SECONDS = 2.0
#: How long a stopping worker lets a slow server answer.
STOP_SECONDS = 30.0


class Worker:
    """Everything that sends, in one process. `start` returns at once; `stop` finishes what is in flight."""

    _looked_through = 0  # the number of the last mail whose age was looked at

    def __init__(
        self,
        settings: Settings,
        database: Database,
        connect: Connect,
        links: Links,
        *,
        relay: str = TEST_MAILBOX,
        clock: Clock,
        signer: Signer | None = None,
        quota: Quota = UNLIMITED,
    ) -> None:
        self.id = str(uuid.uuid4())
        self._settings = settings
        self._database = database
        self._clock = clock
        self._started_at = clock()
        self._live = Live()
        self._stopping = Event()
        self._lease = Lease(self.id, settings.lease_seconds)
        self.dispatcher = Dispatcher(
            database,
            connect,
            links,
            lease=self._lease,
            connections=settings.worker_connections,
            relay=relay,
            journal_folder=settings.data_dir / "journal",
            clock=clock,
            signer=signer,
            quota=quota,
        )
        # PostgreSQL works for one while the other computes; SQLite has one writer.
        self._replanners = [Replanner(database, self._live) for _ in range(1 if database.is_sqlite else 2)]
        self._mail_log = MailLog(settings.mail_log) if settings.mail_log is not None else None
        self._listener = Listener(database, self.dispatcher.wake)
        # A late tick is as good as a punctual one.
        self._metronome = BackgroundScheduler(
            timezone="UTC", job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None}
        )
        logging.getLogger("apscheduler.scheduler").addFilter(_is_news)

    def start(self) -> None:
        self.recover()
        self.renew()
        self.dispatcher.start()
        self._listener.start()
        self._every(TICK, self.dispatcher.wake)
        self._every(CHECKPOINT, self._database.checkpoint)
        self._every(min(timedelta(seconds=self._settings.lease_seconds / 3), HEARTBEAT), self.renew)
        self._every(SWEEP, self.sweep)
        for replanner in self._replanners:
            self._every(SWEEP, partial(self.replan, replanner))
        self._every(HOUSEKEEPING, self.keep_house)
        self._metronome.start()
        Thread(target=self._watch_the_clock, name="clock-watch", daemon=True).start()
        self.dispatcher.wake()

    def stop(self) -> bool:
        """Stops in good order; False if a letter was still waiting for a server's answer."""
        self._stopping.set()
        self._metronome.shutdown(wait=True)
        self._listener.stop()
        done = self.dispatcher.stop(STOP_SECONDS)
        self._in_chore("heartbeat", lambda session, _now: heartbeats.end(session, self.id))
        return done

    def recover(self) -> None:
        """Settles what dead processes of this machine left in their journals: accepted mails first, then begun ones."""
        try:
            for path, lines in left_behind(Path(self._settings.data_dir) / "journal"):
                self._recover(path, lines)
        except OSError as error:
            log.error("journals of dead processes cannot be read (%s): tried again soon", error.strerror)

    def _recover(self, path: Path, lines: list[AcceptedLine]) -> None:
        def replay(session: Session, now: datetime) -> bool:
            recovery.replay(session, self._live.get(session), path, lines, now=now)
            return True

        def one_by_one() -> None:
            isolation.replay(self._database, self._live, path, lines, now=self._clock())

        def blame(session: Session, now: datetime) -> bool:
            recovery.blame(session, self._live.get(session), begun.left_by(path), now=now)
            return True

        if self._in_chore("journal", replay, one_by_one) and self._in_chore("poison", blame):
            begun.beside(path).unlink(missing_ok=True)
            path.unlink(missing_ok=True)

    def renew(self) -> None:
        """Keeps our leases, and says that we live."""
        self._in_chore("leases", lambda session, _now: queue.renew(session, self._lease))
        self._in_chore(
            "heartbeat",
            lambda session, now: heartbeats.beat(
                session, self.id, host=HOST, pid=os.getpid(), started_at=self._started_at, now=now
            ),
        )

    def sweep(self) -> None:
        """Takes rows from the dead, and repeats once what somebody waits for."""
        self.recover()
        self._in_chore(
            "sweep",
            lambda s, now: recovery.sweep(s, self._live.get(s), limit=CHUNK, now=now),
            lambda: isolation.sweep(self._database, self._live, limit=CHUNK, now=self._clock()),
        )
        self._look_up()
        self._in_chore("resend", lambda s, now: recovery.resend_once(s, now=now))

    def replan(self, replanner: Replanner) -> None:
        """Puts people right after a publish: up to a minute for a million of them, beside everything else."""
        while not self._stopping.is_set() and self._in_chore("replan", replanner.chunk):
            self._stopping.wait(replanner.rest())
        self.dispatcher.wake()

    def _look_up(self) -> None:
        """Settles by the mail server's log what it can tell, before anything is repeated."""
        if self._mail_log is None:
            return
        try:
            self._mail_log.settle(self._database, now=self._clock())
        except Exception as error:
            self._failed("mail log", error)

    def keep_house(self) -> None:
        """Reminds once, forgets who never confirmed, lets leave who wished to by now, lifts brakes that are over."""
        self._in_chore(
            "remind",
            lambda s, now: signup.remind(s, self._live.get(s), after=signup.REMIND_AFTER, limit=CHUNK, now=now),
        )
        self._in_chore("forget", lambda s, now: signup.forget_unconfirmed(s, limit=CHUNK, now=now))
        self._in_chore("addresses", lambda s, now: moving.forget_unanswered(s, limit=CHUNK, now=now))
        self._forget_old()
        self._let_leave()
        self._in_chore("sign-ups", self._watch_signups)
        self._in_chore("brakes", lambda s, now: brakes.forget_passed(s, now=now))
        self._in_chore("breaker", lambda s, now: breaker.forget(s, now=now))
        self._in_chore("rates", lambda s, now: rates.watch(s, self._live.get(s), now=now))
        self._tell_the_week()
        self.dispatcher.wake()

    def _forget_old(self) -> None:
        """Looks through some thousands of mails a minute, round and round, for what is too old to be kept."""
        try:
            self._looked_through = privacy.forget_old(self._database, after=self._looked_through, now=self._clock())
        except Exception as error:
            self._failed("forget old", error)

    def _let_leave(self) -> None:
        """Each in a transaction of her own: nobody waits for many, and none of them stands in another's way."""
        try:
            with self._database.read() as session:
                people = finishing.over(session, limit=CHUNK)
        except Exception as error:
            self._failed("finish", error)
            return
        for one in people:
            self._in_chore("finish", _leaving(one))

    def _watch_signups(self, session: Session, now: datetime) -> None:
        """Tells the operator of an attack on the form, and forgets what its limits no longer need."""
        limits.forget_unused(session, limit=CHUNK, now=now)
        list_bombing.forget_passed(session, now=now)
        found = list_bombing.suspected(session, now=now) if self._settings.signup_limits == "on" else None
        if found is not None:
            notices.tell(session, self._live.get(session), notices.bombed(found), now=now)

    def _tell_the_week(self) -> None:
        """The operator's mail on Mondays: its numbers are read outside of any transaction that writes."""
        try:
            weekly_mail.send(self._database, self._live, now=self._clock())
        except NothingPublished:
            return
        except Exception as error:
            self._failed("weekly mail", error)

    def _watch_the_clock(self) -> None:
        """Starts the ticking anew when somebody set the clock back: the metronome waits for absolute times."""
        seen = self._clock()
        while not self._stopping.wait(CLOCK_WATCH_SECONDS):
            now = self._clock()
            if now < seen:
                log.warning("the clock was set back: ticking goes on")
                for job in self._metronome.get_jobs():
                    job.modify(next_run_time=now)
            seen = now

    def _every(self, interval: timedelta, chore: Callable[[], None]) -> None:
        self._metronome.add_job(chore, "interval", seconds=interval.total_seconds())

    def _in_chore(
        self,
        name: str,
        chore: Callable[[Session, datetime], object],
        one_by_one: Callable[[], None] | None = None,
    ) -> object:
        """Runs one chore in its own transaction; a chore that fails is tried again at its next turn.

        One that fails by a row's fault is done `one_by_one` at once, if it can be: True then.
        """
        try:
            with self._database.write() as session:
                done = chore(session, self._clock())
            self._database.absence.over()
            return done
        except NothingPublished:
            return None
        except Exception as error:
            self._failed(name, error)
            if one_by_one is None or outage.blames_no_row(error):
                return None
        try:
            one_by_one()
        except Exception as error:
            self._failed(name, error)
            return None
        return True

    def _failed(self, name: str, error: Exception) -> None:
        if not self._database.absence.met(error):
            log.error("chore %s failed", name, exc_info=error)


def _is_news(record: logging.LogRecord) -> bool:
    """A chore may take longer than its interval, a re-plan a minute: nobody wants a warning for each tick meanwhile."""
    return "maximum number of running instances" not in str(record.msg)


def _leaving(subscriber_id: int) -> Callable[[Session, datetime], object]:
    return lambda session, now: finishing.leave_finished(session, subscriber_id, now=now)


def spare_the_collector() -> None:
    """Keeps Python's garbage collector from walking, for every few letters, all that was loaded at the start."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
