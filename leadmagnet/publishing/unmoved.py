"""Tells which letters a publish cannot have moved, so that nobody who waits for one is looked at.

The schedule's answer for somebody who waits for a letter hangs on that letter, on those before it, and on the
names of those behind it (had she had one of them, she would be past this one). While these stay as they are the
answer does, too, whatever else was edited.
"""

from typing import Any

from leadmagnet.content.compiled import Compiled
from leadmagnet.content.published import Published
from leadmagnet.content.sequences import Sequence, Step

#: What `schedule.next_step` and the lane of a letter are read from.
_OF_A_STEP = ("slug", "day", "send_at", "send_on", "draft", "was", "catch_up", "since")


def planned_in(new: Compiled, live: Compiled, live_number: int, sequence: Sequence, index: int) -> int | None:
    """The oldest release whose plans for the letter at `index` still hold; None: only plans of the new release do.

    `sequence` is of `new` and carries its dates already; `live` was published as `live_number`.
    """
    before = live.sequences.get(sequence.slug)
    if before is None or _of_all(new, sequence) != _of_all(live, before):
        return None
    step = sequence.steps[index]
    ahead, ahead_before = sequence.steps[: index + 1], before.steps[: index + 1]
    if [_of(one) for one in ahead] != [_of(one) for one in ahead_before]:
        return None
    names, names_before = _names(sequence.steps[index + 1 :]), _names(before.steps[index + 1 :])
    # Who catches up may already be past the letter: there a name that went counts as much as one that came.
    if names - names_before or (step.catch_up and names != names_before):
        return None
    return before.steps[index].planned_in or live_number


def outdated_below(published: Published, sequence: str, step: str) -> int:
    """Pending rows of this letter that were planned by a release before this number must be looked at."""
    found = published.sequence(sequence)
    steps = found.steps if found is not None else ()
    same = next((one for one in steps if one.slug == step), None)
    return (same.planned_in if same is not None else None) or published.number


def _of_all(compiled: Compiled, sequence: Sequence) -> tuple[Any, ...]:
    return compiled.settings.site.timezone, sequence.min_gap, sequence.guide


def _of(step: Step) -> tuple[Any, ...]:
    return tuple(getattr(step, name) for name in _OF_A_STEP)


def _names(steps: tuple[Step, ...]) -> set[str]:
    return {name for step in steps for name in (step.slug, *step.was)}
