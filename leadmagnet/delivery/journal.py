"""A local file that remembers what a mail server accepted, should the database die before it is told.

One file per process, locked while the process lives. A line is written at once after a 250, synced before the
result is committed (where SQLite's own commit does not do the same), and replayed by whoever finds the file
unlocked. A journal that cannot be written covers no more letters: none is begun, and no gate opens, until it can.
"""

import contextlib
import errno
import fcntl
import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from threading import Lock
from typing import Self

from leadmagnet.delivery.begun import Begun
from leadmagnet.errors import LeadmagnetError

log = logging.getLogger(__name__)

#: Past this size a journal whose every line has been committed starts anew.
_LONG = 1_000_000


@dataclass(frozen=True, slots=True)
class AcceptedLine:
    """One accepted message: identity, not lease, because the row may have been swept meanwhile."""

    delivery_id: int
    message_id: str
    at: datetime


class JournalTrouble(LeadmagnetError):
    """The journal cannot be written just now: no letter may be begun."""


class Journal:
    """This process's journal. Thread-safe."""

    def __init__(self, folder: Path, owner: str) -> None:
        """Opens it, locked. Raises LeadmagnetError if the folder cannot be written to."""
        self.path = folder / f"{owner}.journal"
        self._lock = Lock()
        self._unsynced = False
        self._uncommitted = 0  # lines whose result the database has not taken yet
        self._trouble: OSError | None = None  # why it cannot be written, since the last time it could
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._file = _open_locked(self.path)
            self._begun = Begun(self.path)
        except OSError as error:
            raise LeadmagnetError(
                f"cannot write the journal in {folder}: {error.strerror}. It is needed before any mail goes out; "
                "make the folder writable, or set LEADMAGNET_DATA_DIR to one that is."
            ) from error

    def slot(self) -> int:
        """Where one sender notes which letter it is at: a number for `begin` and `end`."""
        return self._begun.slot()

    def accepted(self, delivery_id: int, message_id: str, *, at: datetime) -> None:
        """Notes a 250. From here on a dead process does not lose it; after `sync` a dead machine does not either.

        Raises OSError: then only the database knows, and no letter is begun until the journal is mended.
        """
        line = f"{delivery_id} {message_id} {at.isoformat()}\n".encode()
        with self._lock:
            self._uncommitted += 1
            try:
                # What was written of another line, when the disk was full, must not spoil this one.
                self._write(line if self._trouble is None else b"\n" + line)
            except OSError as error:
                self._trouble = error
                raise
            self._unsynced = True

    @property
    def is_sound(self) -> bool:
        """Whether every line so far could be written: no gate may open otherwise."""
        return self._trouble is None

    def sync(self) -> bool:
        """Makes every line so far durable; False while the journal cannot be written: no gate may open."""
        with self._lock:
            due, self._unsynced = self._unsynced, False
        if due:
            try:
                os.fsync(self._file)
            except OSError as error:  # whether it would work a second time says nothing about these lines
                self._trouble = error
        return self._trouble is None

    def require(self) -> None:
        """Raises JournalTrouble while the journal cannot be written. Trying again costs nothing while it can."""
        if self._trouble is None:
            return
        try:
            with self._lock:
                self._begun.probe()
                self._write(b"\n")
                os.fsync(self._file)
                self._trouble = None
        except OSError as error:
            raise JournalTrouble(
                f"no mail can be sent: the journal in {self.path.parent} cannot be written ({error.strerror}). "
                "Make room on that disk, or make the folder writable: sending goes on by itself."
            ) from error

    @property
    def begins_at_once(self) -> bool:
        """Whether `begin` does not wait, for a letter that no process died of."""
        return self._begun.none_alone

    def begin(self, slot: int, delivery_id: int, token: int, *, tries: int) -> bool:
        """Notes in a sender's slot the letter it is about to begin; False if it must not begin it now.

        `tries`: how often it was begun by a process that died.
        """
        try:
            return self._begun.begin(slot, delivery_id, token, tries=tries)
        except OSError as error:
            self._trouble = error
            self.end(slot, plain=True)
            return False

    def end(self, slot: int, *, plain: bool) -> None:
        """Notes that the slot's letter is behind its sender; not `plain`: its row may look as if it never was begun."""
        try:
            self._begun.end(slot, plain=plain)
        except OSError as error:
            self._trouble = error

    def _write(self, line: bytes) -> None:
        if os.write(self._file, line) != len(line):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def committed(self, accepted: int) -> None:
        """Says that the results of so many lines are in the database; once all are, a long journal starts anew."""
        with self._lock:
            self._uncommitted -= accepted
            if self._uncommitted == 0 and os.fstat(self._file).st_size > _LONG:
                os.ftruncate(self._file, 0)

    def stopping(self) -> None:
        """Says that the process is about to end in good order: whatever dies from here on, no letter is to blame."""
        with contextlib.suppress(OSError):
            self._begun.finish()

    def close(self, *, keep: bool) -> None:
        """Ends the journal; the file goes unless results are still owed to the database (`keep`)."""
        self._begun.close(keep=False)  # first: what stays of it would have no journal to be found by
        if not keep:
            self.path.unlink(missing_ok=True)
        os.close(self._file)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close(keep=True)


def _open_locked(path: Path) -> int:
    """The descriptor of the file at `path`, made if need be, under our lock. Raises OSError."""
    while True:
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        fcntl.flock(file, fcntl.LOCK_EX)
        if os.fstat(file).st_nlink:
            return file
        os.close(file)  # between the two calls somebody took it for a dead process's, and deleted it


def left_behind(folder: Path) -> Iterator[tuple[Path, list[AcceptedLine]]]:
    """The journals of dead processes, each with its lines; the caller deletes a file once it is replayed."""
    for path in sorted(folder.glob("*.journal")):
        try:
            file = os.open(path, os.O_RDONLY)
        except FileNotFoundError:
            continue  # its process has just ended well
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            continue  # its process lives
        else:
            yield path, list(_lines(path.read_text(errors="replace")))
        finally:
            os.close(file)


def _lines(text: str) -> Iterator[AcceptedLine]:
    for line in text.splitlines(keepends=True):
        parts = line.split()
        if line == "\n":
            continue  # the first line after a full disk is an empty one
        try:
            if not line.endswith("\n"):
                raise ValueError("cut off")
            number, message_id, at = parts
            yield AcceptedLine(int(number), message_id, datetime.fromisoformat(at))
        except ValueError:  # cut off in the middle by a dead machine: that message's 250 is not known to us
            log.warning("a journal line does not read: its mail stays uncertain")
