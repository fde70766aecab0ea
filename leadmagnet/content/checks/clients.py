"""Judges whether mail programs know what a letter is made of, by the data of caniemail.com."""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import lru_cache
from importlib.resources import files
from typing import NamedTuple

from leadmagnet.content.checks.page import Page, declarations
from leadmagnet.content.findings import Notes
from leadmagnet.content.tree import Element

_LACKS = "n"
#: What a letter is the same letter without: it looks plainer, and everything is there and readable.
_DECORATION = """
animation border-radius border-spacing box-shadow box-sizing cursor color-scheme font-kerning hyphens max-height
min-height opacity orphans outline outline-offset overflow overflow-wrap word-wrap resize table-layout
text-decoration-color text-decoration-line text-decoration-skip-ink text-decoration-style text-decoration-thickness
text-shadow text-underline-offset text-underline-position text-wrap transition user-select widows =initial
<abbr> <wbr> [aria-describedby] [aria-labelledby] [loading] [target]
"""
_PLAINER = frozenset(_DECORATION.split())
_FUNCTION = re.compile(r"([a-z-]+)\(")
_UNIT = re.compile(r"(?<![\w#.-])\d*\.?\d+([a-z]+)\b")
_EXPRESSION = re.compile(r"\{\{.*?\}\}", re.DOTALL)


class Support(NamedTuple):
    """The reduced table: `features` by how they are told, each with a letter per client: y, n, a (in part), u."""

    source: str
    updated: str
    clients: tuple[str, ...]
    features: Mapping[str, str]


@lru_cache(maxsize=1)
def support() -> Support:
    """The table that ships: client_support.json, whose head says where it is from."""
    read = json.loads(files(__package__).joinpath("client_support.json").read_text(encoding="utf-8"))
    return Support(read["source"], read["updated"], tuple(read["clients"]), read["features"])


def judge(page: Page, notes: Notes) -> None:
    """Notes rule W208 for what a letter is made of and one of the three clients lacks.

    Rules that stay in <style> are left alone: who does not know their condition leaves the whole rule out.
    """
    table = support()
    used = Counter(name for name in _features(page.body) if name not in _PLAINER)
    for name, times in used.items():
        lacking = [client for client, word in zip(table.clients, table.features[name], strict=True) if word == _LACKS]
        if lacking:
            place = page.find(_pattern(name))
            who = " and ".join(lacking)
            message = f"{name.strip('=1')} is not known to {who} (used {times} {'time' if times == 1 else 'times'})."
            fix = f"Make sure that the letter works without it, or do it with a table (caniemail.com, {table.updated})."
            notes.warn(place, "W208", message, fix)


def _features(body: Element) -> Iterator[str]:
    """What the elements within `body` use of the table, as often as it is used."""
    known = support().features
    for element in _every(body):
        used = [f"<{element.tag}>", *(f"[{name}]" for name in element.attributes)]
        for name, value in declarations(_EXPRESSION.sub("", element.attributes.get("style", ""))).items():
            used += _used(name, value.lower())
        yield from (name for name in used if name in known)


def _every(body: Element) -> Iterator[Element]:
    yield body
    for one in body.inside:
        if isinstance(one, Element):
            yield from _every(one)


@lru_cache(maxsize=1024)
def _used(name: str, value: str) -> tuple[str, ...]:
    """What one declaration uses, spelt as in the table: `name`, `name:value`, `=value`, `function()`, `1unit`."""
    functions = {f"{function}()" for function in _FUNCTION.findall(value)}
    units = {f"1{unit}" for unit in _UNIT.findall(value)}
    return (name, f"{name}:{value}", f"={value}", *sorted(functions | units))


def _pattern(name: str) -> str:
    """What the feature looks like in an operator's file."""
    if name.startswith("<"):
        return rf"<{name[1:-1]}\b"
    if name.startswith("["):
        return rf"\s{name[1:-1]}\s*="
    if name.startswith("="):
        return rf":\s*{name[1:]}"
    if name.startswith("1"):
        return rf"\d{name[1:]}\b"
    if name.endswith("()"):
        return re.escape(name[:-1])
    first, _, value = name.partition(":")
    return rf"(?<![\w-]){re.escape(first)}\s*:" + (rf"\s*{re.escape(value)}" if value else "")
