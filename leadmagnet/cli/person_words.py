"""How `person` speaks of one person."""

from collections.abc import Mapping
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from leadmagnet.cli.words import Names
from leadmagnet.reports.person import Person, Series
from leadmagnet.reports.words import count, end, listed, moment
from leadmagnet.sequences.pauses import Quiet


@dataclass(frozen=True, slots=True)
class PersonWords:
    """Sentences about one person, with the letters called by `names`; all times are hers."""

    names: Names

    def page(self, found: Person) -> str:
        """Everything that is said when nothing is changed."""
        lines = [_state(found)]
        lines += [f"  came from {came_from(found.came_from)}"] if found.came_from else []
        lines += [f"  {series_words(one, found.zone)}" for one in found.series]
        lines += [f"  tags: {listed(found.tags)}"] if found.tags else []
        if found.paused_until is not None:
            lines.append(f"  paused until {end(found.paused_until, found.zone)}")
        if found.gap_days is not None:
            lines.append(f"  wants at most one letter in {count(found.gap_days, 'day')}")
        if found.finishing_at is not None:
            lines.append(f"  leaves after this series, asked on {moment(found.finishing_at, found.zone)}")
        first = found.coming
        if first is not None and first.due_at is not None:
            now = ", as she asked for it now" if first.wanted_at is not None else ""
            lines.append(f"Next: {self._letter(first)}, {moment(first.due_at, found.zone)}{now}")
        else:
            lines.append("Next: nothing")
        return "\n".join([*lines, f"The whole story: leadmagnet why {found.address}"])

    def moved(self, quiet: Quiet, zone: ZoneInfo) -> list[str]:
        """When her next letters come after a pause has begun, changed or ended."""
        said = []
        for one in quiet.moved:
            letter, after = self.names.letter(one.sequence, one.letter), moment(one.after, zone)
            how = "stays on" if one.before == one.after else f"moves from {moment(one.before, zone)} to"
            said.append(f"Her next letter {letter} {how} {after}.")
        return [*said, "The letters after it keep their distance."] if said else said

    def next_letter(self, found: Person, slug: str | None = None) -> str:
        """The sentence about what comes next, with a space before it; nothing if nothing does."""
        one = found.in_series(slug) if slug is not None else found.coming
        if one is None or one.due_at is None:
            return ""
        return f" Her next letter is {self._letter(one)}, on {moment(one.due_at, found.zone)}."

    def _letter(self, one: Series) -> str:
        return self.names.letter(one.sequence, one.letter or "")


def _state(found: Person) -> str:
    if found.blocked is not None:
        return f"{found.address} is blocked: {found.blocked}"
    if found.state == "unsubscribed":
        return f"{found.address} has left {on_day(found)}"
    if found.state == "active" and found.confirmed_at is not None:
        return f"{found.address} is active, confirmed on {moment(found.confirmed_at, found.zone)}"
    return f"{found.address} has not confirmed, asked on {moment(found.asked_at, found.zone)}"


def came_from(told: Mapping[str, str]) -> str:
    """What led somebody to the form: "instagram.com to https://example.com/barre (utm_source=instagram)"."""
    way = " to ".join(told[name] for name in ("referrer", "page") if name in told)
    link = ", ".join(f"{name}={value}" for name, value in told.items() if name.startswith("utm_"))
    if not way:
        return f"a link with {link}"
    return f"{way} ({link})" if link else way


def series_words(one: Series, zone: ZoneInfo) -> str:
    """Where she stands in one series, as it follows her address."""
    on = f" on {moment(one.ended_at, zone)}" if one.ended_at is not None else ""
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
    if found.state == "active" and found.finishing_at is not None:
        asked = moment(found.finishing_at, found.zone)
        return f"{found.address} asked on {asked} to leave after the series that runs, and no other starts"
    return f"{found.address} has not confirmed, and nobody is written to who has not confirmed"


def on_day(found: Person) -> str:
    """When she left."""
    return f"on {moment(found.unsubscribed_at, found.zone)}" if found.unsubscribed_at is not None else "for good"
