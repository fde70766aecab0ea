"""A renamed letter is asked about before anybody gets it again; a new one is said to be new in one line."""

from dataclasses import replace

import pytest

from leadmagnet.content.compiled import Build
from leadmagnet.content.findings import Finding
from leadmagnet.content.sequences import Step
from leadmagnet.publishing import renames
from tests.publishing.crowd import letters_of
from tests.publishing.edits import with_steps
from tests.world import GUIDE, World

WORDS = b"+++\nsubject = 'Hips'\nday = 5\n+++\nYou take the stairs the morning after hills, and they creak.\n"


def _found(world: World, build: Build) -> tuple[Finding, ...]:
    with world.database.read() as session:
        return renames.find(session, build)


def _saved(build: Build, **heads: bytes) -> Build:
    """The build, with a file for each of these letters."""
    compiled = build.compiled
    assert compiled is not None
    paths = {slug: f"email_templates/{GUIDE}/50-{slug}.md" for slug in heads}
    letters = {
        f"{GUIDE}/{slug}": compiled.letters[f"{GUIDE}/tight-hips"].model_copy(update={"path": path})
        for slug, path in paths.items()
    }
    files = {**build.files, **{paths[slug]: head for slug, head in heads.items()}}
    letters = {**compiled.letters, **letters}
    return replace(
        build, compiled=compiled.model_copy(update={"letters": letters}), files=files, digest=f"{hash(repr(heads)):x}"
    )


def _called(step: Step, slug: str, *was: str) -> Step:
    return step.model_copy(update={"slug": slug, "was": was})


def test_a_letter_under_another_name_is_asked_about_with_the_very_line(crowd: World, example: Build) -> None:
    x = letters_of(example)
    (found,) = _found(crowd, _saved(with_steps(example, x.guide, x.a, _called(x.b, "bee"), x.c), bee=WORDS))
    assert (found.code, found.level, found.path) == ("E103", "error", f"email_templates/{GUIDE}/50-bee.md")
    assert 'was = ["b"]' in found.fix
    assert "was = []" in found.fix


@pytest.mark.parametrize("was", [("b",), ("b", "older")])
def test_a_rename_that_says_so_passes(crowd: World, example: Build, was: tuple[str, ...]) -> None:
    x = letters_of(example)
    assert _found(crowd, with_steps(example, x.guide, x.a, _called(x.b, "bee", *was), x.c)) == ()


def test_a_new_letter_that_says_it_is_new_passes(crowd: World, example: Build) -> None:
    x = letters_of(example)
    new = _saved(with_steps(example, x.guide, x.a, _called(x.b, "bee"), x.c), bee=b"+++\nwas = []\n+++\n")
    assert _found(crowd, new) == ()


def test_a_letter_that_is_only_deleted_or_only_added_passes(crowd: World, example: Build) -> None:
    x = letters_of(example)
    assert _found(crowd, with_steps(example, x.guide, x.a, x.c)) == ()
    assert _found(crowd, with_steps(example, *x.in_order, _called(x.b, "bee"))) == ()


def test_a_letter_that_nobody_has_had_may_change_its_name(crowd: World, example: Build) -> None:
    x = letters_of(example)
    crowd.publish(with_steps(example, *x.in_order, _called(x.c, "d").model_copy(update={"day": 20})))
    crowd.publish(with_steps(example, *x.in_order))
    assert _found(crowd, with_steps(example, *x.in_order, _called(x.c, "dee"))) == ()


def test_a_rename_in_two_publishes_is_found_by_its_words(crowd: World, example: Build) -> None:
    x = letters_of(example)
    crowd.publish(_saved(with_steps(example, *x.in_order), b=WORDS))
    crowd.publish(with_steps(example, x.guide, x.a, x.c))
    again = with_steps(example, x.guide, x.a, _called(x.b, "bee"), x.c)
    (found,) = _found(crowd, _saved(again, bee=WORDS.replace(b"creak", b"groan")))
    assert 'was = ["b"]' in found.fix
    assert _found(crowd, _saved(again, bee=b"+++\nsubject = 'New'\n+++\nSomething else altogether, about shoes.")) == ()


def test_a_chain_of_renames_lists_all_names(crowd: World, example: Build) -> None:
    x = letters_of(example)
    crowd.publish(with_steps(example, x.guide, x.a, _called(x.b, "bee", "b"), x.c))
    (found,) = _found(crowd, with_steps(example, x.guide, x.a, _called(x.b, "bees", "bee"), x.c))
    assert 'was = ["bee", "b"]' in found.fix
    (found,) = _found(crowd, with_steps(example, x.guide, x.a, _called(x.b, "bee"), x.c))
    assert 'was = ["b"]' in found.fix
