"""Writes Markdown tokens as plain text: the twin of the HTML that every mail carries."""

import textwrap
from collections.abc import Callable, Sequence
from html.parser import HTMLParser

from markdown_it.token import Token
from markdown_it.tree import SyntaxTreeNode

from leadmagnet.content.hiding import Veil
from leadmagnet.content.markdown import is_button

WIDTH = 72

#: An address that is filled in later counts as this long, so that the words after it do not trail off the line.
_ADDRESS_WIDTH = 64
_FILLER = "\0"  # Markdown lets none through

_TIP = "| "
_RULES = {"h1": "=", "h2": "-"}


def plain_text(tokens: Sequence[Token], veil: Veil) -> str:
    """The text of `tokens`, at most WIDTH columns wide where words allow it, without a last line end.

    Statements of `veil` keep lines of their own; expressions are single words, so that no wrap breaks them.
    """
    lines = _Writer(veil).blocks(SyntaxTreeNode(tokens).children, WIDTH)
    return "\n".join(lines).replace(_FILLER, "").strip("\n")


class _Writer:
    """Each block ends in an empty line, a statement does not: the gaps stay right whether its block is there or not."""

    def __init__(self, veil: Veil) -> None:
        self.veil = veil
        self.html = _HtmlText(veil)

    def blocks(self, nodes: Sequence[SyntaxTreeNode], width: int, *, tight: bool = False) -> list[str]:
        lines: list[str] = []
        above = "heading"
        for node in nodes:
            writer: Callable[[SyntaxTreeNode, int], list[str]] = getattr(self, f"_{node.type}")
            block = writer(node, width)
            if node.tag == "h2" and above != "heading" and lines[-1:] == [""]:
                lines.append("")  # a section begins
            lines += block
            above = node.type
            if block and not tight and not self.veil.is_statements(block[-1]):
                lines.append("")
        return lines

    def _paragraph(self, node: SyntaxTreeNode, width: int) -> list[str]:
        text = self.inline(node)
        if node.nester_tokens is not None and node.nester_tokens.opening.meta.get("buttons"):
            return [line.strip() for line in text.split("\n") if line.strip()]
        return _wrap(text, width)

    def _heading(self, node: SyntaxTreeNode, width: int) -> list[str]:
        lines = _wrap(self.inline(node), width)
        rule = _RULES.get(node.tag, "~")
        longest = max((len(self.veil.without_statements(line)) for line in lines), default=0)
        return [*lines, rule * min(longest, width)] if lines else []

    def _bullet_list(self, node: SyntaxTreeNode, width: int) -> list[str]:
        return self.items(node, width, ["- "] * len(node.children))

    def _ordered_list(self, node: SyntaxTreeNode, width: int) -> list[str]:
        first = int(node.attrs.get("start", 1))
        return self.items(node, width, [f"{first + index}. " for index in range(len(node.children))])

    def items(self, node: SyntaxTreeNode, width: int, markers: list[str]) -> list[str]:
        # In a tight list markdown-it hides the paragraphs.
        paragraphs = [one for item in node.children for one in item.children if one.type == "paragraph"]
        tight = all(one.hidden for one in paragraphs)
        lines: list[str] = []
        for item, marker in zip(node.children, markers, strict=True):
            inner = _trimmed(self.blocks(item.children, width - len(marker), tight=tight))
            lines += self.prefixed(inner or [""], marker, " " * len(marker))
            if not tight:
                lines.append("")
        return _trimmed(lines)

    def _blockquote(self, node: SyntaxTreeNode, width: int) -> list[str]:
        return self.prefixed(_trimmed(self.blocks(node.children, width - 2)), "> ", "> ")

    def _tip(self, node: SyntaxTreeNode, width: int) -> list[str]:
        return self.prefixed(_trimmed(self.blocks(node.children, width - len(_TIP))), _TIP, _TIP)

    def prefixed(self, lines: list[str], first: str, rest: str) -> list[str]:
        """`lines` behind a margin; a statement stays bare, or its line would leave the margin behind."""
        margin, result = first, []
        for line in lines:
            if self.veil.is_statements(line):
                result.append(line)
            else:
                result.append((margin + line).rstrip())
                margin = rest
        return result

    def _fence(self, node: SyntaxTreeNode, width: int) -> list[str]:
        return ["    " + line for line in node.content.rstrip("\n").split("\n")]

    _code_block = _fence

    def _hr(self, node: SyntaxTreeNode, width: int) -> list[str]:
        return ["* * *"]

    def _html_block(self, node: SyntaxTreeNode, width: int) -> list[str]:
        lines: list[str] = []
        reader = _HtmlText(self.veil)
        for line in reader.read(node.content + "\n").split("\n"):
            lines += [line.strip()] if self.veil.is_statements(line) else _wrap(line, width)
        return lines

    def _table(self, node: SyntaxTreeNode, width: int) -> list[str]:
        rows = [[self.inline(cell) for cell in row.children] for part in node.children for row in part.children]
        columns = [max(map(len, column)) for column in zip(*rows, strict=True)]
        if sum(columns) + 3 * (len(columns) - 1) > width:
            return self.cards(rows, width)
        lines = [" | ".join(cell.ljust(size) for cell, size in zip(row, columns, strict=True)).rstrip() for row in rows]
        return [lines[0], "-+-".join("-" * size for size in columns), *lines[1:]]

    def cards(self, rows: list[list[str]], width: int) -> list[str]:
        """A table too wide for a line: every row becomes its first cell with the others below it."""
        heads, lines = rows[0], []
        for row in rows[1:]:
            lines += _wrap(row[0], width)
            for head, cell in zip(heads[1:], row[1:], strict=True):
                label = f"{head}: " if head else ""
                lines += textwrap.wrap(
                    label + cell, width, initial_indent="  ", subsequent_indent="    ",
                    break_long_words=False, break_on_hyphens=False,
                )  # fmt: skip
        return lines

    def inline(self, node: SyntaxTreeNode) -> str:
        """The text of the inline content of `node`; a hard break is a line end."""
        self.html = _HtmlText(self.veil)
        return "".join(map(self._inline, node.children)).strip()

    def _inline(self, node: SyntaxTreeNode) -> str:
        if node.type in ("text", "code_inline"):
            return node.content
        if node.type == "softbreak":
            return " "
        if node.type == "hardbreak":
            return "\n"
        if node.type == "image":
            said = node.meta.get("said", node.content)
            return f"[{said}]" if said else ""
        if node.type == "html_inline":
            return self.html.read(node.content)
        inner = "".join(map(self._inline, node.children))
        if node.type != "link":
            return inner
        return self.button(node, inner) if _opens_button(node) else self.link(node, inner)

    def link(self, node: SyntaxTreeNode, text: str) -> str:
        href = str(node.attrs.get("href", ""))
        shown = href.ljust(_ADDRESS_WIDTH, _FILLER) if self.veil.in_text(href) else href
        return _link(text, shown)

    def button(self, node: SyntaxTreeNode, text: str) -> str:
        label = f"{' '.join(text.split())}: " if text.strip() else ""
        return f"\n{label}{node.attrs.get('href', '')}\n"


def _opens_button(node: SyntaxTreeNode) -> bool:
    return node.nester_tokens is not None and is_button(node.nester_tokens.opening)


def _link(text: str, href: str) -> str:
    text = " ".join(text.split())
    # RFC 3986 appendix C: between < and > no full stop after it becomes part of an address.
    return href if text in ("", href) or f"mailto:{text}" == href else f"{text} <{href}>"


def _wrap(text: str, width: int) -> list[str]:
    lines: list[str] = []
    for line in text.split("\n"):
        lines += textwrap.wrap(line, width, break_long_words=False, break_on_hyphens=False)
    return lines


def _trimmed(lines: list[str]) -> list[str]:
    while lines and not lines[-1]:
        lines = lines[:-1]
    return lines


class _HtmlText(HTMLParser):
    """The words of raw HTML, its links with their addresses, its pictures by their alt."""

    _BREAKS = frozenset({"br", "p", "div", "tr", "li", "h1", "h2", "h3", "table", "ul", "ol"})

    def __init__(self, veil: Veil) -> None:
        super().__init__(convert_charrefs=True)
        self.veil = veil
        self.parts: list[str] = []
        self.hrefs: list[str] = []

    def read(self, html: str) -> str:
        """The text of `html`, which may be the next part of what was read before."""
        self.parts = []
        self.feed(html)
        return "".join(self.parts)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag == "a":
            self.hrefs.append(values.get("href") or "")
        elif tag == "img" and values.get("alt"):
            self.parts.append(f"[{values['alt']}]")
        elif tag in self._BREAKS:
            self.parts.append("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag == "a" and self.hrefs:
            href = self.hrefs.pop()
            self.parts.append(f" <{href}>" if href else "")
        elif tag in self._BREAKS:
            self.parts.append("\n")

    def handle_data(self, data: str) -> None:
        if self.cdata_elem is None:
            self.parts.append(data)

    def handle_comment(self, data: str) -> None:
        if self.veil.is_statements(data):
            self.parts.append(f"\n{data.strip()}\n")
