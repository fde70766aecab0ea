"""Fills a compiled letter with one person's values, straight into the encoding that goes over the wire.

A template's own words, and those of its site, are escaped, encoded and folded when it is built: for each mail only
the reader's are.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache, partial
from typing import Any, Literal

from jinja2 import Environment, StrictUndefined, Template, nodes
from jinja2.exceptions import TemplateError
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import missing
from markupsafe import escape

from leadmagnet.content.branches import truth
from leadmagnet.content.compiled import Letter
from leadmagnet.content.published import Words
from leadmagnet.errors import LeadmagnetError
from leadmagnet.links import Clicks
from leadmagnet.mail import encoding
from leadmagnet.records import record

Part = Literal["subject", "preheader", "html", "text", "link"]

#: RFC 5322 §2.1.1: no line of a message is longer.
MAX_SUBJECT = 998
#: Compiled templates that stay in memory, four to a letter; a letter takes about 6 ms to compile anew.
_KEPT_TEMPLATES = 1024
#: Controls break a header (Cc), line and paragraph separators make two lines of it (Zl, Zp), lone
#: surrogates have no bytes (Cs). Format characters stay: emoji and right-to-left text need them.
_NOT_IN_A_LINE = frozenset({"Cc", "Zl", "Zp", "Cs"})
_ADDRESS = re.compile(r"\S*@\S*")


def _html_piece(value: object) -> str:
    if isinstance(value, str) and encoding.is_simple(value):
        return value + encoding.SOFT
    return encoding.piece(str(escape(value)))


def _text_piece(value: object) -> str:
    return encoding.piece(str(value))


# No loader: a letter was compiled whole, so whatever still wants a file is an attack or a defect.
_LINE = ImmutableSandboxedEnvironment(undefined=StrictUndefined, autoescape=False)
# Every value is escaped by `_html_piece`, which Jinja calls for each: its own escaping would be a second one.
_HTML = ImmutableSandboxedEnvironment(undefined=StrictUndefined, autoescape=False, finalize=_html_piece)
_TEXT = ImmutableSandboxedEnvironment(
    undefined=StrictUndefined,
    autoescape=False,
    finalize=_text_piece,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)
_LANGUAGES = {"html": _HTML, "text": _TEXT}
_PIECES: Mapping[Part, Callable[[object], str]] = {"html": _html_piece, "text": _text_piece}
_MAY_BE_FIXED = ("site", "guide", "media")

#: Names with what they stand for in every mail of a letter; `click` with `Clicks`, where its links are counted.
Fixed = tuple[tuple[str, object], ...]


class _Values(Context):
    """A reader's values, as a template asks for them: no copy of them, nothing beside them.

    Letters have no use for Jinja's own globals, set nothing and have no blocks, for which its context prepares anew
    for each mail.
    """

    def __init__(self, environment: Environment, values: dict[str, Any]) -> None:
        self.environment = environment
        self.vars = self.parent = values
        self.eval_ctx = _eval_context(environment)

    def resolve_or_missing(self, key: str) -> Any:
        return self.vars.get(key, missing)


@lru_cache(maxsize=8)
def _eval_context(environment: Environment) -> nodes.EvalContext:
    return nodes.EvalContext(environment)


class RenderError(LeadmagnetError):
    """A letter that cannot be rendered for one person; `path` is its file, `part` what of it failed."""

    def __init__(self, path: str, part: Part, reason: str) -> None:
        self.path = path
        self.part = part
        self.reason = reason
        super().__init__(f"{path}: the {part} cannot be rendered: {reason}")


@record
class Rendered:
    """One letter for one person: `subject` is one line, the two bodies are quoted-printable in CRLF lines."""

    subject: str
    html_body: bytes
    text_body: bytes

    @classmethod
    def of(cls, subject: str, html: str, text: str) -> "Rendered":
        """A letter from finished words."""
        return cls(subject, encoding.whole(encoding.piece(html)), encoding.whole(encoding.piece(text)))

    @property
    def html(self) -> str:
        """The whole document, as a reader's program decodes it."""
        return encoding.decoded(self.html_body)

    @property
    def text(self) -> str:
        """Its plain twin, likewise."""
        return encoding.decoded(self.text_body)


def render(letter: Letter, values: dict[str, object]) -> Rendered:
    """`letter` with `values` filled in; its html and text know the rendered `subject` and `preheader` too.

    Values are data for ever: escaped in HTML, literal in subject and text, never a template, never Markdown.
    Raises RenderError, whose words hold no address, so that they may be logged.
    """
    line = subject(letter, values)
    known = {**values, "subject": line, "preheader": _filled(letter, "preheader", values)}
    if "click" not in known:  # where nobody counts clicks, a letter's links lead straight to their targets
        known["click"] = partial(link_target, letter, values=values)
    fixed = _fixed(letter, known)
    html, text = _filled(letter, "html", known, fixed), _filled(letter, "text", known, fixed)
    return Rendered(line, encoding.whole(html), encoding.whole(text))


def subject(letter: Letter, values: dict[str, object]) -> str:
    """The subject of `letter` alone, as `render` makes it. Raises RenderError."""
    return _one_line(letter, _filled(letter, "subject", values))


def preheader(letter: Letter, values: dict[str, object]) -> str:
    """What inboxes show after the subject, as it comes out with `values`. Raises RenderError."""
    return _filled(letter, "preheader", values)


def _fixed(letter: Letter, known: Mapping[str, object]) -> Fixed:
    fixed: list[tuple[str, object]] = [("confirmed", known.get("confirmed"))]
    fixed += [(name, known[name]) for name in _MAY_BE_FIXED if type(known.get(name)) is Words]
    fixed += [(name, known[name]) for name in ("subject", "preheader") if _is_plain(getattr(letter, name))]
    if type(known["click"]) is Clicks:
        fixed.append(("click", Clicks))
    return tuple(fixed)


def link_target(letter: Letter, number: int, values: dict[str, object]) -> str:
    """The URL that the letter's counted link `number` leads to. Raises IndexError, RenderError."""
    return _fill(letter, "link", letter.links[number], values)


@lru_cache(maxsize=_KEPT_TEMPLATES)
def _template(part: Part, source: str, fixed: Fixed) -> Template:
    # Keyed by the source, not by the letter: a release that is loaded twice compiles once, a string
    # remembers its own hash, and nothing can ever be rendered from a letter of the same name but other words.
    language = _LANGUAGES.get(part)
    if language is None:
        return _LINE.from_string(source)
    known, piece = dict(fixed), _PIECES[part]
    tree = language.parse(source)
    tree.body = list(_decided(tree.body, _truths(known)))
    for output in tree.find_all(nodes.Output):
        output.nodes = [said for node in output.nodes for said in _encoded(node, known, piece)]
    return language.from_string(tree)


def _truths(known: Mapping[str, Any]) -> dict[str, bool]:
    """What conditions may ask of that is the same for all readers."""
    words = {f"{name}.{word}": bool(said) for name in _MAY_BE_FIXED for word, said in known.get(name, {}).items()}
    return words | ({} if known["confirmed"] is None else {"confirmed": bool(known["confirmed"])})


def _decided(body: list[nodes.Node], truths: Mapping[str, bool]) -> Iterator[nodes.Node]:
    """`body` without the conditions that come out the same for all readers."""
    for node in body:
        if not isinstance(node, nodes.If):
            yield node
            continue
        known = truth(node.test, truths)
        if known is None or (not known and node.elif_):
            node.body = list(_decided(node.body, truths))
            node.else_ = list(_decided(node.else_, truths))
            yield node
        else:
            yield from _decided(node.body if known else node.else_, truths)


def _encoded(node: nodes.Expr, known: Mapping[str, Any], piece: Callable[[object], str]) -> list[nodes.Expr]:
    """What is the same for all readers, in the encoding of the wire; anything else as it is."""
    match node:
        case nodes.TemplateData(data=words):
            return [nodes.TemplateData(encoding.piece(words), lineno=node.lineno)]
        case nodes.Name(name=name) if isinstance(value := known.get(name), str):
            return [nodes.TemplateData(piece(value), lineno=node.lineno)]
        case nodes.Getattr(node=nodes.Name(name=name), attr=attr) if attr in known.get(name, ()):
            return [nodes.TemplateData(piece(known[name][attr]), lineno=node.lineno)]
        case nodes.Call(node=nodes.Name(name="click") as beginning, args=[nodes.Const(value=number)]) if (
            known.get("click") is Clicks
        ):
            return [beginning, nodes.TemplateData(piece(Clicks.ending(number)), lineno=node.lineno)]
    return [node]


def _is_plain(source: str) -> bool:
    return "{" not in source


def _filled(letter: Letter, part: Part, values: dict[str, object], fixed: Fixed = ()) -> str:
    return _fill(letter, part, getattr(letter, part), values, fixed)


def _fill(letter: Letter, part: Part, source: str, values: dict[str, object], fixed: Fixed = ()) -> str:
    if part not in _LANGUAGES and _is_plain(source):
        return source  # most subjects
    try:
        template = _template(part, source, fixed)
        return "".join(template.root_render_func(_Values(template.environment, values)))
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
