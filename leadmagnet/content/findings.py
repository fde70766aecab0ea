"""What a check found: the one currency in which content is judged."""

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

from leadmagnet.errors import ContentError

Level = Literal["error", "warning", "info"]


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One finding: where (`path` relative to the site, `line` from 1, 0 for the whole file), what, and the mend."""

    path: str
    line: int
    code: str
    level: Level
    message: str
    fix: str

    @classmethod
    def of(cls, error: ContentError) -> "Finding":
        return cls(error.path, error.line, error.code, "error", error.message, error.fix)

    def __str__(self) -> str:
        place = f"{self.path}:{self.line}" if self.line else self.path
        return f"{place} {self.code} {self.message} {self.fix}"


class Place(NamedTuple):
    """A spot in an operator's file: `path` relative to the site, `line` from 1, 0 for the whole file."""

    path: str
    line: int


#: `# check: off W206, W213 – two offers by design`; in a layout or a snippet `{# check: off … #}`.
_SILENCE = re.compile(r"^[ \t]*(?:#|\{#)[ \t]*check:[ \t]*off\b[ \t:]*(.*)$", re.MULTILINE | re.IGNORECASE)
_CODE = re.compile(r"[\s,]*([A-Za-z]+\d+)(?=$|[\s,:;.#)])")


class Notes:
    """Collects findings while reading goes on, so that one mistake never hides another."""

    def __init__(self) -> None:
        self._found: set[Finding] = set()
        self._silenced: dict[tuple[str, str], Place] = {}

    def error(self, place: Place, code: str, message: str, fix: str) -> None:
        self._found.add(Finding(place.path, place.line, code, "error", _shown(message), _shown(fix)))

    def warn(self, place: Place, code: str, message: str, fix: str) -> None:
        self._found.add(Finding(place.path, place.line, code, "warning", _shown(message), _shown(fix)))

    def inform(self, place: Place, code: str, message: str, fix: str) -> None:
        self._found.add(Finding(place.path, place.line, code, "info", _shown(message), _shown(fix)))

    def take(self, error: ContentError) -> None:
        self._found.add(Finding.of(error))

    def add(self, other: "Notes") -> None:
        """Takes over what `other` collected."""
        self._found |= other._found
        for silenced, place in other._silenced.items():
            self._silenced.setdefault(silenced, place)

    def blames(self, place: Place) -> bool:
        """Whether an error is noted at `place` already."""
        return any(f.level == "error" and (f.path, f.line) == place for f in self._found)

    def silence(self, path: str, text: str, first_line: int = 1) -> None:
        """Reads the comments of `text` that switch rules off in `path`; errors cannot be switched off."""
        for found in _SILENCE.finditer(text):
            place = Place(path, first_line + text.count("\n", 0, found.start()))
            codes, end = [], 0
            while word := _CODE.match(found[1], end):
                codes.append(word[1].upper())
                end = word.end()
            for code in codes or [""]:
                self._silenced.setdefault((path, code), place)

    @property
    def silenced(self) -> Mapping[tuple[str, str], Place]:
        """Where a comment switches a rule off, by path and code; the code is empty where the comment names none."""
        return self._silenced

    def met(self, path: str, code: str) -> set[Level]:
        """The levels of what rule `code` found in `path`, silenced or not."""
        return {found.level for found in self._found if (found.path, found.code) == (path, code)}

    def findings(self) -> tuple[Finding, ...]:
        """All findings, sorted by file and line, without the silenced ones."""
        return tuple(sorted(f for f in self._found if f.level == "error" or (f.path, f.code) not in self._silenced))


def _shown(words: str) -> str:
    """`words` as they can be written anywhere: they may quote half a character."""
    return words.encode(errors="backslashreplace").decode()


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The sentence that points from a misspelt `word` to the nearest known one, or lists what there is."""
    choices = sorted(known)
    lowered = {choice.lower(): choice for choice in choices}
    near = difflib.get_close_matches(word.lower(), lowered, n=1)
    if near:
        return f"Did you mean '{lowered[near[0]]}'?"
    return f"Known are: {', '.join(choices)}." if choices else "There is none to choose from."
