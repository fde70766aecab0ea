"""Begun letters: a dead process leaves word of exactly those that its senders were at."""

import threading
from pathlib import Path

import pytest

from leadmagnet.delivery import begun
from leadmagnet.delivery.begun import Begun, BegunLine, left_by
from leadmagnet.delivery.journal import Journal
from tests.waiting import PATIENCE, until

JOURNAL = "mine.journal"


@pytest.fixture
def mine(tmp_path: Path) -> Begun:
    return Begun(tmp_path / JOURNAL)


def left(mine: Begun) -> list[BegunLine]:
    return left_by(mine.path.with_name(JOURNAL))


def test_each_sender_leaves_the_letter_it_is_at(mine: Begun) -> None:
    first, second = mine.slot(), mine.slot()
    mine.begin(first, 7, 1, tries=0)
    mine.begin(second, 8, 3, tries=0)
    assert left(mine) == [BegunLine(7, 1), BegunLine(8, 3)]
    mine.end(first, plain=True)
    mine.begin(first, 2**63 - 1, 2**63 - 1, tries=0)
    assert left(mine) == [BegunLine(2**63 - 1, 2**63 - 1), BegunLine(8, 3)]


def test_a_letter_that_came_back_unsent_is_forgotten(mine: Begun) -> None:
    slot = mine.slot()
    mine.begin(slot, 7, 1, tries=0)
    mine.end(slot, plain=False)
    assert left(mine) == []


def test_the_file_never_grows(mine: Begun) -> None:
    slots = [mine.slot() for _ in range(50)]
    size = mine.path.stat().st_size
    for number in range(1000):
        slot = slots[number % 50]
        mine.begin(slot, number, 1, tries=0)
        mine.end(slot, plain=True)
    assert mine.path.stat().st_size == size


def test_a_process_that_is_asked_to_stop_leaves_none(mine: Begun) -> None:
    slot = mine.slot()
    mine.begin(slot, 7, 1, tries=0)
    mine.finish()
    mine.begin(mine.slot(), 8, 1, tries=0)
    assert left(mine) == []


def test_a_journal_of_the_version_before_has_none(tmp_path: Path) -> None:
    (tmp_path / JOURNAL).write_text("")
    assert left_by(tmp_path / JOURNAL) == []


@pytest.mark.parametrize("text", ["begin 7\n", "begin seven 1\n", "\0" * 64, "begin 7 -1\n", "7 1\n", "begin 7 1 2\n"])
def test_what_does_not_read_blames_nobody(tmp_path: Path, text: str) -> None:
    (tmp_path / "mine.begun").write_text(text)
    assert left_by(tmp_path / JOURNAL) == []


def test_both_files_go_when_the_process_ends_well(tmp_path: Path) -> None:
    journal = Journal(tmp_path, "mine")
    assert journal.begin(journal.slot(), 7, 1, tries=0)
    journal.close(keep=False)
    assert list(tmp_path.iterdir()) == []


def test_the_last_try_is_made_while_no_other_letter_is_under_way(mine: Begun) -> None:
    """Two suspects and an ordinary letter: whoever is alone is alone."""
    ordinary, suspect, other = mine.slot(), mine.slot(), mine.slot()
    assert mine.begin(ordinary, 1, 1, tries=1)
    begun_letters: list[int] = []

    def begin(slot: int, letter: int, tries: int) -> threading.Thread:
        def run() -> None:
            assert mine.begin(slot, letter, 1, tries=tries)
            begun_letters.append(letter)

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        return thread

    first = begin(suspect, 2, begun.POISON_AFTER - 1)
    until(lambda: mine._alone == suspect)
    second = begin(other, 3, begun.POISON_AFTER - 1)
    assert begun_letters == []
    mine.end(ordinary, plain=True)
    first.join(PATIENCE)
    assert begun_letters == [2]
    late = begin(ordinary, 4, 0)
    mine.end(suspect, plain=True)
    until(lambda: 3 in begun_letters or 4 in begun_letters)
    if 4 in begun_letters:
        mine.end(ordinary, plain=True)
    second.join(PATIENCE)
    mine.end(other, plain=True)
    late.join(PATIENCE)
    assert sorted(begun_letters) == [2, 3, 4]


def test_a_last_try_that_cannot_be_alone_waits_for_its_next_turn(mine: Begun, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(begun, "_ALONE_SECONDS", 0.0)
    slow, suspect, third = mine.slot(), mine.slot(), mine.slot()
    mine.begin(slow, 1, 1, tries=0)
    assert mine.begin(suspect, 2, 1, tries=2) is False
    assert left(mine) == [BegunLine(1, 1)]
    assert mine.begin(third, 3, 1, tries=0), "nobody waits for it any longer"
