"""Walks people through edits on the real road, and holds what `plan` said of each edit against what then happened."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from pathlib import Path

from sqlalchemy import delete, func, select

from leadmagnet.content.compiled import Build, Compiled, Letter
from leadmagnet.content.published import Published
from leadmagnet.content.sequences import MIN_GAP, Sequence, Step
from leadmagnet.publishing import people, releases
from leadmagnet.publishing.people import Question
from leadmagnet.publishing.projection import Course, Projector
from leadmagnet.rehearsal.stage import Stage
from leadmagnet.store.database import Database
from leadmagnet.store.models import AuditEvent, Enrollment, Model
from tests.world import GUIDE, TUESDAY_EVENING, World

EVERY_DAY = frozenset(range(7))
_LETTER = Letter(
    path="", slug="", subject="A letter", preheader="", html="<p>Words</p>", text="Words",
)  # fmt: skip

Content = Mapping[str, Sequence]


def step(slug: str, day: int, **values: object) -> Step:
    """A letter that goes at half past seven."""
    given = {"slug": slug, "number": 10, "day": day, "send_at": time(7, 30), "send_on": EVERY_DAY}
    return Step.model_validate(given | values)


def series(*steps: Step, slug: str = GUIDE, **values: object) -> Sequence:
    """A sequence of these letters, which starts with the guide unless it is said otherwise."""
    given = {"slug": slug, "title": slug, "starts": "confirmed", "guide": GUIDE, "min_gap": MIN_GAP, "stop_when": ()}
    return Sequence.model_validate(given | {"steps": steps} | values)


def build_of(example: Build, content: Content) -> Build:
    """What an operator would have saved, made without a disk: few words, so that many can be published quickly."""
    compiled = example.compiled
    assert compiled is not None
    system = [key for key in compiled.letters if key.startswith("system/")]
    letters = [f"{slug}/{one.slug}" for slug, sequence in content.items() for one in sequence.steps]
    guides = {slug: guide.model_copy(update={"html": "", "figures": {}, "pictures": ()})
              for slug, guide in compiled.guides.items()}  # fmt: skip
    small = Compiled(settings=compiled.settings, sequences=content, guides=guides, letters=_letters(*system, *letters))
    return Build((), small, {}, hashlib.sha256(small.model_dump_json().encode()).hexdigest())


def _letters(*names: str) -> dict[str, Letter]:
    return {name: _LETTER.model_copy(update={"path": f"email_templates/{name}.md"}) for name in names}


class Walk(World):
    """A world without pictures and files, whose mail goes to a server made up for it."""

    def __init__(self, database: Database, example: Build, folder: Path) -> None:
        self.example = example
        super().__init__(database, build_of(example, {}), folder, Stage(lambda: self.now).connect)

    def publish(self, build: Build) -> Published:
        """Makes a build live; guides get no PDF."""
        with self.database.write() as session:
            releases.publish(session, build, author="maya", now=self.now)
        with self.database.read() as session:
            self.published = releases.Live().get(session)
        return self.published

    def starts_anew(self, build: Build) -> None:
        """Nobody and nothing is there but this content."""
        with self.database.write() as session:
            for table in reversed(Model.metadata.sorted_tables):
                session.execute(delete(table))
        self.now = TUESDAY_EVENING
        self.publish(build)

    def predicted(self, build: Build) -> "Said":
        """What will come for everybody if the build is published now."""
        with self.database.read() as session:
            live = releases.Live().get(session)
            would_be = releases.would_be(build, live, now=self.now)
            projector, question = Projector(would_be, now=self.now), Question.of(would_be)
            last = session.scalar(select(func.max(Enrollment.subscriber_id))) or 0
            courses = {one.id: projector.course(one) for one in people.read(session, question, after=0, upto=last)}
        return Said(self, courses, {row.id for row in self.deliveries() if row.state in _OVER})


_OVER = ("sent", "skipped", "expired")


@dataclass(frozen=True)
class Said:
    """What was said of an edit just before it was published."""

    world: Walk
    courses: Mapping[int, Course]
    before: set[int]  # rows that were over then
    in_hand: frozenset[int] = frozenset()  # whose letter a sender had: it is finished by the version before

    def assert_came_true(self, *, to_the_end: bool) -> None:
        """Holds it against what has happened since; what is said of later times may be told only at the end."""
        until = datetime.max.replace(tzinfo=self.world.now.tzinfo) if to_the_end else self.world.now
        rows = [
            row for row in self.world.deliveries()
            if row.step is not None and row.id not in self.before and row.subscriber_id not in self.in_hand
        ]  # fmt: skip
        courses = {person: course for person, course in self.courses.items() if person not in self.in_hand}
        sent = sorted((row.subscriber_id, row.sent_at, row.sequence, row.step) for row in rows if row.state == "sent")
        said = sorted((person, at, sequence, slug) for person, course in courses.items()
                      for sequence, slug, at in course.mails if at <= until)  # fmt: skip
        assert said == sent, _difference(said, sent)
        skipped = {(row.subscriber_id, row.sequence, row.step, row.reason) for row in rows if row.state in _OVER[1:]}
        skips = {(person, *skip) for person, course in courses.items() for skip in course.skips}
        assert skipped == skips if to_the_end else skipped <= skips, _difference(skips, skipped)
        if to_the_end:
            self._assert_endings(courses)

    def _assert_endings(self, courses: Mapping[int, Course]) -> None:
        with self.world.database.read() as session:
            series = {(one.subscriber_id, one.sequence): one for one in session.scalars(select(Enrollment))}
        for person, course in courses.items():
            for ending in course.endings:
                ended = series[person, ending.sequence]
                assert (ended.exit_reason or ended.status, ended.ended_at) == (ending.how, ending.at)


def _difference(said: Iterable[object], happened: Iterable[object]) -> str:
    one, other = list(map(str, said)), list(map(str, happened))
    lines = [f"said, and did not happen: {line}" for line in one if line not in other]
    return "\n".join([*lines, *(f"happened, and was not said: {line}" for line in other if line not in one)])


def assert_kept_promises(world: Walk, contents: Iterable[Content]) -> None:
    """Nobody got a letter twice, under whatever name, nor two closer than `min_gap` but by a wish of her own."""
    names = _identities(contents)
    rows = [row for row in world.deliveries() if row.step is not None and row.state in ("sent", "uncertain")]
    had = [(row.enrollment_id, names[row.sequence or "", row.step or ""]) for row in rows]
    assert len(had) == len(set(had))
    wishes = _wishes(world)
    last: dict[int | None, datetime] = {}
    releases_of: dict[int, Published] = {}
    for row in sorted(rows, key=lambda row: (row.sent_at or row.handed_at or world.now, row.id)):
        at = row.sent_at or row.handed_at
        assert at is not None
        published = releases_of.get(row.release_id or 0)
        if published is None:
            with world.database.read() as session:
                published = releases_of[row.release_id or 0] = releases.load(session, row.release_id or 0)
        sequence = published.sequence(row.sequence or "")
        letter = sequence.step(row.step or "") if sequence is not None else None
        before = last.get(row.subscriber_id)
        wished = (row.subscriber_id, row.due_at) in wishes
        if sequence is not None and letter is not None and letter.day and before is not None and not wished:
            assert at - before >= sequence.min_gap, (row.subscriber_id, row.step, before, at)
        last[row.subscriber_id] = at
    _assert_nobody_was_lost(world)


def _assert_nobody_was_lost(world: World) -> None:
    """Of every series that runs one letter waits, for its time or for the operator; no other waits for its time."""
    with world.database.read() as session:
        running = set(session.scalars(select(Enrollment.id).where(Enrollment.status == "active")))
    letters = [row for row in world.deliveries() if row.step and row.state in ("pending", "held")]
    waits = [row.enrollment_id for row in letters if row.state == "pending" or row.enrollment_id in running]
    assert sorted(waits) == sorted(running)


def _wishes(world: World) -> set[tuple[int | None, datetime]]:
    """Who asked when for her next letter at once; a letter that goes by this is due at that moment."""
    with world.database.read() as session:
        told = session.execute(select(AuditEvent.subscriber_id, AuditEvent.at).where(AuditEvent.event == "next now"))
        return {(person, at) for person, at in told}


def _identities(contents: Iterable[Content]) -> dict[tuple[str, str], str]:
    """(sequence, slug) → the first name that the letter ever had."""
    first: dict[tuple[str, str], str] = {}
    for content in contents:
        for slug, sequence in content.items():
            for one in sequence.steps:
                known = [first[slug, name] for name in (one.slug, *one.was) if (slug, name) in first]
                for name in (one.slug, *one.was):
                    first.setdefault((slug, name), known[0] if known else one.slug)
    return first


def days(count: float) -> timedelta:
    """So many days."""
    return timedelta(days=count)
