"""Makes a guide's PDF: a cover, a page for each sheet worth pinning up, a card for each pose."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

from leadmagnet.content.guides import Guide
from leadmagnet.content.tree import Element, read
from leadmagnet.content.typeset import Typesetter, string, without_paper
from leadmagnet.errors import LeadmagnetError

if TYPE_CHECKING:
    from typst import Compiler

#: Part of what a PDF is known by: raise it whenever the same guide comes out differently.
LAYOUT = 2

#: Characters of a first paragraph that the cover has room for.
_COVER_HOLDS = 400
#: How Typst begins to say that a font lacks a character.
_NO_LETTER = "could not be displayed with font"
_STYLE = Path(__file__).with_name("guide.typ")


class PdfError(LeadmagnetError):
    """A guide that cannot be set."""


@dataclass(frozen=True, slots=True)
class Paper:
    """What a PDF is made from: the same paper gives the same bytes."""

    slug: str
    title: str
    html: str
    edition: str
    site_name: str
    on: date  # when this edition was first published
    pictures: tuple[tuple[str, bytes], ...] = ()  # by the address that `html` names

    @classmethod
    def of(cls, guide: Guide, site_name: str, on: date, files: Mapping[str, bytes] = MappingProxyType({})) -> "Paper":
        """The paper of `guide`; `files` are those of the site, by path, and what is not among them stays words."""
        found = ((one.address, files.get(one.file or "")) for one in guide.pictures)
        pictures = tuple((address, content) for address, content in found if content is not None)
        return cls(guide.slug, guide.title, guide.html, guide.edition, site_name, on, pictures)

    @property
    def digest(self) -> str:
        """What the PDF is known by: hex SHA-256 of all that it shows but the date, which the first of them keeps.

        Addresses of pictures stand for the pictures.
        """
        shown = [LAYOUT, self.site_name, self.slug, self.title, self.html]
        return hashlib.sha256(json.dumps(shown).encode()).hexdigest()

    def pdf(self) -> bytes:
        """A tagged PDF (PDF/UA-1) in A4 that prints on Letter too. Raises PdfError when it cannot be made.

        What our own fonts have no letters for is set with those of the machine, where it has some.
        """
        noon = int(datetime.combine(self.on, time(12), UTC).timestamp())
        ways: tuple[tuple[bool, Literal["ua-1", "1.7"]], ...] = ((True, "ua-1"), (False, "ua-1"), (False, "1.7"))
        for own_fonts, standard in ways:
            try:
                with self._compiler(own_fonts=own_fonts) as compiler:
                    made = compiler.compile(format="pdf", pdf_standards=[standard], timestamp=noon)
                return made if isinstance(made, bytes) else b"".join(made or ())
            except PdfError as error:
                if _NO_LETTER not in str(error.__cause__) or (own_fonts, standard) == ways[-1]:
                    raise
        raise AssertionError("the last way returned or raised")

    def pages(self, *, ppi: float = 96) -> list[bytes]:
        """Each page as a PNG, for whoever wants to look at them. Raises PdfError likewise."""
        with self._compiler(own_fonts=True) as compiler:
            made = compiler.compile(format="png", ppi=ppi)
        return [page for page in (made if isinstance(made, list) else [made]) if page]

    @contextmanager
    def _compiler(self, *, own_fonts: bool) -> "Iterator[Compiler]":
        # Not at the top: 33 MB that only a publish needs.
        import typst

        tree = read(self.html)
        headings = tree.every("h1", "h2", "h3", "h4", "h5", "h6")
        anchors = frozenset(one.attributes.get("id", "") for one in headings)
        setter = Typesetter(anchors, _by_name(tree), dict(self.pictures))
        main = _document(self, tree, setter)
        with TemporaryDirectory(prefix="leadmagnet-pdf-") as folder:
            files = {"main.typ": main.encode(), _STYLE.name: _STYLE.read_bytes(), **setter.files}
            for name, content in files.items():
                Path(folder, name).write_bytes(content)
            try:
                # All it may read lies in this folder; a package would be looked for here, and not be found.
                yield typst.Compiler(
                    f"{folder}/main.typ", root=folder, ignore_system_fonts=own_fonts, package_path=folder,
                    package_cache_path=folder,
                )  # fmt: skip
            except typst.TypstError as error:
                raise PdfError(_reason(self.slug, str(error))) from error


def _reason(slug: str, message: str) -> str:
    first = next(iter(message.splitlines()), "no reason given")
    return (
        f"guides/{slug}/guide.md: its PDF cannot be made ({first}). Nothing was published. "
        "Look for raw HTML or a broken picture among the last changes, and take it out."
    )


def _document(paper: Paper, tree: Element, setter: Typesetter) -> str:
    on = paper.on
    opening, blocks = _opening(list(_flat(tree.inside)))
    drawing = next(tree.every("svg"), None)
    words = {
        "title": string(paper.title),
        "opening": f"[{setter.blocks(opening)}]" if opening else "none",
        "summary": string(" ".join(one.words for one in opening if isinstance(one, Element))),
        "site": string(paper.site_name),
        "published": string(f"Edition of {on.day} {on:%B %Y}"),
        "edition": string(f"Edition {paper.edition}"),
        "date": f"datetime(year: {on.year}, month: {on.month}, day: {on.day})",
        "cover": setter.picture(without_paper(drawing), ornament=104) if drawing is not None else "none",
    }
    given = ", ".join(f"{name}: {value}" for name, value in words.items())
    sheets = "\n\n".join(_sheets(blocks, setter))
    return f'#import "{_STYLE.name}": *\n#show: guide.with({given})\n\n{sheets}\n'


def _opening(blocks: list[Element | str]) -> tuple[list[Element | str], list[Element | str]]:
    """What stands on the cover, and what follows it: a first paragraph before any heading, if there is room for it."""
    here = next((n for n, one in enumerate(blocks) if isinstance(one, Element) or one.strip()), 0)
    first = blocks[here] if blocks else ""
    if not isinstance(first, Element) or first.tag != "p" or len(first.words) > _COVER_HOLDS:
        return [], blocks
    return ([], blocks) if next(first.every("img", "svg"), None) else ([first], blocks[here + 1 :])


def _flat(inside: Iterable[Element | str]) -> Iterator[Element | str]:
    """Blocks without what only the web page needs: the sections around them, the ways back."""
    for one in inside:
        if isinstance(one, Element) and one.tag == "section":
            yield from _flat(one.inside)
        elif isinstance(one, str) or one.attributes.get("class") != "to-flow":
            yield one


def _by_name(tree: Element) -> dict[str, Element]:
    """The first drawing after each heading, by the heading's words in small letters."""
    drawings: dict[str, Element] = {}
    name = ""
    for one in tree.every("h2", "h3", "svg"):
        if one.tag != "svg":
            name = one.words.lower()
        elif name:
            drawings.setdefault(name, one)
    return drawings


def _sheets(inside: Iterable[Element | str], setter: Typesetter) -> Iterator[str]:
    """The contents, then each main section: one with a table begins a page, and so do the first cards."""
    draw = "card"
    yield "#contents()"
    for section in _split(inside, "h2"):
        parts = list(_split(section, "h3"))
        cards = [_is_card(part) for part in parts]
        first_cards = any(cards) and draw == "card"
        tables = any(isinstance(one, Element) and one.tag == "table" for one in section)
        written = "\n\n".join(
            _card(draw, part, setter) if card else setter.blocks(part) for part, card in zip(parts, cards, strict=True)
        )
        yield f"#pagebreak(weak: true)\n{written}" if tables or first_cards else f"#whole[{written}]"
        if first_cards:
            draw = "small-card"  # the first poses are what the guide is about


def _split(inside: Iterable[Element | str], tag: str) -> Iterator[list[Element | str]]:
    """Runs of blocks, each but perhaps the first beginning with a heading `tag`."""
    run: list[Element | str] = []
    for one in inside:
        if isinstance(one, Element) and one.tag == tag and run:
            yield run
            run = []
        run.append(one)
    yield run


def _is_card(part: list[Element | str]) -> bool:
    first = part[0] if part else ""
    return isinstance(first, Element) and first.tag == "h3" and _drawing(part) is not None


def _drawing(part: Iterable[Element | str]) -> Element | None:
    figures = (one for one in part if isinstance(one, Element) and one.tag == "figure")
    return next((figure for figure in figures if next(figure.every("svg"), None)), None)


def _card(draw: str, part: list[Element | str], setter: Typesetter) -> str:
    """A pose: beside its figure stands everything up to its steps, below it the rest."""
    head, *blocks = part
    figure = _drawing(blocks)
    drawings = figure.every("svg") if figure is not None else ()
    pictures = ", ".join(setter.picture(one, width="width") for one in drawings)
    rest = [one for one in blocks if one is not figure]
    after = next((n + 1 for n, one in enumerate(rest) if isinstance(one, Element) and one.tag == "ol"), len(rest))
    steps, more = setter.blocks(rest[:after]), setter.blocks(rest[after:])
    return f"#{draw}([{setter.blocks([head])}], width => stack(spacing: 3mm, {pictures}), [{steps}], [{more}])"
