"""Begins what is new: the number, the day and the first words of a letter or a guide."""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files as resources
from pathlib import PurePosixPath
from string import Template

from leadmagnet.content.files import Folder
from leadmagnet.content.findings import Notes, did_you_mean
from leadmagnet.content.sequences import SEQUENCE_FILE, Reading, read_sequence
from leadmagnet.errors import LeadmagnetError

_ROOT = "email_templates"
_SLUG = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_LONGEST = 64  # as `values.name`
_SIGN_OFF = "sign-off.md"
_DAYS_BEHIND = 4  # a letter at the end: about two a week
_TOO_CLOSE = 2  # days; nearer than that `check` warns (W213)
_SECOND_LETTER = "20-how-is-it-going.md"


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A letter that is there: its file without `.md`, its number, slug and day."""

    file: str
    number: int
    slug: str
    day: int


@dataclass(frozen=True, slots=True)
class NewLetter:
    """A letter to be written to `path`, which is relative to the site."""

    path: str
    text: str
    day: int
    before: Neighbour
    behind: Neighbour | None  # None: it is the last one

    @property
    def is_close(self) -> bool:
        """Whether it comes so near to a neighbour that `check` will warn once it is no draft."""
        near = [self.day - self.before.day, *([self.behind.day - self.day] if self.behind else [])]
        return min(near) < _TOO_CLOSE


def letter(folder: Folder, slug: str, *, after: str | None, sequence: str | None) -> NewLetter:
    """A draft between `after` (a file name or a slug; None: the last letter) and the letter behind it.

    `sequence` may be left out where there is only one that has such a letter. Raises LeadmagnetError for a slug
    that cannot be or is taken, for names that are not there, and where no number is free.
    """
    require_slug(slug, "letter")
    reading, place = _place(_chosen(folder, sequence), after)
    _refuse_taken(reading, slug)
    letters, there = _neighbours(reading), f"{_ROOT}/{reading.sequence.slug}"
    before, behind = letters[place], letters[place + 1] if place + 1 < len(letters) else None
    number = _number(there, letters, place)
    day = _day(before, behind)
    text = _filled("letter.md", folder, day=str(day))
    return NewLetter(f"{there}/{number}-{slug}.md", text, day, before, behind)


def guide(folder: Folder, slug: str) -> dict[str, str]:
    """The files of a new guide by their path relative to the site: page, form, sequence, guide mail, a letter.

    Raises LeadmagnetError for a slug that cannot be or is taken.
    """
    require_slug(slug, "guide")
    for taken in (f"guides/{slug}", f"{_ROOT}/{slug}"):
        if any(path.lower().startswith(f"{taken}/") for path in folder.files):
            raise LeadmagnetError(f"{taken}/ is there already. Nothing was changed: choose another name.")
    title = slug.replace("-", " ").capitalize()
    blanks = {
        f"guides/{slug}/guide.md": "guide.md",
        f"{_ROOT}/{slug}/{SEQUENCE_FILE}": "sequence.toml",
        f"{_ROOT}/{slug}/10-guide.md": "guide-mail.md",
        f"{_ROOT}/{slug}/{_SECOND_LETTER}": "second-letter.md",
    }
    return {path: _filled(blank, folder, slug=slug, title=title) for path, blank in blanks.items()}


def require_slug(slug: str, what: str) -> None:
    """Raises LeadmagnetError, with a name that would do, unless `slug` is one."""
    if _SLUG.fullmatch(slug) and len(slug) <= _LONGEST and slug != "system":
        return
    plain = unicodedata.normalize("NFKD", slug.removesuffix(".md")).encode("ascii", "ignore").decode().lower()
    likely = re.sub(r"[^a-z0-9]+", "-", plain.replace("'", ""))[:_LONGEST].strip("-")
    hint = f" Did you mean {likely}?" if likely and likely not in (slug, "system") else ""
    raise LeadmagnetError(
        f"{slug!r} cannot be the name of a {what}: small letters, digits and hyphens make one, like strong-feet.{hint}"
    )


def _chosen(folder: Folder, sequence: str | None) -> dict[str, Reading]:
    """The sequences in which the new letter may belong."""
    texts: dict[str, dict[str, str]] = {}
    for path, text in folder.under(_ROOT).items():
        name, slash, rest = path.partition("/")
        if slash and not name.startswith("_") and name != "system":
            texts.setdefault(name, {})[rest] = text
    if sequence is not None and sequence not in texts:
        raise LeadmagnetError(f"there is no sequence '{sequence}'. {did_you_mean(sequence, texts)}")
    names = sorted(texts) if sequence is None else [sequence]
    read = {name: read_sequence(name, texts[name], clicks=True, notes=Notes()) for name in names}
    return {name: reading for name, reading in read.items() if reading is not None and reading.manuscripts}


def _place(readings: Mapping[str, Reading], after: str | None) -> tuple[Reading, int]:
    """The sequence, and the index of the letter in it that the new one follows."""
    if not readings:
        raise LeadmagnetError("there is no letter to follow that reads: `leadmagnet check` says what is wrong.")
    if after is None:
        found = [(reading, len(reading.manuscripts) - 1) for reading in readings.values()]
    else:
        found = [
            (reading, place)
            for reading in readings.values()
            for place, one in enumerate(_neighbours(reading))
            if after.removesuffix(".md") in _names(reading, one)
        ]
    if not found:
        known = {name for reading in readings.values() for one in _neighbours(reading) for name in (one.slug, one.file)}
        raise LeadmagnetError(f"there is no letter '{after}'. {did_you_mean(str(after), known)}")
    if len(found) > 1:
        names = " or ".join(f"--sequence {reading.sequence.slug}" for reading, _ in found)
        raise LeadmagnetError(f"there is more than one place for it: add {names}.")
    return found[0]


def _neighbours(reading: Reading) -> list[Neighbour]:
    """The letters of a sequence in number order, as far as they read."""
    return [
        Neighbour(PurePosixPath(manuscript.path).stem, step.number, step.slug, step.day)
        for step, manuscript in zip(reading.sequence.steps, reading.manuscripts, strict=True)
    ]


def _names(reading: Reading, one: Neighbour) -> tuple[str, ...]:
    return (one.slug, one.file, f"{reading.sequence.slug}/{one.slug}", f"{reading.sequence.slug}/{one.file}")


def _refuse_taken(reading: Reading, slug: str) -> None:
    """A slug is one letter's for ever, also once it has been renamed."""
    if slug in {one.lower() for one in reading.slugs}:
        raise LeadmagnetError(
            f"'{reading.sequence.slug}' has a letter '{slug}' already. Nothing was changed: choose another name."
        )
    heir = next((step for step in reading.sequence.steps if slug in step.was), None)
    if heir is not None:
        raise LeadmagnetError(
            f"'{slug}' is what {heir.number}-{heir.slug} was called once, and readers may have had it by that name. "
            "Nothing was changed: choose another name."
        )


def _number(there: str, letters: list[Neighbour], place: int) -> int:
    """A free number behind the letter at `place`, the rounder the better. Raises LeadmagnetError if there is none."""
    low = letters[place].number
    if place + 1 == len(letters):
        return (low // 10 + 1) * 10
    high = letters[place + 1].number
    middle = (low + high) / 2
    for step in (10, 5, 1):
        free = [number for number in range(low + 1, high) if number % step == 0]
        if free:
            return min(free, key=lambda number: abs(number - middle))
    raise LeadmagnetError(
        f"there is no number free between {letters[place].file} and {letters[place + 1].file}. "
        "Give way with these, and try again:\n\n"
        + "\n".join(f"  mv {there}/{old}.md {there}/{new}.md" for old, new in _moves(letters[place + 1 :], low))
        + "\n\nA number only orders a letter. The words behind it are its name: while they stay, nobody gets it twice."
    )


def _moves(behind: list[Neighbour], low: int) -> list[tuple[str, str]]:
    """The fewest renames, old and new, after which a number is free right behind `low`."""
    for many, one in enumerate(behind[1:], start=1):
        room = one.number - low
        if room > many + 1:
            numbers = [low + room * place // (many + 2) for place in range(2, many + 2)]
            return [(old.file, f"{number}-{old.slug}") for old, number in zip(behind, numbers, strict=False)]
    return [(old.file, f"{low + 10 * place}-{old.slug}") for place, old in enumerate(behind, start=2)]


def _day(before: Neighbour, behind: Neighbour | None) -> int:
    """Halfway between the neighbours; day 0 is the guide's."""
    if behind is None:
        return before.day + _DAYS_BEHIND
    return max(before.day + (behind.day - before.day) // 2, before.day, 1)


def _filled(blank: str, folder: Folder, **words: str) -> str:
    text = (resources("leadmagnet.content") / "blanks" / blank).read_text(encoding="utf-8")
    signs = f"{_ROOT}/_snippets/{_SIGN_OFF}" in folder.files
    sign_off = f'\n{{% include "{_SIGN_OFF}" %}}\n' if signs else ""
    return Template(text).substitute(words, sign_off=sign_off).rstrip("\n") + "\n"
