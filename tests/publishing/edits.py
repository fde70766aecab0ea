"""Edits of a checked build, made without a disk: what an operator would have saved."""

import hashlib
from dataclasses import replace

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


def _saved(build: Build, compiled: Compiled) -> Build:
    return replace(build, compiled=compiled, digest=hashlib.sha256(compiled.model_dump_json().encode()).hexdigest())
