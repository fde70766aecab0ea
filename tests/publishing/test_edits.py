"""What each edit does to whom: one person at every position of a series, once for every kind of edit.

All edits are published together, each in a sequence of its own with people of its own, and everybody's letters go out
to the end. Then once more, and after two days the version before is made live again.
"""

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
    "first to the end, catch_up": _letters(G, _with(B, catch_up=True), _with(C, catch_up=True), A),
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


#: What each gets from the publish on, letter by letter; "-": nothing.
STAYS = """
                            pending new     had-g   had-a   had-b   done    late    again   maybe   skipped paused  left    held
text                        -       gabc    abc     bc      c       -       bc      bc      bc      bc      bc      -       -
renumbered                  -       gabc    abc     bc      c       -       bc      bc      bc      bc      bc      -       -
later day                   -       gabc    abc     bc      c       -       bc      bc      bc      bc      bc      -       -
earlier day                 -       gabc    abc     bc      c       -       bc      bc      bc      bc      bc      -       -
renamed, was                -       ganc    anc     nc      c       -       nc      nc      nc      nc      nc      -       -
inserted ahead              -       gabnc   abnc    bnc     c       -       bnc     bnc     bnc     bnc     bnc     -       -
inserted at                 -       ganbc   anbc    bc      c       -       bc      bc      bc      bc      bc      -       -
inserted after              -       gnabc   nabc    bc      c       -       bc      bc      bc      bc      bc      -       -
inserted, catch_up          -       gnabc   nabc    nbc     nc      n       nbc     nbc     nbc     nbc     nbc     -       -
deleted                     -       gac     ac      c       c       -       c       c       c       c       c       -       -
last deleted                -       gab     ab      b       -       -       b       b       b       b       b       -       -
draft                       -       gac     ac      c       c       -       c       c       c       c       c       -       -
send_at                     -       gabc    abc     bc      c       -       bc      bc      bc      bc      bc      -       -
send_on                     -       gabc    abc     bc      c       -       bc      bc      bc      bc      bc      -       -
min_gap                     -       gabc    abc     bc      c       -       bc      bc      bc      bc      bc      -       -
only_if                     -       gac     ac      c       c       -       c       c       c       c       c       -       -
swapped                     -       gbac    bac     c       c       -       c       c       c       c       c       -       -
first to the end            -       gbca    bca     -       -       -       -       -       -       -       -       -       -
first to the end, catch_up  -       gbca    bca     bc      c       -       bc      bc      bc      bc      bc      -       -
last to the front           -       gcab    cab     b       -       -       b       b       b       b       b       -       -
appended                    -       gabcn   abcn    bcn     cn      -       bcn     bcn     bcn     bcn     bcn     -       -
appended, catch_up          -       gabcn   abcn    bcn     cn      n       bcn     bcn     bcn     bcn     bcn     -       -
sequence removed            -       -       -       -       -       -       -       -       -       -       -       -       -
folder renamed              -       -       -       -       -       -       -       -       -       -       -       -       -
folder copied               -       gabc    abc     bc      c       -       bc      bc      bc      bc      bc      -       -
"""

#: Likewise, when the version before the edit is made live again two days later.
TAKEN_BACK = """
                            pending new     had-g   had-a   had-b   done    late    again   maybe   skipped paused  left    held
text                        -       gabc    abc     bc      c       -       bc      bc      bc      bc      bc      -       -
renumbered                  -       gabc    abc     bc      c       -       bc      bc      bc      bc      bc      -       -
later day                   -       gabc    abc     bc      c       -       bc      bc      bc      bc      bc      -       -
earlier day                 -       gabc    abc     bc      c       -       bc      bc      bc      bc      bc      -       -
renamed, was                -       gabc    abc     nc      c       -       nc      nc      nc      nc      bc      -       -
inserted ahead              -       gabc    abc     bc      c       -       bnc     bnc     bc      bc      bc      -       -
inserted at                 -       gabc    anbc    bc      c       -       bc      bc      bc      bc      bc      -       -
inserted after              -       gnabc   nabc    bc      c       -       bc      bc      bc      bc      bc      -       -
inserted, catch_up          -       gnabc   nabc    nbc     nc      n       nbc     nbc     nbc     nbc     bc      -       -
deleted                     -       gabc    abc     c       c       -       c       c       c       c       c       -       -
last deleted                -       gabc    abc     b       -       -       b       b       b       b       bc      -       -
draft                       -       gabc    abc     c       c       -       c       c       c       c       c       -       -
send_at                     -       gabc    abc     bc      c       -       bc      bc      bc      bc      bc      -       -
send_on                     -       gabc    abc     bc      c       -       bc      bc      bc      bc      bc      -       -
min_gap                     -       gabc    abc     bc      c       -       bc      bc      bc      bc      bc      -       -
only_if                     -       gabc    abc     c       c       -       c       c       c       c       bc      -       -
swapped                     -       gabc    abc     bc      c       -       bc      bc      bc      bc      bc      -       -
first to the end            -       gabc    abc     -       -       -       -       -       -       -       -       -       -
first to the end, catch_up  -       gabc    abc     bc      c       -       bc      bc      bc      bc      bc      -       -
last to the front           -       gabc    abc     b       -       -       b       b       b       b       bc      -       -
appended                    -       gabc    abc     bc      c       -       bc      bc      bc      bc      bc      -       -
appended, catch_up          -       gabc    abc     bc      c       n       bc      bc      bc      bc      bc      -       -
sequence removed            -       -       -       -       -       -       -       -       -       -       -       -       -
folder renamed              -       -       -       -       -       -       -       -       -       -       -       -       -
folder copied               -       gabc    abc     bc      c       -       bc      bc      bc      bc      bc      -       -
"""

#: Who has a row that says why a letter went by, where the edit stays.
SKIPPED = {
    "draft": ("b: draft", "new had-g had-a late again maybe skipped paused"),
    "inserted after": ("n: added after her turn", "had-a had-b late again maybe skipped paused"),
    "inserted ahead": ("n: added after her turn", "had-b"),
    "inserted at": ("n: added after her turn", "had-a had-b late again maybe skipped paused"),
    "last to the front": ("c: moved behind her", "had-a late again maybe skipped paused"),
    "only_if": ("b: only if tag:x", "new had-g had-a late again maybe skipped paused"),
    "swapped": ("b: moved behind her", "had-a late again maybe skipped paused"),
}

#: Who has one after the edit was taken back.
SKIPPED_BACK = {
    "deleted": ("b: added after her turn", "had-a late again maybe skipped paused"),
    "draft": ("b: added after her turn", "had-a late again maybe skipped paused"),
    "inserted after": ("n: added after her turn", "had-a had-b late again maybe skipped"),
    "inserted ahead": ("n: added after her turn", "had-b"),
    "inserted at": ("n: added after her turn", "had-a had-b late again maybe skipped"),
    "last to the front": ("c: moved behind her", "had-a late again maybe skipped"),
    "only_if": ("b: only if tag:x", "had-a late again maybe skipped"),
}

#: When `had-a` gets her next letter; "Sun 15 07:30" unless it is said here.
NEXT = {
    "send_at": "Sun 15 18:00",
    "later day": "Tue 17 07:30",
    "inserted, catch_up": "Sat 14 07:30",
    "deleted": "Thu 19 07:30",
    "draft": "Thu 19 07:30",
    "send_on": "Wed 18 07:30",
    "only_if": "Thu 19 07:30",
    "swapped": "Thu 19 07:30",
}


def _table(text: str) -> dict[str, dict[str, str]]:
    head, *lines = text.strip("\n").splitlines()
    assert head.split() == list(PEOPLE)
    return {line[:27].strip(): dict(zip(PEOPLE, line[27:].split(), strict=True)) for line in lines}


@pytest.fixture(scope="module")
def happened(walk: Walk) -> dict[bool, Happened]:
    """What became of everybody, by whether the edit was taken back; on the way `plan` must have been right."""
    return Village(walk, EDITS).lives()


@pytest.mark.parametrize("edit", EDITS)
def test_an_edit_does_to_everybody_what_the_table_says(happened: dict[bool, Happened], edit: str) -> None:
    assert happened[False].got[edit] == _table(STAYS)[edit]
    assert _reasons(happened[False], edit) == SKIPPED.get(edit)
    had_a = happened[False].got[edit]["had-a"]
    assert had_a == "-" or happened[False].first[edit]["had-a"] == NEXT.get(edit, "Sun 15 07:30")


@pytest.mark.parametrize("edit", EDITS)
def test_an_edit_that_is_taken_back_does_to_everybody_what_the_table_says(
    happened: dict[bool, Happened], edit: str
) -> None:
    assert happened[True].got[edit] == _table(TAKEN_BACK)[edit]
    assert _reasons(happened[True], edit) == SKIPPED_BACK.get(edit)


@pytest.mark.parametrize("edit", EDITS)
def test_everybody_s_series_ends_as_it_should(happened: dict[bool, Happened], edit: str) -> None:
    gone = edit in ("sequence removed", "folder renamed")
    special = {"pending": "pending", "done": "completed", "left": "unsubscribed", "held": "active"}
    how = "sequence removed" if gone else "completed"
    assert happened[False].ended[edit] == {who: special.get(who, how) for who in PEOPLE}


def _reasons(happened: Happened, edit: str) -> tuple[str, str] | None:
    """(letter and reason, everybody who has it)."""
    mine = happened.skipped.get(edit)
    if mine is None:
        return None
    (reason,) = set(mine.values())
    return reason, " ".join(who for who in PEOPLE if who in mine)
