"""A new address: asked for on her page, proved by a mail to it, and no mail ever goes where she is not."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from leadmagnet.audience import addresses, subscribers, suppressions
from leadmagnet.audience.consent import Origin
from leadmagnet.delivery import gate
from leadmagnet.delivery.gate import Gate
from leadmagnet.delivery.outcomes import Failed
from leadmagnet.sequences import moving
from leadmagnet.sequences.moving import Asked, Moved
from leadmagnet.store.models import AddressChange, AuditEvent, Delivery, Subscriber
from tests.world import SECRET, World

ADA, NEW, OTHER = "ada@example.com", "ada@new.example", "ada@other.example"
BOB, CAROL = "bob@example.com", "carol@example.com"


def asks_to_move(world: World, subscriber_id: int, address: str) -> Asked:
    parsed = addresses.parse(address)
    with world.database.write() as session:
        return moving.ask(session, world.published, subscriber_id, parsed, parsed.key(SECRET), now=world.now)


def taps(world: World, change_id: int) -> Moved:
    with world.database.write() as session:
        return moving.move(session, change_id, Origin(ip="192.0.2.9", user_agent="phone"), now=world.now)


def wish(world: World, subscriber_id: int) -> AddressChange:
    with world.database.read() as session:
        found = session.query(AddressChange).filter_by(subscriber_id=subscriber_id).one()
        session.expunge(found)
        return found


def test_a_tap_at_the_new_address_moves_everything_there_and_is_proof(world: World) -> None:
    world.joins(ADA)
    her = world.subscriber(ADA).id
    world.wait(hours=1)
    assert asks_to_move(world, her, NEW) is Asked.QUEUED
    (question,) = world.deliveries(kind="address")
    assert (question.domain_group, question.lane, question.enrollment_id) == ("new.example", "transactional", None)
    world.deliver()
    (mail,) = world.inbox(NEW)
    assert mail["Auto-Submitted"] == "auto-generated" and mail["List-Unsubscribe"] is None
    change = wish(world, her)
    assert world.links.address(change.id) in mail.get_body(("plain",)).get_content()  # type: ignore[union-attr]
    assert world.subscriber(ADA).id == her
    world.wait(minutes=5)
    assert taps(world, change.id) is Moved.NOW
    moved = world.subscriber(NEW)
    assert (moved.id, moved.address, moved.domain_group, moved.status) == (her, NEW, "new.example", "active")
    proof = world.consents(NEW)[-1]
    assert (proof.event, proof.wording, proof.ip) == ("confirmed", moving.WORDING, "192.0.2.9")
    assert proof.message_id == question.message_id
    assert [row.domain_group for row in world.deliveries(state="pending")] == ["new.example"]
    world.skip(until=world.now + timedelta(days=40))
    assert (len(world.inbox(ADA)), len(world.inbox(NEW))) == (2, 9)


def test_a_second_tap_changes_nothing_and_an_older_link_is_dead(world: World) -> None:
    world.joins(ADA)
    her = world.subscriber(ADA).id
    asks_to_move(world, her, OTHER)
    old = wish(world, her).id
    asks_to_move(world, her, NEW)
    assert [row.state for row in world.deliveries(kind="address")] == ["cancelled", "pending"]
    assert taps(world, old) is Moved.GONE
    world.deliver()
    assert world.inbox(OTHER) == []
    assert taps(world, new := wish(world, her).id) is Moved.NOW
    before = world.everything()
    assert taps(world, new) is Moved.BEFORE
    assert taps(world, old) is Moved.GONE
    assert world.everything() == before


def test_an_old_link_brings_nobody_back(world: World) -> None:
    world.joins(ADA)
    her = world.subscriber(ADA).id
    asks_to_move(world, her, NEW)
    world.deliver()
    world.leaves(ADA)
    assert taps(world, wish(world, her).id) is Moved.NOW
    assert world.subscriber(NEW).status == "unsubscribed"
    with world.database.read() as session:
        scopes = [suppressions.scopes(session, addresses.parse(one).key(SECRET)) for one in (ADA, NEW)]
    assert scopes == [frozenset(), {"letters"}]  # her word went with her: whoever signs up with the old one starts anew
    assert world.returns(NEW)
    assert world.subscriber(NEW).status == "active"


def test_a_link_lives_a_week(world: World) -> None:
    world.joins(ADA)
    her = world.subscriber(ADA).id
    asks_to_move(world, her, NEW)
    change = wish(world, her).id
    world.deliver()
    world.wait(days=7, seconds=1)
    assert taps(world, change) is Moved.GONE
    with world.database.write() as session:
        assert moving.forget_unanswered(session, limit=10, now=world.now) == 1
    assert taps(world, change) is Moved.GONE
    assert NEW not in str(world.everything())  # nobody's yes, nobody's address


def test_nobody_is_moved_onto_somebody_else(world: World) -> None:
    world.joins(ADA)
    world.joins(BOB)
    her = world.subscriber(ADA).id
    assert asks_to_move(world, her, BOB) is Asked.QUEUED  # the answer to the asker is the same as for any address
    change = wish(world, her).id
    before = world.everything()
    assert taps(world, change) is Moved.TAKEN
    assert world.everything() == before


@pytest.mark.parametrize(
    ("typed", "answer"),
    [
        ("ADA@example.com", Asked.SAME),
        ("postmaster@new.example", Asked.NOT_A_PERSON),
        ("x@mailinator.com", Asked.NOT_A_PERSON),
        (CAROL, Asked.BLOCKED),
    ],
)
def test_some_addresses_are_never_written_to(world: World, typed: str, answer: Asked) -> None:
    world.joins(ADA)
    with world.database.write() as session:
        suppressions.add(session, addresses.parse(CAROL).key(SECRET), "all", "complained", now=world.now)
    assert asks_to_move(world, world.subscriber(ADA).id, typed) is answer
    assert world.deliveries(kind="address") == []


def test_nobody_can_flood_a_stranger_with_questions(world: World) -> None:
    for reader in (ADA, BOB):
        world.joins(reader)
    ada, bob = (world.subscriber(reader).id for reader in (ADA, BOB))
    assert [asks_to_move(world, ada, NEW) for _ in range(4)] == [*[Asked.QUEUED] * 3, Asked.TOO_OFTEN]
    assert asks_to_move(world, bob, NEW) is Asked.ASKED_OFTEN
    assert asks_to_move(world, bob, OTHER) is Asked.QUEUED
    assert asks_to_move(world, bob, NEW) is Asked.ASKED_OFTEN
    world.deliver()
    assert (len(world.inbox(NEW)), len(world.inbox(OTHER))) == (1, 0)  # each newer wish took the one before it back
    world.wait(days=1, seconds=1)
    assert asks_to_move(world, bob, NEW) is Asked.QUEUED


def test_who_has_not_confirmed_or_is_forgotten_has_nothing_to_send_elsewhere(world: World) -> None:
    world.asks(BOB)
    assert asks_to_move(world, world.subscriber(BOB).id, NEW) is Asked.NOBODY
    assert asks_to_move(world, 4711, NEW) is Asked.NOBODY


def test_a_letter_in_hand_is_stopped_and_goes_to_the_new_address(world: World) -> None:
    world.joins(ADA)
    her = world.subscriber(ADA).id
    asks_to_move(world, her, NEW)
    world.deliver()
    world.now = world.next_due() or world.now
    (letter,) = world.claim()
    assert letter.recipient == ADA
    taps(world, wish(world, her).id)
    world.send(letter)
    (row,) = world.deliveries(step="tight-hips")
    assert (row.state, row.domain_group) == ("pending", "new.example")
    world.deliver()
    assert (len(world.inbox(ADA)), len(world.inbox(NEW))) == (2, 2)


def test_a_question_in_hand_is_stopped_by_a_newer_wish(world: World) -> None:
    world.joins(ADA)
    her = world.subscriber(ADA).id
    asks_to_move(world, her, NEW)
    (question,) = world.claim()
    asks_to_move(world, her, OTHER)
    world.send(question)
    assert [(row.state, row.reason) for row in world.deliveries(kind="address")] == [
        ("cancelled", "a newer wish"), ("pending", None)
    ]  # fmt: skip
    assert world.inbox(NEW) == []


def test_a_question_made_out_elsewhere_is_not_sent_because_another_mail_beside_it_goes_there(world: World) -> None:
    world.joins(ADA)
    asks_to_move(world, world.subscriber(ADA).id, NEW)
    world.asks(BOB)
    question, confirmation = sorted(world.claim(), key=lambda letter: letter.kind)
    with world.database.write() as session:
        answers = gate.open_gates(
            session, [replace(question, recipient=OTHER), replace(confirmation, recipient=NEW)], now=world.now
        )
    assert answers[question.id] is Gate.REFUSED


def test_two_readers_who_tap_at_one_address_do_not_become_one(world: World) -> None:
    world.joins(ADA)
    world.joins(BOB)
    ada, bob = (world.subscriber(reader).id for reader in (ADA, BOB))
    asks_to_move(world, ada, NEW)
    world.wait(days=2)
    asks_to_move(world, bob, NEW)
    assert taps(world, wish(world, ada).id) is Moved.NOW
    assert taps(world, wish(world, bob).id) is Moved.TAKEN
    assert (world.subscriber(NEW).id, world.subscriber(BOB).id) == (ada, bob)
    with world.database.read() as session:
        assert [row.subscriber_id for row in session.scalars(select(AuditEvent))] == [ada]


def test_a_new_address_that_does_not_exist_is_blocked_and_she_is_not(world: World) -> None:
    world.joins(ADA)
    her = world.subscriber(ADA).id
    asks_to_move(world, her, NEW)
    (question,) = world.claim()
    world.commits.tell(question, Failed("bad_address", 550, "bad_address", suppress=True))
    world.settle()
    assert world.subscriber(ADA).status == "active"
    with world.database.read() as session:
        assert suppressions.why_blocked(session, addresses.parse(NEW).key(SECRET)) == "bounced"
        assert session.scalars(select(AddressChange)).all() == []
    assert asks_to_move(world, her, NEW) is Asked.BLOCKED


def test_what_the_old_address_refuses_after_she_moved_does_not_end_her_letters(world: World) -> None:
    world.joins(ADA)
    her = world.subscriber(ADA).id
    asks_to_move(world, her, NEW)
    world.deliver()
    world.now = world.next_due() or world.now
    (letter,) = world.claim()
    taps(world, wish(world, her).id)
    world.commits.tell(letter, Failed("bad_address", 550, "bad_address", suppress=True))
    world.settle()
    assert world.subscriber(NEW).status == "active"
    assert [row.state for row in world.deliveries(step="yoga-for-runners")] == ["pending"]


def test_a_request_that_nobody_confirmed_does_not_keep_her_from_her_own_address(world: World) -> None:
    """A stranger may have typed it into the form, or she herself; whose it is the tap proves."""
    world.joins(ADA)
    her = world.subscriber(ADA).id
    world.asks(NEW)
    asks_to_move(world, her, NEW)
    typed = world.subscriber(NEW).id
    assert taps(world, wish(world, her).id) is Moved.NOW
    assert world.subscriber(NEW).id == her
    assert world.deliveries(subscriber_id=typed) == []
    world.deliver()
    assert world.inbox(NEW) == []


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_whose_request_a_worker_has_in_hand_is_asked_again_and_nobody_waits(world: World) -> None:
    world.joins(ADA)
    her = world.subscriber(ADA).id
    world.asks(NEW)
    (confirmation,) = world.deliveries(kind="confirm", state="pending")
    asks_to_move(world, her, NEW)
    with world.database.write() as worker:
        worker.execute(select(Delivery.id).where(Delivery.id == confirmation.id).with_for_update())
        assert taps(world, wish(world, her).id) is Moved.TAKEN
    assert taps(world, wish(world, her).id) is Moved.NOW


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_link_that_died_while_its_page_was_made_moves_nobody(world: World) -> None:
    world.joins(ADA)
    her = world.subscriber(ADA).id
    asks_to_move(world, her, OTHER)
    old = wish(world, her).id
    with world.database.write() as session:
        shown = session.get(AddressChange, old), session.get(Subscriber, her)
        asks_to_move(world, her, NEW)
        world.leaves(ADA)
        assert moving.move(session, old, Origin(), now=world.now) is Moved.GONE
        found = subscribers.get(session, her)
        assert found is shown[1] and (found.address, found.status) == (ADA, "unsubscribed")


def test_whoever_has_that_address_and_complains_of_the_question_gets_no_mail_any_more(world: World) -> None:
    world.joins(ADA)
    world.joins(BOB)
    asks_to_move(world, world.subscriber(ADA).id, BOB)
    world.deliver()
    (question,) = world.deliveries(kind="address")
    with world.database.write() as session:
        assert moving.refused_there(session, question.id, "complained", now=world.now) == "complained"
    bob = world.subscriber(BOB)
    assert (bob.status, world.enrollment(BOB).exit_reason) == ("unsubscribed", "complained")
    assert world.consents(BOB)[-1].message_id == question.message_id
    assert world.subscriber(ADA).status == "active"
    assert world.deliveries(subscriber_id=bob.id, state="pending") == []
