"""Holds one compiled letter as its rules look at it, with the way back to the operator's lines."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

from leadmagnet.content import tree
from leadmagnet.content.compiled import Letter
from leadmagnet.content.findings import Place
from leadmagnet.content.tree import Element

_STATEMENT = re.compile(r"\{%.*?%\}|\{#.*?#\}", re.DOTALL)
_STYLE = re.compile(r"<style\b[^>]*>(.*?)</style>", re.DOTALL | re.IGNORECASE)
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_DECLARATION = re.compile(r"""([-\w]+)\s*:\s*((?:"[^"]*"|'[^']*'|\([^)]*\)|[^;"'(])*)""")
_IMPORTANT = re.compile(r"\s*!\s*important\s*$", re.IGNORECASE)
_SHARED = ("email_templates/_snippets/", "email_templates/_layouts/")


@dataclass(frozen=True)
class Page:
    """One letter compiled: all that any reader may see of it, for statements are taken as if all held.

    `texts` are the operator's files, decoded, by path.
    """

    letter: Letter
    texts: Mapping[str, str]
    _places: dict[str, Place | None] = field(default_factory=dict)

    @cached_property
    def html(self) -> str:
        """The HTML without statements; expressions stay."""
        return _STATEMENT.sub("", self.letter.html)

    @cached_property
    def root(self) -> Element:
        return tree.read(self.html)

    @cached_property
    def body(self) -> Element:
        """What a reader sees; the whole where the layout has no body."""
        return next(self.root.every("body"), self.root)

    @cached_property
    def style(self) -> str:
        """The rules that stay in its <style> elements; what only Outlook's comments hold is not among them."""
        return "\n".join(_STYLE.findall(_COMMENT.sub("", self.html)))

    @property
    def whole(self) -> Place:
        return Place(self.letter.path, 0)

    def own(self, pattern: str) -> Place | None:
        """The first line of the letter itself that `pattern` matches."""
        text = self.texts.get(self.letter.path, "")
        found = re.search(pattern, text, re.IGNORECASE)
        return Place(self.letter.path, text.count("\n", 0, found.start()) + 1) if found else None

    def find(self, pattern: str, *, after: str | None = None) -> Place:
        """The first line that `pattern` matches: of the letter, of a snippet, of a layout; else the letter itself.

        `after` is a pattern that must match further up in the same file.
        """
        key = f"{pattern}\n{after}"
        if key not in self._places:
            self._places[key] = self._search(re.compile(pattern, re.IGNORECASE), after)
        return self._places[key] or self.whole

    def _search(self, pattern: re.Pattern[str], after: str | None) -> Place | None:
        for path in self._paths():
            text = self.texts[path]
            start = 0
            if after is not None:
                found = re.search(after, text)
                if found is None:
                    continue
                start = found.end()
            if match := pattern.search(text, start):
                return Place(path, text.count("\n", 0, match.start()) + 1)
        return None

    def _paths(self) -> Iterator[str]:
        if self.letter.path in self.texts:
            yield self.letter.path
        for folder in _SHARED:
            yield from sorted(path for path in self.texts if path.startswith(folder))


@lru_cache(maxsize=512)
def declarations(style: str) -> Mapping[str, str]:
    """The declarations of a `style` attribute, or of what stands between two braces: property → value.

    Of two that are alike the later one holds, as it does for mail programs.
    """
    found = {}
    for name, value in _DECLARATION.findall(style):
        found[name.lower()] = _IMPORTANT.sub("", value).strip()
    return found


def hidden(element: Element) -> bool:
    """Whether nobody is shown what is inside: a preheader, for one."""
    if element.tag in ("head", "style", "script", "title", "template"):
        return True
    style = declarations(element.attributes.get("style", ""))
    return style.get("display") == "none" or style.get("visibility") == "hidden"
