"""The one question that a guide's page may ask, read from the head of guide.md."""

import re
from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict

from leadmagnet.content import keys, values
from leadmagnet.content.heads import Head
from leadmagnet.content.values import Unreadable

_BRACES = re.compile(r"\{\{|\{%")
_WRITE = 'answers = { "Yes" = "tag-for-yes", "No" = "" }'


class Answer(BaseModel):
    """One button: its words, and the tag that it gives (None: it gives none)."""

    model_config = ConfigDict(frozen=True)

    words: str
    tag: str | None = None


class Question(BaseModel):
    """A question with two to five answers, in the operator's order."""

    model_config = ConfigDict(frozen=True)

    ask: str
    answers: tuple[Answer, ...]

    def answer(self, words: str) -> Answer | None:
        """The answer with exactly these words."""
        return next((answer for answer in self.answers if answer.words == words), None)

    @property
    def tags(self) -> frozenset[str]:
        """Every tag that an answer gives."""
        return frozenset(answer.tag for answer in self.answers if answer.tag is not None)


def read_question(head: Head) -> Question | None:
    """The question of a guide's head; None when it asks nothing, or when the question does not read."""
    if "question" not in head and "answers" not in head:
        return None
    ask = head.need("question", _ask, "", 'Add question = "…" above its answers.')
    nothing: Mapping[str, object] = {}
    given = head.need("answers", _table, nothing, f"Add {_WRITE}, or delete the question.")
    answers = tuple(answer for words, tag in given.items() if (answer := _answer(head, words, tag)) is not None)
    if not ask or len(answers) < len(given) or not _fits_together(head, answers):
        return None
    return Question(ask=ask, answers=answers)


def _ask(value: object) -> str:
    return _shown(value, keys.LONGEST_QUESTION)


def _shown(value: object, longest: int) -> str:
    line = values.text(value)
    if len(line) > longest:
        raise Unreadable("is too long.", f"Use {longest} characters at most.")
    if _BRACES.search(line):
        raise Unreadable("cannot hold braces.", "Write the words themselves: the page is the same for everybody.")
    return line


def _table(value: object) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise Unreadable("must be a table of words and tags.", f"Write it like {_WRITE}.")
    if not keys.FEWEST_ANSWERS <= len(value) <= keys.MOST_ANSWERS:
        many = "1 answer" if len(value) == 1 else f"{len(value)} answers"
        raise Unreadable(f"has {many}.", f"Give it {keys.FEWEST_ANSWERS} to {keys.MOST_ANSWERS}, like {_WRITE}.")
    return value


def _answer(head: Head, words: str, tag: object) -> Answer | None:
    try:
        shown = _shown(words, keys.LONGEST_ANSWER)
    except Unreadable as error:
        _wrong(head, words, f"an answer {error.message}", error.fix)
        return None
    try:
        return Answer(words=shown, tag=None if tag == "" else values.name(tag))
    except Unreadable as error:
        _wrong(head, words, f"the tag of '{shown}' {error.message}", f'{error.fix} "" gives no tag.')
        return None


def _fits_together(head: Head, answers: tuple[Answer, ...]) -> bool:
    seen: set[str] = set()
    for answer in answers:
        if answer.words.casefold() in seen:
            _wrong(head, answer.words, f"two answers read '{answer.words}'.", "Give each its own words.")
            return False
        seen.add(answer.words.casefold())
    if answers and not any(answer.tag for answer in answers):
        head.wrong("answers", "no answer gives a tag.", f"Name one, like {_WRITE}, or delete the question.")
        return False
    return bool(answers)


def _wrong(head: Head, words: str, message: str, fix: str) -> None:
    """Notes it where the answer stands, if it has a line of its own."""
    own = f"answers.{words}"
    head.wrong(own if head.place(own).line else "answers", message, fix)
