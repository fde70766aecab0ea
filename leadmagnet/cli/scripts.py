"""Reads what the operator writes behind `--script`: what happens to a made-up person on the way."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import timedelta

from leadmagnet.content import values
from leadmagnet.content.findings import did_you_mean
from leadmagnet.content.sequences import Sequence
from leadmagnet.errors import LeadmagnetError
from leadmagnet.rehearsal.script import Mark, Script

#: A server that is tried every quarter of an hour for longer takes a rehearsal minutes, and shows nothing new.
LONGEST_OUTAGE = timedelta(days=14)

#: What there is, for the help.
EXPLAINED = (
    ("leave-after:N", "she leaves an hour after her N-th letter"),
    ("bounce-at:N", "the server refuses her N-th letter: 550, no such mailbox"),
    ("outage:6h", "the server is away so long, from her second letter on"),
    ("click:SLUG", "she follows the first link of that letter"),
    ("confirm-after:2d", "she confirms only then"),
    ("never-confirms", "she never does"),
)


def script(texts: Iterable[str], sequence: Sequence) -> Script:
    """The script that `texts` spell, each of which may hold several actions with commas. Raises LeadmagnetError."""
    found = Script()
    for text in texts:
        for action in filter(None, map(str.strip, text.split(","))):
            found = _with(found, action, sequence)
    return found


def _with(script: Script, action: str, sequence: Sequence) -> Script:
    name, colon, value = (part.strip() for part in action.partition(":"))
    read = _ACTIONS.get(name)
    if read is None:
        raise LeadmagnetError(f"--script does not know {name!r}. {did_you_mean(name, _ACTIONS)}")
    if bool(colon) != (name != "never-confirms"):
        spelled = next(spelled for spelled, _words in EXPLAINED if spelled.startswith(name))
        raise LeadmagnetError(f"--script {action!r} does not read. Write it like {spelled}.")
    return read(script, value, sequence)


def _leave_after(script: Script, value: str, sequence: Sequence) -> Script:
    return replace(script, leave_after=_mark(value, sequence, "leave-after"))


def _bounce_at(script: Script, value: str, sequence: Sequence) -> Script:
    if value in ("0", "confirm"):
        return replace(script, bounce_at="confirm")
    return replace(script, bounce_at=_mark(value, sequence, "bounce-at"))


def _outage(script: Script, value: str, _sequence: Sequence) -> Script:
    length = _length(value, "outage")
    if length > LONGEST_OUTAGE:
        raise LeadmagnetError(f"--script outage:{value} is too long: two weeks show all there is to see.")
    return replace(script, outage=length)


def _click(script: Script, value: str, sequence: Sequence) -> Script:
    return replace(script, clicks=script.clicks | {_slug(value, sequence, "click")})


def _confirm_after(script: Script, value: str, _sequence: Sequence) -> Script:
    return replace(script, confirm_after=_length(value, "confirm-after"))


def _never_confirms(script: Script, _value: str, _sequence: Sequence) -> Script:
    return replace(script, never_confirms=True)


_ACTIONS: dict[str, Callable[[Script, str, Sequence], Script]] = {
    "leave-after": _leave_after,
    "bounce-at": _bounce_at,
    "outage": _outage,
    "click": _click,
    "confirm-after": _confirm_after,
    "never-confirms": _never_confirms,
}


def _mark(value: str, sequence: Sequence, action: str) -> Mark:
    if not (value.isascii() and value.isdigit()):
        return _slug(value, sequence, action)
    if not 1 <= int(value) <= len(sequence.steps):
        raise LeadmagnetError(
            f"--script {action}:{value}: the letters of {sequence.slug} are 1 to {len(sequence.steps)}."
        )
    return int(value)


def _slug(value: str, sequence: Sequence, action: str) -> str:
    step = sequence.step(value) or next((one for one in sequence.steps if f"{one.number}-{one.slug}" == value), None)
    if step is None:
        hint = did_you_mean(value, (one.slug for one in sequence.steps))
        raise LeadmagnetError(f"--script {action}: there is no letter {value!r}. {hint}")
    return step.slug


def _length(value: str, action: str) -> timedelta:
    try:
        return values.duration(value)
    except values.Unreadable as error:
        raise LeadmagnetError(f"--script {action} {error}") from None
