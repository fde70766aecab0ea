"""Judges how dense and how long a series is."""

from collections.abc import Sequence, Set
from itertools import pairwise
from typing import NamedTuple

from leadmagnet.content.findings import Notes, Place

_APART = 2  # days
_LONGEST = 45  # days
_MOST = 10  # letters


class Turn(NamedTuple):
    """What the pace needs to know of a letter that is sent."""

    slug: str
    day: int
    day_place: Place
    only_if: Set[tuple[str, bool]] = frozenset()  # "tag:runner", and whether it is negated

    def excludes(self, other: "Turn") -> bool:
        """Whether nobody can get both."""
        return any((name, not negated) in other.only_if for name, negated in self.only_if)


def judge(turns: Sequence[Turn], notes: Notes) -> None:
    """Notes rule W213 over the letters of one sequence in number order, without drafts."""
    for earlier, letter in pairwise(turns):
        if 0 <= letter.day - earlier.day < _APART and not letter.excludes(earlier):
            message = f"'{letter.slug}' comes {_distance(letter.day - earlier.day)} '{earlier.slug}'."
            notes.warn(letter.day_place, "W213", message, "Leave two days between letters: one may be read late.")
    if len(turns) > _MOST:
        message = f"this is letter {_MOST + 1} of {len(turns)}."
        notes.warn(turns[_MOST].day_place, "W213", message, "Ten are plenty: most who will act have done so by then.")
    late = next((turn for turn in turns if turn.day > _LONGEST), None)
    if late is not None:
        message = f"'{late.slug}' comes on day {late.day}, when few remember what they asked for."
        notes.warn(late.day_place, "W213", message, f"End within {_LONGEST} days.")


def _distance(days: int) -> str:
    return "on the same day as" if days == 0 else "one day after"
