"""The command about one person: `person`."""

import difflib
import json
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import click

from leadmagnet import clock
from leadmagnet.audience import addresses, subscribers
from leadmagnet.cli.brakes import end_of_pause
from leadmagnet.cli.person_words import PersonWords, not_written_to, on_day, series_words
from leadmagnet.cli.site import json_option, operator, published_database, site_option
from leadmagnet.cli.words import Names, wrapped
from leadmagnet.errors import InvalidInput, LeadmagnetError
from leadmagnet.publishing.releases import Live
from leadmagnet.reports.person import Person
from leadmagnet.reports.person import person as report
from leadmagnet.reports.words import end, listed
from leadmagnet.sequences import by_hand, pauses
from leadmagnet.sequences.by_hand import Start
from leadmagnet.settings import load
from leadmagnet.store.signals import something_is_due

if TYPE_CHECKING:
    from leadmagnet.content.published import Published
    from leadmagnet.store.database import Session
    from leadmagnet.store.models import Subscriber

#: As long as the reader's own button pauses.
_DAYS = 30
_LONGEST_TAG = 64
_TAG = re.compile(r"[\w-]+", re.ASCII)


@dataclass(frozen=True, slots=True)
class _Wishes:
    """What is to be changed, in the order in which it is done."""

    untag: tuple[str, ...]
    tag: tuple[str, ...]
    start: tuple[str, ...]
    resume: bool
    pause: bool
    leave: bool
    until: str | None

    def __bool__(self) -> bool:
        return any((self.untag, self.tag, self.start, self.resume, self.pause, self.leave))

    def check(self) -> None:
        """Raises UsageError for what cannot be meant together."""
        if self.until is not None and not self.pause:
            raise click.UsageError("--until says when a pause ends: it goes with --pause.")
        if self.pause and self.resume:
            raise click.UsageError("--pause and --resume say the opposite: which one?")
        for option, wish in (("--start", self.start), ("--pause", self.pause), ("--resume", self.resume)):
            if self.leave and wish:
                raise click.UsageError(f"--leave stops all letters to her: {option} beside it can do nothing.")
        for name in (*self.tag, *self.untag):
            if name in self.tag and name in self.untag:
                raise click.UsageError(f"--tag {name} and --untag {name} say the opposite: which one?")
            if not _TAG.fullmatch(name) or len(name) > _LONGEST_TAG:
                words = f"{name!r} is no tag: letters, digits, - and _ only, such as tried-barre, at most 64 of them."
                raise click.BadParameter(words, param_hint="--tag" if name in self.tag else "--untag")


@dataclass(frozen=True, slots=True)
class _Said:
    """What came of one change, for the person at the terminal."""

    change: str
    changed: bool
    words: str


@click.command()
@click.argument("address")
@click.option("--leave", is_flag=True, help="Stop all letters to her, as her own unsubscribe link does.")
@click.option("--pause", is_flag=True, help="Let her letters wait: 30 days, or --until.")
@click.option("--until", metavar="DATE|DAYS", help="With --pause: 2026-04-01, 2026-04-01T09:00, or a number of days.")
@click.option("--resume", is_flag=True, help="End her pause: her letters go on where they stopped.")
@click.option("--tag", metavar="TAG", multiple=True, help="Give her a tag.")
@click.option("--untag", metavar="TAG", multiple=True, help="Take a tag away.")
@click.option("--start", metavar="SEQUENCE", multiple=True, help="Start the letters of a sequence now.")
@site_option
@json_option
def person(
    address: str,
    leave: bool,
    pause: bool,
    until: str | None,
    resume: bool,
    tag: tuple[str, ...],
    untag: tuple[str, ...],
    start: tuple[str, ...],
    site: Path,
    as_json: bool,
) -> None:
    """Show one person shortly, or change what she gets; `leadmagnet why ADDRESS` tells the whole story.

    Several changes may stand in one call: all of them are made, or none. Each is written into her history.

    Example: leadmagnet person sam@example.com --pause --until 2026-04-01
    """
    wishes = _Wishes(untag, tag, start, resume, pause, leave, until)
    wishes.check()
    settings = load(site)
    try:
        parsed = addresses.parse(address)
    except InvalidInput as error:
        raise click.BadParameter(error.message, param_hint="ADDRESS") from error
    database = published_database(settings)
    try:
        with database.write() as session:
            published = Live().get(session)
            found = subscribers.find(session, parsed.key(settings.address_secret()))
            if found is None:
                raise LeadmagnetError(
                    f"nobody here has the address {parsed.text}. People come in by your form: nobody can be added here."
                )
            desk = _Desk(session, published, found, operator(), clock.now())
            said = desk.carry_out(wishes)
            after = desk.look()
            if any(one.changed for one in said):
                something_is_due(session)
    finally:
        database.close()
    click.echo(_json(said, after) if as_json else _shown(said, after, published))


def _json(said: list[_Said], after: Person) -> str:
    changes = [{"change": one.change, "changed": one.changed, "words": one.words} for one in said]
    document = {"changed": any(one.changed for one in said), "changes": changes, "person": after.to_json()}
    return json.dumps(document, indent=2)


def _shown(said: list[_Said], after: Person, published: "Published") -> str:
    text = "\n".join(one.words for one in said) or PersonWords(Names(published)).page(after)
    return "\n".join(wrapped(line.lstrip(), " " * (len(line) - len(line.lstrip()))) for line in text.split("\n"))


@dataclass(frozen=True, slots=True)
class _Desk:
    """One person before the operator, in one transaction."""

    session: "Session"
    published: "Published"
    subscriber: "Subscriber"
    by: str
    now: datetime

    @property
    def _words(self) -> PersonWords:
        return PersonWords(Names(self.published))

    def look(self) -> Person:
        return report(self.session, self.published, self.subscriber, now=self.now)

    def carry_out(self, wishes: _Wishes) -> list[_Said]:
        """Makes every change. Raises LeadmagnetError for one that may not be: then none of them is made."""
        done = [self._untag(name) for name in wishes.untag]
        done += [self._tag(name) for name in wishes.tag]
        done += [self._start(slug) for slug in wishes.start]
        for wish, change in ((wishes.resume, self._resume), (wishes.leave, self._leave)):
            done += [change()] if wish else []
        return [*done, self._pause(wishes.until)] if wishes.pause else done

    def _leave(self) -> _Said:
        before = self.look()
        left = by_hand.leave(self.session, self.subscriber, by=self.by, now=self.now)
        if not left:
            return _Said("leave", False, f"{before.address} has left already, {on_day(before)}.")
        ended = [one.sequence for one in before.series if one.state == "active"]
        what = f"{listed(ended)} ended, and no letter follows." if ended else "No letter follows."
        return _Said("leave", True, f"{before.address} has left. {what} Only she herself can come back, by her link.")

    def _pause(self, typed: str | None) -> _Said:
        before = self.look()
        _require_letters(before, "There is nothing to pause.")
        until = _end(typed, before.zone, self.now)
        quiet = pauses.pause(self.session, self.published, self.subscriber, until, by=self.by, now=self.now)
        if quiet is None:
            raise LeadmagnetError(f"{before.address} has no letters to come: there is nothing to pause.")
        ends = end(until, before.zone)
        if quiet.before == until:
            return _Said(
                "pause",
                False,
                f"{before.address} is paused already, until {ends}.{self._words.next_letter(self.look())}",
            )
        changed = f", instead of {end(quiet.before, before.zone)}" if quiet.before is not None else ""
        words = [f"{before.address} gets no letters until {ends}{changed}.", *self._words.moved(quiet, before.zone)]
        return _Said("pause", True, "\n".join(words))

    def _resume(self) -> _Said:
        before = self.look()
        quiet = pauses.resume(self.session, self.published, self.subscriber, by=self.by, now=self.now)
        if quiet is None:
            return _Said("resume", False, f"{before.address} is not paused.{self._words.next_letter(before)}")
        words = [f"The pause of {before.address} is over.", *self._words.moved(quiet, before.zone)]
        return _Said("resume", True, "\n".join(words))

    def _tag(self, name: str) -> _Said:
        given = by_hand.tag(self.session, self.published, self.subscriber, name, by=self.by, now=self.now)
        after = self.look()
        if not given.new:
            return _Said("tag", False, f"{after.address} has the tag {name} already.")
        words = [f"{after.address} has the tag {name} now."]
        words += [f"It starts {slug}.{self._words.next_letter(after, slug)}" for slug in given.started]
        sequences = self.published.compiled.sequences.values()
        waiting = [one.slug for one in sequences if one.starts == f"tag:{name}" and after.in_series(one.slug) is None]
        if waiting:
            words.append(f"It would start {listed(waiting)}, but {not_written_to(after)}.")
        ends = [
            one.slug
            for one in sequences
            if f"tag:{name}" in one.stop_when and (her := after.in_series(one.slug)) and her.state == "active"
        ]
        words += [f"It ends {slug}: its next letter is not sent." for slug in ends]
        return _Said("tag", True, " ".join(words))

    def _untag(self, name: str) -> _Said:
        if by_hand.untag(self.session, self.subscriber, name, by=self.by, now=self.now):
            words = f"{self.subscriber.address} no longer has the tag {name}. Letters that it started go on."
            return _Said("untag", True, words)
        has = self.look().tags
        close = difflib.get_close_matches(name, has, n=1)
        hint = f" Did you mean {close[0]}?" if close else f" She has {listed(has)}." if has else " She has no tags."
        return _Said("untag", False, f"{self.subscriber.address} has no tag {name}.{hint}")

    def _start(self, slug: str) -> _Said:
        known = sorted(self.published.compiled.sequences)
        if slug not in known:
            close = difflib.get_close_matches(slug, known, n=1)
            hint = f"Did you mean {close[0]}?" if close else f"There is {listed(known)}."
            raise LeadmagnetError(f"there is no sequence {slug!r}. {hint}")
        before = self.look()
        if before.state != "active" or before.blocked is not None:
            raise LeadmagnetError(f"no letters can start: {not_written_to(before)}.")
        began = by_hand.start(self.session, self.published, self.subscriber, slug, by=self.by, now=self.now)
        after = self.look()
        her = after.in_series(slug)
        match began:
            case Start.STARTED:
                return _Said("start", True, f"{slug} starts for {after.address}.{self._words.next_letter(after, slug)}")
            case Start.RUNNING:
                return _Said(
                    "start", False, f"{after.address} is in {slug} already.{self._words.next_letter(after, slug)}"
                )
            case Start.FINISHING:
                raise LeadmagnetError(f"no letters can start: {not_written_to(after)}.")
        raise LeadmagnetError(
            f"{after.address} {series_words(her, after.zone) if her else 'has had ' + slug}: it is not sent twice."
        )


def _require_letters(found: Person, otherwise: str) -> None:
    if found.state != "active" or found.blocked is not None:
        raise LeadmagnetError(f"{not_written_to(found)}. {otherwise}")


def _end(typed: str | None, zone: ZoneInfo, now: datetime) -> datetime:
    """The end of her pause: a day begins where she is, so that the date that is said is hers."""
    days = typed.strip().removesuffix("days").removesuffix("day").strip() if typed is not None else str(_DAYS)
    if not days.isdecimal():
        return end_of_pause(typed or "", zone, now)
    if not 1 <= int(days) <= 3660:
        raise click.BadParameter(f"{days} days are no pause: from 1 day on, ten years at most.", param_hint="--until")
    last = now.astimezone(zone).date() + timedelta(days=int(days))
    return end_of_pause(last.isoformat(), zone, now)
