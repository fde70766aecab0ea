"""Follows the operator's folder for as long as somebody looks, and holds what is in it."""

import logging
from collections.abc import Callable
from pathlib import Path
from threading import Condition, Event, Lock, Thread

from leadmagnet.clock import Clock
from leadmagnet.content import following
from leadmagnet.content.memory import Memory
from leadmagnet.publishing import drafts
from leadmagnet.web.preview.shown import Shown, next_shown

log = logging.getLogger(__name__)

#: Milliseconds of peace after which a save has ended; editors that save through a second file need about one.
_SETTLED, _AT_MOST = 5, 40
#: After a failure, such as a folder that is just being replaced.
_AGAIN_SECONDS = 1.0


class Desk:
    """What is in the folder. It is read, and followed from then on, when somebody first asks."""

    def __init__(self, site: Path, clock: Clock, memory: Memory | None = None) -> None:
        self.site = site
        self._clock = clock
        self._memory = memory or Memory()
        self._shown: Shown | None = None
        self._looking = Lock()
        self._changed = Condition()
        self._stopping = Event()
        self._thread = Thread(target=self._follow, name="preview", daemon=True)

    def shown(self) -> Shown:
        """The site as it is now."""
        shown = self._shown
        if shown is not None:
            return shown
        shown = self.look()
        with self._looking:
            if not self._thread.ident and not self._stopping.is_set():
                self._thread.start()
        return shown

    def wait(self, version: int, seconds: float, *, given_up: Callable[[], bool] = lambda: False) -> int:
        """The newest version; returns as soon as it is another than `version`, or time is up.

        Who has `given_up`, or waits at a closed desk, need not wait any longer: `wake` makes them look.
        """
        with self._changed:
            self._changed.wait_for(lambda: self.is_closed or given_up() or self._version != version, seconds)
            return self._version

    def wake(self) -> None:
        """Lets all who wait see whether they still should."""
        with self._changed:
            self._changed.notify_all()

    @property
    def is_closed(self) -> bool:
        return self._stopping.is_set()

    def stop(self) -> None:
        """Sends all who wait away, and follows no longer."""
        self._stopping.set()
        self.wake()
        if self._thread.ident:
            self._thread.join(timeout=5)

    def look(self) -> Shown:
        """Reads the folder; those who wait are told if something has changed."""
        with self._looking:
            before = self._shown
            shown = next_shown(before, *drafts.look(self.site, self._memory), at=self._clock())
            if before is not None and (before.build.digest, before.findings) == (shown.build.digest, shown.findings):
                return before
            with self._changed:
                self._shown = shown
                self._changed.notify_all()
            return shown

    @property
    def _version(self) -> int:
        return self._shown.version if self._shown is not None else 0

    def _follow(self) -> None:
        while not self._stopping.is_set():
            try:
                for _ in following.saves(self.site, self._stopping, settled=_SETTLED, at_most=_AT_MOST):
                    self.look()
            except Exception:
                log.exception("the preview could not read the folder")
                self._stopping.wait(_AGAIN_SECONDS)
