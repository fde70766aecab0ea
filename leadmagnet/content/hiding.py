"""Hides Jinja from parsers that would break it: pieces become opaque words, and return when parsing is done."""

import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from html import escape

from leadmagnet.content.findings import Place
from leadmagnet.content.source import Source
from leadmagnet.errors import ContentError

# Jinja's own reading: a string may hold braces, a delimiter outside a string ends the piece.
_INSIDE = r"""(?:"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|[^"'])*?"""
PIECE = re.compile(
    rf"(?P<comment>\{{\#.*?\#\}})|(?P<statement>\{{%{_INSIDE}%\}})|(?P<expression>\{{\{{{_INSIDE}\}}\}})", re.DOTALL
)
_KEYWORD = re.compile(r"\{%[-+]?\s*(\w+)")
_LINK = re.compile(r"\{\{[-+]?\s*links\.(\w+)\s*[-+]?\}\}")


@dataclass(frozen=True, slots=True)
class Piece:
    """One expression or statement: what it becomes in the HTML and in the text template."""

    source: str
    place: Place
    keyword: str | None  # of a statement: "if", "elif", "else", "endif"; None for an expression
    html: str
    text: str


@dataclass
class Veil:
    """The hidden pieces of one mail. `links` are the addresses of `[links]`; a section is one of the guide's."""

    prefix: str
    links: Mapping[str, str] = field(default_factory=dict)
    pieces: list[Piece] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._word = re.compile(rf"<!--{self.prefix}(\d+)x-->|{self.prefix}(\d+)x")
        self._opener = re.compile(rf"\{{(?:[{{%#]|{self.prefix})")
        self._statements_alone = re.compile(rf"(?m)^[ \t]*(?:{self.prefix}\d+x[ \t]*)+$")

    @staticmethod
    def new_prefix() -> str:
        """A word that no source holds by chance: letters and digits only, so that Markdown sees a word."""
        return f"q{secrets.token_hex(6)}z"

    def hide(self, source: Source, *, layout: bool = False) -> Source:
        """`source` with every piece as a word; a statement alone on its line, or in a layout, as a comment.

        Raises ContentError E109 for `{% raw %}`, and for a source that holds the prefix.
        """
        if self.prefix in source.text:
            raise ContentError("E109", source.path, 0, "the file holds a reserved word.", "Compile it once more.")
        lines, places, end = [""], [source.place(0)], 0
        for found in PIECE.finditer(source.text):
            _append(lines, places, source, end, found.start())
            lines[-1] += self._hidden(found, source.place_at(found.start()))
            end = found.end()
            if found["comment"] and not lines[-1].strip() and source.text[end : end + 1] == "\n":
                lines[-1] = ""  # a comment alone on its line takes the line with it
                end += 1
                places[-1] = source.place_at(end)
        _append(lines, places, source, end, len(source.text))
        return Source("\n".join(self._comments(line, layout) for line in lines), tuple(places))

    def _hidden(self, found: re.Match[str], place: Place) -> str:
        if found["comment"]:
            return ""
        source = found[0]
        keyword = _KEYWORD.match(source)
        if found["expression"]:
            piece = self._expression(source, place)
        else:
            word = keyword[1] if keyword else ""
            if word not in ("if", "elif", "else", "endif"):
                message = f"{{% {word} %}} is not part of the language of letters."
                raise ContentError("E109", place.path, place.line, message, "Use {% if %} only.")
            piece = Piece(source, place, word, source, source)
        self.pieces.append(piece)
        return f"{self.prefix}{len(self.pieces) - 1}x"

    def _expression(self, source: str, place: Place) -> Piece:
        found = _LINK.fullmatch(source)
        target = self.links.get(found[1]) if found else None
        if target is None:
            return Piece(source, place, None, source, source)
        if target.startswith("#"):
            section = f"{{{{ guide_url }}}}{target}"
            return Piece(source, place, None, section, section)
        return Piece(source, place, None, escape(target), target)

    def hide_expression(self, expression: str, place: Place) -> str:
        """The word for an expression of ours, such as the address of a counted link."""
        source = f"{{{{ {expression} }}}}"
        self.pieces.append(Piece(source, place, None, source, source))
        return f"{self.prefix}{len(self.pieces) - 1}x"

    def _comments(self, line: str, layout: bool) -> str:
        alone = self._statements_alone.match(line) is not None
        if alone and not all(piece.keyword for piece in self.in_text(line)):
            alone = False
        if not alone and not layout:
            return line
        return self._word.sub(self._comment, line)

    def _comment(self, found: re.Match[str]) -> str:
        return f"<!--{found[0]}-->" if self.pieces[int(found[2])].keyword else found[0]

    def in_text(self, text: str) -> list[Piece]:
        """The pieces that `text` holds, in order."""
        return [self.pieces[int(a or b)] for a, b in self._word.findall(text)]

    def parted(self, text: str) -> list[str | Piece]:
        """`text` cut at its pieces."""
        parts: list[str | Piece] = []
        end = 0
        for found in self._word.finditer(text):
            parts += (text[end : found.start()], self._piece(found))
            end = found.end()
        return [*parts, text[end:]]

    def word_of(self, piece: Piece) -> str:
        """The word that stands for `piece`, one of `pieces`."""
        index = next(index for index, one in enumerate(self.pieces) if one is piece)
        return f"{self.prefix}{index}x"

    def statements(self, text: str) -> list[Piece]:
        return [piece for piece in self.in_text(text) if piece.keyword]

    def without_statements(self, text: str) -> str:
        """`text` without the words that stand for statements."""
        return self._word.sub(lambda found: "" if self._piece(found).keyword else found[0], text)

    def is_statements(self, text: str) -> bool:
        """Whether `text` holds statements and nothing else."""
        return bool(self.statements(text)) and not self.without_statements(text).strip()

    def restore_html(self, text: str) -> str:
        """`text` with its pieces back. Raises ContentError E108 when something else in it would be read as Jinja."""
        return self._restore(text, lambda found: self._piece(found).html)

    def restore_text(self, text: str) -> str:
        """As `restore_html`, for a template with trim_blocks and lstrip_blocks.

        A statement on a line of its own vanishes with the line; one within a line leaves the white space around
        it as it is.
        """
        return "\n".join(self._restored_line(line) for line in self._guarded(text).split("\n"))

    def _restored_line(self, line: str) -> str:
        if self.is_statements(line):
            return "\n".join(piece.text for piece in self.in_text(line))
        return self._word.sub(lambda found: _inline(self._piece(found)), line)

    def _restore(self, text: str, form: Callable[[re.Match[str]], str]) -> str:
        return self._word.sub(form, self._guarded(text))

    def opens(self, text: str) -> bool:
        """Whether something in `text` would be read as Jinja: an escaped or encoded brace next to another one."""
        return bool(self._opener.search(text))

    def _guarded(self, text: str) -> str:
        if found := self._opener.search(text):
            shown = text[max(0, found.start() - 20) : found.end() + 20].replace("\n", " ")
            place = self.pieces[0].place if self.pieces else Place("", 0)
            raise ContentError(
                "E108", place.path, 0, f"'{{{{' is left in the mail: …{shown}….", "Write a space between the braces."
            )
        return text

    def _piece(self, found: re.Match[str]) -> Piece:
        return self.pieces[int(found[1] or found[2])]


def _append(lines: list[str], places: list[Place], source: Source, start: int, end: int) -> None:
    """Copies `source` from `start` to `end` onto the last of `lines`."""
    if start >= end:
        return
    first, *rest = source.text[start:end].split("\n")
    lines[-1] += first
    line = source.text.count("\n", 0, start)
    for offset, text in enumerate(rest, start=1):
        lines.append(text)
        places.append(source.place(line + offset))


def _inline(piece: Piece) -> str:
    """A statement within a line: `+` keeps the white space that trim_blocks and lstrip_blocks would take."""
    if not piece.keyword:
        return piece.text
    inner = piece.text[2:-2]
    left = "" if inner[:1] in "+-" else "+"
    right = "" if inner[-1:] in "+-" else "+"
    return f"{{%{left}{inner}{right}%}}"
