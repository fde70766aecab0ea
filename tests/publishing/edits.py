"""Edits of a checked build, made without a disk: what an operator would have saved."""

import hashlib
import random
from dataclasses import replace
from datetime import time

from leadmagnet.content.compiled import Build, Compiled
from leadmagnet.content.sequences import Step
from tests.world import GUIDE


def steps_of(build: Build, sequence: str = GUIDE) -> dict[str, Step]:
    """The letters of a build by slug."""
    assert build.compiled is not None
    return {step.slug: step for step in build.compiled.sequences[sequence].steps}


def with_steps(build: Build, *steps: Step) -> Build:
    """The build with just these letters, in this order; a new slug gets the text of some other letter."""
    compiled = build.compiled
    assert compiled is not None
    sequence = compiled.sequences[GUIDE].model_copy(update={"steps": steps})
    text = compiled.letters[f"{GUIDE}/tight-hips"]
    letters = {f"{GUIDE}/{step.slug}": text for step in steps} | dict(compiled.letters)
    return _saved(
        build, compiled.model_copy(update={"sequences": {**compiled.sequences, GUIDE: sequence}, "letters": letters})
    )


def without_sequence(build: Build) -> Build:
    """The build without its guide and the sequence that follows it."""
    compiled = build.compiled
    assert compiled is not None
    return _saved(build, compiled.model_copy(update={"sequences": {}, "guides": {}}))


def random_edit(dice: random.Random, steps: tuple[Step, ...], number: int) -> tuple[Step, ...]:
    """One edit of a series as an operator might make it; a guide mail comes first and stays. `number`: which edit."""
    at = dice.randrange(1, len(steps))
    before, step, behind = steps[:at], steps[at], steps[at + 1 :]
    match dice.choice(["insert", "delete", "move", "day", "time", "rename", "draft", "catch up", "words"]):
        case "insert":
            day = dice.randrange(1, 15)
            new = step.model_copy(
                update={"slug": f"new-{number}", "was": (), "day": day, "catch_up": dice.random() < 0.4, "draft": False}
            )
            return (*before, new, step, *behind)
        case "delete" if len(steps) > 2:
            return (*before, *behind)
        case "move":
            rest = [*before, *behind]
            rest.insert(dice.randrange(1, len(rest) + 1), step)
            return tuple(rest)
        case "day":
            step = step.model_copy(update={"day": dice.randrange(1, 15)})
        case "time":
            step = step.model_copy(update={"send_at": time(dice.randrange(24), 30), "send_on": frozenset({1, 4})})
        case "rename":
            step = step.model_copy(update={"slug": f"name-{number}", "was": (*step.was, step.slug)})
        case "draft":
            step = step.model_copy(update={"draft": not step.draft})
        case "catch up":
            step = step.model_copy(update={"catch_up": not step.catch_up})
        case _:
            step = step.model_copy(update={"watch": not step.watch})
    return (*before, step, *behind)


def _saved(build: Build, compiled: Compiled) -> Build:
    return replace(build, compiled=compiled, digest=hashlib.sha256(compiled.model_dump_json().encode()).hexdigest())
