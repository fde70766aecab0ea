"""Finds where a letter calls a reader by a name that she may not have given."""

from collections.abc import Iterator

from jinja2 import nodes

from leadmagnet.content import language
from leadmagnet.content.branches import branches, dotted
from leadmagnet.content.source import Source
from leadmagnet.errors import ContentError

_NAME = "first_name"


def holes(source: Source) -> Iterator[tuple[int, bool]]:
    """The lines of `source`, from 0, on which somebody without a name meets a hole.

    With each whether a `default` stands there, which does not help: it is for what is missing, and a name that was
    not given is empty. What does not parse has none.
    """
    if _NAME not in source.text:
        return
    try:
        tree = language.parse(source)
    except ContentError:
        return
    yield from _within(tree.body)


def _within(body: list[nodes.Node]) -> Iterator[tuple[int, bool]]:
    for node in body:
        if isinstance(node, nodes.Output):
            for child in node.nodes:
                if _is_hole(child):
                    filters = [child, *child.find_all(nodes.Filter)]
                    yield child.lineno - 1, any(getattr(one, "name", "") in ("default", "d") for one in filters)
        elif isinstance(node, nodes.If) and not _asks(node):
            for branch in branches(node, {}):
                yield from _within(branch)


def _asks(node: nodes.If) -> bool:
    """Whether a condition looks at the name: its author has thought of those without one."""
    return any(_mentions(arm.test) for arm in (node, *node.elif_))


def _mentions(node: nodes.Node) -> bool:
    return dotted(node) == _NAME or any(one.name == _NAME for one in node.find_all(nodes.Name))


def _is_hole(node: nodes.Node) -> bool:
    """Whether `node` puts out the name, and nothing in its place."""
    match node:
        case nodes.Filter(name="default" | "d", args=[_, nodes.Const(value=True)]):
            return False
        case nodes.Filter(node=inner) if inner is not None:
            return _is_hole(inner)
        case nodes.Or(left=left, right=right):
            return _mentions(left) and _is_hole(right)
        case nodes.And(left=left, right=right):
            return not _mentions(left) and _is_hole(right)
        case nodes.CondExpr(test=test, expr1=first, expr2=second):
            return not _mentions(test) and (_is_hole(first) or (second is not None and _is_hole(second)))
        case nodes.Concat(nodes=parts):
            return any(map(_is_hole, parts))
    return dotted(node) == _NAME
