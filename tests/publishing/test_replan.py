"""After a publish everybody gets what the new version says, from wherever she stood, and nothing twice."""

import random
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from leadmagnet.content.compiled import Build
from leadmagnet.content.sequences import Step
from leadmagnet.publishing import replan
from leadmagnet.store.database import Database
from leadmagnet.store.models import Delivery
from tests.databases import ON_POSTGRESQL
from tests.publishing.crowd import DAYS_IN, PUBLISHED, Letters, address_of, gather_crowd, join_crowd, letters_of
from tests.publishing.edits import random_edit, with_steps, without_sequence
from tests.publishing.rightness import assert_right
from tests.world import GUIDE, World


def _changed(step: Step, **values: object) -> Step:
    return step.model_copy(update=values)


def _new(like: Step, day: int, **values: object) -> Step:
    return _changed(like, slug="new", day=day, **values)


def _had(world: World) -> dict[str, str]:
    """The letters each person has had, in their order, as one line."""
    return {
        name: " ".join(
            row.step or ""
            for row in world.deliveries(subscriber_id=world.subscriber(address_of(name)).id, state="sent")
            if row.step is not None
        )
        for name in DAYS_IN
    }


def _rows(world: World, state: str) -> set[tuple[str, str | None, str | None]]:
    """(person, letter, reason) of the rows in a state."""
    people = {world.subscriber(address_of(name)).id: name for name in DAYS_IN}
    return {(people[row.subscriber_id or 0], row.step, row.reason) for row in world.deliveries(state=state)}


ALL, MISSED = "guide a b c", "guide a c"

#: The edit, and what each has had in the end.
EDITS: dict[str, tuple[Callable[[Letters], tuple[Step, ...]], dict[str, str]]] = {
    "text": (
        lambda x: (x.guide, x.a, _changed(x.b, watch=True), x.c),
        {"done": ALL, "had-b": ALL, "had-a": ALL, "had-guide": ALL, "new": ALL},
    ),
    "later": (
        lambda x: (x.guide, _changed(x.a, day=4), x.b, x.c),
        {"done": ALL, "had-b": ALL, "had-a": ALL, "had-guide": ALL, "new": ALL},
    ),
    "earlier": (
        lambda x: (x.guide, x.a, x.b, _changed(x.c, day=6)),
        {"done": ALL, "had-b": ALL, "had-a": ALL, "had-guide": ALL, "new": ALL},
    ),
    "insert ahead": (
        lambda x: (x.guide, x.a, x.b, _new(x.b, 7), x.c),
        {"done": ALL, "had-b": ALL, "had-a": "guide a b new c", "had-guide": "guide a b new c", "new": "guide a b new c"},
    ),
    "insert behind": (
        lambda x: (x.guide, _new(x.a, 1), x.a, x.b, x.c),
        {"done": ALL, "had-b": ALL, "had-a": ALL, "had-guide": "guide new a b c", "new": "guide new a b c"},
    ),
    "insert behind, catching up": (
        lambda x: (x.guide, _new(x.a, 1, catch_up=True), x.a, x.b, x.c),
        {"done": "guide a b c new", "had-b": "guide a b new c", "had-a": "guide a new b c", "had-guide": "guide new a b c",
         "new": "guide new a b c"},
    ),
    "delete": (
        lambda x: (x.guide, x.a, x.c),
        {"done": ALL, "had-b": ALL, "had-a": MISSED, "had-guide": MISSED, "new": MISSED},
    ),
    "delete the last": (
        lambda x: (x.guide, x.a, x.b),
        {"done": ALL, "had-b": "guide a b", "had-a": "guide a b", "had-guide": "guide a b", "new": "guide a b"},
    ),
    "draft": (
        lambda x: (x.guide, x.a, _changed(x.b, draft=True), x.c),
        {"done": ALL, "had-b": ALL, "had-a": MISSED, "had-guide": MISSED, "new": MISSED},
    ),
    "rename": (
        lambda x: (x.guide, x.a, _changed(x.b, slug="bee", was=("b",)), x.c),
        {"done": ALL, "had-b": ALL, "had-a": "guide a bee c", "had-guide": "guide a bee c", "new": "guide a bee c"},
    ),
    "renumber": (
        lambda x: (x.guide, x.b, x.a, x.c),
        {"done": ALL, "had-b": ALL, "had-a": MISSED, "had-guide": "guide b a c", "new": "guide b a c"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("replanned", [True, False], ids=["re-planned", "claimed first"])
@pytest.mark.parametrize("edit", EDITS)
def test_from_every_position_nobody_gets_a_letter_twice(
    crowd: World, example: Build, edit: str, replanned: bool
) -> None:
    """A claim that comes before the re-plan leads to the same letters."""
    change, expected = EDITS[edit]
    crowd.publish(with_steps(example, *change(letters_of(example))))
    if replanned:
        crowd.replans()
        assert_right(crowd)
    crowd.skip(until=PUBLISHED + timedelta(days=30))
    crowd.replans()  # nobody claims anything for those who have finished
    crowd.skip(until=PUBLISHED + timedelta(days=35))
    assert _had(crowd) == expected
    assert {row.state for row in crowd.deliveries()} <= {"sent", "cancelled", "skipped"}
    assert {crowd.enrollment(address_of(name)).status for name in DAYS_IN} == {"completed"}
    assert max(Counter(str(mail["Message-ID"]) for mail in crowd.inbox()).values()) == 1


@pytest.mark.parametrize("replanned", [True, False], ids=["re-planned", "claimed first"])
def test_a_removed_sequence_ends_for_everybody_who_was_in_it(crowd: World, example: Build, replanned: bool) -> None:
    before = _had(crowd)
    crowd.publish(without_sequence(example))
    if replanned:
        crowd.replans()
        assert crowd.deliveries(state="pending") == []
    crowd.skip(until=PUBLISHED + timedelta(days=30))
    assert _had(crowd) == before
    ended = {name: crowd.enrollment(address_of(name)) for name in DAYS_IN}
    assert ended.pop("done").status == "completed"
    assert {(one.status, one.exit_reason) for one in ended.values()} == {("exited", "sequence removed")}


@pytest.mark.parametrize(
    ("edit", "cancelled"),
    [
        ("text", set()),
        ("later", set()),
        ("insert ahead", set()),
        ("insert behind", {("had-guide", "a", "another letter comes first")}),
        ("delete", {("had-a", "b", "letter removed")}),
        ("draft", {("had-a", "b", "draft")}),
        ("rename", {("had-a", "b", "letter renamed")}),
    ],
)
def test_what_was_planned_and_is_not_next_any_more_says_why(
    crowd: World, example: Build, edit: str, cancelled: set[tuple[str, str, str]]
) -> None:
    crowd.publish(with_steps(example, *EDITS[edit][0](letters_of(example))))
    crowd.replans()
    assert _rows(crowd, "cancelled") == cancelled
    assert all(row.dedupe_key is None for row in crowd.deliveries(state="cancelled"))


@pytest.mark.parametrize(
    ("edit", "skipped"),
    [
        ("draft", {("had-a", "b", "draft"), ("had-guide", "b", "draft"), ("new", "b", "draft")}),
        ("insert ahead", {("had-b", "new", "added after her turn")}),
        ("insert behind", {("had-b", "new", "added after her turn"), ("had-a", "new", "added after her turn")}),
        ("insert behind, catching up", set()),
        ("renumber", {("had-a", "b", "added after her turn")}),
    ],
)
def test_a_letter_that_goes_past_somebody_leaves_a_row_that_says_so(
    crowd: World, example: Build, edit: str, skipped: set[tuple[str, str, str]]
) -> None:
    crowd.publish(with_steps(example, *EDITS[edit][0](letters_of(example))))
    crowd.replans()
    crowd.skip(until=PUBLISHED + timedelta(days=30))
    assert _rows(crowd, "skipped") == skipped


def test_chunks_of_one_end_where_one_big_chunk_ends(crowd: World, example: Build) -> None:
    crowd.publish(with_steps(example, *EDITS["later"][0](letters_of(example))))
    assert crowd.replans(limit=1) == [1, 1, 1]
    small = crowd.everything()["delivery"]
    for row in crowd.deliveries(state="pending"):
        crowd.changes(Delivery, row.id, release_id=crowd.published.number - 1)  # as if nobody had been looked at
    assert crowd.replans() == [3]
    assert crowd.everything()["delivery"] == small


def test_what_is_right_already_is_not_looked_at_again(crowd: World, example: Build) -> None:
    crowd.publish(with_steps(example, *EDITS["delete"][0](letters_of(example))))
    assert crowd.replans(limit=1) == [1, 1]
    before = crowd.everything()
    assert crowd.replans() == []
    assert crowd.everything() == before


def test_a_stopped_re_plan_goes_on_with_whoever_is_left(crowd: World, example: Build) -> None:
    """Half is done, letters go out, somebody leaves and somebody joins: then the rest."""
    crowd.publish(with_steps(example, *EDITS["rename"][0](letters_of(example))))
    with crowd.database.write() as session:
        assert replan.chunk(session, crowd.published, limit=2, now=crowd.now) == 2
    crowd.deliver()
    crowd.leaves(address_of("had-b"))
    crowd.joins("late@example.com")
    crowd.replans(limit=1)
    crowd.skip(until=PUBLISHED + timedelta(days=30))
    had = _had(crowd)
    assert had == EDITS["rename"][1] | {"had-b": "guide a b"}
    assert crowd.deliveries(state="pending") == []


def test_a_new_day_moves_the_letter_at_once(crowd: World, example: Build) -> None:
    (waiting,) = (row for row in crowd.deliveries(step="a", state="pending"))
    crowd.publish(with_steps(example, *EDITS["later"][0](letters_of(example))))
    crowd.replans()
    (moved,) = (row for row in crowd.deliveries(step="a", state="pending"))
    assert moved.due_at == moved.ready_at == waiting.due_at + timedelta(days=2)
    assert (moved.id, moved.message_id, moved.dedupe_key) == (waiting.id, waiting.message_id, waiting.dedupe_key)


def test_a_back_off_survives_the_re_plan(crowd: World, example: Build) -> None:
    (waiting,) = crowd.deliveries(step="a", state="pending")
    again = waiting.due_at + timedelta(hours=4)
    crowd.changes(Delivery, waiting.id, ready_at=again, attempts=3)
    crowd.publish(with_steps(example, *EDITS["text"][0](letters_of(example))))
    crowd.replans()
    (row,) = crowd.deliveries(step="a", state="pending")
    assert (row.due_at, row.ready_at, row.attempts) == (waiting.due_at, again, 3)


def test_new_words_move_nobody(crowd: World, example: Build) -> None:
    before = crowd.everything()["delivery"]
    for watch in (True, False):
        letters = letters_of(example)
        crowd.publish(with_steps(example, letters.guide, letters.a, _changed(letters.b, watch=watch), letters.c))
        assert crowd.replans() == []
    assert crowd.everything()["delivery"] == before


def test_what_a_moved_letter_does_not_touch_stays_as_it_is(crowd: World, example: Build) -> None:
    letters = letters_of(example)
    crowd.publish(with_steps(example, letters.guide, letters.a, letters.b, _changed(letters.c, day=11)))
    assert crowd.replans() == [1]
    # An edit of the words behind it does not hide the one that is still to be worked off.
    crowd.publish(with_steps(example, letters.guide, letters.a, letters.b, _changed(letters.c, day=12)))
    crowd.publish(with_steps(example, letters.guide, letters.a, letters.b, _changed(letters.c, day=12, watch=True)))
    assert crowd.replans() == [1]
    assert_right(crowd)


def test_a_letter_planned_late_by_an_old_release_is_found(crowd: World, example: Build) -> None:
    """By a process that has read the release before, and commits behind the publish."""
    letters = letters_of(example)
    crowd.publish(with_steps(example, letters.guide, _changed(letters.a, day=4), letters.b, letters.c))
    going_on = replan.Replan()
    with crowd.database.write() as session:
        assert going_on.chunk(session, crowd.published, limit=3, now=crowd.now) == 3
    (late,) = crowd.deliveries(step="a", state="pending")
    crowd.changes(Delivery, late.id, release_id=crowd.published.number - 1, due_at=crowd.now, ready_at=crowd.now)
    with crowd.database.write() as session:
        assert going_on.chunk(session, crowd.published, limit=3, now=crowd.now) == 1
    with crowd.database.write() as session:
        assert going_on.chunk(session, crowd.published, limit=3, now=crowd.now) == 0
    assert_right(crowd)


@pytest.mark.parametrize("seed", range(4))
def test_after_any_edits_everybody_stands_where_the_schedule_says(crowd: World, example: Build, seed: int) -> None:
    """Edit after edit, some of them worked off, some half, some not at all before the next."""
    dice = random.Random(seed)
    steps = letters_of(example).in_order
    for number in range(6):
        steps = random_edit(dice, steps, number)
        crowd.publish(with_steps(example, *steps))
        for _ in range(dice.choice([0, 1, 2, 9])):
            with crowd.database.write() as session:
                replan.chunk(session, crowd.published, limit=1, now=crowd.now)
    crowd.replans(limit=2)
    assert_right(crowd)
    crowd.skip(until=PUBLISHED + timedelta(days=60))
    assert {crowd.enrollment(address_of(name)).status for name in DAYS_IN} == {"completed"}
    # An edit may set `watch`: copies to the operator are nobody's letters.
    sent = Counter((row.enrollment_id, row.step) for row in crowd.deliveries(state="sent") if row.kind != "notice")
    assert max(sent.values()) == 1


@ON_POSTGRESQL
def test_two_workers_share_the_people(database: Database, example: Build, tmp_path: Path) -> None:
    """What one has in hand the other leaves alone, and goes on behind it."""
    gather_crowd(database, example, tmp_path)
    with join_crowd(database, example, tmp_path) as crowd:
        crowd.publish(with_steps(example, *EDITS["later"][0](letters_of(example))))
        with database.write() as one, database.write() as other:
            assert replan.chunk(one, crowd.published, limit=2, now=crowd.now) == 2
            assert replan.chunk(other, crowd.published, limit=9, now=crowd.now) == 1
        assert crowd.replans() == []
        assert_right(crowd)


def test_what_is_in_a_senders_hands_is_left_alone(crowd: World, example: Build) -> None:
    (letter,) = crowd.claim()
    crowd.publish(with_steps(example, *EDITS["later"][0](letters_of(example))))
    assert sum(crowd.replans()) == 3
    crowd.send(letter)
    assert [row.state for row in crowd.deliveries(id=letter.id)] == ["sent"]


def test_a_guide_mail_that_is_no_guide_mail_any_more_changes_its_lane(crowd: World, example: Build) -> None:
    letters = letters_of(example)
    assert [row.lane for row in crowd.deliveries(step="guide", state="pending")] == ["transactional"]
    crowd.publish(with_steps(example, _changed(letters.guide, day=1), letters.a, letters.b, letters.c))
    crowd.replans()
    (row,) = crowd.deliveries(step="guide", state="pending")
    assert (row.kind, row.lane, row.due_at > crowd.now) == ("step", "sequence", True)
    assert row.sequence == GUIDE


def test_mail_that_is_no_letter_is_not_looked_at(crowd: World, example: Build) -> None:
    crowd.asks("bob@example.com")
    crowd.asks(address_of("had-b"))
    crowd.publish(with_steps(example, *EDITS["delete"][0](letters_of(example))))
    assert sum(crowd.replans()) == 2
    waiting = {row.kind for row in crowd.deliveries(state="pending", step=None)}
    assert waiting == {"confirm", "guide"}
