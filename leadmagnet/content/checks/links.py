"""Judges the links and buttons of a letter by their words."""

import re
from collections.abc import Iterator, Sequence

from markdown_it.token import Token

from leadmagnet.content.checks.prose import placed, said
from leadmagnet.content.findings import Notes, Place
from leadmagnet.content.hiding import Veil
from leadmagnet.content.markdown import is_button
from leadmagnet.content.source import Source

#: What says nothing by itself.
_EMPTY = frozenset({"click here", "here", "read more", "more", "this link", "link", "click", "tap here", "this"})
_TRIMMED = re.compile(r"^\W+|\W+$")


def judge(tokens: Sequence[Token], source: Source, veil: Veil, notes: Notes) -> None:
    """Notes rules W205 and W206 over `tokens`, the Markdown of `source`."""
    targets: dict[str, str] = {}
    buttons = 0
    for opening, words, place in _links(tokens, source, veil):
        buttons += is_button(opening)
        if is_button(opening) and buttons > 1:
            notes.warn(place, "W206", "there is more than one button.", "Keep one: a letter has one job.")
        plain = _TRIMMED.sub("", words.casefold())
        if plain in _EMPTY:
            fix = "Say where it leads: readers skim, and some only hear the links."
            notes.warn(place, "W205", f"the link text '{words}' says nothing.", fix)
        # One address behind two names, such as {{ links.flow }} and itself, is one.
        target = veil.restore_text(str(opening.attrs.get("href", "")))
        if plain and targets.setdefault(plain, target) != target:
            fix = "Give each its own words."
            notes.warn(place, "W205", f"the link text '{words}' leads to two addresses.", fix)


def _links(tokens: Sequence[Token], source: Source, veil: Veil) -> Iterator[tuple[Token, str, Place]]:
    """Each link with its words and the line it begins on."""
    for token in tokens:
        opening: tuple[Token, Place] | None = None
        words = ""
        for child, place in placed(token, source) if token.type == "inline" else ():
            if child.type == "link_open":
                opening, words = (child, place), ""
            elif child.type == "link_close" and opening is not None:
                yield opening[0], " ".join(words.split()), opening[1]
                opening = None
            elif child.type in ("text", "code_inline", "softbreak"):
                words += said(child.content, veil) or " "
