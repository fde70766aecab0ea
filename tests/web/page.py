"""An HTML page as a test reads it: its elements, its forms, its words."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser

from werkzeug.test import TestResponse

_VOID = frozenset({"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "wbr"})
_SILENT = frozenset({"script", "style", "title"})


@dataclass
class Element:
    """One tag with its attributes and everything inside it."""

    tag: str
    attributes: dict[str, str | None]
    inside: list["Element | str"] = field(default_factory=list)

    def __getitem__(self, name: str) -> str:
        return self.attributes[name] or ""

    def has(self, name: str) -> bool:
        return name in self.attributes

    def get(self, name: str) -> str | None:
        return self.attributes.get(name)

    @property
    def words(self) -> str:
        """The text inside, each run of white space one space."""
        return " ".join("".join(self._texts()).split())

    def _texts(self) -> Iterator[str]:
        for one in self.inside:
            if isinstance(one, str):
                yield one
            elif one.tag not in _SILENT:
                yield from one._texts()

    def every(self, *tags: str) -> list["Element"]:
        """All elements inside, in their order; only those of the `tags` if any are named."""
        return [one for one in self._elements() if not tags or one.tag in tags]

    def _elements(self) -> Iterator["Element"]:
        for one in self.inside:
            if isinstance(one, Element):
                yield one
                yield from one._elements()

    def one(self, tag: str, **attributes: str) -> "Element":
        """The only element of this tag with these attributes."""
        found = [one for one in self.every(tag) if all(one.get(name) == value for name, value in attributes.items())]
        assert len(found) == 1, f"{len(found)} of <{tag} {attributes}>"
        return found[0]


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.root = Element("", {})
        self.open = [self.root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(set(names)) == len(names), f"an attribute twice: <{tag} {names}>"
        element = Element(tag, dict(attrs))
        self.open[-1].inside.append(element)
        if tag not in _VOID:
            self.open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open[-1].inside.append(Element(tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open[-1].tag == tag, f"</{tag}> closes <{self.open[-1].tag}>"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        self.open[-1].inside.append(data)


def read(html: str) -> Element:
    """The page, as an element whose inside it is; fails where tags are not closed in their order."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    assert reader.open == [reader.root], f"never closed: {[one.tag for one in reader.open[1:]]}"
    return reader.root


def page_of(response: TestResponse, status: int = 200) -> Element:
    """The page of an answer with this status."""
    assert response.status_code == status, response.text
    assert response.mimetype == "text/html"
    return read(response.text)


def body_of(form: Element) -> dict[str, str]:
    """What a browser sends when the form's one button is pressed and nothing was filled in or ticked."""
    fields = {
        field["name"]: field.get("value") or ""
        for field in form.every("input")
        if field.has("name") and field.get("type") not in ("checkbox", "radio")
    }
    (button,) = form.every("button")
    return fields | ({button["name"]: button["value"]} if button.has("name") else {})
