"""Brakes: letters stop at once, whatever somebody waits for goes on, and afterwards nothing bursts."""

import threading
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import count, pairwise
from pathlib import Path

import pytest

from leadmagnet import worker as metronome
from leadmagnet.audience.consent import Origin
from leadmagnet.delivery import brakes, gate, queue
from leadmagnet.delivery.brakes import AUTOMATIC, Brakes, Hold
from leadmagnet.delivery.gate import Gate
from leadmagnet.delivery.letters import Claimed, Person
from leadmagnet.sequences import preferences, signup
from leadmagnet.store.database import Database
from leadmagnet.store.models import Delivery
from leadmagnet.store.signals import Listener
from tests.delivery.crowd import THURSDAY_MORNING, gather
from tests.invariants import check_invariants
from tests.waiting import PATIENCE, until
from tests.workers import running
from tests.world import GUIDE, TUESDAY_EVENING, World

ADA, BOB = "ada@example.com", "bob@example.com"
NOW = TUESDAY_EVENING
SOON, LATER = NOW + timedelta(hours=1), NOW + timedelta(days=10)
NEVER, AT_ONCE = timedelta(hours=1), timedelta(seconds=0.05)


def pause(world: World, scope: str = brakes.LETTERS, end: datetime | None = None) -> None:
    with world.database.write() as session:
        brakes.set(session, scope, "a holiday", "maya", end, now=world.now)


def resume(world: World, scope: str = brakes.LETTERS) -> bool:
    with world.database.write() as session:
        return brakes.lift(session, scope)


def standing(database: Database, now: datetime) -> Brakes:
    with database.read() as session:
        return brakes.active(session, now=now)


class TestTheBrakeItself:
    """Which one holds, and until when."""

    def test_it_holds_until_somebody_lifts_it(self, database: Database) -> None:
        with database.write() as session:
            made = brakes.set(session, "letters", "a holiday", "maya", None, now=NOW)
        assert (
            standing(database, LATER) == Brakes((made,)) == Brakes((Hold("letters", "a holiday", "maya", NOW, None),))
        )
        with database.write() as session:
            assert brakes.lift(session, "letters")
            assert not brakes.lift(session, "letters")
        assert standing(database, NOW) == Brakes()

    def test_it_ends_at_its_end_and_housekeeping_forgets_it(self, database: Database) -> None:
        with database.write() as session:
            brakes.set(session, "letters", "a holiday", "maya", SOON, now=NOW)
            brakes.set(session, "domain:gmail", "too fast", AUTOMATIC, None, now=NOW)
        assert len(standing(database, SOON - timedelta(microseconds=1)).standing) == 2
        assert [hold.scope for hold in standing(database, SOON).standing] == ["domain:gmail"]
        with database.write() as session:
            brakes.forget_passed(session, now=SOON)
            assert not brakes.lift(session, "letters")
            assert brakes.lift(session, "domain:gmail")

    @pytest.mark.parametrize(
        ("first", "second", "holds"),
        [
            (("maya", None), (AUTOMATIC, SOON), ("maya", None)),
            (("maya", LATER), (AUTOMATIC, SOON), ("maya", LATER)),
            (("maya", SOON), (AUTOMATIC, LATER), (AUTOMATIC, LATER)),
            (("maya", SOON), (AUTOMATIC, None), (AUTOMATIC, None)),
            ((AUTOMATIC, SOON), ("maya", LATER), ("maya", LATER)),
            ((AUTOMATIC, None), ("maya", SOON), (AUTOMATIC, None)),
            ((AUTOMATIC, LATER), (AUTOMATIC, SOON), (AUTOMATIC, LATER)),
            ((AUTOMATIC, SOON), (AUTOMATIC, LATER), (AUTOMATIC, LATER)),
            (("maya", LATER), ("maya", SOON), ("maya", SOON)),
            (("maya", None), ("sam", SOON), ("sam", SOON)),
        ],
    )
    def test_of_two_the_later_end_wins_and_only_an_operator_shortens_her_own(
        self,
        database: Database,
        first: tuple[str, datetime | None],
        second: tuple[str, datetime | None],
        holds: tuple[str, datetime | None],
    ) -> None:
        with database.write() as session:
            for minutes, (who, end) in enumerate((first, second)):
                held = brakes.set(session, "letters", f"by {who}", who, end, now=NOW + timedelta(minutes=minutes))
        assert (held.set_by, held.until, held.reason) == (*holds, f"by {holds[0]}")
        assert held.set_at == NOW, "letters have stood still since the first"

    def test_one_that_is_over_counts_for_nothing(self, database: Database) -> None:
        with database.write() as session:
            brakes.set(session, "letters", "a holiday", "maya", SOON, now=NOW)
            held = brakes.set(session, "letters", "complaints", AUTOMATIC, LATER, now=SOON)
        assert held == Hold("letters", "complaints", AUTOMATIC, SOON, LATER)

    @pytest.mark.parametrize("scope", ["", "letters:", "letters:x", "sequence", "sequence:", "people:ada"])
    def test_a_scope_that_holds_nothing_is_a_defect(self, database: Database, scope: str) -> None:
        with database.write() as session, pytest.raises(ValueError, match="no brake of scope"):
            brakes.set(session, scope, "r", "maya", None, now=NOW)

    def test_the_longest_of_several_is_named(self, database: Database) -> None:
        with database.write() as session:
            for scope, end in (("letters", SOON), ("domain:gmail", LATER)):
                brakes.set(session, scope, scope, AUTOMATIC, end, now=NOW)
        found = standing(database, NOW).holds("sequence", GUIDE, "tight-hips", "gmail")
        assert found is not None
        assert found.scope == "domain:gmail"


class TestTheClaim:
    """What is held is not claimed; the rest goes on."""

    @pytest.mark.parametrize(
        ("scopes", "held"),
        [
            ([], set()),
            (["letters"], {0, 1, 2, 3}),
            (["sequence:other"], {3}),
            (["sequence:hip-openers", "sequence:other"], {0, 1, 2, 3}),
            (["sequence:hip"], set()),
            (["letter:hip-openers/tight-hips"], {0, 1}),
            (["letter:other/tight-hips"], set()),
            (["domain:gmail"], {1}),
            (["domain:gmail", "letter:hip-openers/your-week", "sequence:nothing"], {1, 2}),
        ],
    )
    def test_each_scope_holds_its_rows_in_sql_and_in_python(
        self, world: World, scopes: list[str], held: set[int]
    ) -> None:
        rows = gather(world, 4)
        world.changes(Delivery, rows[1], domain_group="gmail")
        world.changes(Delivery, rows[2], step="your-week")
        world.changes(Delivery, rows[3], sequence="other", step="first")
        world.now = THURSDAY_MORNING
        for scope in scopes:
            pause(world, scope)
        found = standing(world.database, world.now)
        in_python = {
            number
            for number, row in enumerate(world.deliveries(state="pending"))
            if found.holds(row.lane, row.sequence, row.step, row.domain_group)
        }
        with world.database.write() as session:
            taken = queue.take(session, world.published, world.lease, lane="sequence", limit=9, now=world.now)
        assert in_python == held
        assert {rows.index(row.id) for row in taken} == {0, 1, 2, 3} - held

    def test_no_name_can_be_more_than_a_name(self, world: World) -> None:
        """Brakes are spelt out in the statement."""
        rows = gather(world, 3)
        odd = """o'neill%s:q?"\\.example' OR ''='"""
        world.changes(Delivery, rows[1], domain_group=odd)
        world.now = THURSDAY_MORNING
        pause(world, brakes.domain_scope(odd))
        with world.database.write() as session:
            taken = queue.take(session, world.published, world.lease, lane="sequence", limit=9, now=world.now)
        assert [row.id for row in taken] == [rows[0], rows[2]]

    def test_while_the_same_brakes_stand_no_statement_is_built_anew(self) -> None:
        one, again = (Brakes((Hold("domain:gmail", "too fast", AUTOMATIC, NOW, SOON),)) for _ in range(2))
        assert queue._taking(one) is queue._taking(again)
        assert queue._taking(one) is not queue._taking(Brakes())

    def test_a_brake_on_the_only_sequence_needs_no_look_at_its_rows(self, world: World) -> None:
        pause(world, "sequence:hip-openers")
        assert standing(world.database, world.now).hold_all([GUIDE])
        assert not standing(world.database, world.now).hold_all([GUIDE, "other"])
        assert not Brakes().hold_all([])

    def test_what_somebody_waits_for_goes_on(self, world: World) -> None:
        pause(world)
        pause(world, "sequence:hip-openers")
        pause(world, "domain:example.com")
        world.asks(BOB)
        world.deliver()
        world.wait(days=1, minutes=1)
        with world.database.write() as session:
            signup.remind(session, world.published, after=timedelta(days=1), limit=9, now=world.now)
        world.joins(ADA)
        world.wait(hours=1)
        world.asks(ADA)  # the guide again
        world.wait(days=5)
        world.deliver()
        sent = [(row.kind, row.step) for row in world.deliveries(state="sent") if row.kind != "confirm"]
        assert sent == [("reminder", None), ("guide", "guide"), ("guide", None)]
        assert [row.step for row in world.deliveries(state="pending")] == ["tight-hips"]
        check_invariants(world, world.mailbox)


class TestTheGate:
    """A letter that a worker has in hand already."""

    def test_it_is_put_back_unsent_and_is_not_claimed_again(self, world: World) -> None:
        (letter,) = _claimed(world, 1)
        (before,) = world.deliveries(id=letter.id)
        pause(world)
        assert world.send(letter) is None
        (row,) = world.deliveries(id=letter.id)
        assert (row.state, row.reason, row.handed_at) == ("pending", None, None)
        assert (row.due_at, row.ready_at, row.attempts) == (before.due_at, before.ready_at, 0)
        assert world.claim() == []
        assert world.deliveries(id=letter.id)[0].lease_token == row.lease_token
        assert world.inbox() == []
        check_invariants(world, world.mailbox)
        assert resume(world)
        world.deliver()
        assert len(world.inbox()) == 1
        check_invariants(world, world.mailbox)

    def test_in_one_batch_each_letter_gets_its_own_answer(self, world: World) -> None:
        held, free, left, lost = _claimed(world, 4)
        assert free.subscriber_id is not None and left.subscriber_id is not None
        world.asks(BOB)
        (confirmation,) = world.claim()
        free = replace(free, course=replace(free.course, person=Person(free.subscriber_id, "gmail")))
        world.changes(Delivery, lost.id, lease_token=lost.token + 1)
        with world.database.write() as session:
            preferences.leave(session, left.subscriber_id, Origin(), now=world.now)
        pause(world, "domain:example.com")
        letters = [held, free, left, lost, confirmation]
        with world.database.write() as session:
            answers = gate.open_gates(session, letters, now=world.now)
        expected = [Gate.PAUSED, Gate.OPEN, Gate.REFUSED, Gate.LEASE_LOST, Gate.OPEN]
        assert [answers[letter.id] for letter in letters] == expected
        states = [world.deliveries(id=letter.id)[0].state for letter in letters]
        # Who has left does not wait for the end of a pause.
        assert states == ["pending", "handing_off", "cancelled", "claimed", "handing_off"]

    def test_after_a_committed_pause_no_gate_opens(self, world: World) -> None:
        *letters, last = _claimed(world, 60)
        clock = count()
        start = threading.Barrier(2, timeout=60)
        paused: list[int] = []

        def pause_soon() -> None:
            start.wait()
            pause(world)
            paused.append(next(clock))

        pausing = threading.Thread(target=pause_soon)
        pausing.start()
        start.wait()
        asked = []
        answers = []
        for letter in letters:
            asked.append(next(clock))
            answers.append(world.commits.gate(letter))
        pausing.join()
        for letter, asked_at, answer in zip(letters, asked, answers, strict=True):
            assert answer is Gate.PAUSED or (answer is Gate.OPEN and asked_at < paused[0])
            (row,) = world.deliveries(id=letter.id)
            assert row.state == ("handing_off" if answer is Gate.OPEN else "pending")
        assert world.commits.gate(last) is Gate.PAUSED

    def test_a_pause_races_the_claims_and_nothing_is_lost_or_doubled(self, world: World, tmp_path: Path) -> None:
        gather(world, 60)
        world.now = THURSDAY_MORNING
        with running(world, tmp_path / "one", world.mailbox.connect, connections=2):
            for _ in range(5):
                pause(world)
                resume(world)
            pause(world)
            # A claim that began before the pause is over once a later one has sent Bob his confirmation.
            world.asks(BOB)
            until(lambda: len(world.inbox(BOB)) == 1)
            until(lambda: not [row for row in world.deliveries(step="tight-hips") if row.state in IN_HAND])
            still = len(world.inbox())
            tokens = [row.lease_token for row in world.deliveries(state="pending")]
            world.asks(ADA)
            until(lambda: len(world.inbox(ADA)) == 1)
            assert len(world.inbox()) == still + 1
            assert [row.lease_token for row in world.deliveries(state="pending")] == tokens, "nothing spins"
            resume(world)
            until(lambda: len(world.inbox()) == 62)
        check_invariants(world, world.mailbox)


class TestAfterwards:
    """What follows a pause."""

    def test_after_ten_days_nothing_bursts_and_the_rhythm_stays(self, world: World) -> None:
        world.joins(ADA)
        world.skip(until=TUESDAY_EVENING + timedelta(days=3))
        began = world.enrollment(ADA).start_at
        end = world.now + timedelta(days=10)
        pause(world, end=end)
        world.live(until=end - timedelta(minutes=1))
        assert _slugs(world) == ["guide", "tight-hips"]
        world.live(until=end + timedelta(days=25))
        assert _slugs(world) == [step.slug for step in world.published.compiled.sequences[GUIDE].steps]
        sent = [row.sent_at for row in world.deliveries(state="sent", kind="step")]
        rhythm = [later - earlier for earlier, later in pairwise(sent)]
        days = [step.day for step in world.published.compiled.sequences[GUIDE].steps][1:]
        assert min(rhythm) >= world.published.compiled.sequences[GUIDE].min_gap
        assert sent[1] - end < timedelta(days=1)
        # From the first one on every letter comes as many days after the one before as the operator wrote.
        planned = [timedelta(days=later - earlier) for earlier, later in pairwise(days)]
        assert all(abs(was - meant) <= timedelta(hours=2) for was, meant in zip(rhythm[1:], planned[1:], strict=True))
        moved = world.enrollment(ADA).start_at
        assert began is not None and moved is not None
        assert timedelta(days=7) < moved - began < timedelta(days=9)
        check_invariants(world, world.mailbox)

    def test_lifting_signals_to_other_processes(self, world: World) -> None:
        pause(world)
        heard = threading.Event()
        listener = Listener(world.database, heard.set)
        listener.start()
        assert heard.wait(PATIENCE)  # it listens
        heard.clear()
        resume(world)
        assert heard.wait(PATIENCE)
        listener.stop()

    @pytest.mark.parametrize("scope", ["letters", "sequence:hip-openers", "letter:hip-openers/tight-hips"])
    def test_lifting_wakes_a_worker_that_hears_no_tick(
        self, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scope: str
    ) -> None:
        _tick(monkeypatch)
        gather(world, 3)
        world.now = THURSDAY_MORNING
        pause(world, scope)
        with running(world, tmp_path / "var", world.mailbox.connect):
            resume(world, scope)
            until(lambda: len(world.inbox()) == 3)
        check_invariants(world, world.mailbox)

    def test_a_pause_that_ends_by_itself_is_seen_at_the_next_tick(
        self, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        _tick(monkeypatch, TICK=AT_ONCE, HOUSEKEEPING=AT_ONCE)
        gather(world, 3)
        world.now = THURSDAY_MORNING
        pause(world, end=world.now + timedelta(hours=1))
        with running(world, tmp_path / "var", world.mailbox.connect):
            world.asks(BOB)
            until(lambda: len(world.inbox(BOB)) == 1)
            assert len(world.inbox()) == 1
            world.wait(hours=1)
            until(lambda: len(world.inbox()) == 4)
            until(lambda: "maya" not in str(world.everything()["brake"]))
        check_invariants(world, world.mailbox)


IN_HAND = ("claimed", "handing_off")


def _tick(monkeypatch: pytest.MonkeyPatch, **intervals: timedelta) -> None:
    for name in ("TICK", "SWEEP", "HOUSEKEEPING"):
        monkeypatch.setattr(metronome, name, intervals.get(name, NEVER))


def _claimed(world: World, number: int) -> list[Claimed]:
    gather(world, number)
    world.now = THURSDAY_MORNING
    return world.claim(limit=number)


def _slugs(world: World) -> list[str | None]:
    return [row.step for row in world.deliveries(state="sent") if row.step]
