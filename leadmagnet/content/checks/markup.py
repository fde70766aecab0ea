"""Judges the links, pictures and structure that a letter, a layout or a guide is made of."""

import re
from collections.abc import Callable, Iterable, Sequence
from html.parser import HTMLParser
from urllib.parse import unquote

from jinja2 import Environment, TemplateSyntaxError, nodes
from markdown_it.token import Token

from leadmagnet.content.branches import dotted
from leadmagnet.content.files import OTHER_PICTURES
from leadmagnet.content.findings import Notes, Place
from leadmagnet.content.hiding import Piece, Veil
from leadmagnet.content.illustrations import is_beside
from leadmagnet.content.markdown import is_button
from leadmagnet.content.scopes import URLS
from leadmagnet.content.source import Source
from leadmagnet.content.values import address_parts, is_loopback

_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*):", re.IGNORECASE)
_SAFE_SCHEMES = frozenset({"https", "mailto", "tel"})
_LONGEST_ALT = 150
#: How the ids begin that a page has around its guide.
OURS = "lm-"
_SYNTAX = Environment()  # noqa: S701 - it only parses
_WRITE_TAG = "Write class=\"{{ 'a' if x else 'b' }}\", or put the whole tag into the statement."
_LOOSE_TAG = re.compile(r"<[A-Za-z][^<>]*>")
_WRITE_LINK = "Write [text]({{ guide_url }}) for a link."

#: Says why a local address (`#section`, `figures/x.png`) is wrong, None when it is right.
Local = Callable[[str], str | None]


class Judge:
    """Judges one source. `local` is given where addresses within the site are allowed: in a guide.

    `ids` are those that the headings of a guide have.
    """

    def __init__(self, veil: Veil, notes: Notes, local: Local | None = None, ids: Iterable[str] = ()) -> None:
        self.veil = veil
        self.notes = notes
        self.local = local
        self.ids = set(ids)  # of the page
        self.sound = True  # False once a source must not become a template

    def link(self, href: str, place: Place) -> None:
        """Rule E108: where `href` leads must be safe, and known while compiling."""
        if pieces := self.veil.in_text(href):
            if message := self._wrong_pieces(href, pieces):
                self.notes.error(place, "E108", message, "Begin it with https://, {{ guide_url }} or {{ links.name }}.")
            return
        if message := self._wrong_address(href):
            self.notes.error(place, "E108", message, "Write it in full: https://example.com/page.")

    def picture(
        self, source: str, alt: str | None, place: Place, *, beside: bool = False, has_width: bool = False
    ) -> None:
        """Rules E106, E107 and W211, and E108 for where the picture lies.

        `beside` is whether it may lie near the letter, which gives it its width.
        """
        if alt is None:
            self.notes.error(place, "E106", "a picture has no alt text.", 'Add alt="…"; alt="" if it only decorates.')
        else:
            self._alt(source, alt, place)
        in_mail = self.local is None
        unseen = address_parts(source).path.lower().endswith(tuple(OTHER_PICTURES))
        if source.startswith("data:") or (in_mail and unseen):
            self.notes.error(
                place, "E107", "mail programs do not show this kind of picture.", "Use a PNG or JPEG file."
            )
        elif not (in_mail and beside and is_beside(source)):
            self.link(source, place)
            if in_mail and not has_width:
                fix = 'Add width="512", or put the file beside the letter and write ![what it shows](file.png).'
                self.notes.warn(place, "W211", "a picture has no width, and Outlook shows it as large as it is.", fix)

    def _alt(self, source: str, alt: str, place: Place) -> None:
        if alt and alt == unquote(address_parts(source).path).rpartition("/")[2]:
            fix = "Say what there is to see."
            self.notes.warn(place, "E106", "a picture's alt text is the name of its file.", fix)
        elif len(alt) > _LONGEST_ALT:
            message = f"a picture's alt text has {len(alt)} characters."
            self.notes.warn(place, "E106", message, f"Say it in {_LONGEST_ALT}: it is read out in one go.")

    def _wrong_pieces(self, href: str, pieces: list[Piece]) -> str | None:
        leading = re.match(rf"{self.veil.prefix}\d+x", href)
        names = [_name(piece) for piece in pieces]
        own = [name in URLS or (name or "").startswith(("links.", "site.")) for name in names]
        if not all(own) or (leading and names[0] not in URLS and not (names[0] or "").startswith("links.")):
            return f"a link must not be made of {{{{ {names[own.index(False)] if False in own else names[0]} }}}}."
        return None if leading else self._wrong_address(href)

    def _wrong_address(self, href: str) -> str | None:
        scheme = _SCHEME.match(href.strip())
        if scheme is None:
            why = self.local(href) if self.local else "the link has no scheme"
            return f"{why}: '{href}'." if why else None
        if not address_parts(href.strip()).scheme:
            return f"the link does not read: '{href}'."
        word = scheme[1].lower()
        if word in _SAFE_SCHEMES or (word == "http" and is_loopback(href)):
            return None
        return f"a link must not begin with {word}:."

    def tokens(self, tokens: Sequence[Token], source: Source) -> None:
        """Judges the Markdown `tokens` of `source`, whose line numbers they carry."""
        line = 0
        for index, token in enumerate(tokens):
            line = token.map[0] if token.map else line
            if token.type == "inline":
                self._inline(token.children or [], line, source, buttons=bool(tokens[index - 1].meta.get("buttons")))
            elif token.type == "html_block":
                self._html(token.content, source, line)
            elif token.type in ("fence", "code_block") and self.veil.statements(token.content):
                place = source.place(line)
                self.notes.error(place, "E109", "a statement stands in a code block.", "Indent it by less than four.")
            elif token.type == "tip_open" and not token.meta["closed"]:
                self.notes.error(source.place(line), "E109", "the box is never closed.", "Put a line ::: after it.")
            elif self.local and str(token.attrs.get("id", "")).startswith(OURS):
                self._refuse_ours(str(token.attrs["id"]), source.place(line))
            elif token.meta.get("repeated"):
                message = f"two headings are named '{token.attrs['id']}'."
                self.notes.error(source.place(line), "E102", message, "Give one of them another {#name}.")

    def id(self, name: str, place: Place) -> None:
        """Rule E102: raw HTML of a guide has no id that stands there already."""
        if name.startswith(OURS):
            self._refuse_ours(name, place)
        if name in self.ids:
            self.notes.error(place, "E102", f"two elements are named '{name}'.", "Give one of them another id.")
        self.ids.add(name)

    def _refuse_ours(self, name: str, place: Place) -> None:
        fix = f"Give it a name that does not begin with {OURS}."
        self.notes.error(place, "E102", f"'{name}' is a name of the page itself.", fix)

    def _inline(self, children: list[Token], line: int, source: Source, *, buttons: bool) -> None:
        prose = self.veil.without_statements(_prose(children)).strip()
        if buttons and prose:
            fix = "Put empty lines around it."
            self.notes.error(source.place(line), "E109", "a button must stand in a paragraph of its own.", fix)
        if prose.startswith(":::"):
            self.notes.error(source.place(line), "E109", "there is no such box.", "Write ::: tip, and ::: at its end.")
        for token in children:
            place = source.place(line)
            if self.veil.opens(token.content):
                self.sound = False
                fix = "Write a space between the braces."
                self.notes.error(place, "E108", "'{{' or '{%' would be left in the mail.", fix)
            if token.type == "text" and any(self.veil.statements(tag) for tag in _LOOSE_TAG.findall(token.content)):
                # What is no tag with the statement in it comes out as text, for everybody to read.
                self.notes.error(place, "E109", "a statement stands inside a tag.", _WRITE_TAG)
            if token.type == "link_open":
                self.link(str(token.attrs.get("href", "")), place)
            elif token.type == "image":
                self.picture(str(token.attrs.get("src", "")), token.content, place, beside=True)
            elif token.type == "html_inline":
                self._html(token.content, source, line)
            line += token.type in ("softbreak", "hardbreak") or token.content.count("\n")

    def _html(self, html: str, source: Source, line: int) -> None:
        _Tags(self, lambda offset: source.place(line + offset)).read(html)

    def document(self, source: Source) -> None:
        """Judges a whole HTML document, such as a layout."""
        self._html(source.text, source, 0)


def _prose(children: list[Token]) -> str:
    """What stands outside the buttons."""
    text, depth = "", 0
    for token in children:
        depth += token.nesting if is_button(token) else 0
        text += token.content if depth == 0 and token.type != "html_inline" else ""
        text += "[picture]" if depth == 0 and token.type == "image" else ""
    return text


def _name(piece: Piece) -> str | None:
    try:
        body = _SYNTAX.parse(piece.source).body
    except TemplateSyntaxError:
        return None
    output = body[0] if len(body) == 1 else None
    name = dotted(output.nodes[0]) if isinstance(output, nodes.Output) and len(output.nodes) == 1 else None
    return name or piece.source.strip("{}-+ \n")


class _Tags(HTMLParser):
    """Judges the tags of raw HTML."""

    def __init__(self, judge: Judge, place: Callable[[int], Place]) -> None:
        super().__init__(convert_charrefs=True)
        self.judge = judge
        self.place = place
        self.words_only: str | None = None  # the open element whose content is text, comments and all

    def read(self, html: str) -> None:
        self.feed(html)
        self.close()

    def here(self) -> Place:
        return self.place(self.getpos()[0] - 1)

    def refuse(self, code: str, message: str, fix: str, place: Place | None = None) -> None:
        self.judge.notes.error(place or self.here(), code, message, fix)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        veil, raw = self.judge.veil, self.get_starttag_text() or ""
        if veil.statements(raw):
            self.refuse("E109", "a statement stands inside a tag.", _WRITE_TAG)
        elif veil.in_text(tag) or any(veil.in_text(name) for name, _ in attrs):
            self.refuse("E109", "an expression stands in a tag outside quotes.", _WRITE_LINK)
        self.words_only = tag if tag in ("title", "textarea") else None
        values = dict(attrs)
        if self.judge.local and values.get("id"):
            self.judge.id(values["id"] or "", self.here())
        for key in ("href", "action", "background"):
            if key in values:
                self.judge.link(values[key] or "", self.here())
        if tag == "img":
            self.judge.picture(values.get("src") or "", _alt(values), self.here(), has_width=bool(values.get("width")))
        elif tag == "svg" and self.judge.local is None:
            self.refuse("E107", "mail programs do not show drawings inside the letter.", "Use a PNG file.")
        elif tag == "link" and "stylesheet" in (values.get("rel") or ""):
            self.refuse("E108", "a stylesheet is linked.", "Put its rules into <style>.")

    def handle_endtag(self, tag: str) -> None:
        self.words_only = None

    def handle_data(self, data: str) -> None:
        element = self.cdata_elem or self.words_only
        for piece in self.judge.veil.statements(data) if element is not None else ():
            fix = "Use an expression as a value instead."
            self.refuse("E109", f"a statement stands in <{element}>.", fix, piece.place)

    def handle_comment(self, data: str) -> None:
        if self.words_only:
            self.handle_data(data)
        elif not self.judge.veil.is_statements(data):
            for piece in self.judge.veil.statements(data):
                fix = "Use an expression, or move it out."
                self.refuse("E109", "a statement stands inside an HTML comment.", fix, piece.place)


def _alt(values: dict[str, str | None]) -> str | None:
    return (values["alt"] or "") if "alt" in values else None
