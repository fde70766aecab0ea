"""Reads the HTML of a guide back as a tree, for whoever draws it on something other than a web page."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser

#: Elements that nothing is inside of.
VOID = frozenset(
    {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr"}
)
_SVG = re.compile(r"<svg\b.*?(?:</svg>|\Z)", re.DOTALL)
_KEPT = "data-kept"
_ALT = re.compile(r"<(desc|title)\b[^>]*>(.*?)</\1>", re.DOTALL)
_SPACE = re.compile(r"[ \t\r\n]+")


@dataclass(eq=False)
class Element:
    """One tag and what is inside it. A drawing (`svg`) is a leaf that holds its own source."""

    tag: str
    attributes: dict[str, str] = field(default_factory=dict)
    inside: "list[Element | str]" = field(default_factory=list)
    source: str = ""  # of a drawing: the markup exactly as it was

    def every(self, *tags: str) -> "Iterator[Element]":
        """The elements inside with one of these tags, at any depth, in their order."""
        for one in self.inside:
            if isinstance(one, Element):
                if one.tag in tags:
                    yield one
                yield from one.every(*tags)

    @property
    def words(self) -> str:
        """The text inside, each run of white space one space."""
        return _SPACE.sub(" ", "".join(self._texts())).strip()

    @property
    def alt(self) -> str:
        """What a picture shows, in words: its alt text; of a drawing its description, or else its title."""
        if self.tag != "svg":
            return self.attributes.get("alt", "")
        words = dict(_ALT.findall(self.source))
        return read(words.get("desc") or words.get("title") or "").words

    def _texts(self) -> Iterator[str]:
        for one in self.inside:
            if isinstance(one, str):
                yield one
            else:
                yield from one._texts()


def read(html: str) -> Element:
    """The tree of `html`, as an element without a tag; a tag that is never closed ends with what is around it."""
    kept: list[str] = []

    def keep(found: re.Match[str]) -> str:
        kept.append(found[0])
        return f'<svg {_KEPT}="{len(kept) - 1}"></svg>'

    # Kept as they are: a parser of HTML would write viewBox in small letters, which no drawing survives.
    reader = _Reader()
    reader.feed(_SVG.sub(keep, html))
    reader.close()
    for element in reader.root.every("svg"):  # a comment may hold one too, which is none
        number = element.attributes.get(_KEPT, "")
        element.source = kept[int(number)] if number in map(str, range(len(kept))) else ""
    return reader.root


def drawings(html: str) -> list[str]:
    """The drawings (`svg`) of `html`, each exactly as it is; one that is never closed goes to the end."""
    return _SVG.findall(html)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.root = Element("")
        self._open = [self.root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {name: value or "" for name, value in attrs})
        self._open[-1].inside.append(element)
        if tag not in VOID:
            self._open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._open[-1].inside.append(Element(tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        for depth in range(len(self._open) - 1, 0, -1):
            if self._open[depth].tag == tag:
                del self._open[depth:]
                return

    def handle_data(self, data: str) -> None:
        self._open[-1].inside.append(data)
