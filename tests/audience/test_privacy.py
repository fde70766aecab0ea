"""What is kept about one person: told whole, deleted whole, and not kept for longer than is said."""

import json
import threading
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from leadmagnet.audience import privacy, suppressions
from leadmagnet.audience.privacy import Forgotten
from leadmagnet.delivery.outcomes import Accepted, Deferred, Failed
from leadmagnet.sequences import pauses
from leadmagnet.sequences.signup import Requested
from leadmagnet.store.models import (
    AddressChange,
    AuditEvent,
    Consent,
    Delivery,
    Enrollment,
    Feedback,
    Model,
    Subscriber,
    SubscriberTag,
    Suppression,
)
from tests.sequences.test_moving import asks_to_move, taps, wish
from tests.waiting import PATIENCE
from tests.world import SECRET, World

ADA, BOB, NEW = "ada@example.com", "bob@example.com", "ada@new.example"
#: Numbers, keys and locks of our own: they say nothing about a person that is not told in other words.
OURS = {
    Subscriber: {"id", "address_key", "domain_group"},
    AddressChange: {"id", "subscriber_id", "address_key", "domain_group"},
    SubscriberTag: {"subscriber_id"},
    Consent: {"id", "subscriber_id"},
    Enrollment: {"id", "subscriber_id"},
    Delivery: {
        "subscriber_id", "enrollment_id", "lane", "ready_at", "attempts", "first_attempt_at", "begun", "resends",
        "lease_owner", "lease_token", "lease_until", "gate_host", "quota_day", "release_id", "domain_group",
        "smtp_class", "handed_at", "resend_of", "dedupe_key", "facts",
    },
    Suppression: {"id", "address_key"},
    Feedback: {"id", "delivery_id", "smtp_class", "digest"},
}  # fmt: skip
TOLD = {
    Subscriber: privacy.PERSON, AddressChange: privacy.NEW_ADDRESS, SubscriberTag: privacy.TAG,
    Consent: privacy.CONSENT, Enrollment: privacy.SERIES, Delivery: privacy.MAIL, Suppression: privacy.BLOCK,
    Feedback: privacy.REPORT,
}  # fmt: skip


def lived(world: World) -> int:
    """Ada asks, confirms, gets letters, clicks, is tagged, moves, and wishes to move on; Bob is somebody else."""
    world.joins(BOB)
    world.joins(ADA, first_name="Ada")
    her = world.subscriber(ADA).id
    world.skip(until=world.now + timedelta(days=6))
    clicked = world.deliveries(subscriber_id=her, state="sent")[-1]
    world.changes(Delivery, clicked.id, clicked_at=world.now)
    world.tagged(ADA, "tried-barre")
    asks_to_move(world, her, "ada@old.example")
    world.deliver()
    taps(world, wish(world, her).id)
    asks_to_move(world, her, NEW)
    world.deliver()
    return her


def export(world: World, subscriber_id: int) -> dict[str, object]:
    with world.database.read() as session:
        her = session.get(Subscriber, subscriber_id)
        assert her is not None
        found = privacy.export(session, her, now=world.now)
    return json.loads(json.dumps(found))  # type: ignore[no-any-return]


def forget(world: World, subscriber_id: int) -> Forgotten:
    return privacy.forget_at_once(world.database, subscriber_id, now=world.now)


@pytest.mark.parametrize("model", TOLD, ids=lambda model: model.__tablename__)
def test_every_column_is_told_or_is_a_number_of_our_own(model: type[Model]) -> None:
    columns = {column.key for column in model.__table__.columns}
    assert set(TOLD[model]) | OURS[model] == columns
    assert not set(TOLD[model]) & OURS[model]


def test_she_is_told_everything_and_nobody_elses(world: World) -> None:
    found = export(world, lived(world))
    assert found["format"] == 1
    assert found["person"]["address"] == "ada@old.example"  # type: ignore[index]
    assert found["new_address"]["address"] == NEW  # type: ignore[index]
    assert [row["tag"] for row in found["tags"]] == ["tried-barre"]  # type: ignore[attr-defined]
    asked, confirmed, moved = found["consents"]  # type: ignore[misc]
    assert (asked["event"], asked["ip"]) == ("requested", "192.0.2.1")
    assert "eight short emails over four weeks" in asked["wording"]
    assert confirmed["message_id"] and moved["event"] == "confirmed"
    assert [row["event"] for row in found["history"]] == ["moved"]  # type: ignore[attr-defined]
    assert found["history"][0]["by"] == "you"  # type: ignore[index]
    (series,) = found["series"]  # type: ignore[misc]
    assert (series["sequence"], series["status"]) == ("hip-openers", "active")
    mails = {row["step"] or row["kind"]: row for row in found["mails"]}  # type: ignore[attr-defined]
    assert mails["tight-hips"]["filled_in_with"]["first_name"] == "Ada"
    assert mails["yoga-for-runners"]["clicked_at"] and mails["confirm"]["sent_at"]
    text = json.dumps(found)
    assert BOB not in text
    for secret in ("lease", "dedupe", world.links.leave(world.subscriber("ada@old.example").id)[-30:], 'made"'):
        assert secret not in text


def test_of_a_forgotten_person_only_a_hash_stays(world: World) -> None:
    her = lived(world)
    keys = [row.address_key for row in (world.subscriber("ada@old.example"),)]
    assert forget(world, her) is Forgotten.NOW
    left = str(world.everything())
    for trace in ("ada@", "Ada", "tried-barre", "192.0.2.9"):
        assert trace not in left
    with world.database.read() as session:
        blocks = session.execute(select(Suppression.address_key, Suppression.scope, Suppression.reason)).all()
        assert [tuple(block) for block in blocks] == [(keys[0], "all", "erased")]
    assert world.subscriber(BOB).status == "active"
    before = world.everything()
    assert forget(world, her) is Forgotten.BEFORE
    assert world.everything() == before
    assert world.asks("ada@old.example") is Requested.BLOCKED
    world.joins("erin@example.com")
    assert world.subscriber("erin@example.com").id > her  # her number, which her links name, is never given again
    world.skip(until=world.now + timedelta(days=40))
    assert world.inbox("ada@old.example")[-1]["Date"].datetime <= world.now - timedelta(days=40)


def test_after_a_full_life_every_table_is_as_if_she_had_never_been_there(world: World) -> None:
    world.joins(BOB)
    before = world.everything()
    world.joins(ADA, first_name="Ada")
    her = world.subscriber(ADA).id
    mail = world.deliveries(subscriber_id=her, state="sent")[-1]
    again = {name: getattr(mail, name) for name in ("kind", "lane", "due_at", "ready_at", "domain_group", "step")}
    with world.database.write() as session:
        copy = Delivery(**again, subscriber_id=her, enrollment_id=mail.enrollment_id, resend_of=mail.id)
        copy.message_id, copy.dedupe_key, copy.state, copy.reason = "again", f"resend:{mail.id}:1", "uncertain", "lost"
        session.add(copy)
        session.add(Feedback(at=world.now, kind="bounce", delivery_id=mail.id, status="5.1.1", digest="d"))
        session.add(AuditEvent(at=world.now, event="uncertain", delivery_id=mail.id, detail={"host": "h"}))
        pauses.pause(session, world.published, session.get_one(Subscriber, her), world.now, by="reader", now=world.now)
    world.leaves(ADA)
    asks_to_move(world, her, NEW)
    assert forget(world, her) is Forgotten.NOW
    kept = {"suppression", "tally", "signup_bucket", "signup_window"}  # a block, and counts
    after = world.everything()
    assert {name: rows for name, rows in after.items() if name not in kept} == {
        name: rows for name, rows in before.items() if name not in kept
    }
    assert len(after["suppression"]) == 1


@pytest.mark.parametrize("outcome", ["accepted", "deferred", "failed"])
def test_a_mail_past_its_gate_ends_without_a_trace(world: World, outcome: str) -> None:
    world.joins(ADA)
    her = world.subscriber(ADA).id
    world.now = world.next_due() or world.now
    (letter,) = world.claim()
    answer = world.commits.gate(letter)
    assert answer.name == "OPEN"
    assert forget(world, her) is Forgotten.NOW
    said = {
        "accepted": Accepted(world.now),
        "deferred": Deferred(450, "retry", world.now),
        "failed": Failed("refused", 550, "bad_address", suppress=True),
    }
    world.commits.tell(letter, said[outcome])
    world.settle()
    assert world.deliveries(subscriber_id=her) == []
    assert world.deliveries(enrollment_id=letter.enrollment_id) == []


def test_a_mail_before_its_gate_is_not_sent(world: World) -> None:
    world.joins(ADA)
    her = world.subscriber(ADA).id
    world.now = world.next_due() or world.now
    (letter,) = world.claim()
    forget(world, her)
    world.send(letter)
    assert len(world.inbox(ADA)) == 2


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_who_deletes_never_waits_with_locks_in_hand_for_a_worker(world: World) -> None:
    """A worker records a result and wants her row; she is deleted meanwhile: neither waits for the other for ever."""
    world.joins(ADA)
    her = world.subscriber(ADA).id
    held, go_on = threading.Event(), threading.Event()

    def records() -> None:
        with world.database.write() as session:
            session.execute(update(Delivery).where(Delivery.subscriber_id == her).values(begun=0))
            held.set()
            go_on.wait(PATIENCE)
            session.scalars(select(Subscriber.id).where(Subscriber.id == her).with_for_update()).all()

    worker = threading.Thread(target=records)
    worker.start()
    held.wait(PATIENCE)
    with world.database.write() as session:
        assert privacy.forget(session, her, now=world.now) is Forgotten.BUSY
    assert world.subscriber(ADA).id == her
    go_on.set()
    worker.join()
    assert forget(world, her) is Forgotten.NOW


def test_forgetting_takes_her_out_of_mails_to_the_operator(world: World) -> None:
    world.joins(ADA, first_name="Ada")
    her = world.subscriber(ADA).id
    facts = {"asked_on": "2026-03-03", "first_name": "Ada", "tags": ["x"]}
    for key, kind, kept in (
        ("watch:hip-openers/guide:1", "notice", {"recipient": "maya@example.com", "copy": 1, "reader": her, "facts": facts}),
        ("watch:hip-openers/guide:2", "notice", {"recipient": "maya@example.com", "copy": 2, "reader": 99, "facts": facts}),
        ("watch:hip-openers/guide:3", "notice", {"recipient": "maya@example.com", "copy": 3, "facts": facts}),
        ("test:1", "test", {"recipient": "Ada@Example.com", **facts}),
        ("test:2", "test", {"recipient": "maya@example.com", **facts}),
    ):  # fmt: skip
        with world.database.write() as session:
            row = Delivery(kind=kind, lane="transactional", due_at=world.now, ready_at=world.now, facts=kept)
            row.message_id, row.domain_group, row.dedupe_key = key, "operator", key
            session.add(row)
    forget(world, her)
    left = {row.dedupe_key: row.facts for row in world.deliveries(subscriber_id=None)}
    assert left["watch:hip-openers/guide:1"] == {
        "recipient": "maya@example.com", "copy": 1, "reader": None, "facts": {"asked_on": "2026-03-04"}
    }  # fmt: skip
    assert left["watch:hip-openers/guide:2"]["reader"] == 99  # type: ignore[index]
    assert left["watch:hip-openers/guide:3"]["facts"] == {"asked_on": "2026-03-04"}  # type: ignore[index]
    assert left["test:1"] is None and left["test:2"] is not None


def test_after_13_months_a_mail_has_lost_what_it_was_filled_in_with_and_its_click(world: World) -> None:
    world.joins(ADA, first_name="Ada")
    her = world.subscriber(ADA).id
    first = world.now
    world.skip(until=world.now + timedelta(days=6))
    guide, letter = (row.id for row in world.deliveries(subscriber_id=her, state="sent")[1:3])
    world.changes(Delivery, guide, clicked_at=first)
    world.changes(Delivery, letter, clicked_at=world.now)

    def goes_round(at: timedelta) -> dict[int, tuple[bool, bool]]:
        after, turns = 0, 0
        while (after := privacy.forget_old(world.database, after=after, now=first + at)) and turns < 100:
            turns += 1
        rows = world.deliveries(subscriber_id=her, state="sent")
        return {
            row.id: (row.facts is not None, row.clicked_at is not None) for row in rows if row.id in (guide, letter)
        }

    assert goes_round(privacy.KEPT - timedelta(days=1)) == {guide: (True, True), letter: (True, True)}
    assert goes_round(privacy.KEPT + timedelta(minutes=1)) == {guide: (False, False), letter: (True, True)}
    assert goes_round(privacy.KEPT + timedelta(days=7)) == {guide: (False, False), letter: (False, False)}
    waiting = world.deliveries(subscriber_id=her, state="pending")
    assert len(waiting) == 1


def test_looking_for_what_is_old_goes_on_where_it_stopped(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(privacy, "_LOOKED_AT", 3)
    for number in range(4):
        world.joins(f"reader{number}@example.com")
    last = world.deliveries()[-1].id
    seen, after = [], 0
    while True:
        after = privacy.forget_old(world.database, after=after, now=world.now + 2 * privacy.KEPT)
        seen.append(after)
        if not after:
            break
    assert seen == [*range(3, last, 3), 0]
    assert all(row.facts is None for row in world.deliveries(state="sent"))


def test_nobody_elses_wish_to_move_to_her_address_keeps_it(world: World) -> None:
    world.joins(ADA)
    world.joins(BOB)
    asks_to_move(world, world.subscriber(BOB).id, ADA)
    forget(world, world.subscriber(ADA).id)
    assert ADA not in str(world.everything())
    world.deliver()
    assert len(world.inbox(ADA)) == 2


def test_a_block_that_stood_before_stays_as_it_was(world: World) -> None:
    world.joins(ADA)
    key = world.subscriber(ADA).address_key
    with world.database.write() as session:
        suppressions.add(session, key, "all", "complained", now=world.now)
    forget(world, world.subscriber(ADA).id)
    with world.database.read() as session:
        assert suppressions.why_blocked(session, key) == "complained"
        assert session.scalars(select(AuditEvent)).all() == []
    assert SECRET.decode() not in key
