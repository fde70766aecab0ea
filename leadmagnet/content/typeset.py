"""Writes a guide's tree as Typst markup, calling the words that guide.typ defines."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from operator import itemgetter
from pathlib import Path

from leadmagnet.content.tree import Element

_SPECIAL = re.compile(r"([!#$%&()*+,\-./:;<=>?@\[\\\]^_`{|}~])")
_PAPER = re.compile(r'<rect class="paper"[^>]*/>')
_SPACE = re.compile(r"[ \t\r\n]+")
_HEADINGS = {"h1": 1, "h2": 1, "h3": 2, "h4": 3, "h5": 4, "h6": 5}
_INLINE = {"strong": "strong", "b": "strong", "em": "emph", "i": "emph", "s": "strike", "del": "strike",
           "sub": "sub", "sup": "super"}  # fmt: skip
_BLOCKS = frozenset({*_HEADINGS, "p", "ul", "ol", "table", "blockquote", "pre", "hr", "figure", "div", "section"})


@dataclass
class Typesetter:
    """Turns trees into markup; `files` collects the pictures that the markup asks for, by name."""

    anchors: frozenset[str]  # what a link within the guide may lead to
    drawings: Mapping[str, Element]  # of poses, by their names in small letters
    pictures: Mapping[str, bytes]  # by the addresses that the tree names
    files: dict[str, bytes] = field(default_factory=dict)
    level: int = 0  # of the heading written last

    def blocks(self, inside: Iterable[Element | str]) -> str:
        """Blocks, with an empty line between them; text among them is a paragraph of its own."""
        return "\n\n".join(part for part in self._blocks(inside) if part)

    def _blocks(self, inside: Iterable[Element | str]) -> Iterator[str]:
        loose: list[Element | str] = []
        for one in inside:
            if isinstance(one, Element) and one.tag in _BLOCKS:
                yield self.inline(loose).strip()
                loose = []
                yield self._block(one)
            else:
                loose.append(one)
        yield self.inline(loose).strip()

    def _block(self, one: Element) -> str:
        match one.tag:
            case "p":
                return self.inline(one.inside).strip()
            case "ul" | "ol":
                return self._list(one)
            case "table":
                return self._table(one)
            case "blockquote":
                return f"#quote(block: true)[{self.blocks(one.inside)}]"
            case "pre":
                return f"#raw({string(''.join(one._texts()))}, block: true)"
            case "hr":
                return "#rule()"
            case "figure":
                return self.figure(one)
            case "div" if "tip" in one.attributes.get("class", "").split():
                return f"#tip[{self.blocks(one.inside)}]"
            case "div" | "section":
                return self.blocks(one.inside)
        return self.heading(one)

    def heading(self, one: Element) -> str:
        """A heading, with the label that links lead to."""
        label = f"#label({string(_label(one.attributes['id']))})" if "id" in one.attributes else ""
        # A level that is skipped would be an error of PDF/UA; on a web page it is only unkind.
        self.level = min(_HEADINGS[one.tag], self.level + 1)
        return f"#heading(level: {self.level})[{self.inline(one.inside).strip()}]{label}"

    def figure(self, one: Element) -> str:
        """A picture with its caption, if it has one."""
        drawn = "".join(f"#{self.picture(picture)}" for picture in one.every("svg", "img"))
        caption = "".join(self.inline(words.inside).strip() for words in one.every("figcaption"))
        return f"#shown[{drawn}][{caption}]"

    def picture(self, one: Element, *, ornament: float | None = None, width: str = "46mm") -> str:
        """An expression of code: a drawing or a picture with its words, or the words alone where there is none.

        Made an `ornament` of so many millimetres, it says nothing that is not said beside it.
        """
        if one.tag != "svg":
            return self._photo(one)
        name = self._keep(one.source.encode(), ".svg")
        if ornament is not None:
            return f"ornament({string(name)}, {ornament}mm)"
        return f"drawing({string(name)}, alt: {string(one.alt)}, width: {width})"

    def _photo(self, one: Element) -> str:
        """A file, as wide as the web page shows it; one that lies elsewhere is what it says."""
        address, shown = one.attributes.get("src", ""), one.attributes.get("width", "")
        if address not in self.pictures or not shown.isdecimal():
            return f"[{escape(one.alt)}]"
        name = self._keep(self.pictures[address], Path(address).suffix.lower())
        return f"photo({string(name)}, alt: {string(one.alt)}, width: {int(shown) / 96:.3f}in)"

    def _keep(self, content: bytes, suffix: str) -> str:
        """The name of a file with this content."""
        name = f"{sha256(content).hexdigest()[:16]}{suffix}"
        self.files[name] = content
        return name

    def _list(self, one: Element) -> str:
        items = "".join(f"[{self.blocks(item.inside)}]" for item in one.inside if isinstance(item, Element))
        if one.tag == "ul":
            return f"#list{items}" if items else ""
        start = one.attributes.get("start", "1")
        return f"#enum(start: {int(start) if start.isdecimal() else 1}){items}" if items else ""

    def _table(self, one: Element) -> str:
        if one.attributes.get("role") == "presentation":  # a button: a table in mails, a link on paper
            return f"#block[{self.inline(one.every('a'))}]"
        head, *body = [list(row.every("th", "td")) for row in one.every("tr")] or [[]]
        if not head:
            return ""
        columns = [_width([row[n].words for row in body if n < len(row)]) for n in range(len(head))]
        drawn = any(cell.words.lower() == "pose" for cell in head)
        rows = "".join(f"\n{self._cells(row, drawn=drawn)}," for row in body)
        more = "auto, " if drawn else ""
        top = ("[], " if drawn else "") + self._cells(head, drawn=False)
        return f"#table(columns: ({more}{', '.join(columns)},),\ntable.header({top}),{rows}\n)"

    def _cells(self, row: list[Element], *, drawn: bool) -> str:
        """The cells of a row; `drawn` puts the figures of the poses it names before them."""
        cells = [f"[{self.inline(cell.inside).strip()}]" for cell in row]
        return ", ".join([self._named(" ".join(cell.words for cell in row).lower()), *cells] if drawn else cells)

    def _named(self, words: str) -> str:
        """Small figures of the poses that `words` name; those of a left side are mirrored."""
        found = sorted(
            ((words.find(name), one) for name, one in self.drawings.items() if name in words), key=itemgetter(0)
        )
        pictures = [self.picture(drawing, ornament=12) for _place, drawing in found]
        mirror = "true" if words.startswith("left") or " left" in words else "false"
        return f"row-of({mirror}, {', '.join(pictures)})" if pictures else "[]"

    def inline(self, inside: Iterable[Element | str]) -> str:
        """Text with its emphasis, links and pictures."""
        return "".join(self._inline(one) for one in inside)

    def _inline(self, one: Element | str) -> str:
        if isinstance(one, str):
            return escape(one)
        words = self.inline(one.inside)
        match one.tag:
            case "a":
                return self._link(one.attributes.get("href", ""), words)
            case "br":
                return "#linebreak()"
            case "code":
                return f"#raw({string(one.words)})"
            case "svg" | "img":
                return f"#box({self.picture(one)})"
            case tag if tag in _INLINE:
                return f"#{_INLINE[tag]}[{words}]" if words else ""
        return words

    def _link(self, address: str, words: str) -> str:
        if address.startswith("#"):
            known = address[1:] in self.anchors
            return f"#link(label({string(_label(address[1:]))}))[{words}]" if known and words else words
        return f"#link({string(address)})[{words}]" if address and words else words


def without_paper(drawing: Element) -> Element:
    """A drawing that lets what lies behind it show."""
    return Element(drawing.tag, drawing.attributes, source=_PAPER.sub("", drawing.source, count=1))


def escape(text: str) -> str:
    """`text` as markup that says just this; quotation marks stay, so that they come out curled."""
    return _SPECIAL.sub(r"\\\1", _SPACE.sub(" ", text))


def string(text: str) -> str:
    """`text` as a string of Typst's code mode."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(c if c >= " " else f"\\u{{{ord(c):x}}}" for c in escaped) + '"'


def _label(anchor: str) -> str:
    return f"at-{anchor}"


def _width(cells: list[str]) -> str:
    """As wide as needed for a column of times or days, else a share of the rest."""
    return "auto" if max(map(len, cells), default=0) <= 9 else "1fr"
