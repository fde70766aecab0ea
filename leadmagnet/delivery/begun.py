"""Remembers beside the journal which letter each sender is at, for whoever finds the process dead.

A file of short slots, one for each sender, each overwritten by the next letter: a microsecond for a letter, and the
file never grows. It is not synced: a dead process leaves it whole, and a dead machine blames no letter.

All letters under way when a process dies are suspects, and they would be so together again. So the last try before a
letter counts as poison is made alone: if the process dies of it, no other letter was there to be blamed, or to do it.
"""

import errno
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from leadmagnet import waiting

#: A letter that was begun so often, and each time its process died, is not begun again.
POISON_AFTER = 3
#: How long a letter on its last try waits until no other is under way.
_ALONE_SECONDS = 5.0
#: How long the others wait for it: what kills a process does so sooner than a slow server answers.
_OTHERS_SECONDS = 30.0
_LOOK_SECONDS = 0.01
#: Bytes of a slot: two numbers of a database, a word, and what parts them. A slot never crosses a page.
_SLOT = 64
#: Made at once, more than there are senders: a disk that fills up later does not take their room.
_MADE = 64
_EMPTY = b" " * (_SLOT - 1) + b"\n"


@dataclass(frozen=True, slots=True)
class BegunLine:
    """A letter that a sender had begun, under the lease token it held."""

    delivery_id: int
    token: int


class Begun:
    """This process's slots. Each belongs to one sender; all senders share one thread."""

    def __init__(self, journal: Path) -> None:
        """Makes the file that goes with a journal. Raises OSError."""
        self.path = beside(journal)
        self._file = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        self._busy: list[bool] = []  # by slot
        self._alone: int | None = None  # the slot whose letter is, or wants to be, the only one under way
        self._ending = False
        self._write(0, _EMPTY * _MADE)

    def slot(self) -> int:
        """A new slot's number."""
        self._busy.append(False)
        return len(self._busy) - 1

    def begin(self, slot: int, delivery_id: int, token: int, *, tries: int) -> bool:
        """Notes that this letter is begun after `tries` that its process died of.

        False if it must wait: on its last try no other letter may be under way. Raises OSError likewise.
        """
        if not self._enter(slot, alone=tries + 1 >= POISON_AFTER):
            return False
        if not self._ending:
            self._write(slot, (b"begin %d %d" % (delivery_id, token)).ljust(_SLOT - 1) + b"\n")
        return True

    @property
    def none_alone(self) -> bool:
        """Whether a letter can be begun at once, as none is, or wants to be, the only one under way."""
        return self._alone is None

    def end(self, slot: int, *, plain: bool) -> None:
        """Notes that the slot's letter is behind its sender. Raises OSError.

        `plain`: its row will tell. A row that may look as if it had never been begun is forgotten here.
        """
        self._busy[slot] = False
        if self._alone == slot:
            self._alone = None
        if not plain:
            self._write(slot, _EMPTY)

    def _enter(self, slot: int, *, alone: bool) -> bool:
        # Busy first, then looking whether one wants to be alone, which does it the other way round: one sees the other.
        self._busy[slot] = True
        if self._alone is None and not alone:
            return True
        self._busy[slot] = False
        free = _comes_true(lambda: self._alone is None, _OTHERS_SECONDS)
        if alone and not free:
            return False
        self._busy[slot] = True
        if alone:
            self._alone = slot
        if not alone or self._is_alone(slot):
            return True
        self.end(slot, plain=True)
        return False

    def _is_alone(self, slot: int) -> bool:
        """Waits until no other letter is under way; False if a slow server keeps one."""
        return _comes_true(
            lambda: not any(busy for other, busy in enumerate(self._busy) if other != slot), _ALONE_SECONDS
        )

    def probe(self) -> None:
        """Raises OSError if no letter could be noted now."""
        self._write(_MADE - 1, _EMPTY)

    def finish(self) -> None:
        """Forgets all letters, those to come too: a process that is asked to stop dies by nobody's fault."""
        self._ending = True
        self._alone = None
        os.ftruncate(self._file, 0)

    def close(self, *, keep: bool) -> None:
        """Ends the file; it goes unless its journal stays (`keep`)."""
        if not keep:
            self.path.unlink(missing_ok=True)
        os.close(self._file)

    def _write(self, slot: int, line: bytes) -> None:
        if os.pwrite(self._file, line, slot * _SLOT) != len(line):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _comes_true(what: Callable[[], bool], seconds: float) -> bool:
    """Waits until `what()` holds, letting others go on; False after `seconds`."""
    deadline = time.monotonic() + seconds
    while not what():
        if time.monotonic() > deadline:
            return False
        waiting.pause(_LOOK_SECONDS)
    return True


def beside(journal: Path) -> Path:
    """The file of begun letters that goes with a journal; versions before wrote none."""
    return journal.with_suffix(".begun")


def left_by(journal: Path) -> list[BegunLine]:
    """The letters that the dead process of this journal had begun, and not ended."""
    try:
        text = beside(journal).read_text(errors="replace")
    except FileNotFoundError:
        return []
    return list(_lines(text))


def _lines(text: str) -> Iterator[BegunLine]:
    for line in text.splitlines():
        match line.split():
            case ["begin", number, token] if number.isdecimal() and token.isdecimal():
                yield BegunLine(int(number), int(token))
