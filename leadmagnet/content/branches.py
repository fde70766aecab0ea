"""Follows the branches of a template as far as what is known while compiling can tell."""

from collections.abc import Iterator, Mapping

from jinja2 import nodes


def truth(test: nodes.Node, facts: Mapping[str, bool]) -> bool | None:
    """Whether `test` holds, as far as `facts` tell; None when only a person's facts can tell."""
    if isinstance(test, nodes.Not):
        inner = truth(test.node, facts)
        return None if inner is None else not inner
    if isinstance(test, nodes.And | nodes.Or):
        sides = truth(test.left, facts), truth(test.right, facts)
        decisive = isinstance(test, nodes.Or)
        if decisive in sides:
            return decisive
        return None if None in sides else not decisive
    return facts.get(dotted(test) or "")


def dotted(node: nodes.Node | None) -> str | None:
    """The name that `node` is, such as `first_name` or `site.name`; None if it is more than a name."""
    if isinstance(node, nodes.Name):
        return node.name
    if isinstance(node, nodes.Getattr):
        owner = dotted(node.node)
        return f"{owner}.{node.attr}" if owner else None
    return None


def certain(body: list[nodes.Node], facts: Mapping[str, bool]) -> set[str]:
    """The names that every rendering of `body` puts out, whoever the person is."""
    found: set[str] = set()
    for node in body:
        if isinstance(node, nodes.Output):
            found.update(name for child in node.nodes if (name := dotted(_unfiltered(child))))
        elif isinstance(node, nodes.If):
            found |= set.intersection(*(certain(branch, facts) for branch in branches(node, facts)))
    return found


def _unfiltered(node: nodes.Node | None) -> nodes.Node | None:
    while isinstance(node, nodes.Filter):
        node = node.node
    return node


def branches(node: nodes.If, facts: Mapping[str, bool]) -> Iterator[list[nodes.Node]]:
    """The branches of `node` that some person may meet."""
    for arm in (node, *node.elif_):
        known = truth(arm.test, facts)
        if known is not False:
            yield arm.body
        if known is True:
            return
    yield node.else_
