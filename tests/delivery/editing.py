"""Changes an operator may make to the example site, without a folder."""

from dataclasses import replace

from leadmagnet.content.compiled import Build
from tests.world import GUIDE


def edited(build: Build, slug: str, **values: object) -> Build:
    """The site with other values in the head of one letter of the series."""
    steps = build.compiled.sequences[GUIDE].steps
    return _with(build, steps=tuple(s.model_copy(update=values) if s.slug == slug else s for s in steps))


def without(build: Build, slug: str) -> Build:
    """The site with one letter removed."""
    return _with(build, steps=tuple(s for s in build.compiled.sequences[GUIDE].steps if s.slug != slug))


def retitled(build: Build, **values: object) -> Build:
    """The site with other values in sequence.toml."""
    return _with(build, **values)


def without_series(build: Build) -> Build:
    """The site with the whole series removed."""
    return _named(build, build.compiled.model_copy(update={"sequences": {}}), "no series")


def relettered(build: Build, name: str, **values: object) -> Build:
    """The site with one compiled letter changed, such as "hip-openers/tight-hips"."""
    letters = dict(build.compiled.letters)
    letters[name] = letters[name].model_copy(update=values)
    return _named(build, build.compiled.model_copy(update={"letters": letters}), f"{name} {values}")


def _with(build: Build, **values: object) -> Build:
    sequence = build.compiled.sequences[GUIDE].model_copy(update=values)
    return _named(build, build.compiled.model_copy(update={"sequences": {GUIDE: sequence}}), repr(values))


def _named(build: Build, compiled, what: str) -> Build:
    return replace(build, compiled=compiled, digest=f"{build.digest[:20]} {hash(what):x}"[:64])
