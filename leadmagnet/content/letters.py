"""Compiles one letter: its Markdown and its layout become one HTML and one text template."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from posixpath import dirname

from css_inline import CSSInliner
from markdown_it.token import Token

from leadmagnet.content import language
from leadmagnet.content.branches import certain
from leadmagnet.content.checks import headings, lines, links, prose, shape, words
from leadmagnet.content.checks.markup import Judge
from leadmagnet.content.checks.size import MAX_HTML
from leadmagnet.content.checks.wishes import Wishes
from leadmagnet.content.compiled import Letter
from leadmagnet.content.findings import Notes, Place, did_you_mean
from leadmagnet.content.hiding import Veil
from leadmagnet.content.illustrations import Shelf, illustrate
from leadmagnet.content.manuscripts import Manuscript
from leadmagnet.content.markdown import Markdown
from leadmagnet.content.pictures import Picture
from leadmagnet.content.plaintext import plain_text
from leadmagnet.content.scopes import Scope, layout_scope, line_scope
from leadmagnet.content.snippets import expand
from leadmagnet.content.source import Source
from leadmagnet.errors import ContentError

_CONTENT = re.compile(r"\{\{[-+]?\s*content\s*[-+]?\}\}")
_COMMENT = re.compile(r"\{#.*?#\}", re.DOTALL)
_PRE = re.compile(r"(<pre\b.*?</pre>)", re.DOTALL | re.IGNORECASE)
_SPACES = re.compile(r"[ \t]+")
_SPACES_AT_LINE = re.compile(r"(?m)^[ \t]+|[ \t]+$")


@dataclass(frozen=True, slots=True)
class Setting:
    """What all letters of a site are compiled with."""

    layouts: Mapping[str, str]  # "letter.html" → text
    snippets: Mapping[str, str]
    files: Mapping[str, bytes]  # of the site, by path: pictures are among them
    prefix: str
    markdown: Markdown
    inliner: CSSInliner
    wishes: Wishes


def new_setting(
    layouts: Mapping[str, str], snippets: Mapping[str, str], files: Mapping[str, bytes], wishes: Wishes
) -> Setting:
    """A setting with a prefix of its own. No remote stylesheet is ever loaded."""
    inliner = CSSInliner(keep_style_tags=True, remove_inlined_selectors=True, load_remote_stylesheets=False)
    return Setting(layouts, snippets, files, Veil.new_prefix(), Markdown(), inliner, wishes)


def compile_letter(manuscript: Manuscript, setting: Setting, scope: Scope, notes: Notes) -> Letter | None:
    """The compiled letter; None when a finding keeps it from being compiled."""
    layouts = _layouts(manuscript, setting, scope, notes)
    body = _body(manuscript, setting, scope, notes)
    lines.judge(manuscript, line_scope(scope), notes)
    if layouts is None or body is None:
        return None
    try:
        return _compiled(manuscript, setting, scope, body, layouts, notes)
    except ContentError as error:
        notes.take(error)
        return None


def _layouts(manuscript: Manuscript, setting: Setting, scope: Scope, notes: Notes) -> tuple[Source, Source] | None:
    """The HTML and the text layout, when both are sound."""
    found = []
    for name in (f"{manuscript.layout}.html", f"{manuscript.layout}.txt"):
        if name not in setting.layouts:
            message = f"there is no layout '{name}' in _layouts."
            notes.error(manuscript.at("layout"), "E101", message, did_you_mean(name, setting.layouts))
            continue
        source = Source.of(f"email_templates/_layouts/{name}", setting.layouts[name])
        outer = layout_scope(scope, asks_for_consent=manuscript.asks_for_consent)
        try:
            language.check(language.parse(source), source, outer, notes)
        except ContentError as error:
            notes.take(error)
            continue
        if len(_CONTENT.findall(_COMMENT.sub("", source.text))) == 1:
            found.append(source)
        else:
            fix = "Put it where the letter goes."
            notes.error(source.place(0), "E109", "a layout holds {{ content }} once.", fix)
    return (found[0], found[1]) if len(found) == 2 else None


#: Links that are never counted: leaving and choosing are nobody's business, and the guide is hers by its own link.
_UNCOUNTED = re.compile(r"mailto:|tel:|\{\{\s*(?:unsubscribe_url|preferences_url|confirm_url|guide_url)\s*\}\}\Z")


@dataclass(frozen=True, slots=True)
class _Body:
    veil: Veil
    tokens: Sequence[Token]
    pictures: tuple[Picture, ...]
    links: tuple[str, ...]


def _body(manuscript: Manuscript, setting: Setting, scope: Scope, notes: Notes) -> _Body | None:
    veil = Veil(setting.prefix, scope.links or {})
    try:
        _judge_size(manuscript.body.text, manuscript)
        language.check(language.parse(manuscript.body), manuscript.body, scope, notes)
        expanded, snippets = expand(manuscript.body, setting.snippets)
        _judge_size(expanded.text, manuscript)
        for source, tree in snippets:
            language.check(tree, source, scope, notes)
        hidden = veil.hide(expanded)
    except ContentError as error:
        notes.take(error)
        return None
    tokens = setting.markdown.parse(hidden.text)
    judge = Judge(veil, notes)
    judge.tokens(tokens, hidden)
    shape.judge(tokens, hidden, veil, notes)
    links.judge(tokens, hidden, veil, notes)
    headings.judge(tokens, hidden, notes)
    words.judge(list(prose.passages(tokens, hidden, veil)), setting.wishes, notes)
    if not judge.sound:
        return None
    shelf = Shelf(dirname(manuscript.path), setting.files, scope.figures)
    pictures = illustrate(tokens, hidden, veil, shelf, notes)
    counted = scope.clicks and bool(scope.slugs)
    return _Body(veil, tokens, pictures, _count_links(tokens, veil, manuscript) if counted else ())


def _count_links(tokens: Sequence[Token], veil: Veil, manuscript: Manuscript) -> tuple[str, ...]:
    """Lets the letter's links lead over a counted one, in both parts alike; returns where each leads."""
    targets: list[str] = []
    for token in tokens:
        for child in token.children or ():
            # An address that stands there as text must lead to just that address.
            if child.type != "link_open" or child.markup in ("autolink", "linkify"):
                continue
            target = veil.restore_text(str(child.attrs["href"]))
            if not _UNCOUNTED.match(target):
                child.attrs["href"] = veil.hide_expression(f"click({len(targets)})", manuscript.at("subject"))
                targets.append(target)
    return tuple(targets)


def _judge_size(text: str, manuscript: Manuscript) -> None:
    """Raises ContentError E105: what is too long already needs no further parser."""
    size = len(text.encode())
    if size > MAX_HTML:
        message = f"the letter has {size} bytes, and Gmail cuts a mail off after {MAX_HTML}."
        raise ContentError("E105", manuscript.path, 0, message, "Make it shorter.")


def _compiled(
    manuscript: Manuscript, setting: Setting, scope: Scope, body: _Body, layouts: tuple[Source, Source], notes: Notes
) -> Letter:
    html = _html(body, layouts[0], setting, manuscript, notes)
    text = _text(body, layouts[1])
    facts = {**scope.facts, "confirmed": not manuscript.asks_for_consent}
    for source, layout in ((html, layouts[0]), (text, layouts[1])):
        tree = language.parse(Source(source, (Place(manuscript.path, 0),)))
        always = certain(tree.body, facts)
        if "site.postal_address" not in always:
            fix = "Put {{ site.postal_address }} into the layout."
            notes.error(Place(layout.path, 0), "E104", "a mail would leave without a postal address.", fix)
        if not manuscript.asks_for_consent and "unsubscribe_url" not in always:
            fix = "Put {{ unsubscribe_url }} into the layout, outside any other condition than {% if confirmed %}."
            notes.error(Place(layout.path, 0), "E104", "a letter would leave without an unsubscribe link.", fix)
    return Letter(
        path=manuscript.path,
        slug=manuscript.slug,
        subject=manuscript.subject.text,
        preheader=manuscript.preheader.text,
        html=html,
        text=text,
        sender=manuscript.sender,
        links=body.links,
        pictures=body.pictures,
        people=manuscript.people,
    )


def _html(body: _Body, layout: Source, setting: Setting, manuscript: Manuscript, notes: Notes) -> str:
    veil = Veil(setting.prefix, body.veil.links, list(body.veil.pieces))
    hidden = veil.hide(layout, layout=True)
    Judge(veil, notes).document(hidden)
    content = setting.markdown.html(body.tokens).strip("\n")
    _judge_size(content, manuscript)
    whole = _filled(hidden.text, veil, content)
    shape.judge_depth(whole, manuscript.path)
    page = setting.inliner.inline(whole)
    shape.judge_document(page, veil, notes)
    page = page.replace("&nbsp;", "\u00a0")  # the inliner's spelling is three times as long
    return veil.restore_html(_collapsed(page))


def _text(body: _Body, layout: Source) -> str:
    veil = Veil(body.veil.prefix, body.veil.links, list(body.veil.pieces))
    hidden = veil.hide(layout)
    return veil.restore_text(_filled(hidden.text, veil, plain_text(body.tokens, body.veil)))


def _filled(hidden: str, veil: Veil, content: str) -> str:
    for index, piece in enumerate(veil.pieces):
        if _CONTENT.fullmatch(piece.source):
            return hidden.replace(f"{veil.prefix}{index}x", content, 1)
    raise AssertionError("a layout without content was let through")


def _collapsed(page: str) -> str:
    """`page` without runs of spaces outside `<pre>`: DKIM's relaxed form of it is then itself (RFC 6376 §3.4.4)."""
    parts = _PRE.split(page)
    parts[::2] = [_SPACES.sub(" ", _SPACES_AT_LINE.sub("", part)) for part in parts[::2]]
    return "".join(parts)
