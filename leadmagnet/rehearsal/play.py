"""Plays one rehearsal: moves the clock from one moment at which something happens to the next.

The database is its own, in a folder that is thrown away: the site's people, blocked addresses and counts never hear
of it.
"""

import heapq
import itertools
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from email import message_from_bytes, policy
from hashlib import blake2b
from pathlib import Path
from types import TracebackType
from typing import Self

from leadmagnet.content.compiled import Build
from leadmagnet.delivery.letters import Claimed
from leadmagnet.delivery.outcomes import Accepted
from leadmagnet.delivery.single_file import SingleFile
from leadmagnet.errors import LeadmagnetError
from leadmagnet.links import Keys, Links
from leadmagnet.mail import answers
from leadmagnet.mail.sign import Signer
from leadmagnet.publishing import releases
from leadmagnet.rehearsal import mbox
from leadmagnet.rehearsal.onward import Onward
from leadmagnet.rehearsal.reader import Reader
from leadmagnet.rehearsal.script import CLICKS_AFTER, LEAVES_AFTER, Event, Part, Script
from leadmagnet.rehearsal.stage import Stage
from leadmagnet.reports import forecast, words
from leadmagnet.reports.diary import Diary, Series, Settled
from leadmagnet.sequences import schedule
from leadmagnet.sequences.signup import REMIND_AFTER, UNCONFIRMED_LIFE
from leadmagnet.store.database import Database
from leadmagnet.store.migrate import create

#: Chores look for what is older than their limit: the next time that they come by.
_COMES_BY = timedelta(minutes=1)
#: Less than this is no lateness worth a word.
_SLOW = timedelta(minutes=1)

Act = Callable[[], Event | None]


class Rehearsal:
    """One performance, in the empty folder `folder`. The same content, part and script give the same bytes.

    `pace` is called before time moves on, with the moment that it moves to. `onward`: a real inbox, besides.
    """

    def __init__(
        self, folder: Path, build: Build, part: Part, script: Script, base_url: str, *,
        signer: Signer | None = None, onward: Onward | None = None, pace: Callable[[datetime], None] | None = None,
    ) -> None:  # fmt: skip
        self.part = part
        self.script = script
        self.stage = Stage(lambda: self._road.now, onward)
        self._pace = pace
        self._database = Database(f"sqlite:///{folder / 'rehearsal.db'}")
        create(self._database)
        # Keys of its own: a link of a rehearsal opens nothing of a reader's, whoever gets the file.
        links = Links(base_url, Keys.of(("a rehearsal",)))
        self._road = SingleFile(
            self._database, links, self.stage.connect, folder / "journal",
            owner="rehearsal", relay="the rehearsal's server", now=part.start,
        )  # fmt: skip
        self._road.signer = None if onward is not None else signer
        self._publish(build, repeatable=onward is None)
        self._reader = Reader(part, self._road)
        self._acts: list[tuple[datetime, int, Act]] = []
        self._numbers = itertools.count()
        self._diary = Diary()
        self._sent: dict[int, tuple[str | None, str | None]] = {}  # subject and reason, by delivery
        self._letters = 0

    def __enter__(self) -> Self:
        self._road.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._road.__exit__(kind, error, at)
        self._database.close()

    def play(self) -> Iterator[Event]:
        """From her request to the last letter. Raises LeadmagnetError when a real mail server does not take a mail."""
        start = self.part.start
        self._later(start, self._reader.begins)
        if self._reader.guide is not None and self.script.keeps_waiting:
            self._later(start + REMIND_AFTER + _COMES_BY, lambda: self._reader.is_reminded(REMIND_AFTER))
            self._later(start + UNCONFIRMED_LIFE + _COMES_BY, self._reader.is_forgotten)
        while (turn := self._next_turn()) is not None:
            if self._pace is not None and turn > self._road.now:
                self._pace(turn)
            self._road.now = max(self._road.now, turn)
            yield from self._turn()

    def mbox(self) -> bytes:
        """Every mail that was taken, as an mbox file."""
        return b"".join(mbox.entry(one.raw, one.sender, one.at) for one in self.stage.taken)

    def _publish(self, build: Build, *, repeatable: bool) -> None:
        with self._database.write() as session:
            releases.publish(session, build, author="rehearsal", now=self.part.start)
        with self._database.read() as session:
            published = releases.Live().get(session)
        # In a real inbox a second rehearsal must not look like the mails of the first, which it has already.
        self._road.published = replace(published, name_mail=_names(self.part)) if repeatable else published

    def _later(self, at: datetime, act: Act) -> None:
        heapq.heappush(self._acts, (at, next(self._numbers), act))

    def _next_turn(self) -> datetime | None:
        due = self._road.next_try()
        turns = [at for at, _number, _act in self._acts[:1]] + ([due] if due is not None else [])
        return min(turns, default=None)

    def _turn(self) -> Iterator[Event]:
        """Everything that happens at this moment."""
        while self._acts and self._acts[0][0] <= self._road.now:
            event = heapq.heappop(self._acts)[2]()
            if event is not None:
                yield event
        yield from self._outage()
        while letters := self._road.claim():
            for letter in letters:
                self._send(letter)
        yield from self._news()

    def _outage(self) -> Iterator[Event]:
        wanted, now = self.script.outage, self._road.now
        if wanted is None or self.stage.away_until is not None or self._letters != 1:
            return
        due = self._road.next_due()
        if due is None or due > now:
            return
        self.stage.away_until = now + wanted
        self._later(now + wanted, lambda: Event(self._road.now, "back", why="the mail server is back"))
        yield Event(now, "away", why=f"the mail server is away for {words.span(wanted)}")

    def _send(self, letter: Claimed) -> None:
        number = 0 if letter.course is None else self._letters + 1
        slug = "confirm" if letter.course is None else letter.course.step.slug
        self.stage.refuses = self.script.bounce_at in (number, slug)
        self.stage.offered = b""
        why = self._why(letter)
        outcome = self._road.send(letter)
        if self.stage.trouble is not None:
            raise LeadmagnetError(f"{letter.letter.slug} did not go out. {self.stage.trouble}")
        self._sent[letter.id] = (_subject(self.stage.offered), why)
        if isinstance(outcome, Accepted):
            self._got(letter, slug)

    def _why(self, letter: Claimed) -> str | None:
        course = letter.course
        if course is None:
            return None
        planned = schedule.due(course.sequence, course.step, course.facts, course.zone)
        reasons = forecast.reasons(course.sequence, planned, course.facts, course.zone)
        late = self._road.now - planned.due
        if late >= _SLOW:
            reasons.append(f"{words.span(late)} late")
        return "; ".join(reasons)

    def _got(self, letter: Claimed, slug: str) -> None:
        """Notes what she will do with a mail that has arrived."""
        mail, now, reader, script = self.stage.taken[-1].raw, self._road.now, self._reader, self.script
        if letter.kind == "confirm" and not script.never_confirms:
            self._later(now + script.confirm_after, lambda: reader.confirms(mail))
        if letter.course is None:
            return
        self._letters += 1
        if slug in script.clicks:
            self._later(now + CLICKS_AFTER, lambda: reader.clicks(mail, slug))
        if script.leave_after in (self._letters, slug):
            self._later(now + LEAVES_AFTER, lambda: reader.leaves(mail))

    def _news(self) -> Iterator[Event]:
        with self._database.read() as session:
            mails = [self._settled(mail) for mail in self._diary.mails(session)]
            moves = [self._goes_on(one) for one in self._diary.series(session)]
        yield from (event for event in moves if event.what == "moves")  # before what was sent after it
        yield from mails
        yield from (event for event in moves if event.what != "moves")

    def _settled(self, mail: Settled) -> Event:
        subject, why = self._sent.get(mail.id, (None, None))
        what = {"sent": "sent", "failed": "refused"}.get(mail.state, "not sent")
        if what == "refused":
            why = answers.meaning(mail.reason or "")
        elif what == "not sent":
            why = mail.reason
        own = mail.sequence in (None, self.part.sequence.slug)
        return Event(self._road.now, what, mail.name if own else f"{mail.sequence}/{mail.name}", subject, why)

    def _goes_on(self, one: Series) -> Event:
        now = self._road.now
        if one.status == "active":
            return Event(now, "moves", why=f"her start moves by {words.span(one.moved)}, so that nothing bursts")
        why = "she has had the whole series" if one.status == "completed" else one.exit_reason
        return Event(now, "ends", one.sequence, why=why)


def _names(part: Part) -> Callable[[], str]:
    """Names for mails that are the same each time the same part is played."""
    numbers = itertools.count()
    seed = f"{part.sequence.slug} {part.address.normal} {part.start.isoformat()}"
    return lambda: blake2b(f"{seed} {next(numbers)}".encode(), digest_size=16).hexdigest()


def _subject(raw: bytes) -> str | None:
    head = raw.partition(b"\r\n\r\n")[0]
    return str(message_from_bytes(head, policy=policy.default)["Subject"]) if head else None
