"""How `person` speaks of one person."""

from collections.abc import Iterable
from datetime import datetime
from zoneinfo import ZoneInfo

from leadmagnet.reports.paused import moment
from leadmagnet.reports.person import Person, Series
from leadmagnet.sequences.pauses import Quiet


def page(found: Person) -> str:
    lines = [_state(found)]
    lines += [f"  {series_words(one, found.zone)}" for one in found.series]
    lines += [f"  tags: {listed(found.tags)}"] if found.tags else []
    if found.paused_until is not None:
        lines.append(f"  paused until {day(found.paused_until, found.zone)}")
    first = found.coming
    if first is not None and first.due_at is not None:
        lines.append(f"Next: {first.sequence}/{first.letter}, {day(first.due_at, found.zone)}")
    else:
        lines.append("Next: nothing")
    return "\n".join([*lines, f"The whole story: leadmagnet why {found.address}"])


def _state(found: Person) -> str:
    if found.blocked is not None:
        return f"{found.address} is blocked: {found.blocked}"
    if found.state == "unsubscribed":
        return f"{found.address} has left {on_day(found)}"
    if found.state == "active" and found.confirmed_at is not None:
        return f"{found.address} is active, confirmed on {moment(found.confirmed_at, found.zone)}"
    return f"{found.address} has not confirmed, asked on {moment(found.asked_at, found.zone)}"


def series_words(one: Series, zone: ZoneInfo) -> str:
    on = f" on {day(one.ended_at, zone)}" if one.ended_at is not None else ""
    match one.state:
        case "active":
            return f"reads {one.sequence}"
        case "completed":
            return f"has had all of {one.sequence}{on and ', finished' + on}"
        case "exited":
            return f"ended {one.sequence}{on}: {one.reason}"
    return f"asked for {one.sequence}, its letters have not started"


def not_written_to(found: Person) -> str:
    """Why a person gets no letters."""
    if found.blocked is not None:
        return f"{found.address} is a blocked address ({found.blocked}), which is never written to again"
    if found.state == "unsubscribed":
        return f"{found.address} has left {on_day(found)}, and only she herself can come back, by her link or your form"
    return f"{found.address} has not confirmed, and nobody is written to who has not confirmed"


def on_day(found: Person) -> str:
    return f"on {day(found.unsubscribed_at, found.zone)}" if found.unsubscribed_at is not None else "for good"


def moved(quiet: Quiet, zone: ZoneInfo) -> list[str]:
    words = [
        f"Her next letter {one.letter} stays on {day(one.after, zone)}."
        if one.before == one.after
        else f"Her next letter {one.letter} moves from {day(one.before, zone)} to {day(one.after, zone)}."
        for one in quiet.moved
    ]
    return [*words, "The letters after it keep their distance."] if quiet.moved else words


def next_letter(found: Person, slug: str | None = None) -> str:
    """The sentence about what comes next, with a space before it; nothing if nothing does."""
    one = found.in_series(slug) if slug is not None else found.coming
    if one is None or one.due_at is None:
        return ""
    return f" Her next letter is {one.letter}, on {day(one.due_at, found.zone)}."


def listed(names: Iterable[object]) -> str:
    words = list(map(str, names))
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 2 else words)


def day(at: datetime, zone: ZoneInfo) -> str:
    """ "Sat 4 April 2026, 07:30 EDT"; a day that only begins has no hour."""
    local = at.astimezone(zone)
    hour = f", {local:%H:%M %Z}" if (local.hour, local.minute) != (0, 0) else ""
    return f"{local:%a} {local.day} {local:%B %Y}{hour}"
