"""The closed language of letters: Jinja's syntax, with nothing in it that could loop, grow, fail or reach out.

CPU and memory are bounded by construction: there is no loop, no macro, no assignment and no repetition
operator, so a letter is rendered in time linear in its length; and there is no attribute, call or filter
beyond the lists below, so nothing of Python can be reached.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from jinja2 import Environment, TemplateSyntaxError, nodes

from leadmagnet.content import poses
from leadmagnet.content.branches import branches, dotted, truth
from leadmagnet.content.findings import Notes, Place, did_you_mean
from leadmagnet.content.scopes import Scope
from leadmagnet.content.source import Source
from leadmagnet.errors import ContentError

#: Each filter with the numbers of arguments it takes.
FILTERS: Mapping[str, range] = {
    "default": range(1, 3),
    "d": range(1, 3),
    "replace": range(2, 3),
    "trim": range(2),
    **dict.fromkeys(("upper", "lower", "title", "capitalize", "length"), range(1)),
}
TESTS = frozenset({"defined", "undefined", "none"})

_MAX_DEPTH = 24  # far below where Python's own compiler gives up
_MAX_REPLACEMENT = 40  # characters: what one `replace` may put for one character of a name
_COMPARISONS = frozenset({"eq", "ne"})
_ORDER = frozenset({"lt", "lteq", "gt", "gteq"})
MAX_PIECES = 2_000

_OPENER = re.compile(r"\{[{%#]")
_RAW = re.compile(r"\{%[-+]?\s*raw\b")
_SYNTAX = Environment()  # noqa: S701 - it only parses

_KEYWORDS: Mapping[type[nodes.Node], str] = {
    nodes.For: "for",
    nodes.Macro: "macro",
    nodes.CallBlock: "call",
    nodes.FilterBlock: "filter",
    nodes.With: "with",
    nodes.Block: "block",
    nodes.Extends: "extends",
    nodes.Include: "include",
    nodes.Import: "import",
    nodes.FromImport: "from",
    nodes.Assign: "set",
    nodes.AssignBlock: "set",
    nodes.ScopedEvalContextModifier: "autoescape",
}


def parse(source: Source) -> nodes.Template:
    """The syntax tree of `source`. Raises ContentError E109 where it is not Jinja.

    What parses has all its braces closed, so that searching it for pieces takes linear time.
    """
    if len(_OPENER.findall(source.text)) > MAX_PIECES:
        place = source.place(0)
        raise ContentError("E109", place.path, place.line, "there are too many braces in this file.", "Use fewer.")
    if raw := _RAW.search(source.text):  # Jinja would drop the words and keep what they hide
        place = source.place_at(raw.start())
        message = "{% raw %} is not part of the language of letters."
        raise ContentError("E109", place.path, place.line, message, "Use {% if %} only.")
    try:
        return _SYNTAX.parse(source.text)
    except TemplateSyntaxError as error:
        place = source.place(error.lineno - 1)
        message = f"this does not read: {(error.message or 'a mistake').rstrip('.')}."
        raise ContentError("E109", place.path, place.line, message, _mend(error.message or "")) from error
    except (RecursionError, ValueError, OverflowError, MemoryError) as error:
        message = "an expression is nested or long beyond all measure."
        raise ContentError("E109", source.path, source.place(0).line, message, "Keep it simple.") from error


def _mend(reason: str) -> str:
    if "comment" in reason:
        return "{# begins a comment: close it with #}, or write a space between { and #."
    if "endif" in reason or "end of template" in reason:
        return "Every {% if %} needs its {% endif %}, every {{ its }}."
    return "Only {{ … }}, {% if %}, {% elif %}, {% else %} and {% endif %} are understood."


def check(tree: nodes.Template, source: Source, scope: Scope, notes: Notes) -> bool:
    """Whether `tree`, parsed from `source`, stays within the language and within `scope`; what does not is noted."""
    reader = _Reader(source, scope, notes)
    try:
        reader.statements(tree.body, 0)
    except RecursionError:
        notes.error(source.place(0), "E109", "an expression is nested beyond all measure.", "Keep it simple.")
        return False
    return reader.clean


_Read = Callable[[Any, int, bool], None]


class _Reader:
    """Walks one tree and notes what does not belong."""

    def __init__(self, source: Source, scope: Scope, notes: Notes) -> None:
        self.source = source
        self.scope = scope
        self.notes = notes
        self.replaced = False
        self.clean = True

    def place(self, node: nodes.Node) -> Place:
        return self.source.place(node.lineno - 1)

    def refuse(self, node: nodes.Node, message: str, fix: str, code: str = "E109") -> None:
        self.clean = False
        self.notes.error(self.place(node), code, message, fix)

    def statements(self, body: list[nodes.Node], depth: int) -> None:
        for node in body:
            if isinstance(node, nodes.Output):
                for child in node.nodes:
                    self.replaced = False
                    self.output(child)
            elif isinstance(node, nodes.If):
                self.condition(node, depth)
            elif not (isinstance(node, nodes.Include) and self.scope.includes):
                word = _KEYWORDS.get(type(node), type(node).__name__.lower())
                self.refuse(node, f"{{% {word} %}} is not part of the language of letters.", "Use {% if %} only.")

    def condition(self, node: nodes.If, depth: int) -> None:
        if depth > _MAX_DEPTH:
            self.refuse(node, "conditions are nested too deep.", "Keep it simple.")
            return
        for arm in (node, *node.elif_):
            self.expression(arm.test, 0, testing=True)
        for branch in branches(node, self.scope.facts):
            self.statements(branch, depth + 1)

    def output(self, node: nodes.Node) -> None:
        name = dotted(node)
        if isinstance(node, nodes.TemplateData):
            return
        if name is not None and name.startswith("links."):
            self.link(node, name.removeprefix("links."))
        elif poses.is_call(node) and self.scope.includes:
            if wrong := poses.wrong(poses.called(node), self.scope.figures):
                code, message, fix = wrong
                self.refuse(node, message, fix, code)
        else:
            self.expression(node, 0, testing=False)

    def link(self, node: nodes.Node, name: str) -> None:
        links, sections = self.scope.links, self.scope.sections
        if links is None:
            return
        target = links.get(name)
        if target is None:
            self.refuse(node, f"unknown link 'links.{name}'.", did_you_mean(name, links), "E101")
        elif target.startswith("#") and "guide_url" not in self.scope.names:
            fix = "Give it a full address in [links]."
            self.refuse(node, f"'links.{name}' leads to a guide, and this mail has none.", fix, "E101")
        elif target.startswith("#") and sections is not None and target[1:] not in sections:
            fix = did_you_mean(target[1:], sections)
            self.refuse(node, f"'links.{name}' leads to '{target}', which the guide does not have.", fix, "E101")

    def expression(self, node: nodes.Node, depth: int, *, testing: bool) -> None:
        """Notes what is wrong with `node`; `testing` is whether only its truth is asked for."""
        read: _Read | None = getattr(self, f"_{type(node).__name__.lower()}", None)
        if depth > _MAX_DEPTH:
            self.refuse(node, "an expression is nested too deep.", "Keep it simple.")
        elif read is None:
            word = getattr(node, "operator", None) or type(node).__name__.lower()
            self.refuse(node, f"'{word}' is not part of the language of letters.", "Use names, 'text', ~, ==, and, or.")
        else:
            read(node, depth + 1, testing)

    def _or(self, node: nodes.Or, depth: int, testing: bool) -> None:
        self.expression(node.left, depth, testing=True)
        if truth(node.left, self.scope.facts) is not True:
            self.expression(node.right, depth, testing=testing)

    def _and(self, node: nodes.And, depth: int, testing: bool) -> None:
        self.expression(node.left, depth, testing=testing)
        if truth(node.left, self.scope.facts) is not False:
            self.expression(node.right, depth, testing=testing)

    def _not(self, node: nodes.Not, depth: int, testing: bool) -> None:
        self.expression(node.node, depth, testing=True)

    def _concat(self, node: nodes.Concat, depth: int, testing: bool) -> None:
        for part in node.nodes:
            self.expression(part, depth, testing=False)

    def _const(self, node: nodes.Const, depth: int, testing: bool) -> None:
        if isinstance(node.value, str) and any(character < " " for character in node.value):
            self.refuse(node, "there is a line break or control character in quotes.", "Write it outside the braces.")

    def _name(self, node: nodes.Name | nodes.Getattr, depth: int, testing: bool) -> None:
        name, known = dotted(node), self.scope.names
        if name is None:
            self.refuse(node, f"'.{getattr(node, 'attr', '')}' cannot be asked for here.", "Use plain names.", "E101")
        elif name in known or (testing and name in self.scope.facts):
            return
        elif name.startswith("links."):
            fix = f"Write {{{{ {name} }}}} with nothing else between the braces."
            self.refuse(node, f"'{name}' can only stand alone.", fix, "E101")
        elif name.startswith("site.") and name in self.scope.facts:
            key = name.removeprefix("site.")
            fix = f"Set {key} in [site] of leadmagnet.toml, or ask first: {{% if {name} %}}."
            self.refuse(node, f"'{name}' is not set.", fix, "E101")
        else:
            self.refuse(node, f"unknown variable '{name}'.", did_you_mean(name, known), "E101")

    _getattr = _name

    def _condexpr(self, node: nodes.CondExpr, depth: int, testing: bool) -> None:
        self.expression(node.test, depth, testing=True)
        known = truth(node.test, self.scope.facts)
        if known is not False:
            self.expression(node.expr1, depth, testing=testing)
        if node.expr2 is None:
            self.refuse(node, "an 'if' within {{ }} needs its 'else'.", "Add else ''.")
        elif known is not True:
            self.expression(node.expr2, depth, testing=testing)

    def _compare(self, node: nodes.Compare, depth: int, testing: bool) -> None:
        sides = [node.expr, *(operand.expr for operand in node.ops)]
        for side in sides:
            self.expression(side, depth, testing=False)
        for operand in node.ops:
            # Names and texts have no order in common with numbers: asking would fail at some person's letter.
            if operand.op not in _COMPARISONS and not (operand.op in _ORDER and all(map(_is_number, sides))):
                self.refuse(node, f"'{operand.op}' cannot compare these.", "Use == or !=, or compare a length.")

    def _call(self, node: nodes.Call, depth: int, testing: bool) -> None:
        function = dotted(node.node)
        if function not in self.scope.functions:
            shown = function.rpartition(".")[2] if function else "this"
            fix = did_you_mean(shown, self.known_functions())
            if shown == poses.NAME and self.scope.includes:
                self.refuse(node, "pose() can only stand alone.", 'Write {{ pose("low-lunge") }}, nothing else.')
            else:
                self.refuse(node, f"unknown function '{shown}'.", fix, "E101")
            return
        plain = len(node.args) == 1 and not node.kwargs and node.dyn_args is None and node.dyn_kwargs is None
        asked = node.args[0] if plain else None
        if not isinstance(asked, nodes.Const) or not isinstance(asked.value, str):
            self.refuse(node, f"{function}() takes one name in quotes.", f'Write {function}("name").')
        elif function == "clicked":
            self.clicked(node, asked.value)

    def known_functions(self) -> frozenset[str]:
        return self.scope.functions | ({poses.NAME} if self.scope.includes else frozenset())

    def clicked(self, node: nodes.Call, slug: str) -> None:
        if not self.scope.clicks:
            fix = "Set clicks = true in [tracking], or use tagged()."
            self.refuse(node, "clicked() asks for clicks, and they are not counted.", fix, "E101")
        elif slug not in self.scope.slugs:
            fix = did_you_mean(slug, self.scope.slugs)
            self.refuse(node, f"no letter '{slug}' in this sequence.", fix, "E101")

    def _test(self, node: nodes.Test, depth: int, testing: bool) -> None:
        self.expression(node.node, depth, testing=True)
        if node.name not in TESTS or node.args or node.kwargs:
            self.refuse(node, f"unknown test '{node.name}'.", did_you_mean(node.name, TESTS), "E101")

    def _filter(self, node: nodes.Filter, depth: int, testing: bool) -> None:
        if node.node is not None:
            self.expression(node.node, depth, testing=False)
        texts = [one.value for one in node.args if isinstance(one, nodes.Const) and isinstance(one.value, str | bool)]
        plain = len(texts) == len(node.args) and not (node.kwargs or node.dyn_args or node.dyn_kwargs)
        if node.name not in FILTERS:
            self.refuse(node, f"unknown filter '{node.name}'.", did_you_mean(node.name, FILTERS), "E101")
        elif not plain or len(texts) not in FILTERS[node.name] or not all(isinstance(t, str) for t in texts[:1]):
            self.refuse(node, f"'{node.name}' does not take that.", 'Write it like |default("there") or |upper.')
        elif node.name == "replace":
            self.replace(node, texts)
        elif node.name == "length" and not _is_text(node.node):
            self.refuse(node, "only text has a length.", "Write first_name|length.")

    def replace(self, node: nodes.Filter, texts: list[str | bool]) -> None:
        """One per expression, old text not empty, new text short: else a chain of them could grow without end."""
        old, new = texts
        if not old or not isinstance(new, str) or len(new) > _MAX_REPLACEMENT or self.replaced:
            self.refuse(node, "'replace' takes two short texts, once.", 'Write |replace("old", "new").')
        self.replaced = True


def _is_text(node: nodes.Node | None) -> bool:
    name = dotted(node) if node is not None else None
    return name is not None and (name == "first_name" or name.startswith(("site.", "guide.")))


def _is_number(node: nodes.Node) -> bool:
    if isinstance(node, nodes.Const):
        return isinstance(node.value, int | float) and not isinstance(node.value, bool)
    return isinstance(node, nodes.Filter) and node.name == "length"
