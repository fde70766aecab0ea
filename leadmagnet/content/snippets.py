"""Puts snippets in their place before anything else reads a letter."""

import re
from collections.abc import Mapping

from jinja2 import nodes

from leadmagnet.content import language
from leadmagnet.content.files import MAX_TEXT
from leadmagnet.content.findings import Place, did_you_mean
from leadmagnet.content.hiding import PIECE
from leadmagnet.content.source import Source
from leadmagnet.errors import ContentError

MAX_DEPTH = 5
MAX_INCLUDES = 200

_INCLUDE = re.compile(r"""\{%[-+]?\s*include\s+(["'])([^"'\\]*)\1\s*[-+]?%\}""")
_INCLUDE_WORD = re.compile(r"\{%[-+]?\s*include\b")


Parsed = tuple[Source, nodes.Template]


def expand(source: Source, snippets: Mapping[str, str]) -> tuple[Source, tuple[Parsed, ...]]:
    """`source`, which parses, with every `{% include "name" %}` replaced, and the snippets that took part.

    A name is a key of `snippets`, never a path. An include alone on its line hands its indentation on.
    Raises ContentError: E101 for an unknown name, E109 for one that is not literal, for too many of them, and for
    a snippet that does not parse.
    """
    expansion = _Expansion(snippets)
    expansion.add(source, 0)
    text = "\n".join(expansion.lines)
    return Source(text, tuple(expansion.places)), tuple(expansion.used.values())


class _Expansion:
    def __init__(self, snippets: Mapping[str, str]) -> None:
        self.snippets = snippets
        self.lines: list[str] = [""]
        self.places: list[Place] = []
        self.used: dict[str, Parsed] = {}
        self.includes = 0
        self.size = 0

    def add(self, source: Source, depth: int, indent: str = "") -> None:
        """Appends `source` to the last line."""
        end = 0
        for found in PIECE.finditer(source.text):
            if not found["statement"] or not _INCLUDE_WORD.match(found[0]):
                continue
            self.copy(source, end, found.start(), indent)
            end = found.end()
            snippet = self.named(found[0], source.place_at(found.start()), depth)
            lead = self.lines[-1]
            alone = not lead.strip() and source.text[end:].partition("\n")[0].strip() == ""
            self.add(snippet, depth + 1, lead if alone else "")
        self.copy(source, end, len(source.text), indent)

    def copy(self, source: Source, start: int, end: int, indent: str) -> None:
        line = source.text.count("\n", 0, start)
        parts = source.text[start:end].split("\n")
        for offset, text in enumerate(parts):
            if offset:
                goes_on = offset == len(parts) - 1 and end < len(source.text)  # with an include
                self.lines.append(indent if text.strip() or goes_on else "")
            if len(self.places) < len(self.lines):
                self.places.append(source.place(line + offset))
            self.lines[-1] += text
        self.size += end - start
        if self.size > MAX_TEXT:
            raise self.too_much(source.place(line))

    def named(self, statement: str, place: Place, depth: int) -> Source:
        found = _INCLUDE.fullmatch(statement)
        if found is None:
            message = "an include names one file in quotes, nothing else."
            raise ContentError("E109", place.path, place.line, message, 'Write {% include "sign-off.md" %}.')
        name = found[2]
        if name not in self.snippets:
            message = f"there is no snippet '{name}' in _snippets."
            raise ContentError("E101", place.path, place.line, message, did_you_mean(name, self.snippets))
        self.includes += 1
        if depth >= MAX_DEPTH or self.includes > MAX_INCLUDES:
            raise self.too_much(place)
        if name not in self.used:
            snippet = Source.of(f"email_templates/_snippets/{name}", self.snippets[name].rstrip("\n"))
            self.used[name] = snippet, language.parse(snippet)
        return self.used[name][0]

    def too_much(self, place: Place) -> ContentError:
        message = "snippets are nested too deep, or there is too much of them."
        return ContentError("E109", place.path, place.line, message, "A snippet must not include itself.")
