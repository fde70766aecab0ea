"""The journal: what a mail server accepted is not forgotten, whoever dies."""

import fcntl
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import event
from sqlalchemy.exc import OperationalError

from leadmagnet.delivery import journal, record
from leadmagnet.delivery.gate import Gate
from leadmagnet.delivery.journal import AcceptedLine, Journal, left_behind
from leadmagnet.delivery.outcomes import Accepted
from leadmagnet.errors import LeadmagnetError
from tests.databases import ON_POSTGRESQL, ON_SQLITE
from tests.waiting import until
from tests.world import World

NOON = datetime(2026, 3, 5, 12, tzinfo=UTC)
LINE = f"7 a@example.com {NOON.isoformat()}\n"

_WRITER = """
import sys, time
from datetime import UTC, datetime
from pathlib import Path
from leadmagnet.delivery.journal import Journal
journal = Journal(Path(sys.argv[1]), "other")
for number, message_id in enumerate(sys.argv[2:], start=1):
    journal.accepted(number, message_id, at=datetime(2026, 3, 5, 12, tzinfo=UTC))
print("written", flush=True)
time.sleep(600)
"""


@contextmanager
def another_process(folder: Path, *message_ids: str) -> Iterator[subprocess.Popen[str]]:
    """A process that has noted these mails, as deliveries 1, 2, …, and lives until it is killed."""
    arguments = [sys.executable, "-c", _WRITER, str(folder), *message_ids]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "written\n"
            yield process
        finally:
            process.kill()


def found(folder: Path) -> dict[str, list[AcceptedLine]]:
    return {path.name: lines for path, lines in left_behind(folder)}


def test_what_a_killed_process_noted_is_found_but_not_while_it_lives(tmp_path: Path) -> None:
    with another_process(tmp_path, "a@example.com", "b@example.com") as process:
        assert found(tmp_path) == {}
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        lines = [AcceptedLine(1, "a@example.com", NOON), AcceptedLine(2, "b@example.com", NOON)]
        assert found(tmp_path) == {"other.journal": lines}


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("", 0),
        (LINE, 1),
        (LINE + LINE, 2),
        (LINE + LINE[:-1], 1),  # cut off before its end
        (LINE + "8", 1),
        (LINE + "8 b@examp" + LINE, 1),  # cut off, and written on
        ("8 " + LINE + LINE, 1),
        ("\0" * 40 + "\n" + LINE, 1),  # what some file systems leave after a power cut
        ("seven a@example.com 2026-03-05T12:00:00+00:00\n" + LINE, 1),
        ("8 b@example.com yesterday\n" + LINE, 1),
        ("\n" + LINE, 1),
    ],
)
def test_a_line_that_does_not_read_spoils_no_other(tmp_path: Path, text: str, read: int) -> None:
    (tmp_path / "dead.journal").write_text(text)
    assert found(tmp_path)["dead.journal"] == [AcceptedLine(7, "a@example.com", NOON)] * read


def test_bytes_that_are_no_text_spoil_no_line(tmp_path: Path) -> None:
    (tmp_path / "dead.journal").write_bytes(b"\xff\xfe\n" + LINE.encode())
    assert len(found(tmp_path)["dead.journal"]) == 1


def test_a_line_is_in_the_file_at_once(tmp_path: Path) -> None:
    with Journal(tmp_path, "mine") as mine:
        mine.accepted(7, "a@example.com", at=NOON)
        assert mine.path.read_text() == LINE


@ON_POSTGRESQL
def test_a_line_is_on_disk_before_its_result_is_committed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.asks("ada@example.com")
    (letter,) = world.claim()
    assert world.commits.gate(letter) is Gate.OPEN
    order: list[str] = []
    really = os.fsync
    monkeypatch.setattr(journal.os, "fsync", lambda file: (order.append("fsync"), really(file)))
    event.listen(world.database.writing_engine, "commit", lambda _connection: order.append("commit"))
    world.journal.accepted(letter.id, letter.message_id, at=world.now)
    world.commits.tell(letter, Accepted(world.now))
    world.settle()
    assert order[:2] == ["fsync", "commit"]


@ON_SQLITE
def test_a_line_whose_result_sqlite_does_not_take_is_on_disk(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its commit makes the result as durable, and as soon: only one that fails needs the journal on disk."""
    world.asks("ada@example.com")
    (letter,) = world.claim()
    assert world.commits.gate(letter) is Gate.OPEN
    synced: list[str] = []
    really_sync, really_apply = world.journal.sync, record.apply

    def apply(*given, **named):
        if not synced:
            raise OperationalError("UPDATE", {}, sqlite3.OperationalError("disk I/O error"))
        return really_apply(*given, **named)

    monkeypatch.setattr(record, "apply", apply)
    monkeypatch.setattr(world.journal, "sync", lambda: (synced.append("on disk"), really_sync())[1])
    world.journal.accepted(letter.id, letter.message_id, at=world.now)
    world.commits.tell(letter, Accepted(world.now))
    until(lambda: world.deliveries(id=letter.id)[0].state == "sent")
    assert synced == ["on disk"]


def test_a_process_that_ends_well_leaves_nothing(tmp_path: Path) -> None:
    mine = Journal(tmp_path, "mine")
    mine.accepted(7, "a@example.com", at=NOON)
    mine.close(keep=False)
    assert found(tmp_path) == {}


def test_a_process_that_still_owes_results_leaves_them(tmp_path: Path) -> None:
    mine = Journal(tmp_path, "mine")
    mine.accepted(7, "a@example.com", at=NOON)
    mine.close(keep=True)
    assert found(tmp_path) == {"mine.journal": [AcceptedLine(7, "a@example.com", NOON)]}


def test_a_long_journal_starts_anew_only_when_every_line_is_committed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "_LONG", 10)
    with Journal(tmp_path, "mine") as mine:
        mine.accepted(7, "a@example.com", at=NOON)
        mine.accepted(8, "b@example.com", at=NOON)
        mine.sync()
        mine.committed(1)
        assert len(mine.path.read_text().splitlines()) == 2, "the other's result is not in the database yet"
        mine.committed(1)
        assert mine.path.read_text() == ""
        mine.accepted(9, "c@example.com", at=NOON)
        assert mine.path.read_text().startswith("9 c@example.com ")


def test_a_short_journal_is_not_worth_a_new_start(tmp_path: Path) -> None:
    with Journal(tmp_path, "mine") as mine:
        mine.accepted(7, "a@example.com", at=NOON)
        mine.committed(1)
        assert mine.path.read_text() == LINE


def test_a_journal_that_is_taken_for_a_dead_ones_while_it_opens_is_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process may lock and delete the new file before its owner has locked it."""
    really = fcntl.flock
    stolen = []

    def lock(file: int, how: int) -> None:
        if not stolen:
            stolen.append(file)
            (tmp_path / "mine.journal").unlink()
        really(file, how)

    monkeypatch.setattr(journal.fcntl, "flock", lock)
    with Journal(tmp_path, "mine") as mine:
        mine.accepted(7, "a@example.com", at=NOON)
        assert mine.path.read_text() == LINE


def test_a_journal_that_goes_while_one_looks_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "gone.journal").symlink_to(tmp_path / "nowhere")
    (tmp_path / "dead.journal").write_text(LINE)
    assert list(found(tmp_path)) == ["dead.journal"]


def test_a_folder_that_cannot_be_written_is_said_before_any_mail_goes(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(LeadmagnetError, match=r"cannot write the journal .* LEADMAGNET_DATA_DIR"):
        Journal(tmp_path / "file" / "journal", "mine")
