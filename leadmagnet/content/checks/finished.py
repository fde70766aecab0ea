"""Judges a compiled letter by every rule that looks at the whole of it."""

from collections.abc import Mapping

from leadmagnet.content.checks import accessibility, clients, contrast, names, styles, substance
from leadmagnet.content.checks.page import Page
from leadmagnet.content.compiled import Letter
from leadmagnet.content.findings import Notes, Place
from leadmagnet.content.heads import front_matter, key_lines
from leadmagnet.content.source import Source
from leadmagnet.errors import ContentError

_RULES = (substance.judge, contrast.judge, clients.judge, styles.judge, accessibility.judge)


def judge(letter: Letter, texts: Mapping[str, str], notes: Notes) -> None:
    """Notes what is found in one `letter`; `texts` are the files of the site, by path.

    The HTML is parsed once for all rules, and once more as it looks in the dark.
    """
    page = Page(letter, texts)
    for rule in _RULES:
        rule(page, notes)
    _judge_defaults(letter.path, texts.get(letter.path, ""), notes)


def nameless(path: str, text: str) -> list[tuple[int, bool]]:
    """The lines, from 1, of the letter or snippet `text` on which somebody without a name meets a hole.

    With each whether a `default` stands there, which does not help.
    """
    try:
        head, body = front_matter(path, text, Notes())
    except ContentError:  # a snippet: it has no head
        return [(line + 1, default) for line, default in names.holes(Source.of(path, text))]
    lines = key_lines(text.split("\n+++", 1)[0].partition("\n")[2])
    found = []
    for key in ("subject", "preheader"):
        value = head.values.get(key)
        if isinstance(value, str):
            found += [(lines.get(key, 0) + 1, default) for _, default in names.holes(Source.of(path, value))]
    return found + [(body.place(line).line, default) for line, default in names.holes(body)]


def _judge_defaults(path: str, text: str, notes: Notes) -> None:
    """Rule W218, where nobody has to be asked: a `default` that never comes to pass."""
    for line, default in nameless(path, text) if "default" in text or "|d" in text else ():
        if default:
            message = "this default never shows: a name that was not given is empty, not missing."
            notes.warn(Place(path, line), "W218", message, 'Write {{ first_name or "there" }}.')
