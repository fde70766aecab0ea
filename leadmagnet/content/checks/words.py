"""Judges the words that a letter is written in."""

import re
from collections.abc import Iterable, Sequence

from leadmagnet.content.checks.prose import Passage
from leadmagnet.content.checks.wishes import Wishes
from leadmagnet.content.findings import Notes

#: What `[check] claims` replaces: health claims that no letter can keep. A word stands for its endings too.
CLAIMS = (
    "cure",
    "heal",
    "guarantee",
    "prevent injury",
    "prevent injuries",
    "fix your",
    "detox",
    "melt",
    "release hip",
    "release psoas",
)
#: Words that a claim may hold in between: "release your tight hips".
_BETWEEN = r"(?:\W+\w+){0,2}?\W+"
_ENDINGS = r"(?:s|es|d|ed|ing)?"

_SPAM = re.compile(
    r"\b(?:act now|buy now|order now|100 ?% free|risk[- ]free|no obligation|limited time|once in a lifetime|winner|"
    r"congratulations|cash bonus|double your|extra income|make money|miracle|amazing deal|don't delete)\b"
    r"|!!+|\${2,}",
    re.IGNORECASE,
)
_SENTENCE = re.compile(r"[^.!?…]+")
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_VOWELS = re.compile(r"[aeiouy]+")
_LONGEST_PARAGRAPH = 90  # words
_HARDEST = 9.0  # years at school
_ENOUGH = 30  # words: below, a grade says nothing


def judge(passages: Sequence[Passage], wishes: Wishes, notes: Notes) -> None:
    """Notes rules W215, W212 and I302 over the `passages` of one letter."""
    _judge_claims(passages, wishes.claims or CLAIMS, notes)
    if "W212" in wishes.also:
        _judge_reading(passages, notes)
    if "I302" in wishes.also:
        for passage in passages:
            for found in _SPAM.finditer(passage.text):
                message = f"'{found[0]}' is what spam is full of."
                notes.inform(passage.at(found.start()), "I302", message, "Say it in your own words.")


def _judge_claims(passages: Iterable[Passage], claims: Iterable[str], notes: Notes) -> None:
    pattern = re.compile(rf"\b(?:{'|'.join(map(_claim, claims))})\b", re.IGNORECASE)
    for passage in passages:
        for found in pattern.finditer(passage.text):
            message = f"'{found[0]}' promises what nobody can keep."
            fix = "Say what it feels like, or what it may help with."
            notes.warn(passage.at(found.start()), "W215", message, fix)


def _claim(words: str) -> str:
    first, *others = (re.escape(word) for word in words.split())
    stem = first.removesuffix("e")  # "releasing", "guaranteeing"
    verb = f"{stem}(?:e|es|ed|eing|ing)" if stem != first else f"{first}{_ENDINGS}"
    return _BETWEEN.join([verb, *(f"{word}s?" for word in others)]) if others else verb


def _judge_reading(passages: Iterable[Passage], notes: Notes) -> None:
    paragraphs = [passage for passage in passages if passage.kind == "paragraph_open"]
    for passage in paragraphs:
        words = len(_WORD.findall(passage.text))
        if words > _LONGEST_PARAGRAPH:
            message = f"this paragraph has {words} words."
            notes.warn(passage.at(0), "W212", message, f"Split it: {_LONGEST_PARAGRAPH} at most are read on a phone.")
    grade = _grade(" ".join(passage.text for passage in paragraphs))
    if paragraphs and grade > _HARDEST:
        message = f"the letter reads like a text for year {grade:.0f} at school."
        notes.warn(paragraphs[0].at(0), "W212", message, "Use shorter sentences and shorter words; 9 is fine.")


def _grade(text: str) -> float:
    """The years at school that a text wants: Flesch-Kincaid's formula, for English."""
    words = _WORD.findall(text)
    if len(words) < _ENOUGH:
        return 0.0
    sentences = sum(1 for found in _SENTENCE.findall(text) if _WORD.search(found))
    syllables = sum(max(1, len(_VOWELS.findall(word.lower().removesuffix("e")))) for word in words)
    return 0.39 * len(words) / sentences + 11.8 * syllables / len(words) - 15.59
