"""Shows a letter as one mail program or another would: in the dark, without pictures, in large letters."""

import re
from dataclasses import dataclass

THEMES = ("light", "dark", "inverted")

_SCHEME = re.compile(r"\(\s*prefers-color-scheme\s*:\s*(dark|light)\s*\)")
#: Conditions that hold always and never, wherever they stand in a media query.
_ALWAYS, _NEVER = "(min-width:0px)", "(min-width:99999px)"
_COLOUR_SCHEME = re.compile(r"((?:supported-)?color-scheme\s*:\s*)light dark|(-scheme\" content=\")light dark")
_SOURCE = re.compile(r"(<img\b[^>]*?\ssrc=)(\"[^\"]*\"|'[^']*')", re.IGNORECASE)
_FONT = re.compile(r"(?<![\w-])(font(?:-size)?|line-height)(\s*:)([^;\"{}]*)", re.IGNORECASE)
_PIXELS = re.compile(r"(\d+(?:\.\d+)?)px")
_SCRIPT = re.compile(r"<script\b[^>]*>.*?</script>", re.DOTALL | re.IGNORECASE)
#: As some mail apps do it to letters that say nothing about the dark: colours turned over, pictures left alone.
_INVERTED = (
    "<style>html{background:#fff;filter:invert(1) hue-rotate(180deg)}"
    "img,svg,video{filter:invert(1) hue-rotate(180deg)}</style>"
)


@dataclass(frozen=True, slots=True)
class Look:
    """How a reader's mail program shows a letter."""

    theme: str = "light"
    pictures: bool = True
    large: bool = False


def dressed(html: str, look: Look) -> str:
    """The document `html` with this look; nothing else in it changes, and its links open in a tab of their own."""
    html = schemed(_SCRIPT.sub("", html), look.theme)
    if not look.pictures:
        html = _SOURCE.sub(r'\1""', html)
    if look.large:
        html = _FONT.sub(lambda found: f"{found[1]}{found[2]}{_PIXELS.sub(_twice, found[3])}", html)
    extra = _INVERTED if look.theme == "inverted" else ""
    return html.replace("<head>", '<head><base target="_blank">', 1).replace("</head>", f"{extra}</head>", 1)


def schemed(css: str, theme: str) -> str:
    """CSS, or a document with CSS, in which it is light or dark whatever the browser's own wish."""
    scheme = "dark" if theme == "dark" else "light"
    css = _SCHEME.sub(lambda found: _ALWAYS if found[1] == scheme else _NEVER, css)
    return _COLOUR_SCHEME.sub(lambda found: f"{found[1] or found[2]}{scheme}", css)


def _twice(found: re.Match[str]) -> str:
    return f"{float(found[1]) * 2:g}px"
