"""Judges the headings of a letter: they are its table of contents."""

from collections.abc import Sequence

from markdown_it.token import Token

from leadmagnet.content.findings import Notes
from leadmagnet.content.source import Source

_HIGHEST = 2  # a letter may begin with ##: its subject is the first


def judge(tokens: Sequence[Token], source: Source, notes: Notes) -> None:
    """Notes rule W207 over `tokens`, the Markdown of `source`."""
    before, titles = _HIGHEST - 1, 0
    for token in tokens:
        if token.type != "heading_open":
            continue
        level, place = int(token.tag[1:]), source.place(token.map[0] if token.map else 0)
        titles += level == 1
        if level == 1 and titles > 1:
            notes.warn(place, "W207", "there is a second heading of the first level.", "Write ## in front of it.")
        elif level > before + 1:
            fix = f"Write {'#' * (before + 1)} in front of it."
            notes.warn(place, "W207", f"a heading of level {level} follows one of level {before}.", fix)
        before = level
