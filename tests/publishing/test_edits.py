"""What each edit does to whom: one person at every position of a series, once for every kind of edit.

All edits are published together, each in a sequence of its own with people of its own, and everybody's letters go out
to the end. Then once more, and after two days the version before is made live again.
"""

from collections.abc import Iterator
from datetime import time, timedelta
from typing import Any

import pytest

from leadmagnet.content.sequences import Condition, Sequence, Step
from tests.publishing.village import PEOPLE, A, B, C, Edit, G, Happened, Village
from tests.publishing.walks import Walk, step


def _with(one: Step, **values: Any) -> Step:
    return one.model_copy(update=values)


def _new(day: int, **values: Any) -> Step:
    return step("n", day, **values)


def _letters(*steps: Step) -> Edit:
    return lambda old: {old.slug: old.model_copy(update={"steps": steps})}


def _rules(**values: Any) -> Edit:
    return lambda old: {old.slug: old.model_copy(update=values)}


def _copied(old: Sequence) -> dict[str, Sequence]:
    return {f"{old.slug}-2": old.model_copy(update={"slug": f"{old.slug}-2"})}


EDITS: dict[str, Edit] = {
    "text": _letters(G, A, _with(B, watch=True), C),
    "renumbered": _letters(G, A, _with(B, number=35), C),
    "later day": _letters(G, A, _with(B, day=7), C),
    "earlier day": _letters(G, A, B, _with(C, day=6)),
    "renamed, was": _letters(G, A, _with(B, slug="n", was=("b",)), C),
    "inserted ahead": _letters(G, A, B, _new(7), C),
    "inserted at": _letters(G, A, _new(3), B, C),
    "inserted after": _letters(G, _new(1), A, B, C),
    "inserted, catch_up": _letters(G, _new(1, catch_up=True), A, B, C),
    "deleted": _letters(G, A, C),
    "last deleted": _letters(G, A, B),
    "draft": _letters(G, A, _with(B, draft=True), C),
    "send_at": _letters(G, A, _with(B, send_at=time(18, 0)), C),
    "send_on": _letters(G, A, _with(B, send_on=frozenset({2})), C),
    "min_gap": _rules(min_gap=timedelta(hours=60)),
    "only_if": _letters(G, A, _with(B, only_if=(Condition(kind="tag", name="x", negated=False),)), C),
    "swapped": _letters(G, B, A, C),
    "first to the end": _letters(G, B, C, A),
    "last to the front": _letters(G, C, A, B),
    "appended": _letters(G, A, B, C, _new(12)),
    "appended, catch_up": _letters(G, A, B, C, _new(12, catch_up=True)),
    "sequence removed": lambda _old: {},
    "folder renamed": _copied,
    "folder copied": lambda old: {old.slug: old, **_copied(old)},
}

#: What each gets after the publish, in this order; "-": nothing.
STAYS = """
                    unconfirmed new   had-g had-a had-b finished late backed-off maybe skipped paused left held
text                -           gabc  abc   bc    c     -        bc   bc         bc    bc      bc     -    -
"""

#: Likewise, when the version before the edit is made live again two days later.
TAKEN_BACK = """
                    unconfirmed new   had-g had-a had-b finished late backed-off maybe skipped paused left held
text                -           gabc  abc   bc    c     -        bc   bc         bc    bc      bc     -    -
"""

#: Who has a row that says why a letter will not come.
SKIPPED: dict[str, dict[str, str]] = {}


def _table(text: str) -> dict[str, dict[str, str]]:
    head, *lines = text.strip("\n").splitlines()
    assert head.split() == list(PEOPLE)
    return {line[:20].strip(): dict(zip(PEOPLE, line[20:].split(), strict=True)) for line in lines}


@pytest.fixture(scope="module")
def happened(walk: Walk) -> dict[bool, Happened]:
    """What became of everybody, by whether the edit was taken back."""
    return {back: Village(walk, EDITS).lives(taken_back=back) for back in (False, True)}


def test_print(happened: dict[bool, Happened]) -> None:
    for back in (False, True):
        print()
        print(" " * 20 + " ".join(f"{who:7}" for who in PEOPLE))
        for edit, got in happened[back].got.items():
            print(f"{edit:19} " + " ".join(f"{one:7}" for one in got.values()))
        for edit, skipped in happened[back].skipped.items():
            print(edit, skipped)
    for edit, ended in happened[False].ended.items():
        print(edit, ended)
    print({edit: one.get("had-a") for edit, one in happened[False].first.items()})
