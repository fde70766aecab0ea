"""A letter that keeps failing is held, the operator is told once, and everybody else's mail goes on."""

import email
import email.policy
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import delete, insert, select, text

from leadmagnet.content.compiled import Build
from leadmagnet.delivery import guard, record
from leadmagnet.delivery.guard import judge
from leadmagnet.delivery.lessons import Lessons
from leadmagnet.delivery.outcomes import Failed
from leadmagnet.store.models import Brake, SubscriberTag, Tally
from tests.delivery.crowd import THURSDAY_MORNING, gather
from tests.delivery.editing import relettered
from tests.invariants import check_invariants
from tests.mail.clients import connect
from tests.mail.servers import ScriptedServer
from tests.waiting import PATIENCE, until
from tests.workers import running
from tests.world import World

LETTER = "hip-openers/tight-hips"
CONTENT = Failed("content", 554, "content")
UNLUCKY = '{% if tagged("unlucky") %}{{ nobody_knows_this }}{% endif %}Hello'


def brakes(world: World) -> list[tuple[str, str]]:
    with world.database.read() as session:
        return [(row.scope, row.set_by) for row in session.scalars(select(Brake).order_by(Brake.scope))]


@pytest.mark.parametrize(
    ("counts", "held"),
    [
        ({"failed:content": 2, "accepted": 0}, False),
        ({"failed:content": 3, "accepted": 9_997}, True),
        ({"failed:content": 1, "failed:render": 2}, True),
        ({"failed:bad_address": 9, "accepted": 11}, False),  # too few to tell
        ({"failed:bad_address": 10, "accepted": 9}, False),  # of too few
        ({"failed:bad_address": 10, "accepted": 10}, True),
        ({"failed:mailbox": 6, "failed:unclear": 4, "accepted": 29, "lost": 1}, True),
        ({"failed:mailbox": 10, "accepted": 31}, False),  # under a quarter
        ({"failed:mailbox": 10, "accepted": 5, "deferred:retry": 500}, False),  # deferred is not over yet
        ({"deferred:reputation": 500}, False),
        ({}, False),
    ],
)
def test_a_letter_is_held_for_its_own_fault_or_for_too_many_failures(counts: dict[str, int], held: bool) -> None:
    assert (judge(counts) is not None) == held


OUTCOMES = st.sampled_from(["accepted", "lost", "deferred:retry", "failed:content", "failed:mailbox", "failed:render"])


@given(st.dictionaries(OUTCOMES, st.integers(0, 60)), st.sampled_from(["failed:content", "failed:mailbox"]))
def test_one_failure_more_never_lets_a_held_letter_go(counts: dict[str, int], outcome: str) -> None:
    more = {**counts, outcome: counts.get(outcome, 0) + 1}
    assert judge(counts) is None or judge(more) is not None


@given(st.dictionaries(OUTCOMES, st.integers(0, 60)), st.integers(0, 60))
def test_one_acceptance_more_never_holds_a_letter(counts: dict[str, int], accepted: int) -> None:
    settled = sum(n for name, n in counts.items() if not name.startswith("deferred"))
    more = {**counts, "accepted": counts.get("accepted", 0) + accepted}
    assert judge(more) is None or judge(counts) is not None or settled < 20


def test_one_of_a_hundred_that_cannot_be_rendered_fails_alone(world: World, example: Build) -> None:
    world.publish(relettered(example, LETTER, text=UNLUCKY))
    gather(world, 100)
    world.now = THURSDAY_MORNING
    _tagged(world, 41)
    world.deliver()
    states = [row.state for row in world.deliveries(step="tight-hips")]
    assert [at for at, state in enumerate(states) if state != "sent"] == [41]
    assert states[41] == "failed"
    assert brakes(world) == []
    assert world.deliveries(kind="notice") == []


def test_a_letter_whose_content_is_refused_is_held_after_three_and_the_operator_is_told_once(world: World) -> None:
    gather(world, 10)
    world.now = THURSDAY_MORNING
    with ScriptedServer({"DOT": "554 5.6.0 not this"}) as server:
        world.connect = lambda: connect(server)
        letters = world.claim()
        for letter in letters:
            world.send(letter)
        assert [row.state for row in world.deliveries(step="tight-hips")] == ["failed"] * 3 + ["pending"] * 7
        assert brakes(world) == [(f"letter:{LETTER}", "leadmagnet")]
        assert len(world.deliveries(step="yoga-for-runners", state="pending")) == 3, "who missed it goes on"
        server.script.clear()
        world.deliver()
        world.deliver()
        (notice,) = server.arrived
        check_invariants(world, server)
    assert notice.recipient == "maya@example.com"
    mail = email.message_from_bytes(notice.raw, policy=email.policy.default)
    assert mail["Subject"] == "Held: letter tight-hips failed 3 times"
    words = mail.get_body(("plain",)).get_content()
    assert "leadmagnet resume hip-openers/tight-hips" in words and "reader" in words
    assert "reader0@" not in notice.raw.decode() and "{" not in words
    assert mail["List-Unsubscribe"] is None and mail["Auto-Submitted"] == "auto-generated"


def test_the_senders_of_a_whole_process_fail_no_more_than_they_have_in_their_hands(
    world: World, example: Build, tmp_path: Path
) -> None:
    """Rendering fails in no time: without waiting, all that was claimed ahead would have failed before the first."""
    world.publish(relettered(example, LETTER, text="{{ nobody_knows_this }}"))
    gather(world, 40)
    world.now = THURSDAY_MORNING
    with running(world, tmp_path / "worker", world.mailbox.connect, connections=2):
        until(lambda: bool(world.inbox()))
    states = [row.state for row in world.deliveries(step="tight-hips")]
    assert 3 <= states.count("failed") <= 4
    assert len(world.inbox("maya@example.com")) == 1


def test_a_mail_that_somebody_waits_for_is_never_held_but_told_of(world: World, example: Build) -> None:
    world.publish(relettered(example, "system/confirm", text="{{ nobody_knows_this }}"))
    for number in range(4):
        world.asks(f"ada{number}@example.com")
    world.deliver()
    assert [row.state for row in world.deliveries(kind="confirm")] == ["failed"] * 4
    assert brakes(world) == []
    assert [mail["Subject"] for mail in world.inbox()] == ["Failing: confirm failed 3 times"]


def test_after_a_resume_it_takes_three_new_failures(world: World) -> None:
    gather(world, 7)
    world.now = THURSDAY_MORNING
    lessons, letters = Lessons(), world.claim()
    for count, letter in enumerate(letters[:6], start=1):
        _learns(world, lessons, [letter])
        assert brakes(world) == ([(f"letter:{LETTER}", "leadmagnet")] if count % 3 == 0 else [])
        if count == 3:
            with world.database.write() as session:
                session.execute(delete(Brake))
    assert len(world.deliveries(kind="notice")) == 1, "the same trouble on the same day"


def test_two_workers_that_reach_three_together_make_one_brake_and_one_notice(world: World) -> None:
    gather(world, 4)
    world.now = THURSDAY_MORNING
    first, second, third, fourth = world.claim()
    results = [(third, Failed("render")), (fourth, Failed("render"))]  # other rows than the first worker's
    other = threading.Thread(target=lambda: _learns(world, Lessons(), [third, fourth], results), daemon=True)
    lessons = Lessons()
    with world.database.write() as session:
        recorded = record.apply(session, [(first, CONTENT), (second, CONTENT)], now=world.now)
        lessons.learn(session, recorded, now=world.now)
        other.start()
        if not world.database.is_sqlite:
            until(lambda: _somebody_waits(world))
    other.join(PATIENCE)
    assert brakes(world) == [(f"letter:{LETTER}", "leadmagnet")]
    assert len(world.deliveries(kind="notice")) == 1


def test_the_letters_that_another_worker_has_in_hand_stay_in_hand_no_longer(world: World) -> None:
    """It learns of the brake by its own first failure, and does not fail three of its own."""
    gather(world, 5)
    world.now = THURSDAY_MORNING
    letters = world.claim()
    _learns(world, Lessons(), letters[:3])
    other = Lessons()
    assert other.wait_of(letters[4], lambda: world.now) is None
    _learns(world, other, letters[3:4])
    back = other.wait_of(letters[4], lambda: world.now)
    assert back is not None and back > world.now
    assert other.wait_of(letters[4], lambda: back) is None, "by then the claim and the gate know of the brake"


def test_trouble_with_a_notice_makes_no_notice(world: World) -> None:
    gather(world, 3)
    world.now = THURSDAY_MORNING
    _learns(world, Lessons(), world.claim())
    with ScriptedServer({"RCPT": "550 5.7.1 go away"}) as server:
        world.connect = lambda: connect(server)
        world.deliver()
        server.script["RCPT"] = "554 5.6.0 not this"
        world.wait(hours=2)
        world.deliver()
    (notice,) = world.deliveries(kind="notice")
    assert notice.state == "failed"
    assert brakes(world) == [(f"letter:{LETTER}", "leadmagnet")]


def test_a_defect_in_judging_keeps_no_result_out_of_the_database(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_given: object, **_named: object) -> None:
        world.commits  # noqa: B018 -- anything that is no database error
        raise RuntimeError("a defect")

    monkeypatch.setattr(guard, "judge", broken)
    gather(world, 1)
    world.now = THURSDAY_MORNING
    (letter,) = world.claim()
    world.commits.tell(letter, CONTENT)
    world.settle()
    assert world.deliveries(id=letter.id)[0].state == "failed"
    assert "could not be judged" in caplog.text
    with world.database.read() as session:
        assert session.scalar(select(Tally.count).where(Tally.outcome == "failed:content")) == 1


def _learns(world: World, lessons: Lessons, letters, results=None) -> None:
    with world.database.write() as session:
        recorded = record.apply(session, results or [(letter, CONTENT) for letter in letters], now=world.now)
        learned = lessons.learn(session, recorded, now=world.now)
    lessons.committed(learned)


def _somebody_waits(world: World) -> bool:
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    with world.database.read() as session:
        return bool(session.scalar(text(waiting)))


def _tagged(world: World, *which: int) -> None:
    rows = world.deliveries(step="tight-hips")
    with world.database.write() as session:
        session.execute(
            insert(SubscriberTag),
            [{"subscriber_id": rows[at].subscriber_id, "tag": "unlucky", "given_at": world.now} for at in which],
        )
