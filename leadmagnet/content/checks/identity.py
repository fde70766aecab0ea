"""Judges the identity of letters: a slug belongs to one letter, for ever."""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

from leadmagnet.content.findings import Notes, Place


class Entry(NamedTuple):
    """What identity needs to know of a letter."""

    path: str
    slug: str
    was: tuple[str, ...]
    was_place: Place
    day: int
    day_place: Place


def judge(letters: Sequence[Entry], notes: Notes) -> None:
    """Notes rule E103 over the `letters` of one sequence, given in number order."""
    owners = _owners(letters, notes)
    _judge_renames(letters, owners, notes)
    for earlier, letter in pairwise(letters):
        if letter.day < earlier.day:
            message = f"'{letter.slug}' comes after '{earlier.slug}' by number, and before it by day."
            fix = "Renumber the files: the number decides who is past a letter."
            notes.warn(letter.day_place, "E103", message, fix)


def _owners(letters: Iterable[Entry], notes: Notes) -> dict[str, str]:
    """The file that owns each slug, in lower case: file systems that ignore case would merge two of them."""
    owners: dict[str, str] = {}
    for letter in letters:
        slug = letter.slug.lower()
        if slug in owners:
            message = f"two letters have the slug '{letter.slug}': this one and {owners[slug]}."
            notes.error(Place(letter.path, 0), "E103", message, "Rename one of them: the slug is its identity.")
        owners.setdefault(slug, letter.path.rpartition("/")[2])
    return owners


def _judge_renames(letters: Iterable[Entry], owners: dict[str, str], notes: Notes) -> None:
    claims: dict[str, str] = {}
    for letter in letters:
        for old in letter.was:
            if old.lower() in owners:
                message = f"'was' names '{old}', which is a letter still ({owners[old.lower()]})."
                notes.error(letter.was_place, "E103", message, f"Delete that letter, or take '{old}' out of 'was'.")
            elif claims.setdefault(old.lower(), letter.path) != letter.path:
                message = f"'was' names '{old}', which {claims[old.lower()].rpartition('/')[2]} claims already."
                notes.error(letter.was_place, "E103", message, "Only one letter can be the heir.")
