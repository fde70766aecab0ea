"""Any edits, published at any times with people anywhere: promises are kept, and what `plan` says comes true.

The same stories every time. `EDITS_EXAMPLES=3000 pytest tests/publishing/test_edits_property.py` tells others, and as
many as that; one that fails is told again and again until nothing can be left out of it.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import time, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from leadmagnet.audience.consent import Origin
from leadmagnet.content.compiled import Build
from leadmagnet.content.sequences import Condition, Sequence, Step
from leadmagnet.publishing.versions import known_by_later_names
from leadmagnet.sequences import enrollments, finishing, pace, pauses, preferences, signup
from leadmagnet.store.database import Session
from leadmagnet.store.models import Delivery, Enrollment, Subscriber
from tests.publishing.walks import Content, Walk, assert_kept_promises, build_of, days, series, step

MORE = "more"
ZONES = ("America/New_York", "Europe/Berlin", "Asia/Kolkata")
HOURS = st.integers(0, 24 * 12)


@dataclass(frozen=True)
class Reader:
    """Somebody who asks for the guide, `after` hours into the story."""

    after: int
    zone: str
    confirms: bool
    in_more: bool  # the second series starts for her by hand


@dataclass(frozen=True)
class Deed:
    """What happens to one reader just before an edit is published."""

    reader: int
    what: str
    much: int


@dataclass(frozen=True)
class Edit:
    """One edit, saved with others in one publish."""

    what: str
    sequence: int
    at: int
    much: int
    flag: bool


@dataclass(frozen=True)
class Publish:
    """Hours without mail (an outage), deeds, then edits made live; letters go out for `hours` after it."""

    outage: int
    deeds: tuple[Deed, ...]
    edits: tuple[Edit, ...]
    claims_first: bool
    in_hand: int  # letters that a sender has while it becomes live
    hours: int


@dataclass(frozen=True)
class Story:
    first: tuple[Sequence, ...]
    readers: tuple[Reader, ...]
    publishes: tuple[Publish, ...]


DEEDS = ["pause", "resume", "leave", "return", "tag", "untag", "click", "back off", "maybe sent", "fail", "hold",
         "slower", "as usual", "next now", "finish", "go on", "sweep", "tap"]  # fmt: skip
EDITS = [
    "insert", "insert", "delete", "day", "day", "move", "move", "rename", "draft", "catch up", "send_at", "send_on",
    "min_gap", "only_if", "skip_if", "clicked", "not_after", "tag", "text", "stop_when", "then", "revive", "go back",
    "remove", "rename folder", "copy folder",
]  # fmt: skip


@st.composite
def letters(draw: st.DrawFn, name: str) -> tuple[Step, ...]:
    count = draw(st.integers(1, 4))
    found, day = [], draw(st.sampled_from([0, 0, 1]))
    for number in range(count):
        found.append(step(f"{name}{number}", day, catch_up=draw(st.integers(0, 7)) == 7))
        day += draw(st.integers(0, 4)) or 1
    return tuple(found)


@st.composite
def stories(draw: st.DrawFn) -> Story:
    gap = timedelta(hours=draw(st.sampled_from([20, 1, 40, 70])))
    sequences = [series(*draw(letters("a")), min_gap=gap, then="tag:done" if draw(st.booleans()) else None)]
    if draw(st.booleans()):
        starts = draw(st.sampled_from(["manual", "tag:done"]))
        gap = timedelta(hours=draw(st.sampled_from([20, 1, 40])))
        sequences.append(series(*draw(letters("m")), slug=MORE, guide=None, starts=starts, min_gap=gap))
    reader = st.builds(Reader, HOURS, st.sampled_from(ZONES), st.integers(0, 5).map(bool), st.booleans())
    deed = st.builds(Deed, st.integers(0, 4), st.sampled_from(DEEDS), st.integers(1, 9))
    edit = st.builds(
        Edit, st.sampled_from(EDITS), st.integers(0, 1), st.integers(0, 5), st.integers(0, 14), st.booleans()
    )
    publish = st.builds(
        Publish,
        st.sampled_from([0, 0, 0, 5, 30, 100]),
        st.lists(deed, max_size=3).map(tuple),
        st.lists(edit, min_size=1, max_size=3).map(tuple),
        st.booleans(),
        st.sampled_from([0, 0, 0, 1]),
        st.integers(1, 24 * 9),
    )
    return Story(
        tuple(sequences),
        tuple(draw(st.lists(reader, min_size=1, max_size=5))),
        tuple(draw(st.lists(publish, min_size=1, max_size=3))),
    )


@dataclass
class Folder:
    """The operator's folder: what is saved, what was published, letters that were deleted."""

    content: dict[str, Sequence]
    history: list[Content] = field(default_factory=list)
    bin: list[tuple[str, Step]] = field(default_factory=list)
    count: int = 0

    def edit(self, one: Edit) -> None:
        slugs = list(self.content)
        if not slugs:
            self._whole("", one)
            return
        slug = slugs[one.sequence % len(slugs)]
        if not self._whole(slug, one):
            sequence = self.content[slug]
            steps = self._letters(sequence, one)
            self.content[slug] = sequence.model_copy(update={"steps": steps})

    def _whole(self, slug: str, one: Edit) -> bool:
        """Edits of whole sequences; False if this is none."""
        if one.what == "go back":
            if self.history:
                back = self.history[one.at % len(self.history)]
                self.content = {**back}
            return True
        if not slug:
            return True
        sequence = self.content[slug]
        self.count += 1
        match one.what:
            case "remove":
                del self.content[slug]
            case "rename folder" | "copy folder":
                name = f"folder{self.count}"
                # A guide starts one sequence.
                new = (
                    {"slug": name} if one.what == "rename folder" else {"slug": name, "guide": None, "starts": "manual"}
                )
                self.content[name] = sequence.model_copy(update=new)
                if one.what == "rename folder":
                    del self.content[slug]
            case "min_gap":
                self.content[slug] = sequence.model_copy(update={"min_gap": timedelta(hours=1 + 5 * one.much)})
            case "stop_when":
                self.content[slug] = sequence.model_copy(update={"stop_when": ("tag:x",) if one.flag else ()})
            case "then":
                self.content[slug] = sequence.model_copy(update={"then": "tag:done" if one.flag else None})
            case _:
                return False
        return True

    def _letters(self, sequence: Sequence, one: Edit) -> tuple[Step, ...]:
        steps = list(sequence.steps)
        at = one.at % len(steps) if steps else 0
        if one.what == "insert":
            steps.insert(one.at % (len(steps) + 1), step(f"new{self.count}", one.much, catch_up=one.flag))
        elif one.what == "revive":
            names = {name for other in steps for name in (other.slug, *other.was)}
            for slug, gone in self.bin:
                if slug == sequence.slug and names.isdisjoint((gone.slug, *gone.was)):
                    steps.insert(one.at % (len(steps) + 1), gone)
                    break
        elif steps and one.what == "delete":
            self.bin.append((sequence.slug, steps.pop(at)))
        elif steps and one.what == "move":
            steps.insert(one.much % len(steps), steps.pop(at))
        elif steps:
            steps[at] = steps[at].model_copy(update=self._change(steps[at], one))
        return tuple(steps)

    def _change(self, old: Step, one: Edit) -> dict[str, Any]:
        tagged = (Condition(kind="tag", name="x", negated=one.flag),)
        found: dict[str, dict[str, Any]] = {
            "day": {"day": one.much},
            "rename": {"slug": f"name{self.count}", "was": (*old.was, old.slug)},
            "draft": {"draft": not old.draft},
            "catch up": {"catch_up": not old.catch_up},
            "send_at": {"send_at": time(one.much + 8, 0)},
            "send_on": {"send_on": frozenset({one.much % 7, (one.much + 2) % 7})},
            "only_if": {"only_if": tagged},
            "skip_if": {"skip_if": tagged},
            "clicked": {"only_if": (Condition(kind="clicked", name="a0", negated=one.flag),)},
            "not_after": {"expires_after": timedelta(hours=6 * one.much + 1)},
            "tag": {"tag": "x" if one.flag else "done"},
            "text": {"watch": not old.watch},
        }
        return found[one.what]


class Told:
    """A story while it is told in a world."""

    def __init__(self, world: Walk, story: Story) -> None:
        self.world, self.example, self.story = world, world.example, story
        self.folder = Folder({one.slug: one for one in story.first})
        self.published: list[Content] = []

    def tell(self) -> None:
        world = self.world
        world.starts_anew(self._live())
        began = world.now
        for number, reader in sorted(enumerate(self.story.readers), key=lambda pair: pair[1].after):
            world.skip(until=max(world.now, began + timedelta(hours=reader.after)))
            self._joins(f"r{number}@example.com", reader)
        for number, publish in enumerate(self.story.publishes):
            self._publish(publish, last=number == len(self.story.publishes) - 1)

    def _live(self) -> Build:
        content = dict(self.folder.content)
        build = build_of(self.example, content)
        if self.published:
            assert build.compiled is not None
            compiled = known_by_later_names(build.compiled, self.world.published.compiled)
            self.folder.content = dict(compiled.sequences)
            build = build_of(self.example, compiled.sequences)
        self.published.append(dict(self.folder.content))
        return build

    def _joins(self, address: str, reader: Reader) -> None:
        world = self.world
        world.asks(address, timezone=reader.zone)
        world.deliver()
        if not reader.confirms:
            return
        world.confirms(address)
        more = world.published.sequence(MORE)
        if reader.in_more and more is not None and more.starts == "manual":
            with world.database.write() as session:
                person = session.get_one(Subscriber, world.subscriber(address).id)
                found = enrollments.find_or_add(session, person.id, more, now=world.now)
                enrollments.start(session, world.published, person, found, by_tap=False, now=world.now)

    def _publish(self, publish: Publish, *, last: bool) -> None:
        world = self.world
        world.now += timedelta(hours=publish.outage)
        for deed in publish.deeds:
            self._do(deed)
        in_hand = world.claim(limit=1) if publish.in_hand else []
        self.folder.history.append(self.published[-1])
        for edit in publish.edits:
            self.folder.edit(edit)
        build = self._live()
        said = replace(world.predicted(build), in_hand=frozenset(letter.subscriber_id or 0 for letter in in_hand))
        world.publish(build)
        if publish.claims_first:
            world.deliver()
        world.replans()
        for letter in in_hand:
            world.send(letter)
        world.replans()
        world.skip(until=world.now + (days(200) if last else timedelta(hours=publish.hours)))
        said.assert_came_true(to_the_end=last)
        assert_kept_promises(world, self.published)

    def _do(self, deed: Deed) -> None:
        person = self.world.subscriber(f"r{deed.reader % len(self.story.readers)}@example.com")
        if deed.what in HANDS:
            with self.world.database.write() as session:
                HANDS[deed.what](session, self.world, session.get_one(Subscriber, person.id), deed.much)
            return
        rows = [row for row in self.world.deliveries(subscriber_id=person.id) if row.step is not None]
        of_state = "pending" if deed.what in ("back off", "hold") else "sent"
        mine = [row for row in rows if row.state == of_state]
        if mine and not (deed.what == "back off" and mine[-1].due_at > self.world.now):
            self.world.changes(Delivery, mine[-1].id, **self._fate(mine[-1], deed))

    def _fate(self, row: Delivery, deed: Deed) -> dict[str, Any]:
        """What becomes of a letter."""
        now = self.world.now
        found: dict[str, dict[str, Any]] = {
            "click": {"clicked_at": now},
            "maybe sent": {"state": "uncertain", "sent_at": None, "reason": "lost", "ended_at": row.sent_at},
            "fail": {"state": "failed", "sent_at": None, "reason": "content", "ended_at": row.sent_at},
            "back off": {"ready_at": now + timedelta(hours=deed.much), "attempts": 1, "first_attempt_at": now},
            "hold": {"state": "held", "reason": "poison", "ended_at": now},
        }
        return found[deed.what]


def _pause(session: Session, world: Walk, she: Subscriber, much: int) -> None:
    pauses.pause(session, world.published, she, world.now + timedelta(hours=13 * much), by="maya", now=world.now)


def _tap(session: Session, world: Walk, she: Subscriber, _much: int) -> None:
    """On the page of her guide, which starts its letters or takes up again those that she stopped."""
    found = select(Enrollment.id).where(Enrollment.subscriber_id == she.id, Enrollment.guide.is_not(None))
    for enrollment_id in session.scalars(found).all():
        signup.start_letters(session, world.published, enrollment_id, Origin(), now=world.now)


#: What readers and the operator do with their hands.
HANDS: dict[str, Callable[[Session, Walk, Subscriber, int], object]] = {
    "pause": _pause,
    "resume": lambda session, world, she, _much: pauses.resume(session, world.published, she, by="maya", now=world.now),
    "leave": lambda session, world, she, _much: preferences.leave(session, she.id, Origin(), now=world.now),
    "return": lambda session, world, she, _much: preferences.come_back(
        session, world.published, she.id, Origin(), now=world.now
    ),
    "tag": lambda session, world, she, _much: enrollments.give_tags(
        session, world.published, [(she.id, "x")], now=world.now
    ),
    "untag": lambda session, _world, she, _much: enrollments.take_tag(session, she.id, "x"),
    "slower": lambda session, world, she, much: pace.at_most_one_in(
        session, world.published, she, much, by="reader", now=world.now
    ),
    "as usual": lambda session, world, she, _much: pace.at_most_one_in(
        session, world.published, she, None, by="reader", now=world.now
    ),
    "next now": lambda session, world, she, _much: pace.next_now(
        session, world.published, she, by="reader", now=world.now
    ),
    "finish": lambda session, world, she, _much: finishing.finish(session, she, by="reader", now=world.now),
    "go on": lambda session, world, she, _much: finishing.go_on(session, she, by="reader", now=world.now),
    "sweep": lambda session, world, _she, _much: [
        finishing.leave_finished(session, one, now=world.now) for one in finishing.over(session, limit=99)
    ],
    "tap": _tap,
}


#: Stories told when nobody asks for more; on PostgreSQL a third of them.
FEW = 21
MANY = int(os.environ.get("EDITS_EXAMPLES", FEW))


@pytest.mark.parametrize("walk", ["sqlite"], indirect=True)
@settings(
    max_examples=MANY, derandomize=MANY == FEW, report_multiple_bugs=False, deadline=None, database=None,
    suppress_health_check=list(HealthCheck), phases=[Phase.generate, Phase.shrink],
)  # fmt: skip
@given(story=stories())
def test_what_is_said_of_any_edit_comes_true_and_no_promise_is_broken(walk: Walk, story: Story) -> None:
    Told(walk, story).tell()


@pytest.mark.parametrize("walk", ["postgresql"], indirect=True)
@settings(
    max_examples=MANY // 3, derandomize=MANY == FEW, report_multiple_bugs=False, deadline=None, database=None,
    suppress_health_check=list(HealthCheck), phases=[Phase.generate, Phase.shrink],
)  # fmt: skip
@given(story=stories())
def test_the_same_on_postgresql(walk: Walk, story: Story) -> None:
    Told(walk, story).tell()


#: Two series whose letters come on the same mornings.
TWO_SERIES = (
    series(step("a0", 1), step("a1", 4)),
    series(step("m0", 0), step("m1", 4), slug=MORE, guide=None, starts="manual"),
)


@pytest.mark.parametrize("walk", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    "what", ["text", "delete"], ids=["two letters in one claim", "a letter planned anew goes last"]
)
def test_letters_of_two_series_that_are_due_at_once_come_one_a_day(walk: Walk, what: str) -> None:
    """Both went in the same minute once, and `plan` told them in another order than they went."""
    edit = Publish(0, (), (Edit(what, 0, 0, 0, False),), False, 0, 1)
    Told(walk, Story(TWO_SERIES, (Reader(0, ZONES[0], True, True),), (edit,))).tell()


@pytest.mark.parametrize("walk", ["sqlite"], indirect=True)
def test_a_letter_of_another_series_waits_for_the_one_that_a_sender_has(walk: Walk) -> None:
    """It was claimed a batch earlier, and has not gone out yet."""
    Told(walk, Story(TWO_SERIES, (Reader(0, ZONES[0], True, True),), ())).tell()
    due = walk.next_due()
    while len(walk.deliveries(state="pending", due_at=due)) < 2 and due is not None:
        walk.skip(until=due)
        due = walk.next_due()
    assert due is not None
    walk.now = due
    (first,) = walk.claim(limit=1)
    assert walk.claim(limit=1) == []
    walk.send(first)
    (second,) = walk.deliveries(state="pending")
    assert second.due_at > due + timedelta(hours=20)
    assert first.course is not None and {first.course.step.slug, second.step} == {"a1", "m1"}
