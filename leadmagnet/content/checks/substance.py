"""Judges whether a letter says enough, for those who see no pictures too."""

import re
from collections.abc import Mapping

from leadmagnet.content.checks.page import Page
from leadmagnet.content.findings import Notes

_FEWEST = 40
_PER_PICTURE = 20
_WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")
_HEAD = re.compile(r"\A\+\+\+.*?^\+\+\+[ \t]*$", re.DOTALL | re.MULTILINE)
_INCLUDE = re.compile(r"""\{%[-+]?\s*include\s+["']([^"']*)["'].*?%\}""")
_STATEMENT = re.compile(r"\{%.*?%\}|\{#.*?#\}", re.DOTALL)
_TAG = re.compile(r"<[^<>]*>")
_TARGET = re.compile(r"(?<=\])\([^()]*\)(?:\{\.button\})?")
_EXPRESSION = re.compile(r"\{\{.*?\}\}", re.DOTALL)


def judge(page: Page, notes: Notes) -> None:
    """Notes rules W203 and W210: words, and a text part that says the same."""
    words = len(_WORD.findall(_own_words(page)))
    pictures = sum(1 for one in page.body.every("img") if one.attributes.get("alt") != "")
    if words < _FEWEST:
        message = f"the letter has {words} words."
        notes.warn(page.whole, "W203", message, f"Write {_FEWEST} at least: with fewer it looks like an advertisement.")
    elif words < pictures * _PER_PICTURE:
        message = f"the letter has {words} words for {pictures} pictures."
        notes.warn(page.whole, "W203", message, f"Write {_PER_PICTURE} for each: many see no pictures.")
    _judge_text(page, notes)


def _own_words(page: Page) -> str:
    """What the operator wrote for this letter, as far as it is read: not what stands around every letter."""
    text = _HEAD.sub("", page.texts.get(page.letter.path, ""))
    text = _INCLUDE.sub(lambda found: page.texts.get(f"email_templates/_snippets/{found[1]}", ""), text)
    for unread in (_STATEMENT, _TAG, _TARGET):
        text = unread.sub(" ", text)
    return _EXPRESSION.sub(" x ", text)


def _judge_text(page: Page, notes: Notes) -> None:
    """Rule W210."""
    if not _WORD.search(_EXPRESSION.sub(" x ", page.letter.text)):
        fix = "Put {{ content }} into the .txt layout, and words into the letter."
        notes.warn(page.whole, "W210", "the text part is empty.", fix)
    targets: Mapping[str, str] = {f"{{{{ click({n}) }}}}": target for n, target in enumerate(page.letter.links)}
    for link in page.body.every("a"):
        href = link.attributes.get("href", "")
        if not href or href in page.letter.text or href.startswith("#"):
            continue
        shown = targets.get(href, href)
        message = f"the link '{' '.join(link.words.split())[:40] or shown}' is missing in the text part."
        fix = "Write it in Markdown, or put it into the .txt layout too."
        notes.warn(page.find(re.escape(shown)), "W210", message, fix)
