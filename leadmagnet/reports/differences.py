"""What differs between two states of the operator's files, line by line; of letters, word by word."""

import difflib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from leadmagnet.content.files import SETTINGS_FILE, TEXTS
from leadmagnet.content.site import SiteSettings

_CONTEXT = 3
_WORD = re.compile(r"\S+")


@dataclass(frozen=True, slots=True)
class State:
    """The operator's files at one moment; `settings` is None where leadmagnet.toml did not read."""

    name: str  # "version 3", "your folder"
    files: Mapping[str, bytes]
    settings: SiteSettings | None


@dataclass(frozen=True, slots=True)
class Words:
    """Words of a letter that gave way to others; one of the two may be empty."""

    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Change:
    """One file that differs. `lines` are those of a unified diff without its head; none of a file that is no text."""

    path: str
    what: str  # added, removed, changed
    lines: tuple[str, ...] = ()
    words: tuple[Words, ...] = field(default=())

    def to_json(self) -> dict[str, object]:
        """The documented form of a change."""
        words = [[one.before, one.after] for one in self.words]
        return {"path": self.path, "change": self.what, "lines": list(self.lines), "words": words}


def between(old: State, new: State) -> list[Change]:
    """The files that differ, by path; the settings that belong to a version stand for leadmagnet.toml."""
    before, after = _with_settings(old), _with_settings(new)
    if old.settings is None or new.settings is None:  # then nothing can be said of them
        before.pop(SETTINGS_FILE, None)
        after.pop(SETTINGS_FILE, None)
    paths = sorted(path for path in before.keys() | after.keys() if before.get(path) != after.get(path))
    return [_change(path, before.get(path), after.get(path)) for path in paths]


def unified(before: str, after: str) -> tuple[str, ...]:
    """The lines of a unified diff, without its head."""
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=_CONTEXT)
    return tuple(lines)[2:]


def _change(path: str, before: bytes | None, after: bytes | None) -> Change:
    what = "added" if before is None else "removed" if after is None else "changed"
    if not path.endswith(tuple(TEXTS)):
        return Change(path, what)
    old, new = _text(before), _text(after)
    is_letter = path.startswith("email_templates/") and path.endswith(".md") and what == "changed"
    return Change(path, what, unified(old, new), tuple(_words(old, new)) if is_letter else ())


def _text(content: bytes | None) -> str:
    return (content or b"").decode(errors="replace").removeprefix("\ufeff").replace("\r\n", "\n")


def _words(before: str, after: str) -> Iterator[Words]:
    old, new = _WORD.findall(before), _WORD.findall(after)
    for kind, i, j, k, m in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if kind != "equal":
            yield Words(" ".join(old[i:j]), " ".join(new[k:m]))


def _with_settings(state: State) -> dict[str, bytes]:
    if state.settings is None:
        return dict(state.files)
    return {**state.files, SETTINGS_FILE: _spelled(state.settings).encode()}


def _spelled(settings: SiteSettings) -> str:
    """The settings as TOML, always in one order: a version keeps what leadmagnet.toml said, not how."""
    lines: list[str] = []
    for table, entries in settings.model_dump(mode="json", by_alias=True, exclude_none=True).items():
        lines += [f"[{table}]", *(f"{name} = {_value(value)}" for name, value in entries.items()), ""]
    return "\n".join(lines)


def _value(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
