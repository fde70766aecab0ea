"""One person's page on the terminal: her story day by day, then what comes."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import click

from leadmagnet.cli.diary import diary
from leadmagnet.cli.words import Names, wrapped
from leadmagnet.content.published import Published
from leadmagnet.reports import words
from leadmagnet.reports.reasons import plain
from leadmagnet.reports.why import Coming, End, HeldGuide, Mail, Why

#: Nothing was asked of her, and nothing is the matter.
_SELF_EVIDENT = ("its day", "at once")


def page(found: Why, published: Published, *, now: datetime) -> str:
    """Everything, in the site's zone."""
    told = _Story(found, published, now)
    return "\n".join([*told.head(), *diary(found.timeline, published, now=now), "", *told.future()])


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
            apart = _apart(hers, self._zone, self._now)
            yield wrapped(f"times are yours ({self._zone.key}); {apart} where she is ({hers.key})")
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
            left = f" on {words.moment(found.unsubscribed_at, zone)}" if found.unsubscribed_at is not None else ""
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
        yield wrapped(f"her link to confirm works until {words.moment(until, zone)}; then she is forgotten", "  ")
        if reminder is not None:
            yield wrapped(f"the reminder goes {words.moment(reminder, zone)}, unless she confirms before", "  ")
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
            was = f" (was due {words.day(due, self._zone)})" if one.at is not None and one.at > due else ""
            return self._line(one.at or due, name, f"{planned.waiting}{was}{held}", bold=True)
        if one.skipped is not None:
            return self._line(one.at, name, f"not for her as things are: {one.skipped}", dim=True)
        return self._line(one.at, name, "" if one.why in _SELF_EVIDENT else f"moved: {one.why}")

    def _line(self, at: datetime | None, name: str, why: str, *, bold: bool = False, dim: bool = False) -> str:
        when = f"{words.day(at, self._zone, now=self._now)}, {words.clock(at, self._zone)}" if at else ""
        text = wrapped(f"{name:<24}  {why}".rstrip().replace("  ", "\0\0"), f"  {when:<22}  ", " " * 26)
        return click.style(text.replace("\0", " "), bold=bold or None, dim=dim or None)

    def _ended(self, end: End) -> str:
        tag = f", which gives her the tag {end.tag}" if end.tag else ""
        starts = f" and starts {' and '.join(map(self._names.sequence, end.starts))}" if end.starts else ""
        leaves = ", and she leaves, as she asked" if end.leaves else ""
        text = f"then {self._names.sequence(end.sequence)} is over{tag}{starts}{leaves}"
        return wrapped(text, "  ", "    ")


def _apart(hers: ZoneInfo, ours: ZoneInfo, now: datetime) -> str:
    """How much later or earlier it is there; "" if it is not."""
    there, here = (now.astimezone(zone).utcoffset() or timedelta() for zone in (hers, ours))
    if there == here:
        return ""
    return f"it is {words.length(abs(there - here).total_seconds())} {'later' if there > here else 'earlier'}"
