"""One person's past on the terminal, day by day: each event of her timeline in a sentence."""

from collections.abc import Iterator, Sequence
from datetime import datetime

import click

from leadmagnet.cli.words import Names, wrapped
from leadmagnet.content.published import Published
from leadmagnet.delivery.brakes import AUTOMATIC
from leadmagnet.reports import words
from leadmagnet.reports.reasons import plain
from leadmagnet.reports.why import Event

_TIME = 9  # "  21:12  "


def diary(timeline: Sequence[Event], published: Published, *, now: datetime) -> Iterator[str]:
    """The lines, under a heading for each day, in the site's zone."""
    return _Diary(published, now).told(timeline)


class _Diary:
    """The words for one timeline."""

    def __init__(self, published: Published, now: datetime) -> None:
        self._now, self._zone = now, published.zone
        self._names = Names(published)

    def told(self, timeline: Sequence[Event]) -> Iterator[str]:
        """All of it."""
        day = None
        for event in timeline:
            if (today := words.heading(event.at, self._zone)) != day:
                day = today
                yield from ("", click.style(today, bold=True))
            yield from self._lines(event)

    def _lines(self, event: Event) -> Iterator[str]:
        said, more = self._say(event), self._more(event)
        text = wrapped(said, f"  {words.clock(event.at, self._zone)}  ")
        yield click.style(text, fg=_COLOURS[event.what]) if event.what in _COLOURS else text
        for line in more:
            yield click.style(wrapped(line, " " * _TIME), dim=True)

    def _say(self, event: Event) -> str:
        detail, what = event.detail, event.what
        match what:
            case "asked":
                again = " again" if detail["again"] else ""
                return f"asked for the guide {self._names.guide(detail['guide'])}{again}"
            case "confirmed" | "started":
                return self._began(event)
            case "left" | "returned" | "moved":
                return _HER_WORD[what]
            case "blocked":
                return f"blocked for good: {detail['why']}"
            case "tagged":
                letter = f", by {self._names.letter(*detail['letter'].split('/'))}" if "letter" in detail else ""
                return f"got the tag {detail['tag']}{letter}"
            case "completed":
                return f"had the whole series: {self._names.sequence(detail['sequence'])}"
            case "ended":
                return f"the series {self._names.sequence(detail['sequence'])} ended: {detail['why']}"
            case "braked":
                return self._braked(event)
        return self._of_mail(event)

    def _began(self, event: Event) -> str:
        detail = event.detail
        if "sequence" in detail:
            return f"the letters of {self._names.sequence(detail['sequence'])} began"
        after = detail["after_seconds"]
        after = f", {words.length(after)} after asking" if after else ""
        if event.what == "started":
            return f"started the letters of {self._names.guide(detail['guide'])}{after}"
        opened = f", and opened the guide (edition {detail['edition']})" if detail["edition"] else ""
        return f"confirmed{after}{opened}"

    def _braked(self, event: Event) -> str:
        detail = event.detail
        who = "leadmagnet" if detail["by"] == AUTOMATIC else f"you ({detail['by']})"
        end = f"until {words.moment(detail['until'], self._zone)}" if detail["until"] else "until you resume them"
        why = f": {detail['why']}" if detail["by"] == AUTOMATIC else ""
        return f"her letters are paused by {who} {end}{why}"

    def _of_mail(self, event: Event) -> str:
        mail, detail = event.mail, event.detail
        name = self._names.mail(mail.kind, mail.sequence, mail.letter) if mail is not None else ""
        match event.what:
            case "sent":
                return f"got {name}{_version(event)}"
            case "clicked":
                after = detail["after_seconds"]
                return f"clicked in {name}" + (f", {words.length(after)} after it went" if after is not None else "")
            case "bounced":
                return f"{name} came back: {detail['why'] or 'it could not be delivered'}"
            case "complained":
                return f"called {name} spam"
            case "maybe_sent" if mail is not None:
                return f"{name} was maybe sent: {plain(mail.state, mail.reason)}"
            case "held" if mail is not None:
                return f"{name} is held until you decide: {plain(mail.state, mail.reason)}"
            case "not_sent":
                return f"did not get {name}: {self._why_not(event)}"
        return self._noted(event, name)

    def _why_not(self, event: Event) -> str:
        detail = event.detail
        if "turn" in detail:
            added, turn = (words.day(detail[one], self._zone, now=self._now) for one in ("added_at", "turn"))
            return f"added on {added}, after her turn on {turn}"
        code = f" ({detail['code']})" if "code" in detail else ""
        return f"{detail['why']}{code}"

    def _noted(self, event: Event, name: str) -> str:
        """What the operator, or the machine, decided."""
        detail, said = event.detail, str(event.detail.get("event"))
        by = f" by {detail['by']}" if detail.get("by") else ""
        if said in _BY_HAND and not name:
            shown = dict(detail)
            if isinstance(detail.get("until"), str):
                shown["until"] = words.moment(datetime.fromisoformat(detail["until"]), self._zone)
            if isinstance(detail.get("sequence"), str):
                shown["sequence"] = self._names.sequence(detail["sequence"])
            return f"{_BY_HAND[said].format_map(_Known(shown))}{by}"
        said = said.removesuffix(" by operator") if by else said
        text = f"{name}: {_NOTED.get(said, said)}{by}" if name else f"{_NOTED.get(said, said)}{by}"
        return f"{text} ({plain('held', str(detail['reason']))})" if detail.get("reason") else text

    def _more(self, event: Event) -> Iterator[str]:
        """What stands under an entry."""
        detail, mail = event.detail, event.mail
        if event.what == "asked":
            where = [f"on {detail['page']}"] if detail["page"] else []
            source = detail["source"]
            where += [f"from {source['referrer']}"] if "referrer" in source else []
            where += [f"{name} {value}" for name, value in source.items() if name != "referrer"]
            if where:
                yield ", ".join(where)
            if detail["wording"] and not detail["again"]:
                yield f"“{detail['wording']}”"
        elif event.what == "sent":
            if detail["moved"]:
                yield f"moved: {detail['moved']}"
            if detail["late_seconds"]:
                yield f"{words.length(detail['late_seconds'])} after its time"
        elif event.what == "maybe_sent" and mail is not None:
            yield f"to send it again: leadmagnet resend {mail.id}"
        elif event.what == "held" and mail is not None:
            yield f"to let it go: leadmagnet resend {mail.id}"


_COLOURS = {
    "left": "yellow", "blocked": "red", "bounced": "red", "complained": "red", "not_sent": "yellow",
    "maybe_sent": "yellow", "held": "yellow", "braked": "yellow", "ended": "yellow",
}  # fmt: skip
#: What she does herself.
_HER_WORD = {
    "left": "left: no more letters",
    "returned": "came back: the letters go on",
    "moved": "confirmed a new address: mails go there from here on",
}
#: What the operator does to a person, or she herself on a page of hers.
_BY_HAND = {
    "left": "taken out of the letters",
    "tagged": "given the tag {tag}",
    "untagged": "the tag {tag} was taken away",
    "started": "the letters of {sequence} were started",
    "paused": "letters paused until {until}",
    "resumed": "letters go on again",
    "answered": "“{question}” was answered with “{answer}”",
    "next now": "the next letter asked for at once",
    "slower": "at most one letter in {days} days wished for",
    "as usual": "letters wished for as usual again",
    "finishing": "leaves after this series",
    "not finishing": "stays, and does not leave after this series",
    "said why": "said why she left: {reason}",
}
#: What the machine notes of itself, in words.
_NOTED = {
    "resent": "sent again",
    "released": "let go",
    "resent once": "sent once more by itself, since she was waiting for it",
    "uncertain": "maybe sent: the mail server's answer was lost",
    "held": "held until you decide",
    "sent by journal": "certainly sent: it stood in the journal",
    "sent by mail log": "certainly sent: it stood in the mail server's log",
    "sent by late answer": "certainly sent: the answer came late",
    "sent by feedback": "certainly sent: the world spoke of it",
    "not accepted by mail log": "certainly not sent: the mail server's log has nothing of it",
}


class _Known(dict[str, object]):
    """Details of an event; one that was not noted reads as a gap."""

    def __missing__(self, key: str) -> str:
        return "…"


def _version(event: Event) -> str:
    release, edition = event.detail["release"], event.detail["edition"]
    parts = [f"mail {event.mail.id}"] if event.mail is not None else []  # what `show` is asked for
    parts += [f"version {release}"] if release is not None else []
    parts += [f"edition {edition}"] if edition else []
    return f" ({', '.join(parts)})" if parts else ""
