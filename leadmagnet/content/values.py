"""Parses the values that heads hold: durations, times, weekdays, mailboxes, addresses on the web."""

import re
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from urllib.parse import SplitResult, urlsplit

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
FULL_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")

UNITS = {"m": "minutes", "min": "minutes", "h": "hours", "d": "days", "w": "weeks"}
UNITS |= {word + s: word + "s" for word in ("minute", "hour", "day", "week") for s in ("", "s")}
_SECONDS = dict.fromkeys(("s", "sec", "second", "seconds"), "seconds")
_PART = re.compile(r"(\d{1,4})\s*([a-z]+)")
CLOCK = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")
NAME = re.compile(r"[A-Za-z0-9]+(?:[-_][A-Za-z0-9]+)*")
_ADDRESS = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*"
MAILBOX = re.compile(rf"(?:{_ADDRESS}|(?:\"[^\"\\]+\"|[^<>\"\\,;:@()\[\]]+?)\s*<{_ADDRESS}>)")
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
#: What is no text: control characters, halves of characters, and what Unicode keeps for itself.
NO_TEXT = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
# What no URL holds, and what would open an expression in a template.
_UNSAFE_IN_URL = re.compile(r"[\s<>\"{}|\\^`\x00-\x1f\x7f]")


class Unreadable(ValueError):
    """A value that does not read: `message` goes after the key's name, `fix` says what to write."""

    def __init__(self, message: str, fix: str) -> None:
        self.message = message
        self.fix = fix
        super().__init__(f"{message} {fix}")


def text(value: object) -> str:
    """One line of text that is not empty."""
    if not isinstance(value, str):
        raise Unreadable("must be text.", "Put it in quotes.")
    if not value.strip():
        raise Unreadable("is empty.", "Write something, or delete the line.")
    if "\n" in value:
        raise Unreadable("has more than one line.", "Keep it on one line.")
    if NO_TEXT.search(value):
        raise Unreadable("holds a character that is no text.", "Delete it, and type the word anew.")
    return value.strip()


def flag(value: object) -> bool:
    """`true` or `false`, nothing that merely looks like it."""
    if not isinstance(value, bool):
        raise Unreadable("must be true or false.", "Write true or false, without quotes.")
    return value


def days(value: object) -> int:
    """Whole days, 0 to 3650."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 3650:
        raise Unreadable("must be a whole number of days from 0.", "Write day = 2, without quotes.")
    return value


def duration(value: object) -> timedelta:
    """A length of time in words, longer than nothing: "3 days", "20 hours", "1d 6h"."""
    return _length(value, UNITS, 'Write it like "3 days", "20 hours" or "1d 6h".')


def short_duration(value: object) -> timedelta:
    """The same, for what may last seconds: "10 seconds", "1m 30s"."""
    return _length(value, UNITS | _SECONDS, 'Write it like "10 seconds", "5 minutes" or "1d 6h".')


def _length(value: object, units: Mapping[str, str], fix: str) -> timedelta:
    words = value.strip().lower() if isinstance(value, str) else ""
    if not re.fullmatch(rf"(?:{_PART.pattern}[\s,]*)+", words):
        raise Unreadable(f"is not a length of time: {value!r}.", fix)
    total = timedelta()
    for count, unit in _PART.findall(words):
        if unit not in units or int(count) == 0:
            raise Unreadable(f"is not a length of time: {count} {unit}.", fix)
        total += timedelta(**{units[unit]: int(count)})
    return total


def wall_time(value: object) -> time:
    """A time of day: "7:30", or a TOML time such as 07:30:00."""
    if isinstance(value, time):
        return value.replace(microsecond=0)
    found = CLOCK.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is None:
        raise Unreadable(f"is not a time of day: {value!r}.", 'Write it like "7:30" or "19:05".')
    return time(int(found[1]), int(found[2]))


def weekdays(value: object) -> frozenset[int]:
    """A list of weekdays, Monday is 0; never empty."""
    if not isinstance(value, list) or not value:
        raise Unreadable("must be a list of weekdays.", 'Write ["mon", "wed", "sat"], or leave it out for every day.')
    return frozenset(_weekday(name) for name in value)


def _weekday(name: object) -> int:
    word = name.strip().lower() if isinstance(name, str) else ""
    for names in (WEEKDAYS, FULL_WEEKDAYS):
        if word in names:
            return names.index(word)
    raise Unreadable(f"has an unknown weekday: {name!r}.", f"Weekdays are {', '.join(WEEKDAYS)}.")


def expiry(value: object) -> timedelta | date:
    """An age in words, or a date (a TOML date, or "2026-04-01")."""
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    if isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\d", value.strip()):
        try:
            return date.fromisoformat(value.strip())
        except ValueError:
            raise Unreadable(f"is no day of the calendar: {value!r}.", "Write it like 2026-04-01.") from None
    return duration(value)


def name(value: object) -> str:
    """A slug or tag: letters, digits, single hyphens."""
    if not isinstance(value, str) or len(value) > 64 or not NAME.fullmatch(value):
        raise Unreadable(f"is not a name: {value!r}.", "Use letters, digits and hyphens only, 64 at most.")
    return value


def names(value: object) -> tuple[str, ...]:
    """One name or a list of names."""
    return tuple(name(one) for one in (value if isinstance(value, list) else [value]))


def tag_rule(value: object) -> str:
    """The NAME of "tag:NAME"."""
    if not isinstance(value, str) or not value.startswith("tag:"):
        raise Unreadable(f"must be a tag: {value!r}.", 'Write it like "tag:student".')
    return name(value.removeprefix("tag:"))


def mailbox(value: object) -> str:
    """Exactly one mailbox with an ASCII address: "Maya <maya@mail.example.com>"."""
    line = text(value)
    if not MAILBOX.fullmatch(line):
        raise Unreadable("is not one mail address.", 'Write it like "Maya <maya@mail.example.com>".')
    return line


def web_address(value: object) -> str:
    """An absolute http or https URL."""
    line = text(value)
    try:
        parts = urlsplit(line)
        fine = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        fine = False
    if not fine or _UNSAFE_IN_URL.search(line):
        raise Unreadable("is not a web address.", "Write it in full: https://example.com/page.")
    return line


def address_parts(address: str) -> SplitResult:
    """The parts of an address, absolute or not; one that does not read, like http://[x, has none."""
    try:
        return urlsplit(address)
    except ValueError:
        return urlsplit("")


def origin(value: object) -> str:
    """Scheme, host and port of a site, without a path."""
    line = web_address(value)
    parts = urlsplit(line)
    if line != f"{parts.scheme}://{parts.netloc}":
        raise Unreadable("is not the origin of a site.", "Write scheme and host only: https://example.com.")
    return line


def is_loopback(url: str) -> bool:
    """Whether `url` stays on this computer, where http is no risk."""
    try:
        return urlsplit(url).hostname in _LOOPBACK
    except ValueError:
        return False
