"""A village for each kind of edit: one person at every position of a short series, just before the edit is live."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from sqlalchemy import select, update

from leadmagnet.audience.consent import Origin
from leadmagnet.content.published import Published
from leadmagnet.content.sequences import Sequence
from leadmagnet.publishing.versions import known_by_later_names
from leadmagnet.sequences import deliveries, enrollments, pauses, preferences
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
    """A world with two villages for each of `edits`, of which one takes the edit back; a letter has one character."""

    def __init__(self, world: Walk, edits: dict[str, Edit]) -> None:
        self.world, self.edits = world, edits
        self.places = {(name, back): f"{'back' if back else 'edit'}-{number}"
                       for number, name in enumerate(edits) for back in (False, True)}  # fmt: skip
        self.content = {slug: series(G, A, B, C, slug=slug, starts="manual") for slug in self.places.values()}
        world.starts_anew(build_of(world.example, self.content))
        world.now = PUBLISHED
        with world.database.write() as session:
            people = {(*place, who): _subscriber(f"{who}-{slug}", stand)
                      for place, slug in self.places.items() for who, stand in PEOPLE.items()}  # fmt: skip
            session.add_all(people.values())
            session.flush()
            self._settle(session, people)
        self.people = {key: she.id for key, she in people.items()}
        with world.database.write() as session:
            for (_edit, _back, who), person in self.people.items():
                self._special(session, person, PEOPLE[who].special)
        self.already = {row.id for row in world.deliveries(state="sent")}

    def lives(self) -> dict[bool, Happened]:
        """Publishes the edits and walks everybody to the end; what was said each time must come true.

        After two days half of the sequences are rolled back. What became of everybody, by whether hers was.
        """
        world, edited = self.world, {}
        for (name, _back), slug in self.places.items():
            edited |= self.edits[name](self.content[slug])
        said = world.predicted(build_of(world.example, edited))
        world.publish(build_of(world.example, edited))
        world.replans()
        world.skip(until=PUBLISHED + days(2))
        said.assert_came_true(to_the_end=False)
        before = build_of(world.example, {slug: self.content[slug] for slug in self._taken_back()}).compiled
        assert before is not None
        back = known_by_later_names(before, world.published.compiled).sequences
        kept = {slug: one for slug, one in edited.items() if slug.removesuffix("-2") not in self._taken_back()}
        said = world.predicted(build_of(world.example, {**kept, **back}))
        world.publish(build_of(world.example, {**kept, **back}))
        world.replans()
        world.skip(until=PUBLISHED + days(90))
        said.assert_came_true(to_the_end=True)
        assert_kept_promises(world, [self.content, edited])
        return {back: self._seen(back) for back in (False, True)}

    def _taken_back(self) -> set[str]:
        return {slug for (_name, back), slug in self.places.items() if back}

    def _seen(self, taken_back: bool) -> Happened:
        happened, world = Happened(), self.world
        mine = {person: (edit, who) for (edit, back, who), person in self.people.items() if back == taken_back}
        rows = [row for row in world.deliveries() if row.step is not None and row.id not in self.already]
        for edit, who in mine.values():
            happened.got.setdefault(edit, {})[who] = "-"
        for row in sorted(rows, key=lambda row: (row.sent_at or PUBLISHED, row.step or "")):
            if row.subscriber_id not in mine:
                continue
            edit, who = mine[row.subscriber_id]
            if row.state == "sent" and row.sent_at is not None:
                got = happened.got[edit]
                got[who] = got[who].replace("-", "") + (row.step or "")
                when = row.sent_at.astimezone(world.published.zone).strftime("%a %d %H:%M")
                happened.first.setdefault(edit, {}).setdefault(who, when)
            elif row.state in ("skipped", "expired") and row.ended_at is not None and row.ended_at >= PUBLISHED:
                why = happened.skipped.setdefault(edit, {})
                why[who] = "; ".join(filter(None, [why.get(who), f"{row.step}: {row.reason}"]))
        with world.database.read() as session:
            for one in session.scalars(select(Enrollment)):
                if one.subscriber_id in mine:
                    edit, who = mine[one.subscriber_id]
                    happened.ended.setdefault(edit, {})[who] = one.exit_reason or one.status
        return happened

    def _settle(self, session: Session, people: Mapping[tuple[str, bool, str], Subscriber]) -> None:
        """Puts everybody at her position, as the road would have brought her there."""
        published = self.world.published
        began = []
        for (edit, back, who), she in people.items():
            stand, slug = PEOPLE[who], self.places[edit, back]
            pending = stand.special == "pending"
            start = None if pending else PUBLISHED - days(stand.days)
            one = Enrollment(
                subscriber_id=she.id, sequence=slug, guide=GUIDE, status="pending" if pending else "active",
                created_at=PUBLISHED - days(stand.days), start_at=start,
            )  # fmt: skip
            session.add(one)
            if not pending:
                began.append((one, she, stand))
        session.flush()
        session.add_all(_had(published, she, one, slug, stand) for one, she, stand in began for slug in stand.had)
        session.flush()
        starts = {one.id: people_facts.series_of(one, she) for one, she, _stand in began}
        facts = people_facts.gather(session, starts)
        following = {}
        for one, she, _stand in began:
            sequence = published.compiled.sequences[one.sequence]
            following[one.id] = (she, sequence, next_step(sequence, facts[one.id], published.zone))
        enrollments.follow(session, published, following, now=PUBLISHED)

    def _special(self, session: Session, person: int, special: str) -> None:
        if special == "paused":
            she = session.get_one(Subscriber, person)
            pauses.pause(session, self.world.published, she, PUBLISHED + days(10), by="maya", now=PUBLISHED)
        if special == "left":
            preferences.leave(session, person, Origin(), now=PUBLISHED)
        values = {
            "backed off": {"ready_at": PUBLISHED + days(0.125), "attempts": 1, "first_attempt_at": PUBLISHED},
            "held": {"state": "held", "reason": "poison", "ended_at": PUBLISHED},
        }.get(special)
        if values:
            mine = update(Delivery).where(Delivery.subscriber_id == person, Delivery.state == "pending")
            session.execute(mine.values(values), execution_options={"synchronize_session": False})


def _subscriber(name: str, stand: Stand) -> Subscriber:
    start, pending = PUBLISHED - days(stand.days), stand.special == "pending"
    return Subscriber(
        address=f"{name}@example.com", address_key=name, domain_group="example.com", created_at=start, asked_at=start,
        status="pending" if pending else "active", confirmed_at=None if pending else start,
    )  # fmt: skip


def _had(published: Published, she: Subscriber, one: Enrollment, slug: str, stand: Stand) -> Delivery:
    """A letter of the past."""
    sequence = published.compiled.sequences[one.sequence]
    letter = sequence.step(slug)
    assert letter is not None and one.start_at is not None
    local = (one.start_at + days(letter.day)).astimezone(published.zone)
    at = local.replace(hour=7, minute=30) if letter.day else local
    kind, lane = deliveries.kind_of(sequence, letter)
    state = stand.special if slug == stand.had[-1] and stand.special in ("uncertain", "skipped") else "sent"
    over = {"sent_at": at} if state == "sent" else {"ended_at": at, "reason": "for a test"}
    return Delivery(
        kind=kind, lane=lane, subscriber_id=she.id, enrollment_id=one.id, sequence=one.sequence, step=slug,
        state=state, due_at=at, ready_at=at, handed_at=None if state == "skipped" else at, release_id=published.number,
        message_id=f"{one.id}.{slug}@example.com", domain_group="example.com",
        dedupe_key=deliveries.step_key(one.id, slug), **over,
    )  # fmt: skip
