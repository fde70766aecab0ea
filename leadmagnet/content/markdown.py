"""Reads the Markdown of letters and guides, with boxes, buttons, named headings and quotes that say whose they are."""

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.rules_block import StateBlock
from markdown_it.rules_core import StateCore
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict

_BOX = re.compile(r":{3,}[ \t]*tip[ \t]*")
_BOX_END = re.compile(r":{3,}[ \t]*")
_ANCHOR = re.compile(r"[ \t]*\{#([A-Za-z][\w-]*)\}[ \t]*$", re.ASCII)
_NOT_IN_SLUG = re.compile(r"[^a-z0-9]+")
_BUTTON_MARK = "{.button}"
# A table inside a table cell is the one button that every mail program draws alike.
_BUTTON_OPEN = (
    '<table role="presentation" class="btn" cellpadding="0" cellspacing="0" border="0"><tr>'
    '<td class="btn-cell"><a class="btn-link" href="{href}">'
)
_BUTTON_CLOSE = "</a></td></tr></table>"
# Outlook on Windows pads table cells only.
_BOX_OPEN = (
    '<table role="presentation" class="tip" width="100%" cellpadding="0" cellspacing="0" border="0"><tr>'
    '<td class="tip-cell">\n'
)
_BOX_CLOSE = "</td></tr></table>\n"
_WHOSE = ("— ", "-- ")


class Markdown:
    """CommonMark with tables and strikethrough, raw HTML allowed.

    `[Text](url){.button}` makes a button, `::: tip` … `:::` a box; a last paragraph of a quote that begins with a
    dash says whose it is. With `anchors` it is a page: every heading gets an id, the name in `{#name}` after it, else
    one made from its text. Without, it is a mail: boxes are tables.
    """

    def __init__(self, *, anchors: bool = False) -> None:
        parser = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
        # Every link is judged by rule E108; markdown-it would let bad ones pass as plain text, unseen.
        parser.validateLink = _any_link  # type: ignore[method-assign]
        parser.block.ruler.before("fence", "tip", _tip, {"alt": ["paragraph", "reference", "blockquote", "list"]})
        if anchors:
            parser.core.ruler.before("inline", "anchors", _anchors)
        else:
            parser.add_render_rule("tip_open", lambda *_: _BOX_OPEN)
            parser.add_render_rule("tip_close", lambda *_: _BOX_CLOSE)
        parser.core.ruler.push("buttons", _buttons)
        parser.core.ruler.push("attributions", _attributions)
        parser.core.ruler.push("column_heads", _column_heads)
        parser.add_render_rule("paragraph_open", _render_paragraph)
        parser.add_render_rule("paragraph_close", _render_paragraph)
        parser.add_render_rule("link_open", _render_link_open)
        parser.add_render_rule("link_close", _render_link_close)
        self._parser = parser

    def parse(self, text: str) -> list[Token]:
        """The tokens of `text`; both the HTML and the plain text are made from them."""
        return self._parser.parse(text)

    def html(self, tokens: Sequence[Token]) -> str:
        """The HTML of `tokens`, ending in one line end."""
        return str(self._parser.renderer.render(tokens, self._parser.options, {}))


def is_button(token: Token) -> bool:
    """Whether `token` opens or closes a button."""
    return bool(token.meta.get("button"))


def _any_link(url: str) -> bool:  # noqa: ARG001 - its name is the contract of the one it replaces
    return True


def _line(state: StateBlock, line: int) -> str:
    return state.src[state.bMarks[line] + state.tShift[line] : state.eMarks[line]]


def _tip(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """Block rule: `::: tip`, blocks, `:::`. An unclosed box ends where its parent ends, and says so in its meta."""
    if state.is_code_block(start) or not _BOX.fullmatch(_line(state, start)):
        return False
    if silent:
        return True
    last = start + 1
    while last < end and not (_BOX_END.fullmatch(_line(state, last)) and state.sCount[last] >= state.blkIndent):
        last += 1
    parent, line_max = state.parentType, state.lineMax
    state.parentType, state.lineMax = "tip", last
    token = state.push("tip_open", "div", 1)
    token.block, token.map, token.attrs = True, [start, last], {"class": "tip"}
    token.meta["closed"] = last < end
    state.md.block.tokenize(state, start + 1, last)
    state.push("tip_close", "div", -1).block = True
    state.parentType, state.lineMax = parent, line_max
    state.line = last + (last < end)
    return True


def _anchors(state: StateCore) -> None:
    """Core rule, before inline parsing: gives every heading an id that is unique on its page."""
    taken: set[str] = set()
    for opening, inline in pairwise(state.tokens):
        if opening.type != "heading_open":
            continue
        named = _ANCHOR.search(inline.content)
        if named:
            inline.content = inline.content[: named.start()]
        name = named[1] if named else _NOT_IN_SLUG.sub("-", inline.content.lower()).strip("-") or "section"
        unique, count = name, 1
        while unique in taken and not named:
            count += 1
            unique = f"{name}-{count}"
        opening.meta["repeated"] = unique in taken
        taken.add(unique)
        opening.attrSet("id", unique)


def _buttons(state: StateCore) -> None:
    """Core rule, after inline parsing: a link directly before `{.button}` becomes a button."""
    for index, token in enumerate(state.tokens):
        if token.type == "inline" and _mark_buttons(token.children or []):
            for around in (state.tokens[index - 1], state.tokens[index + 1]):
                around.meta["buttons"] = True


def _mark_buttons(children: list[Token]) -> bool:
    opening: Token | None = None
    marked = False
    for token, after in pairwise(children):
        if token.type == "link_open":
            opening = token
        elif token.type == "link_close" and after.type == "text" and after.content.startswith(_BUTTON_MARK):
            after.content = after.content.removeprefix(_BUTTON_MARK)
            token.meta["button"] = marked = True
            if opening is not None:
                opening.meta["button"] = True
    return marked


def _attributions(state: StateCore) -> None:
    tokens = state.tokens
    for index, token in enumerate(tokens):
        if token.type != "blockquote_close" or tokens[index - 1].type != "paragraph_close":
            continue
        opening, inline = tokens[index - 3 : index - 1]
        if inline.content.startswith(_WHOSE) and tokens[index - 4].type != "blockquote_open":
            opening.attrSet("class", "by")


def _column_heads(state: StateCore) -> None:
    for token in state.tokens:
        if token.type == "th_open":
            token.attrSet("scope", "col")


def _render_paragraph(
    renderer: RendererHTML, tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType
) -> str:
    """A paragraph of buttons goes without its tags: a table within `<p>` would close it."""
    token = tokens[index]
    if token.meta.get("buttons"):
        return "\n" if token.nesting < 0 else ""
    return str(renderer.renderToken(tokens, index, options, env))


def _render_link_open(
    renderer: RendererHTML, tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType
) -> str:
    token = tokens[index]
    if not is_button(token):
        return str(renderer.renderToken(tokens, index, options, env))
    attributes: dict[str, Any] = {"href": token.attrs.get("href", "")}
    escaped = renderer.renderAttrs(Token("link_open", "a", 1, attrs=attributes))
    return _BUTTON_OPEN.replace(' href="{href}"', escaped)


def _render_link_close(
    renderer: RendererHTML, tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType
) -> str:
    return _BUTTON_CLOSE if is_button(tokens[index]) else str(renderer.renderToken(tokens, index, options, env))
