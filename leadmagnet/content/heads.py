"""Reads TOML heads with the line of every key, so that each mistake has a place."""

import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from leadmagnet.content.findings import Notes, Place, did_you_mean
from leadmagnet.content.source import Source
from leadmagnet.content.values import Unreadable
from leadmagnet.errors import ContentError

T = TypeVar("T")

# Anchored at line starts, so that `+++` inside a subject is safe.
_FRONT_MATTER = re.compile(r"\A\+\+\+[ \t]*\n(.*?)^\+\+\+[ \t]*(?:\n|\Z)", re.DOTALL | re.MULTILINE)
_TOML_PLACE = re.compile(r"\s*\(at (?:line (\d+), column \d+|end of document)\)$")
_TOML_TOKEN = re.compile(
    r'"""[\s\S]*?"""|\'\'\'[\s\S]*?\'\'\'|"(?:\\.|[^"\\\n])*"|\'[^\'\n]*\''  # strings
    r'|#[^\n]*|\n|[\[\]{}=]|[^\s"\'#\[\]{}=]+|[ \t]+|.'  # comments, line ends, marks, words
)
_TOML_KEY = re.compile(r'"([^"]*)"|\'([^\']*)\'|([A-Za-z0-9_-]+)')


class Head:
    """The keys of one head. Reading notes what is wrong, then goes on with the default."""

    def __init__(self, path: str, toml: str, notes: Notes, first_line: int = 1) -> None:
        """Parses `toml`, which begins in line `first_line` of `path`. Raises ContentError where it is not TOML."""
        self.path = path
        self.notes = notes
        self.values = parse_toml(path, toml, first_line)
        self._lines = {key: line + first_line - 1 for key, line in key_lines(toml).items()}
        notes.silence(path, toml, first_line)

    def __contains__(self, key: str) -> bool:
        return key in self.values

    def place(self, key: str) -> Place:
        """Where `key` (dotted for a key of a table) stands; the file as a whole when it is missing."""
        return Place(self.path, self._lines.get(key, 0))

    def wrong(self, key: str, message: str, fix: str, code: str = "E102") -> None:
        self.notes.error(self.place(key), code, message, fix)

    def closed(self, known: Iterable[str]) -> None:
        """Notes every key that is not among `known`."""
        choices = set(known)
        for key in self.values:
            if key not in choices:
                self.wrong(key, f"unknown key '{key}'.", did_you_mean(key, choices))

    def read(self, key: str, parse: Callable[[Any], T], default: T) -> T:
        """The value of `key` as `parse` reads it; `default` when it is missing or does not read."""
        if key not in self.values:
            return default
        try:
            return parse(self.values[key])
        except Unreadable as error:
            self.wrong(key, f"'{key}' {error.message}", error.fix)
            return default

    def need(self, key: str, parse: Callable[[Any], T], default: T, fix: str) -> T:
        """As `read`, and notes a missing key."""
        if key not in self.values:
            self.wrong(key, f"'{key}' is missing.", fix)
        return self.read(key, parse, default)


def front_matter(path: str, text: str, notes: Notes) -> tuple[Head, Source]:
    """The head and the body of a file that begins with a TOML head between two `+++` lines.

    Raises ContentError when there is no head, when it is never closed, or when it is not TOML.
    """
    found = _FRONT_MATTER.match(text)
    if found is None:
        if text.startswith("+++"):
            raise ContentError("E102", path, 1, "the head is never closed.", "Put a line +++ after its last key.")
        raise ContentError("E102", path, 1, "the file has no head.", "Begin it with its keys between two +++ lines.")
    body = text[found.end() :]
    return Head(path, found[1], notes, first_line=2), Source.of(path, body, first_line=found[0].count("\n") + 1)


def parse_toml(path: str, toml: str, first_line: int = 1) -> dict[str, Any]:
    """`toml` as a dict. Raises ContentError at the line that tomllib names, counted in the file."""
    try:
        return tomllib.loads(toml)
    except tomllib.TOMLDecodeError as error:
        found = _TOML_PLACE.search(str(error))
        line = int(found[1]) if found and found[1] else toml.rstrip("\n").count("\n") + 1
        reason = _TOML_PLACE.sub("", str(error))
        raise ContentError(
            "E102", path, line + first_line - 1, f"this is not TOML: {reason}.", _mend(reason)
        ) from error
    except (RecursionError, ValueError) as error:
        raise ContentError("E102", path, 0, "this TOML is beyond all measure.", "Keep it simple.") from error


def _mend(reason: str) -> str:
    if "Invalid value" in reason:
        return 'Text and times stand in quotes: subject = "Your guide", send_at = "7:30".'
    if "overwrite" in reason:
        return "A key may stand only once."
    if "escape" in reason:
        return "Double the backslash, or put the text in single quotes."
    return "Write one `key = value` per line, text in quotes."


def key_lines(toml: str) -> Mapping[str, int]:
    """The line, from 1, of every key and table header of valid `toml`, by dotted name."""
    lines: dict[str, int] = {}
    table: tuple[str, ...] = ()
    words: list[str] = []  # of the statement so far; emptied where its value begins
    line, start, depth, in_value = 1, 1, 0, False
    for word in (found[0] for found in _TOML_TOKEN.finditer(toml + "\n")):
        if word == "\n" and (not in_value or depth == 0):
            if words and words[0] == "[":
                table = _key_path(words)
                lines.setdefault(".".join(table), start)
            words, depth, in_value = [], 0, False
        elif word == "=" and not in_value:
            path = table + _key_path(words)
            for end in range(len(table) + 1, len(path) + 1):
                lines.setdefault(".".join(path[:end]), start)
            words, in_value = [], True
        elif in_value:
            depth += (word in "[{") - (word in "]}")
        elif word.strip() and not word.startswith("#"):
            start = start if words else line
            words.append(word)
        line += word.count("\n")
    return lines


def _key_path(words: list[str]) -> tuple[str, ...]:
    return tuple(a or b or c for a, b, c in _TOML_KEY.findall("".join(words)))
