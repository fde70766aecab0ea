"""How commands speak on a terminal: lines that fit, letters by their names."""

import shutil
import textwrap
from collections.abc import Mapping

from leadmagnet.content.published import Published
from leadmagnet.reports.words import count

#: Longer lines are hard to read, however wide the window is.
_WIDEST = 80


def wrapped(text: str, first: str = "", rest: str | None = None) -> str:
    """The text in lines that fit; `first` stands before the first of them, `rest` before the others."""
    width = max(40, min(shutil.get_terminal_size().columns, _WIDEST))
    indent = " " * len(first) if rest is None else rest
    lines = textwrap.wrap(
        text, width, initial_indent=first, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )
    return "\n".join(lines) or first.rstrip()


def changes_waiting(files: int) -> str:
    """What is saved and not published, with the command that says what it would do."""
    return f"{count(files, 'change')} waiting: leadmagnet plan"


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
    "address": "the question to a new address",
    "test": "a test",
    "notice": "a note to you",
}
