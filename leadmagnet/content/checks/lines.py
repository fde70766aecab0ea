"""Judges the two lines of a letter that an inbox shows: subject and preheader."""

import re

from jinja2 import StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

from leadmagnet.content import language
from leadmagnet.content.findings import Notes, Place
from leadmagnet.content.manuscripts import Manuscript
from leadmagnet.content.scopes import Scope
from leadmagnet.content.source import Source
from leadmagnet.errors import ContentError

MAX_SUBJECT = 200  # characters; far beyond what any inbox shows
_LONG_SUBJECT = 50
_PREHEADER = range(30, 111)
_LETTER = re.compile(r"[^\W\d_]")
_SHORTEST_SHOUT = 4  # letters: PDF and FAQ are words
_FAKE_ANSWER = re.compile(r"\s*(?:re|fw|fwd|aw|wg)\s*:", re.IGNORECASE)

# The same environment that sends, so that what is judged is what arrives.
_PLAIN = ImmutableSandboxedEnvironment(undefined=StrictUndefined, autoescape=False)


def judge(manuscript: Manuscript, scope: Scope, notes: Notes) -> None:
    """Notes rules W201 and W202 on `manuscript`, as somebody without a name would read its lines."""
    subject = _sample(manuscript.subject, scope, notes)
    preheader = _sample(manuscript.preheader, scope, notes)
    if subject is not None:
        _judge_subject(manuscript, subject.strip(), notes)
    if subject is not None and preheader is not None and manuscript.preheader.text:
        _judge_preheader(manuscript, preheader.strip(), subject.strip(), notes)


def _sample(source: Source, scope: Scope, notes: Notes) -> str | None:
    """The line for a person who gave no name; None when it cannot be rendered, which is noted."""
    try:
        tree = language.parse(source)
    except ContentError as error:
        notes.take(error)
        return None
    if not language.check(tree, source, scope, notes):
        return None
    site = {name.removeprefix("site."): "Site" for name in scope.names if name.startswith("site.")}
    return _PLAIN.from_string(source.text).render(
        site=site, guide={"title": "Guide"}, first_name="", guide_opened=False, clicked=_never, tagged=_never
    )


def _never(_: str) -> bool:
    return False


def _judge_subject(manuscript: Manuscript, subject: str, notes: Notes) -> None:
    place = manuscript.at("subject")
    if not subject:
        if manuscript.subject.text:
            notes.error(place, "E102", "the subject is empty for somebody without a name.", "Write a word around it.")
    elif _FAKE_ANSWER.match(subject):
        notes.error(place, "W202", "the subject pretends to be an answer.", "Leave out Re: and Fwd:.")
    elif len(subject) > MAX_SUBJECT:
        notes.error(place, "E102", f"the subject has {len(subject)} characters.", f"Write {_LONG_SUBJECT} at most.")
    else:
        _judge_tone(place, subject, notes)


def _judge_tone(place: Place, subject: str, notes: Notes) -> None:
    if len(subject) > _LONG_SUBJECT:
        fix = f"Write {_LONG_SUBJECT} at most: phones cut after 35 to 41."
        notes.warn(place, "W202", f"the subject has {len(subject)} characters.", fix)
    if subject.isupper() and len(_LETTER.findall(subject)) > _SHORTEST_SHOUT:
        notes.warn(place, "W202", "the subject is all capitals.", "Write it as you would say it.")
    if subject.count("!") > 1:
        notes.warn(place, "W202", "the subject has more than one exclamation mark.", "Keep one at most.")


def _judge_preheader(manuscript: Manuscript, preheader: str, subject: str, notes: Notes) -> None:
    place = manuscript.at("preheader")
    if preheader.casefold() == subject.casefold():
        notes.warn(place, "W201", "the preheader repeats the subject.", "Say what the subject does not.")
    elif len(preheader) not in _PREHEADER:
        fix = "Between 40 and 90 show best."
        notes.warn(place, "W201", f"the preheader has {len(preheader)} characters.", fix)
