"""Every key that a head may hold, with the shape of its value as JSON Schema says it.

The readers of heads take their closed lists from here, so that a key which they know is one that editors know.
Where a parser forgives (a capital in "20 Hours"), the shape asks for the plain spelling.
"""

from collections.abc import Mapping
from typing import Any

from leadmagnet.content import values

Shape = Mapping[str, Any]

ENDINGS = ("unsubscribed", "bounced", "complained")
#: What fits above buttons, and on one: as many of them as nobody has to scroll for.
LONGEST_QUESTION, LONGEST_ANSWER = 120, 40
FEWEST_ANSWERS, MOST_ANSWERS = 2, 5

_NAME = values.NAME.pattern
_COUNT = r"(?:[1-9]\d{0,3}|0[1-9]\d{0,2}|00[1-9]\d?|000[1-9])"
_UNIT = "|".join(sorted(values.UNITS, key=len, reverse=True))
_DATE = r"\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])"


def _text(pattern: str, *, longest: int | None = None) -> Shape:
    shape: dict[str, Any] = {"type": "string", "pattern": f"^(?:{pattern})$"}
    return shape if longest is None else {**shape, "maxLength": longest}


_LINE = r"[^\n]*\S[^\n]*"
LINE = _text(_LINE)
FLAG: Shape = {"type": "boolean"}
DAYS: Shape = {"type": "integer", "minimum": 0, "maximum": 3650}
NAME = _text(_NAME, longest=64)
NAMES: Shape = {"anyOf": [NAME, {"type": "array", "items": NAME}]}
TAG = _text(f"tag:(?:{_NAME})")
MAILBOX = _text(values.MAILBOX.pattern)
WEB_ADDRESS = _text(r"https?://[^\s<>\"{}|\\^`]+")
ORIGIN = _text(r"https?://[^\s<>\"{}|\\^`/]+")
#: What every link begins with: a host of its own, without a path.
BASE_URL = _text(r"https?://[^/\s?#@]+/?")
LINK_NAME = _text(r"[a-z_][a-z0-9_]*")
#: A section of the guide, or a full address that is safe on its way: to this machine http is no risk.
LINK = _text(
    r"#[A-Za-z][A-Za-z0-9_-]*|https://[^\s<>\"{}|\\^`]+|http://(?:localhost|127\.0\.0\.1|\[::1\])(?:[:/?#][^\s<>\"{}|\\^`]*)?"
)
DURATION = _text(rf"\s*(?:{_COUNT}\s*(?:{_UNIT})[\s,]*)+")
#: With seconds it is a time of TOML's own, without quotes, which editors hand over as text.
WALL_TIME = _text(rf"\s*(?:{values.CLOCK.pattern})(?::[0-5]\d)?\s*")
EXPIRY: Shape = {"anyOf": [DURATION, _text(_DATE)]}
WEEKDAYS: Shape = {
    "type": "array",
    "minItems": 1,
    "items": {"enum": [*values.WEEKDAYS, *values.FULL_WEEKDAYS]},
}
CONDITIONS: Shape = {"type": "array", "items": _text(rf"\s*(?:not\s+)?(?:tag|clicked):(?:{_NAME})\s*")}
STARTS: Shape = {"anyOf": [{"enum": ["confirmed", "manual"]}, TAG]}
STOP_WHEN: Shape = {"type": "array", "items": {"anyOf": [{"enum": [*ENDINGS]}, TAG]}}

#: The words of each button, and the tag that it gives; an empty one gives none, which cannot be said of all.
ANSWERS: Shape = {
    "type": "object",
    "minProperties": FEWEST_ANSWERS,
    "maxProperties": MOST_ANSWERS,
    "propertyNames": _text(_LINE, longest=LONGEST_ANSWER),
    "additionalProperties": {"anyOf": [{"const": ""}, NAME]},
    "not": {"additionalProperties": {"const": ""}},
}

PERSON: Mapping[str, Shape] = {"first_name": {"type": "string"}}
PEOPLE: Shape = {
    "type": "array",
    "items": {"type": "object", "properties": dict(PERSON), "additionalProperties": False},
}

SYSTEM: Mapping[str, Shape] = {
    "subject": LINE,
    "preheader": LINE,
    "from": MAILBOX,
    "layout": NAME,
    "preview": PEOPLE,
}
LETTER: Mapping[str, Shape] = {
    "subject": LINE,
    "preheader": LINE,
    "day": DAYS,
    "only_if": CONDITIONS,
    "skip_if": CONDITIONS,
    "tag": NAME,
    "draft": FLAG,
    "send_on": WEEKDAYS,
    "send_at": WALL_TIME,
    "from": MAILBOX,
    "layout": NAME,
    "preview": PEOPLE,
    "was": NAMES,
    "catch_up": FLAG,
    "watch": FLAG,
    "not_after": EXPIRY,
}
SEQUENCE: Mapping[str, Shape] = {
    "title": LINE,
    "starts": STARTS,
    "guide": NAME,
    "send_at": WALL_TIME,
    "send_on": WEEKDAYS,
    "min_gap": DURATION,
    "stop_when": STOP_WHEN,
    "then": TAG,
    "from": MAILBOX,
    "layout": NAME,
}
GUIDE: Mapping[str, Shape] = {
    "title": LINE,
    "headline": LINE,
    "line": LINE,
    "button": LINE,
    "consent": LINE,
    "question": _text(_LINE, longest=LONGEST_QUESTION),
    "answers": ANSWERS,
}
#: What may not be left out.
REQUIRED: Mapping[str, tuple[str, ...]] = {
    "system": ("subject", "preheader"),
    "letter": ("subject", "preheader", "day"),
    "sequence": ("title", "starts"),
    "guide": ("title", "headline", "line", "button", "consent"),
}
