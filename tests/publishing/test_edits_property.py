"""Any edits, published at any times with people anywhere: promises are kept, and what `plan` says comes true."""

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import time, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, note, settings
from hypothesis import strategies as st

from leadmagnet.content.compiled import Build
from leadmagnet.content.sequences import Condition, Sequence, Step
from leadmagnet.publishing.versions import known_by_later_names
from leadmagnet.sequences import enrollments, pauses, preferences
from leadmagnet.audience.consent import Origin
from leadmagnet.store.database import Database
from leadmagnet.store.models import Delivery, Subscriber
from tests.publishing.walks import Content, Walk, assert_kept_promises, build_of, days, series, step
from tests.world import GUIDE

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


DEEDS = ["pause", "resume", "leave", "return", "tag", "untag", "click", "back off", "maybe sent", "fail", "hold"]
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
                new = {"slug": name} if one.what == "rename folder" else {"slug": name, "guide": None, "starts": "manual"}
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
        condition = (Condition(kind="tag", name="x", negated=one.flag),)
        match one.what:
            case "day":
                return {"day": one.much}
            case "rename":
                return {"slug": f"name{self.count}", "was": (*old.was, old.slug)}
            case "draft":
                return {"draft": not old.draft}
            case "catch up":
                return {"catch_up": not old.catch_up}
            case "send_at":
                return {"send_at": time(one.much + 8, 0)}
            case "send_on":
                return {"send_on": frozenset({one.much % 7, (one.much + 2) % 7})}
            case "only_if":
                return {"only_if": condition}
            case "skip_if":
                return {"skip_if": condition}
            case "clicked":
                return {"only_if": (Condition(kind="clicked", name="a0", negated=one.flag),)}
            case "not_after":
                return {"expires_after": timedelta(hours=6 * one.much + 1)}
            case "tag":
                return {"tag": "x" if one.flag else "done"}
            case _:
                return {"watch": not old.watch}


class Told:
    """A story while it is told in a world."""

    def __init__(self, world: Walk, example: Build, story: Story) -> None:
        self.world, self.example, self.story = world, example, story
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
        said = world.predicted(build)
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
        world, now = self.world, self.world.now
        address = f"r{deed.reader % len(self.story.readers)}@example.com"
        person = world.subscriber(address)
        rows = [row for row in world.deliveries(subscriber_id=person.id) if row.step is not None]
        sent = [row for row in rows if row.state == "sent"]
        waiting = [row for row in rows if row.state == "pending"]
        by: dict[str, Any] = {"by": "maya", "now": now}
        with world.database.write() as session:
            she = session.get_one(Subscriber, person.id)
            match deed.what:
                case "pause":
                    pauses.pause(session, world.published, she, now + timedelta(hours=deed.much * 13), **by)
                case "resume":
                    pauses.resume(session, world.published, she, **by)
                case "leave":
                    preferences.leave(session, person.id, Origin(), now=now)
                case "return":
                    preferences.come_back(session, world.published, person.id, Origin(), now=now)
                case "tag":
                    enrollments.give_tags(session, world.published, [(person.id, "x")], now=now)
                case "untag":
                    enrollments.take_tag(session, person.id, "x")
        change: tuple[Delivery, dict[str, Any]] | None = None
        if deed.what == "click" and sent:
            change = sent[-1], {"clicked_at": now}
        elif deed.what == "maybe sent" and sent:
            change = sent[-1], {"state": "uncertain", "sent_at": None, "reason": "lost", "ended_at": sent[-1].sent_at}
        elif deed.what == "fail" and sent:
            change = sent[-1], {"state": "failed", "sent_at": None, "reason": "content", "ended_at": sent[-1].sent_at}
        elif deed.what == "back off" and waiting and waiting[0].due_at <= now:
            again = now + timedelta(hours=deed.much)
            change = waiting[0], {"ready_at": again, "attempts": 1, "first_attempt_at": now}
        elif deed.what == "hold" and waiting:
            change = waiting[0], {"state": "held", "reason": "poison", "ended_at": now}
        if change is not None:
            world.changes(Delivery, change[0].id, **change[1])


def _walk(url: str, example: Build, folder: Path) -> Iterator[Walk]:
    database = Database(url)
    content = {GUIDE: series(step("a0", 0))}
    with Walk(database, build_of(example, content), folder) as world:
        world.example = example
        yield world
    database.close()


@pytest.fixture(scope="module")
def on_sqlite(sqlite_template: Path, example: Build, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Walk]:
    folder = tmp_path_factory.mktemp("walk")
    shutil.copy(sqlite_template, folder / "leadmagnet.db")
    yield from _walk(f"sqlite:///{folder}/leadmagnet.db", example, folder)


MANY = int(os.environ.get("EDITS_EXAMPLES", "30"))


@settings(
    max_examples=MANY, derandomize=MANY <= 40, report_multiple_bugs=False, deadline=None, database=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.generate, Phase.shrink] if MANY > 30 else [Phase.generate],
)  # fmt: skip
@given(story=stories())
def test_x(on_sqlite: Walk, story: Story) -> None:
    Told(on_sqlite, on_sqlite.example, story).tell()
