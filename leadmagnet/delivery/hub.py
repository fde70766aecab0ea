"""Runs many conversations in one thread, each written as if it had the thread for itself.

A thread for each connection would hand Python's one lock around at every byte: most of a letter's cost. Here a
conversation that waits (for a socket, for an answer) lets the next one go on, and the lock stays where it is.
"""

import contextlib
import logging
import os
import selectors
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import TypeVar

from greenlet import getcurrent, greenlet

from leadmagnet import waiting

log = logging.getLogger(__name__)

Result = TypeVar("Result")

_AFTER_A_DEFECT = 1.0


class Hub:
    """One thread's conversations. `spawn` and an event's `set` may be called from any thread."""

    def __init__(self, name: str) -> None:
        self._selector = selectors.DefaultSelector()
        self._sockets: dict[int, tuple[socket.socket, int]] = {}  # what is watched, and for which events
        self._readers: dict[int, greenlet] = {}  # who waits for a descriptor
        self._deadlines: dict[greenlet, float] = {}
        self._posted: deque[_Event | Callable[[], None]] = deque()
        self._for_idle: list[Callable[[], None]] = []
        self._woken = False
        self._open = True
        self._posting = threading.Lock()
        self._wake_reader, self._wake_writer = os.pipe()
        os.set_blocking(self._wake_reader, False)
        self._selector.register(self._wake_reader, selectors.EVENT_READ)
        self._running = 0
        self._ending = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def spawn(self, conversation: Callable[[], None]) -> None:
        """Begins a conversation at the next turn."""
        self.post(conversation)

    def stop(self, timeout: float | None) -> bool:
        """Ends the thread once every conversation has ended; False if one still waits after `timeout` seconds."""
        self.post(self._end)
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def ready(self, sock: socket.socket, *, to_write: bool, timeout: float) -> bool:
        """See `waiting.ready`."""
        wanted = selectors.EVENT_WRITE if to_write else selectors.EVENT_READ
        descriptor = sock.fileno()
        if self._sockets.get(descriptor) != (sock, wanted):
            self._watch(descriptor, sock, wanted)
        self._readers[descriptor] = getcurrent()
        try:
            return self.park(timeout)
        finally:
            self._readers.pop(descriptor, None)

    def event(self) -> waiting.Event:
        """See `waiting.event`."""
        return _Event(self)

    def apart(self, work: Callable[[], Result]) -> Result:
        """See `waiting.apart`."""
        done = _Event(self)
        results: list[Result] = []
        errors: list[BaseException] = []

        def run() -> None:
            try:
                results.append(work())
            except BaseException as error:  # it is the conversation's to handle
                errors.append(error)
            done.set()

        threading.Thread(target=run, name=f"{self._thread.name}-apart", daemon=True).start()
        done.wait()
        if errors:
            raise errors[0]
        return results[0]

    def when_idle(self, call: Callable[[], None]) -> None:
        """See `waiting.when_idle`."""
        self._for_idle.append(call)

    def post(self, item: "_Event | Callable[[], None]") -> None:
        """Hands something to the hub's thread; once that has ended, nobody is there to be told."""
        # Otherwise the thread may find it, end and close the pipe before a byte is written into it.
        with self._posting:
            if not self._open:
                return
            self._posted.append(item)
            if not self._woken and threading.current_thread() is not self._thread:
                self._woken = True
                os.write(self._wake_writer, b"\0")

    def resume(self, conversation: greenlet, value: bool) -> None:
        """Goes on with a conversation, until it waits again."""
        self._deadlines.pop(conversation, None)
        conversation.switch(value)

    def park(self, timeout: float | None) -> bool:
        """Lets others go on until this conversation is resumed; False after `timeout` seconds."""
        if timeout is not None:
            self._deadlines[getcurrent()] = time.monotonic() + timeout
        return bool(self._main.switch())

    def _run(self) -> None:
        self._main = getcurrent()
        while self._running or not self._ending:
            try:
                self._turn()
            except Exception:  # a defect of ours must not end all sending
                log.exception("a turn of the hub failed")
                time.sleep(_AFTER_A_DEFECT)
        self._rest()
        with self._posting:
            self._open = False
            self._selector.close()
            os.close(self._wake_reader)
            os.close(self._wake_writer)

    def _turn(self) -> None:
        ready = self._selector.select(self._patience())
        if not ready and not self._posted:
            self._rest()
        for key, _events in ready:
            if key.fd == self._wake_reader:
                self._hear()
            elif (reader := self._readers.get(key.fd)) is not None:
                self.resume(reader, True)
            else:  # the server speaks unasked: whoever waits next will find it
                self._forget(key.fd)
        while self._posted:
            item = self._posted.popleft()
            if isinstance(item, _Event):
                item.fire()
            else:
                self._begin(item)
        self._expire()

    def _rest(self) -> None:
        calls, self._for_idle = self._for_idle, []
        for call in calls:
            call()

    def _begin(self, conversation: Callable[[], None]) -> None:
        if conversation == self._end:
            self._ending = True
            return
        self._running += 1
        greenlet(self._converse).switch(conversation)

    def _converse(self, conversation: Callable[[], None]) -> None:
        waiting.current.set(self)
        try:
            conversation()
        except Exception:  # a defect of ours: the others go on
            log.exception("a conversation failed")
        finally:
            self._running -= 1

    def _end(self) -> None:
        """Stands in the queue for the wish to end."""

    def _hear(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.read(self._wake_reader, 4096)
        # After the reading, and before what was posted is looked at: who posts from here on wakes us again.
        self._woken = False

    def _patience(self) -> float | None:
        if self._posted or self._for_idle:
            return 0
        if not self._deadlines:
            return None
        return max(0.0, min(self._deadlines.values()) - time.monotonic())

    def _expire(self) -> None:
        if not self._deadlines:
            return
        now = time.monotonic()
        for conversation in [one for one, deadline in self._deadlines.items() if deadline <= now]:
            if conversation in self._deadlines:
                self.resume(conversation, False)

    def _watch(self, descriptor: int, sock: socket.socket, wanted: int) -> None:
        # A socket that was closed leaves its number behind, and the next one may get it.
        self._forget(descriptor)
        self._selector.register(descriptor, wanted)
        self._sockets[descriptor] = (sock, wanted)

    def _forget(self, descriptor: int) -> None:
        if self._sockets.pop(descriptor, None) is not None:
            self._selector.unregister(descriptor)


class _Event:
    """An event that one conversation waits for."""

    __slots__ = ("_hub", "_is_set", "_waiter")

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._is_set = False
        self._waiter: greenlet | None = None

    def set(self) -> None:
        self._is_set = True
        self._hub.post(self)

    def wait(self, timeout: float | None = None) -> bool:
        if not self._is_set:
            self._waiter = getcurrent()
            self._hub.park(timeout)
            self._waiter = None
        return self._is_set

    def fire(self) -> None:
        """In the hub's thread: goes on with whoever waits."""
        if self._waiter is not None:
            self._hub.resume(self._waiter, True)
