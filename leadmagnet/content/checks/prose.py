"""Reads the words of a letter's Markdown, each with the line it was written on."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from markdown_it.token import Token

from leadmagnet.content.findings import Place
from leadmagnet.content.hiding import Veil
from leadmagnet.content.source import Source

_BREAKS = ("softbreak", "hardbreak")


@dataclass
class Passage:
    """The words of one heading, paragraph or cell; an expression is an ellipsis, a picture nothing."""

    kind: str  # the token it stands in: "paragraph_open", "heading_open", "td_open" …
    text: str = ""
    _starts: list[int] = field(default_factory=list)
    _places: list[Place] = field(default_factory=list)

    def say(self, words: str, place: Place) -> None:
        if not self._places or self._places[-1] != place:
            self._starts.append(len(self.text))
            self._places.append(place)
        self.text += words

    def at(self, offset: int) -> Place:
        """Where the character at `offset` was written."""
        return self._places[max(0, bisect_right(self._starts, offset) - 1)]


def passages(tokens: Sequence[Token], source: Source, veil: Veil) -> Iterator[Passage]:
    """The passages of `tokens`, the Markdown of `source`, that have words."""
    for index, token in enumerate(tokens):
        if token.type != "inline":
            continue
        passage = Passage(tokens[index - 1].type)
        for child, place in placed(token, source):
            if child.type in _BREAKS:
                passage.say(" ", place)
            elif child.type in ("text", "code_inline"):
                passage.say(said(child.content, veil), place)
        if passage.text.strip():
            yield passage


def placed(token: Token, source: Source) -> Iterator[tuple[Token, Place]]:
    """The children of an inline token with the line that each stands on."""
    line = token.map[0] if token.map else 0
    for child in token.children or ():
        yield child, source.place(line)
        line += child.type in _BREAKS or child.content.count("\n")


def said(text: str, veil: Veil) -> str:
    """`text` with an ellipsis for each expression in it, and nothing for a statement."""
    return "".join(part if isinstance(part, str) else "" if part.keyword else "…" for part in veil.parted(text))
