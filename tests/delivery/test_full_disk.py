"""A disk that is full stops sending before the gate, says so once, and nothing more has to be done than to make room."""

import errno
import logging
import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from leadmagnet import worker as metronome
from leadmagnet.delivery import journal
from leadmagnet.delivery.gate import Gate
from leadmagnet.delivery.journal import Journal, JournalTrouble
from leadmagnet.delivery.outcomes import Accepted
from tests.databases import ON_POSTGRESQL, ON_SQLITE
from tests.delivery.crowd import THURSDAY_MORNING, gather
from tests.invariants import check_invariants
from tests.limits import full_disk
from tests.mail.clients import connect
from tests.mail.servers import ScriptedServer
from tests.waiting import until
from tests.workers import Arrivals, running
from tests.world import World


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer() as started:
        started.arrived = Arrivals()
        yield started


def test_while_the_disk_is_full_nothing_is_sent_and_afterwards_all_is(
    world: World,
    tmp_path: Path,
    server: ScriptedServer,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    gather(world, 20)
    monkeypatch.setattr(metronome, "TICK", timedelta(seconds=0.05))
    with caplog.at_level(logging.WARNING), running(world, tmp_path / "var", lambda: connect(server)):
        with full_disk():
            world.now = THURSDAY_MORNING
            until(lambda: "no mail can be sent" in caplog.text or "the database cannot be used" in caplog.text)
            assert not server.arrived
        world.now += timedelta(seconds=31)
        server.arrived.wait_for(20)
    assert {row.state for row in world.deliveries(step="tight-hips")} == {"sent"}
    assert {row.begun for row in world.deliveries()} == {0}
    check_invariants(world, server)


def test_a_journal_that_cannot_be_written_lets_no_letter_begin_until_it_can(tmp_path: Path) -> None:
    with Journal(tmp_path, "mine") as mine:
        slot = mine.slot()
        mine.require()
        with full_disk():
            assert mine.begin(slot, 7, 1, tries=0) is False
            with pytest.raises(JournalTrouble, match=r"cannot be written \(File too large\). Make room"):
                mine.require()
        assert mine.sync() is False, "it has not been tried yet"
        mine.require()
        assert mine.sync() is True
        assert mine.begin(slot, 7, 1, tries=0) is True


def test_a_line_cut_short_by_a_full_disk_spoils_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    really = os.write
    with Journal(tmp_path, "mine") as mine:
        with monkeypatch.context() as full:
            full.setattr(journal.os, "write", lambda file, line: really(file, line[:9]))
            with pytest.raises(OSError, match="No space left"):
                mine.accepted(7, "a@example.com", at=THURSDAY_MORNING)
        mine.accepted(8, "b@example.com", at=THURSDAY_MORNING)
        assert [line.delivery_id for line in journal._lines(mine.path.read_text())] == [8]


@ON_POSTGRESQL
def test_when_the_journal_does_not_reach_the_disk_results_are_recorded_and_no_gate_opens(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    gather(world, 2)
    world.now = THURSDAY_MORNING
    sent, asked = world.claim()
    assert world.commits.gate(sent) is Gate.OPEN

    def full(_file: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(journal.os, "fsync", full)
        world.journal.accepted(sent.id, sent.message_id, at=world.now)
        world.commits.tell(sent, Accepted(world.now))
        assert world.commits.gate(asked) is Gate.UNKNOWN
    assert [row.state for row in world.deliveries(step="tight-hips")] == ["sent", "claimed"]
    world.journal.require()
    assert world.commits.gate(asked) is Gate.OPEN


@ON_SQLITE
def test_a_gate_that_cannot_be_written_down_stays_shut(world: World, caplog: pytest.LogCaptureFixture) -> None:
    gather(world, 1)
    world.now = THURSDAY_MORNING
    (letter,) = world.claim()
    with full_disk():
        assert world.commits.gate(letter) is Gate.UNKNOWN
        assert world.commits.gate(letter) is Gate.UNKNOWN
    assert world.commits.gate(letter) is Gate.OPEN
    assert caplog.text.count("the database cannot be used") == 1
    assert "the database is back after" in caplog.text
