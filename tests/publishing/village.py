"""A village for each kind of edit: one person at every position of a short series, just before the edit is live."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from leadmagnet.audience.consent import Origin
from leadmagnet.content.compiled import Build
from leadmagnet.content.published import Published
from leadmagnet.content.sequences import Sequence
from leadmagnet.publishing.versions import known_by_later_names
from leadmagnet.sequences import enrollments, pauses, preferences
from leadmagnet.sequences import facts as people_facts
from leadmagnet.sequences.schedule import next_step
from leadmagnet.store.database import Session
from leadmagnet.store.models import Delivery, Enrollment, Subscriber
from tests.publishing.walks import Walk, assert_kept_promises, build_of, days, series, step
from tests.world import GUIDE, TUESDAY_EVENING

PUBLISHED = TUESDAY_EVENING + days(10)  # a Friday evening in New York
G, A, B, C = step("g", 0), step("a", 2), step("b", 5), step("c", 9)

Edit = Callable[[Sequence], dict[str, Sequence]]


@dataclass(frozen=True)
class Stand:
    """A position: days since the start, the letters that were had, and what is special about it."""

    days: int
    had: str = ""
    special: str = ""


PEOPLE = {
    "pending": Stand(0, special="pending"),
    "new": Stand(0),
    "had-g": Stand(1, "g"),
    "had-a": Stand(3, "ga"),
    "had-b": Stand(7, "gab"),
    "done": Stand(10, "gabc", "completed"),
    "late": Stand(5, "ga"),  # b was due this morning, and an outage held it up
    "again": Stand(5, "ga", "backed off"),  # b was refused for now, and is tried again in three hours
    "maybe": Stand(3, "ga", "uncertain"),  # a was maybe sent
    "skipped": Stand(3, "ga", "skipped"),  # a was not for her
    "paused": Stand(3, "ga", "paused"),  # for ten days
    "left": Stand(3, "ga", "left"),
    "held": Stand(3, "ga", "held"),  # b waits for the operator
}


@dataclass
class Happened:
    """What became of each person, by edit and position."""

    got: dict[str, dict[str, str]] = field(default_factory=dict)  # the letters after the publish, "-": none
    skipped: dict[str, dict[str, str]] = field(default_factory=dict)  # reasons, only of those who have any
    first: dict[str, dict[str, str]] = field(default_factory=dict)  # when the first letter came, in New York
    ended: dict[str, dict[str, str]] = field(default_factory=dict)  # status or reason of the exit


class Village:
    """A world with a village for each of `edits`; letters are called by one character."""

    def __init__(self, world: Walk, edits: dict[str, Edit]) -> None:
        self.world, self.edits = world, edits
        slugs = {name: f"edit-{number}" for number, name in enumerate(edits)}
        self.content = {slug: series(G, A, B, C, slug=slug, starts="manual") for slug in slugs.values()}
        self.people: dict[tuple[str, str], int] = {}
        world.starts_anew(build_of(world.example, self.content))
        world.now = PUBLISHED
        with world.database.write() as session:
            for name, slug in slugs.items():
                for who, stand in PEOPLE.items():
                    self.people[name, who] = self._settle(session, f"{who}-{slug}", self.content[slug], stand)
        self.already = {row.id for row in world.deliveries(state="sent")}

    def edited(self) -> Build:
        """All the edits, saved together."""
        found: dict[str, Sequence] = {}
        for edit, old in zip(self.edits.values(), self.content.values(), strict=True):
            found |= edit(old)
        return build_of(self.world.example, found)

    def lives(self, *, taken_back: bool) -> Happened:
        """Publishes the edits and walks everybody to the end; what was said each time must come true."""
        world, edited = self.world, self.edited()
        said = world.predicted(edited)
        world.publish(edited)
        world.replans()
        if taken_back:
            world.skip(until=PUBLISHED + days(2))
            said.assert_came_true(to_the_end=False)
            before = build_of(world.example, self.content).compiled
            assert before is not None
            build = build_of(world.example, known_by_later_names(before, world.published.compiled).sequences)
            said = world.predicted(build)
            world.publish(build)
            world.replans()
        world.skip(until=PUBLISHED + days(90))
        said.assert_came_true(to_the_end=True)
        assert edited.compiled is not None
        assert_kept_promises(world, [self.content, edited.compiled.sequences])
        return self._seen()

    def _seen(self) -> Happened:
        happened, world = Happened(), self.world
        names = {person: place for place, person in self.people.items()}
        zone = world.published.zone
        rows = [row for row in world.deliveries() if row.step is not None and row.id not in self.already]
        for edit, who in self.people:
            happened.got.setdefault(edit, {})[who] = "-"
        for row in sorted(rows, key=lambda row: (row.sent_at or PUBLISHED, row.step or "")):
            edit, who = names[row.subscriber_id or 0]
            if row.state == "sent" and row.sent_at is not None:
                got = happened.got[edit]
                got[who] = got[who].replace("-", "") + (row.step or "")
                when = row.sent_at.astimezone(zone).strftime("%a %d %H:%M")
                happened.first.setdefault(edit, {}).setdefault(who, when)
            elif row.state in ("skipped", "expired") and row.ended_at is not None and row.ended_at >= PUBLISHED:
                mine = happened.skipped.setdefault(edit, {})
                mine[who] = "; ".join(filter(None, [mine.get(who), f"{row.step}: {row.reason}"]))
        for (edit, who), person in self.people.items():
            with world.database.read() as session:
                one = session.query(Enrollment).filter_by(subscriber_id=person).one()
            happened.ended.setdefault(edit, {})[who] = one.exit_reason or one.status
        return happened

    def _settle(self, session: Session, name: str, sequence: Sequence, stand: Stand) -> int:
        """Puts somebody at her position, as the road would have brought her there."""
        world, published, pending = self.world, self.world.published, stand.special == "pending"
        start = PUBLISHED - days(stand.days)
        she = Subscriber(
            address=f"{name}@example.com", address_key=name, domain_group="example.com", created_at=start,
            asked_at=start, status="pending" if pending else "active", confirmed_at=None if pending else start,
        )  # fmt: skip
        session.add(she)
        session.flush()
        enrollment = enrollments.find_or_add(session, she.id, sequence, now=start)
        if pending:
            return she.id
        enrollment.status, enrollment.start_at = "active", start
        session.flush()
        for slug in stand.had:
            self._had(session, published, she, enrollment, sequence, slug, stand)
        facts = people_facts.gather(session, {enrollment.id: (she.id, start)})[enrollment.id]
        answer = next_step(sequence, facts, published.zone)
        enrollments.follow(session, published, {enrollment.id: (she, sequence, answer)}, now=PUBLISHED)
        session.flush()
        waiting: dict[str, Any] = {
            "backed off": {"ready_at": PUBLISHED + days(0.125), "attempts": 1, "first_attempt_at": PUBLISHED},
            "held": {"state": "held", "reason": "poison", "ended_at": PUBLISHED},
        }.get(stand.special, {})
        if waiting:
            session.query(Delivery).filter_by(enrollment_id=enrollment.id, state="pending").update(waiting)
        if stand.special == "paused":
            session.expire_all()
            pauses.pause(session, published, she, PUBLISHED + days(10), by="maya", now=PUBLISHED)
        if stand.special == "left":
            preferences.leave(session, she.id, Origin(), now=world.now)
        return she.id

    @staticmethod
    def _had(
        session: Session, published: Published, she: Subscriber, series: Enrollment, sequence: Sequence, slug: str,
        stand: Stand,
    ) -> None:  # fmt: skip
        letter = sequence.step(slug)
        assert letter is not None and series.start_at is not None
        local = (series.start_at + days(letter.day)).astimezone(published.zone)
        at = local.replace(hour=7, minute=30) if letter.day else local
        kind, lane = enrollments.kind_of(sequence, letter)
        state = stand.special if slug == stand.had[-1] and stand.special in ("uncertain", "skipped") else "sent"
        over = {"ended_at": at, "reason": "for a test"} if state != "sent" else {"sent_at": at}
        session.add(
            Delivery(
                kind=kind, lane=lane, subscriber_id=she.id, enrollment_id=series.id, sequence=sequence.slug, step=slug,
                state=state, due_at=at, ready_at=at, handed_at=None if state == "skipped" else at,
                release_id=published.number, message_id=f"{series.id}.{slug}@example.com", domain_group="example.com",
                dedupe_key=enrollments.step_key(series.id, slug), **over,
            )
        )  # fmt: skip
        session.flush()


__all__ = ["GUIDE", "PEOPLE", "PUBLISHED", "A", "B", "C", "Edit", "G", "Happened", "Village"]
