"""Guides: what the visitor wants, and the words of the form that offers it."""

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from posixpath import normpath
from typing import TYPE_CHECKING, TypedDict
from urllib.parse import unquote

from pydantic import BaseModel, ConfigDict

from leadmagnet.content import keys, poses, values
from leadmagnet.content.figures import FIGURES_FILE, Figure, read_figures
from leadmagnet.content.findings import Notes, Place, did_you_mean
from leadmagnet.content.heads import Head, front_matter
from leadmagnet.content.pictures import Picture
from leadmagnet.content.questions import Question, read_question
from leadmagnet.content.source import Source
from leadmagnet.content.words import count, span
from leadmagnet.errors import ContentError

if TYPE_CHECKING:
    from markdown_it.token import Token

    from leadmagnet.content.hiding import Veil


class Guide(BaseModel):
    """One guide, ready to show."""

    model_config = ConfigDict(frozen=True)

    slug: str
    title: str
    headline: str
    line: str
    button: str
    consent: str  # rendered: the count and span of the letters are filled in
    html: str  # the page's body, static: no Jinja left in it, figures drawn
    sections: tuple[str, ...]  # anchors that letters may link to
    contents: tuple[tuple[str, str], ...]  # (anchor, title) of the main sections, for the page's table of contents
    figures: Mapping[str, Figure] = {}  # all that letters may show, by name
    pictures: tuple[Picture, ...] = ()  # the files that it shows
    question: Question | None = None  # what its page asks; None: nothing

    @property
    def edition(self) -> str:
        """What the reader sees, as eight hex digits: another word or another line of a figure is another edition."""
        return fingerprint(self.title, self.html)[:8]


@lru_cache(maxsize=4)  # every page and every confirmation asks
def fingerprint(title: str, html: str) -> str:
    """What a guide shows, as hex SHA-256."""
    return hashlib.sha256(f"{title}\0{html}".encode()).hexdigest()


GUIDE_FILE = "guide.md"

_BACK = '<p class="to-flow"><a href="#flow">Back to the flow</a></p>\n'
_JINJA = re.compile(r"\{\{[^{}]*\}\}|\{\{|\{%")
_CONSENT_WORD = re.compile(r"\{\{\s*(\w+)\s*\}\}")
_CONSENT_WORDS = ("letters", "span")


@dataclass(frozen=True, slots=True)
class Promise:
    """What the consent text promises: how many letters follow the guide mail, and on which day the last one."""

    letters: int
    last_day: int


def read_guide(
    slug: str, texts: Mapping[str, str], files: Mapping[str, bytes], promise: Promise, notes: Notes
) -> Guide | None:
    """The guide in the folder `slug`, from the `texts` of its guide.md and its figures.

    `files` are those of the site, by path; those in its folder its pictures may use. None when the head does not read.
    """
    text = texts.get(GUIDE_FILE)
    path = f"guides/{slug}/{GUIDE_FILE}"
    if text is None:
        notes.error(Place(path, 0), "E102", "the guide has no guide.md.", "Add one, or delete the folder.")
        return None
    try:
        head, body = front_matter(path, text, notes)
    except ContentError as error:
        notes.take(error)
        return None
    head.closed(keys.GUIDE)
    lines = {key: _line(head, key) for key in keys.REQUIRED["guide"]}
    question = read_question(head)
    figures = {}
    if FIGURES_FILE in texts:
        figures = read_figures(f"guides/{slug}/{FIGURES_FILE}", texts[FIGURES_FILE], notes)
    read = _body(f"guides/{slug}", body, figures, files, notes)
    consent = _consent(head, lines.pop("consent"), promise)
    return Guide(slug=slug, consent=consent, figures=figures, question=question, **read, **lines)


def _line(head: Head, key: str) -> str:
    line = head.need(key, values.text, "", f'Add {key} = "…": the form shows it.')
    if key != "consent" and _JINJA.search(line):
        head.wrong(key, f"'{key}' cannot hold braces.", "Only consent knows {{ letters }} and {{ span }}.", "E109")
    return line


def _consent(head: Head, line: str, promise: Promise) -> str:
    words = {"letters": count(promise.letters), "span": span(promise.last_day)}
    for name in _CONSENT_WORD.findall(line):
        if name not in words:
            head.wrong("consent", f"unknown variable '{name}'.", did_you_mean(name, words), "E101")
    if _JINJA.search(_CONSENT_WORD.sub("", line)):
        fix = "Only {{ letters }} and {{ span }} stand in it, with nothing else between the braces."
        head.wrong("consent", "'consent' does not read.", fix, "E109")
    return _CONSENT_WORD.sub(lambda found: words.get(found[1], found[0]), line)


class _Body(TypedDict):
    """The part of a guide that its Markdown gives."""

    html: str
    sections: tuple[str, ...]
    contents: tuple[tuple[str, str], ...]
    pictures: tuple[Picture, ...]


def _body(folder: str, body: Source, figures: Mapping[str, Figure], files: Mapping[str, bytes], notes: Notes) -> _Body:
    # Not at the top: workers read guides from releases, and never need a Markdown parser for it.
    from leadmagnet.content import illustrations
    from leadmagnet.content.checks import shape
    from leadmagnet.content.checks.markup import Judge
    from leadmagnet.content.hiding import Veil
    from leadmagnet.content.markdown import Markdown

    veil = Veil(Veil.new_prefix())
    hidden = _hidden(body, veil, figures, notes)
    markdown = Markdown(anchors=True)
    tokens = markdown.parse(hidden.text)
    headings = [
        (token.tag, str(token.attrs["id"]), inline)
        for token, inline in pairwise(tokens)
        if token.type == "heading_open"
    ]
    sections = tuple(anchor for _tag, anchor, _inline in headings)

    def local(address: str) -> str | None:
        if address.startswith("#"):
            return None if address[1:] in sections else "there is no such section in this guide"
        there = normpath(f"{folder}/{unquote(address)}") in files
        return None if there else "there is no such file in the guide's folder"

    Judge(veil, notes, local, sections).tokens(tokens, hidden)
    pictures = illustrations.hang(tokens, hidden, illustrations.Shelf(folder, files), notes)
    tokens = illustrations.draw(tokens, veil, figures, notes)
    contents = tuple((anchor, _words(inline)) for tag, anchor, inline in headings if tag == "h2")
    html = "".join(map(markdown.html, _cards(tokens)))
    shape.judge_drawings(html, hidden, notes)
    try:
        shape.judge_depth(html, hidden.path, deepest=shape.MAX_PAGE_DEPTH)
    except ContentError as error:
        notes.take(error)
    return {"html": html, "sections": sections, "contents": contents, "pictures": pictures}


def _cards(tokens: "list[Token]") -> "Iterator[list[Token]]":
    """`tokens` cut at the main headings; what stands under a third-level one with a figure becomes a card.

    A card that the flow leads to leads back to it.
    """
    from markdown_it.token import Token

    played = _led_to(tokens)
    cuts = [
        n for n, token in enumerate(tokens) if token.type == "heading_open" and token.level == 0 and token.tag <= "h3"
    ]
    for start, end in pairwise([0, *cuts, len(tokens)]):
        part = tokens[start:end]
        if part and part[0].tag == "h3" and any("<figure" in token.content for token in part):
            anchor = part[0].attrs["id"]
            opening = f'<section class="pose-card" aria-labelledby="{anchor}">\n'
            back = _BACK if anchor in played else ""
            part = [
                Token("html_block", "", 0, content=opening),
                *part[:3],  # the heading
                Token("html_block", "", 0, content=back),
                *part[3:],
                Token("html_block", "", 0, content="</section>\n"),
            ]
        yield part


def _led_to(tokens: "list[Token]") -> set[str]:
    """The anchors that links under the heading #flow lead to."""
    found: set[str] = set()
    within = False
    for token in tokens:
        if token.type == "heading_open" and token.tag <= "h2":
            within = token.attrs.get("id") == "flow"
        if within:
            found.update(str(child.attrs.get("href", "")) for child in token.children or ())
    return {address[1:] for address in found if address.startswith("#")}


def _hidden(body: Source, veil: "Veil", figures: Mapping[str, Figure], notes: Notes) -> Source:
    """`body` with its pose() calls as words. Nothing else may be between braces: a guide is the same for everybody."""
    text, end = "", 0
    for found in _JINJA.finditer(body.text):
        place = body.place_at(found.start())
        call = poses.read(found[0])
        if call is None:
            fix = 'Write the words themselves: only {{ pose("name") }} is understood.'
            notes.error(place, "E109", "a guide cannot hold {{ or {%.", fix)
            continue
        if wrong := poses.wrong(call, figures):
            notes.error(place, *wrong)
        # Its line ends stay: whatever is found further down has its line number from here.
        text += body.text[end : found.start()] + veil.hide_expression(found[0].strip("{}-+ \n"), place)
        text += "\n" * found[0].count("\n")
        end = found.end()
    return Source(text + body.text[end:], body.places)


def _words(inline: "Token") -> str:
    """A heading without its emphasis and links."""
    return "".join(token.content for token in inline.children or () if token.type in ("text", "code_inline"))
