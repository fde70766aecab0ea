"""Judges whether words stand out from their background, in the light and in the dark (WCAG 2.2, 1.4.3)."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

from css_inline import CSSInliner

from leadmagnet.content import tree
from leadmagnet.content.checks.page import Page, declarations, hidden
from leadmagnet.content.findings import Notes
from leadmagnet.content.tree import Element

_ENOUGH = 4.5
_ENOUGH_LARGE = 3.0
_LARGE = 24.0  # CSS pixels
_LARGE_BOLD = 18.66  # 14 points
_DARK = re.compile(r"@media[^{]*prefers-color-scheme\s*:\s*dark[^{]*\{", re.IGNORECASE)
_STYLE = re.compile(r"<style\b[^>]*>.*?</style>", re.DOTALL | re.IGNORECASE)
_COLOUR = re.compile(r"#[0-9a-fA-F]{3,8}\b|rgba?\([^)]*\)|\b[a-zA-Z]+\b")
_NUMBER = re.compile(r"\d+(?:\.\d+)?%?")
_SIZE = re.compile(r"(\d+(?:\.\d+)?)(px|pt|em|rem|%)")
_BOLD = re.compile(r"\b(?:bold|bolder|[6-9]00)\b")
_NAMED = {
    "black": "#000000", "silver": "#c0c0c0", "gray": "#808080", "grey": "#808080", "white": "#ffffff",
    "maroon": "#800000", "red": "#ff0000", "purple": "#800080", "fuchsia": "#ff00ff", "green": "#008000",
    "lime": "#00ff00", "olive": "#808000", "yellow": "#ffff00", "navy": "#000080", "blue": "#0000ff",
    "teal": "#008080", "aqua": "#00ffff", "orange": "#ffa500", "pink": "#ffc0cb", "brown": "#a52a2a",
    "lightgray": "#d3d3d3", "lightgrey": "#d3d3d3", "darkgray": "#a9a9a9", "darkgrey": "#a9a9a9",
}  # fmt: skip
# Its own headings, as a mail program draws them where nothing else is said.
_HEADINGS = {"h1": 32.0, "h2": 24.0, "h3": 18.7, "h4": 16.0}
_LINES = frozenset("\u00ad\u034f\u200b\u200c\u200d\u2060\ufeff")

Colour = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class _Look:
    """How the text of an element looks. A colour that cannot be told is None: nothing is said about it then."""

    colour: str | None = "#000000"
    background: str | None = "#ffffff"
    size: float = 16.0
    bold: bool = False


def judge(page: Page, notes: Notes) -> None:
    """Notes rule W204: words with too little contrast, in the values of the light and of the dark theme."""
    _judge_theme(page, page.body, "light", notes)
    dark = dark_rules(page.style)
    if dark:
        inliner = CSSInliner(keep_style_tags=False, load_remote_stylesheets=False)
        whole = inliner.inline(_STYLE.sub("", page.html).replace("</head>", f"<style>{dark}</style></head>", 1))
        root = tree.read(whole)
        _judge_theme(page, next(root.every("body"), root), "dark", notes)


def dark_rules(style: str) -> str:
    """The rules that hold in a dark theme only."""
    rules = []
    for found in _DARK.finditer(style):
        depth, end = 1, found.end()
        while depth and end < len(style):
            depth += (style[end] == "{") - (style[end] == "}")
            end += 1
        rules.append(style[found.end() : end - 1])
    return "\n".join(rules)


def ratio(one: Colour, other: Colour) -> float:
    """The contrast of two colours, 1 to 21."""
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: Colour) -> float:
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in colour]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@lru_cache(maxsize=256)
def read_colour(words: str) -> Colour | None:
    """A colour as three parts from 0 to 1; None for one that lets the background through, or does not read."""
    text = _NAMED.get(words.lower(), words).lower()
    if text.startswith("#") and len(text) in (4, 7):
        digits = text[1:] if len(text) == 7 else "".join(digit * 2 for digit in text[1:])
        return _parts(*(int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)))
    numbers = _NUMBER.findall(text) if text.startswith("rgb") else []
    if len(numbers) == 3 or (len(numbers) == 4 and numbers[3] in ("1", "1.0", "100%")):
        return _parts(*(float(n[:-1]) / 100 if n.endswith("%") else float(n) / 255 for n in numbers[:3]))
    return None


def _parts(red: float, green: float, blue: float) -> Colour:
    return min(red, 1.0), min(green, 1.0), min(blue, 1.0)


def _judge_theme(page: Page, body: Element, theme: str, notes: Notes) -> None:
    worst: dict[tuple[str, str, bool], str] = {}
    for words, look in _texts(body, _styled(body, _Look())):
        if look.colour and look.background:
            large = look.size >= _LARGE or (look.bold and look.size >= _LARGE_BOLD)
            worst.setdefault((look.colour, look.background, large), words)
    for (colour, background, large), words in worst.items():
        front, back = read_colour(colour), read_colour(background)
        if front is None or back is None:
            continue
        found, wanted = ratio(front, back), _ENOUGH_LARGE if large else _ENOUGH
        if found < wanted:
            own = page.own(re.escape(colour)) or page.own(re.escape(background))
            place = own or page.find(re.escape(colour), after=_DARK.pattern if theme == "dark" else None)
            message = f"words in {colour} on {background} have a contrast of {found:.1f}:1 in the {theme} theme."
            shown = " ".join(words.split())[:30]
            fix = f"Give '{shown}' at least {wanted:g}:1: a darker or a lighter colour."
            notes.warn(place, "W204", message, fix)


def _texts(element: Element, look: _Look) -> Iterator[tuple[str, _Look]]:
    for one in element.inside:
        if isinstance(one, str):
            if one.strip().strip("".join(_LINES)):
                yield one, look
        elif not hidden(one):
            yield from _texts(one, _styled(one, look))


def _styled(element: Element, around: _Look) -> _Look:
    """The look within `element`, which has that of what is around it where it says nothing."""
    style = declarations(element.attributes.get("style", ""))
    look = around
    if element.tag in _HEADINGS:
        look = replace(look, size=_HEADINGS[element.tag], bold=True)
    if element.tag in ("b", "strong", "th"):
        look = replace(look, bold=True)
    if attribute := element.attributes.get("bgcolor"):
        look = replace(look, background=attribute)
    for name, value in style.items():
        if name == "color" and value.lower() not in ("inherit", "currentcolor"):
            look = replace(look, colour=next(iter(_COLOUR.findall(value)), None))
        elif name in ("background", "background-color"):
            look = replace(look, background=_background(value, look.background))
        elif name in ("font", "font-size"):
            look = replace(look, size=_size(value, around.size))
        if name in ("font", "font-weight"):
            look = replace(look, bold=bool(_BOLD.search(value)))
    return look


def _background(value: str, around: str | None) -> str | None:
    """The colour of a background; None where a picture or a gradient covers it."""
    if "url(" in value or "gradient(" in value:
        return None
    words = [word for word in _COLOUR.findall(value) if word.startswith("#") or read_colour(word)]
    if words:
        return words[0] if read_colour(words[0]) else None
    return None if "rgba(" in value else around


def _size(value: str, around: float) -> float:
    found = _SIZE.search(value)
    if found is None:
        return around
    number = float(found[1])
    factor = {"px": 1.0, "pt": 4 / 3, "rem": 16.0, "em": around, "%": around / 100}[found[2]]
    return number * factor
