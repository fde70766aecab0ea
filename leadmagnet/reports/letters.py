"""Finds the letter that somebody means."""

import difflib

from leadmagnet.content.published import Published
from leadmagnet.content.sequences import Sequence, Step
from leadmagnet.errors import LeadmagnetError


def find(published: Published, typed: str) -> tuple[Sequence, Step]:
    """A letter of a sequence by slug or file name, with or without its folder; an earlier slug will do.

    Raises LeadmagnetError, with the nearest name, if there is none or several have it.
    """
    wanted = typed.strip().removeprefix("email_templates/").removesuffix(".md")
    names: dict[str, list[tuple[Sequence, Step]]] = {}
    for sequence in published.compiled.sequences.values():
        for step in sequence.steps:
            slugs = (step.slug, *step.was)
            for name in {*slugs, *(f"{step.number}-{slug}" for slug in slugs)}:
                names.setdefault(name, []).append((sequence, step))
                names.setdefault(f"{sequence.slug}/{name}", []).append((sequence, step))
    found = names.get(wanted, [])
    if len(found) == 1:
        return found[0]
    if found:
        several = " or ".join(f"{sequence.slug}/{step.number}-{step.slug}" for sequence, step in found)
        raise LeadmagnetError(f"{typed!r} may be {several}: write one of them.")
    close = difflib.get_close_matches(wanted, names, n=1)
    hint = f"Did you mean {_file(*names[close[0]][0])}?" if close else "`leadmagnet status` lists them."
    raise LeadmagnetError(f"there is no letter {typed!r} in the version that is live. {hint}")


def _file(_sequence: Sequence, step: Step) -> str:
    return f"{step.number}-{step.slug}"
