"""How the commands speak: times, lengths of time, counts, lines that fit a terminal."""

import shutil
import textwrap
from collections.abc import Mapping
from datetime import datetime
from zoneinfo import ZoneInfo

from leadmagnet.content.published import Published

#: Longer lines are hard to read, however wide the window is.
_WIDEST = 80
_UNITS = ((86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second"))


def count(number: int, one: str, many: str | None = None) -> str:
    """A count with its word: "1 person", "1,204 people"."""
    return f"{number:,} {one if number == 1 else many or f'{one}s'}"


def length(seconds: float) -> str:
    """A length of time as people say it, in its largest unit: "4 minutes", "2 hours", "36 hours", "3 days"."""
    seconds = max(0, round(seconds))
    for size, unit in _UNITS:
        # Up to two days hours say more; up to two hours minutes do.
        if seconds >= size * (2 if size > 60 else 1):
            return count(round(seconds / size), unit)
    return count(seconds, "second")


def day(at: datetime, zone: ZoneInfo) -> str:
    """A day of the past: "Tuesday 3 March 2026"."""
    local = at.astimezone(zone)
    return f"{local:%A} {local.day} {local:%B %Y}"


def short_day(at: datetime, zone: ZoneInfo, *, now: datetime | None = None) -> str:
    """A day beside other words: "Tue 3 March"; with the year where `now` is of another year."""
    local = at.astimezone(zone)
    year = f" {local.year}" if now is not None and local.year != now.astimezone(zone).year else ""
    return f"{local:%a} {local.day} {local:%B}{year}"


def clock(at: datetime, zone: ZoneInfo) -> str:
    """The time of day: "07:30"."""
    return f"{at.astimezone(zone):%H:%M}"


def wrapped(text: str, first: str = "", rest: str | None = None) -> str:
    """The text in lines that fit; `first` stands before the first of them, `rest` before the others."""
    width = max(40, min(shutil.get_terminal_size().columns, _WIDEST))
    indent = " " * len(first) if rest is None else rest
    lines = textwrap.wrap(
        text, width, initial_indent=first, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )
    return "\n".join(lines) or first.rstrip()


class Names:
    """What letters and guides are called: by file name, and with their sequence where there are several."""

    def __init__(self, published: Published) -> None:
        self._published = published
        self._several = len(published.compiled.sequences) > 1

    def letter(self, sequence: str | None, slug: str) -> str:
        """The file name of a letter without its ending; one that is no more has lost its number."""
        found = self._published.sequence(sequence or "")
        step = found.step(slug) if found is not None else None
        name = f"{step.number}-{step.slug}" if step is not None else slug
        return f"{sequence}/{name}" if self._several or found is None else name

    def mail(self, kind: object, sequence: object, slug: object) -> str:
        """Any mail, as it stands in a sentence: "the confirmation", "20-tight-hips"."""
        if isinstance(slug, str):
            return self.letter(str(sequence), slug)
        return _KINDS.get(str(kind), str(kind))

    def guide(self, slug: str | None) -> str:
        """A guide's title."""
        guide = self._published.guide(slug or "")
        return guide.title if guide is not None else slug or "a guide"

    def sequence(self, slug: str) -> str:
        """A sequence's title."""
        found = self._published.sequence(slug)
        return found.title if found is not None else slug


_KINDS: Mapping[str, str] = {
    "confirm": "the confirmation",
    "reminder": "the reminder to confirm",
    "guide": "the guide again",
    "test": "a test",
    "notice": "a note to you",
}
