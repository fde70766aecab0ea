"""Understands `pose("low-lunge")`, the word that letters and guides call a figure with."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import TypeGuard

from jinja2 import Environment, TemplateSyntaxError, nodes

from leadmagnet.content.figures import figure_name
from leadmagnet.content.findings import did_you_mean

NAME = "pose"

_SYNTAX = Environment()  # noqa: S701 - it only parses
_OTHER_SIDE = "mirrored"


@dataclass(frozen=True, slots=True)
class Call:
    """A figure by name; `mirrored` is the other side of the body."""

    name: str
    mirrored: bool


def read(source: str) -> Call | None:
    """What `source`, one expression with its braces, calls; None when it is anything else than a whole pose()."""
    if NAME not in source:
        return None
    try:
        body = _SYNTAX.parse(source).body
    except (TemplateSyntaxError, RecursionError, ValueError):
        return None
    output = body[0] if len(body) == 1 else None
    return called(output.nodes[0]) if isinstance(output, nodes.Output) and len(output.nodes) == 1 else None


def called(node: nodes.Node) -> Call | None:
    """What the expression `node` calls: a name in quotes, with "mirrored" after it for the other side."""
    if not is_call(node) or node.kwargs or node.dyn_args or node.dyn_kwargs:
        return None
    words = [one.value for one in node.args if isinstance(one, nodes.Const) and isinstance(one.value, str)]
    if len(words) != len(node.args) or words[1:] not in ([], [_OTHER_SIDE]) or not words:
        return None
    return Call(figure_name(words[0]), len(words) == 2)


def is_call(node: nodes.Node) -> TypeGuard[nodes.Call]:
    return isinstance(node, nodes.Call) and isinstance(node.node, nodes.Name) and node.node.name == NAME


def wrong(call: Call | None, known: Collection[str] | None) -> tuple[str, str, str] | None:
    """Code, message and mend of a call that cannot be drawn; `known` is None while the figures do not read."""
    if call is None:
        return "E109", "pose() takes a figure's name in quotes.", 'Write {{ pose("low-lunge") }}, nothing else.'
    if known is not None and call.name not in known:
        return "E101", f"there is no figure '{call.name}'.", did_you_mean(call.name, known)
    return None
