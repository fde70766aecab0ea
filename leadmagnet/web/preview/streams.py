"""Tells open pages that something was saved, on few threads however many pages are open."""

import time
from collections.abc import Iterator
from threading import Lock

from leadmagnet.web.preview.desk import Desk

#: Each open stream holds a thread of the web server, which visitors need too. The newest page gets one, the oldest
#: gives its own back and asks now and then instead, until somebody looks at it again.
MOST = 2
#: A page that was closed is noticed when something is written to it.
_BEAT_SECONDS = 4.0
_LIFE_SECONDS = 600.0


class Streams:
    """The open streams of server-sent events (HTML §9.2), the oldest first."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._open: list[object] = []
        self._lock = Lock()

    def events(self, boot: str, version: int) -> Iterator[str]:
        """What happens after `version`; `boot` tells the pages of an earlier process from those of this one."""
        ticket = object()
        with self._lock:
            self._open.append(ticket)
            del self._open[:-MOST]
        self._desk.wake()
        ends = time.monotonic() + _LIFE_SECONDS
        try:
            yield f"retry: 500\nevent: hello\ndata: {boot}\n\n"
            while ticket in self._open and time.monotonic() < ends and not self._desk.is_closed:
                now = self._desk.wait(version, _BEAT_SECONDS, given_up=lambda: ticket not in self._open)
                yield f"id: {now}\nevent: saved\ndata: {now}\n\n" if now != version else ":\n\n"
                version = now
            if ticket not in self._open:
                yield "event: enough\ndata: -\n\n"
        finally:
            with self._lock:
                if ticket in self._open:
                    self._open.remove(ticket)
