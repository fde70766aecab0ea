"""A local file that remembers what a mail server accepted, should the database die before it is told.

One file per process, locked while the process lives. A line is written at once after a 250, synced before
the result is committed, and replayed by whoever finds the file unlocked.
"""

import fcntl
import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from threading import Lock
from typing import Self

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


class Journal:
    """This process's journal. Thread-safe."""

    def __init__(self, folder: Path, owner: str) -> None:
        """Opens it, locked. Raises LeadmagnetError if the folder cannot be written to."""
        self.path = folder / f"{owner}.journal"
        self._lock = Lock()
        self._unsynced = False
        self._uncommitted = 0  # lines whose result the database has not taken yet
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._file = _open_locked(self.path)
        except OSError as error:
            raise LeadmagnetError(
                f"cannot write the journal in {folder}: {error.strerror}. It is needed before any mail goes out; "
                "make the folder writable, or set LEADMAGNET_DATA_DIR to one that is."
            ) from error

    def accepted(self, delivery_id: int, message_id: str, *, at: datetime) -> None:
        """Notes a 250. From here on a dead process does not lose it; after `sync` a dead machine does not either."""
        line = f"{delivery_id} {message_id} {at.isoformat()}\n".encode()
        with self._lock:
            self._uncommitted += 1
            os.write(self._file, line)
            self._unsynced = True

    def sync(self) -> None:
        """Makes every line so far durable."""
        with self._lock:
            due, self._unsynced = self._unsynced, False
        if due:
            os.fsync(self._file)

    def committed(self, accepted: int) -> None:
        """Says that the results of so many lines are in the database; once all are, a long journal starts anew."""
        with self._lock:
            self._uncommitted -= accepted
            if self._uncommitted == 0 and os.fstat(self._file).st_size > _LONG:
                os.ftruncate(self._file, 0)

    def close(self, *, keep: bool) -> None:
        """Ends the journal; the file goes unless results are still owed to the database (`keep`)."""
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
        try:
            if not line.endswith("\n"):
                raise ValueError("cut off")
            number, message_id, at = parts
            yield AcceptedLine(int(number), message_id, datetime.fromisoformat(at))
        except ValueError:  # cut off in the middle by a dead machine: that message's 250 is not known to us
            log.warning("a journal line does not read: its mail stays uncertain")
