"""One person's page on the terminal: her story day by day, then what comes."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import click

from leadmagnet.cli import words
from leadmagnet.cli.words import Names, wrapped
from leadmagnet.content.published import Published
from leadmagnet.delivery.brakes import AUTOMATIC
from leadmagnet.reports.paused import moment
from leadmagnet.reports.reasons import plain
from leadmagnet.reports.why import Coming, End, Event, HeldGuide, Mail, Why

_TIME = 9  # "  21:12  "
#: Nothing was asked of her, and nothing is the matter.
_SELF_EVIDENT = ("its day", "at once")


def page(found: Why, published: Published, *, now: datetime) -> str:
    """Everything, in the site's zone."""
    told = _Story(found, published, now)
    return "\n".join([*told.head(), *told.past(), "", *told.future()])


class _Story:
    """The words for one person."""

    def __init__(self, found: Why, published: Published, now: datetime) -> None:
        self._found, self._published, self._now = found, published, now
        self._zone = published.zone
        self._names = Names(published)

    def head(self) -> Iterator[str]:
        found = self._found
        yield click.style(found.address, bold=True) + f" {self._state()}"
        hers = self._published.zone_of(found.zone)
        if hers.key != self._zone.key and _apart(hers, self._zone, self._now):
            yield f"times are yours ({self._zone.key}); {_apart(hers, self._zone, self._now)} where she is ({hers.key})"
        else:
            yield f"times are those of {self._zone.key}"
        for guide in found.guides:
            yield wrapped(self._held(guide))

    def _state(self) -> str:
        found, zone = self._found, self._zone
        got = sum(mail.sent_at is not None and mail.letter is not None for mail in found.mails)
        letters = words.count(got, "letter")
        if found.blocked is not None:
            return f"is blocked: {plain('cancelled', found.blocked)}"
        if found.state == "pending":
            return "has not confirmed"
        if found.state == "unsubscribed":
            left = f" on {moment(found.unsubscribed_at, zone)}" if found.unsubscribed_at is not None else ""
            return f"left{left}, after {letters}"
        if found.waiting or found.coming:
            return f"is reading: {letters} so far"
        return f"has confirmed: {letters}, and none to come"

    def _held(self, guide: HeldGuide) -> str:
        title = self._names.guide(guide.guide)
        has = f"has the guide {title}, edition {guide.edition}"
        if guide.newest is None:
            return f"{has}; that guide is no more"
        return has if guide.newest == guide.edition else f"{has}; her link shows the newest, {guide.newest}"

    def past(self) -> Iterator[str]:
        day = None
        for event in self._found.timeline:
            if (today := words.day(event.at, self._zone)) != day:
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
            case "left":
                return "left: no more letters"
            case "returned":
                return "came back: the letters go on"
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
        end = f"until {moment(detail['until'], self._zone)}" if detail["until"] else "until you resume them"
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
            added, turn = (words.short_day(detail[one], self._zone, now=self._now) for one in ("added_at", "turn"))
            return f"added on {added}, after her turn on {turn}"
        code = f" ({detail['code']})" if "code" in detail else ""
        return f"{detail['why']}{code}"

    def _noted(self, event: Event, name: str) -> str:
        by = event.detail.get("by")
        said = str(event.detail.get("event"))
        said = said.removesuffix(" by operator") if by else said
        said = _NOTED.get(said, said)
        text = f"{name}: {said}" if name else said
        text += f" by {by}" if by else ""
        reason = event.detail.get("reason") or event.detail.get("tag") or event.detail.get("sequence")
        return f"{text} ({plain('held', str(reason))})" if reason else text

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

    def future(self) -> Iterator[str]:
        yield click.style("What comes", bold=True)
        found = self._found
        if found.confirm_until is not None:
            yield from self._unconfirmed(found.confirm_until)
        elif found.waiting or found.coming:
            yield from self._planned()
            yield from map(self._ended, found.ends)
            yield from self._never()
        else:
            yield f"  nothing: {self._why_nothing()}"

    def _planned(self) -> Iterator[str]:
        """The mails that have a row, and the letters after them."""
        found = self._found
        rows = {(mail.sequence, mail.letter): mail for mail in found.waiting if mail.letter is not None}
        for mail in found.waiting:
            if mail.letter is None:
                yield self._line(mail.due_at, self._names.mail(mail.kind, None, None), mail.waiting or "")
        for one in found.coming:
            if one.at is not None:
                yield self._ahead(one, rows.pop((one.sequence, one.letter), None))
        for mail in rows.values():  # the schedule says otherwise by now: the claim will see to it
            yield self._line(mail.due_at, self._names.letter(mail.sequence, mail.letter or ""), mail.waiting or "")
        if any(event.what == "braked" and event.detail["until"] is None for event in found.timeline):
            yield wrapped("these dates are true if you resume the letters now: leadmagnet resume", "  ")

    def _never(self) -> Iterator[str]:
        never = [one for one in self._found.coming if one.at is None]
        if never:
            yield from ("", click.style("What she will not get", bold=True))
        for one in never:
            yield wrapped(f"{self._names.letter(one.sequence, one.letter)}: {one.skipped}", "  ", "    ")

    def _unconfirmed(self, until: datetime) -> Iterator[str]:
        zone, reminder = self._zone, self._found.reminder_at
        if until <= self._now:
            yield wrapped("her link to confirm has ended; she is forgotten within minutes", "  ")
            return
        yield wrapped(f"her link to confirm works until {moment(until, zone)}; then she is forgotten", "  ")
        if reminder is not None:
            yield wrapped(f"the reminder goes {moment(reminder, zone)}, unless she confirms before", "  ")
        elif any(mail.kind == "reminder" and mail.sent_at for mail in self._found.mails):
            yield "  she has been reminded, which happens once"

    def _why_nothing(self) -> str:
        found = self._found
        if found.blocked is not None:
            return "nothing may be sent to this address any more"
        if found.state == "unsubscribed":
            return "she left; a guide she asks for would still go out"
        if any(event.what == "completed" for event in found.timeline):
            return "she has had everything"
        return "no series of hers is running"

    def _ahead(self, one: Coming, planned: Mail | None) -> str:
        name = self._names.letter(one.sequence, one.letter)
        if planned is not None:
            held = f"; will not go: {one.skipped}" if one.skipped else ""
            due = planned.due_at
            was = f" (was due {words.short_day(due, self._zone)})" if one.at is not None and one.at > due else ""
            return self._line(one.at or due, name, f"{planned.waiting}{was}{held}", bold=True)
        if one.skipped is not None:
            return self._line(one.at, name, f"not for her as things are: {one.skipped}", dim=True)
        return self._line(one.at, name, "" if one.why in _SELF_EVIDENT else f"moved: {one.why}")

    def _line(self, at: datetime | None, name: str, why: str, *, bold: bool = False, dim: bool = False) -> str:
        when = f"{words.short_day(at, self._zone, now=self._now)}, {words.clock(at, self._zone)}" if at else ""
        text = wrapped(f"{name:<24}  {why}".rstrip().replace("  ", "\0\0"), f"  {when:<20}  ", " " * 26)
        return click.style(text.replace("\0", " "), bold=bold or None, dim=dim or None)

    def _ended(self, end: End) -> str:
        tag = f", which gives her the tag {end.tag}" if end.tag else ""
        starts = f" and starts {' and '.join(map(self._names.sequence, end.starts))}" if end.starts else ""
        text = f"then {self._names.sequence(end.sequence)} is over{tag}{starts}"
        return wrapped(text, "  ", "    ")


_COLOURS = {
    "left": "yellow", "blocked": "red", "bounced": "red", "complained": "red", "not_sent": "yellow",
    "maybe_sent": "yellow", "held": "yellow", "braked": "yellow", "ended": "yellow",
}  # fmt: skip
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


def _version(event: Event) -> str:
    release, edition = event.detail["release"], event.detail["edition"]
    parts = [f"version {release}"] if release is not None else []
    parts += [f"edition {edition}"] if edition else []
    return f" ({', '.join(parts)})" if parts else ""


def _apart(hers: ZoneInfo, ours: ZoneInfo, now: datetime) -> str:
    """How much later or earlier it is there; "" if it is not."""
    there, here = (now.astimezone(zone).utcoffset() or timedelta() for zone in (hers, ours))
    if there == here:
        return ""
    return f"it is {words.length(abs(there - here).total_seconds())} {'later' if there > here else 'earlier'}"


def listed(found: Sequence[str]) -> str:
    """Names in a sentence: "a", "a or b", "a, b or c"."""
    return " or ".join(filter(None, [", ".join(found[:-1]), *found[-1:]]))
