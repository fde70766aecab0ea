"""Fills a compiled letter with one person's values."""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Literal

from jinja2 import StrictUndefined, Template
from jinja2.exceptions import TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from leadmagnet.content.compiled import Letter
from leadmagnet.errors import LeadmagnetError

Part = Literal["subject", "preheader", "html", "text", "link"]

#: RFC 5322 §2.1.1: no line of a message is longer.
MAX_SUBJECT = 998
#: Compiled templates that stay in memory, four to a letter; a letter takes about 6 ms to compile anew.
_KEPT_TEMPLATES = 1024
#: Controls break a header (Cc), line and paragraph separators make two lines of it (Zl, Zp), lone
#: surrogates have no bytes (Cs). Format characters stay: emoji and right-to-left text need them.
_NOT_IN_A_LINE = frozenset({"Cc", "Zl", "Zp", "Cs"})
_ADDRESS = re.compile(r"\S*@\S*")

# No loader: a letter was compiled whole, so whatever still wants a file is an attack or a defect.
_HTML = ImmutableSandboxedEnvironment(undefined=StrictUndefined, autoescape=True)
_PLAIN = ImmutableSandboxedEnvironment(
    undefined=StrictUndefined, autoescape=False, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
)


class RenderError(LeadmagnetError):
    """A letter that cannot be rendered for one person; `path` is its file, `part` what of it failed."""

    def __init__(self, path: str, part: Part, reason: str) -> None:
        self.path = path
        self.part = part
        self.reason = reason
        super().__init__(f"{path}: the {part} cannot be rendered: {reason}")


@dataclass(frozen=True, slots=True)
class Rendered:
    """One letter for one person: `subject` is one line, `html` a whole document, `text` its plain twin."""

    subject: str
    html: str
    text: str


def render(letter: Letter, values: Mapping[str, object]) -> Rendered:
    """`letter` with `values` filled in; its html and text know the rendered `subject` and `preheader` too.

    Values are data for ever: escaped in HTML, literal in subject and text, never a template, never Markdown.
    Raises RenderError, whose words hold no address, so that they may be logged.
    """
    subject = _one_line(letter, _filled(letter, "subject", values))
    known = {
        # Where nobody counts clicks, a letter's links lead straight to their targets.
        "click": partial(link_target, letter, values=values),
        **values,
        "subject": subject,
        "preheader": _filled(letter, "preheader", values),
    }
    return Rendered(subject=subject, html=_filled(letter, "html", known), text=_filled(letter, "text", known))


def link_target(letter: Letter, number: int, values: Mapping[str, object]) -> str:
    """The URL that the letter's counted link `number` leads to. Raises IndexError, RenderError."""
    return _fill(letter, "link", letter.links[number], values)


@lru_cache(maxsize=_KEPT_TEMPLATES)
def _template(part: Part, source: str) -> Template:
    # Keyed by the source, not by the letter: a release that is loaded twice compiles once, a string
    # remembers its own hash, and nothing can ever be rendered from a letter of the same name but other words.
    return (_HTML if part == "html" else _PLAIN).from_string(source)


def _filled(letter: Letter, part: Part, values: Mapping[str, object]) -> str:
    return _fill(letter, part, getattr(letter, part), values)


def _fill(letter: Letter, part: Part, source: str, values: Mapping[str, object]) -> str:
    try:
        return _template(part, source).render(values)
    except TemplateError as error:
        raise RenderError(letter.path, part, _ADDRESS.sub("…", error.message or type(error).__name__)) from None
    except Exception as error:
        # Only the kind of error: its words may quote a person's value.
        raise RenderError(letter.path, part, f"an expression failed ({type(error).__name__})") from None


def _one_line(letter: Letter, subject: str) -> str:
    subject = subject.strip(" ")
    if not subject:
        raise RenderError(letter.path, "subject", "it came out empty")
    if len(subject) > MAX_SUBJECT:
        raise RenderError(letter.path, "subject", f"it has {len(subject)} characters; {MAX_SUBJECT} are possible")
    if not subject.isprintable():  # the quick answer for nearly every subject
        found = next((c for c in subject if unicodedata.category(c) in _NOT_IN_A_LINE), None)
        if found is not None:
            raise RenderError(
                letter.path, "subject", f"it holds a line break or control character (U+{ord(found):04X})"
            )
    return subject
