"""How code waits: alone in its thread, or as one of many conversations that share a thread under a hub.

Whoever waits for a socket or for an answer does it through here, and need not know which of the two is true.
"""

import select
import socket
import threading
from collections.abc import Callable
from contextvars import ContextVar
from typing import Protocol, TypeVar

Result = TypeVar("Result")


class Event(Protocol):
    """As `threading.Event`: set once, by any thread."""

    def set(self) -> None: ...

    def wait(self, timeout: float | None = None) -> bool: ...


class Hub(Protocol):
    """Lets other conversations go on while this one waits."""

    def ready(self, sock: socket.socket, *, to_write: bool, timeout: float) -> bool: ...

    def event(self) -> Event: ...

    def apart(self, work: Callable[[], Result]) -> Result: ...

    def when_idle(self, call: Callable[[], None]) -> None: ...


#: The hub under which the present conversation runs; None: it has the thread for itself.
current: ContextVar[Hub | None] = ContextVar("hub", default=None)


def ready(sock: socket.socket, *, to_write: bool, timeout: float) -> bool:
    """Waits until `sock` can be read from, or written to; False after `timeout` seconds."""
    hub = current.get()
    if hub is not None:
        return hub.ready(sock, to_write=to_write, timeout=timeout)
    poll = select.poll()
    poll.register(sock, select.POLLOUT if to_write else select.POLLIN)
    return bool(poll.poll(timeout * 1000))


def event() -> Event:
    """An event for which only the present conversation waits."""
    hub = current.get()
    return hub.event() if hub is not None else threading.Event()


def pause(seconds: float) -> None:
    """Waits for a time."""
    event().wait(seconds)


def apart(work: Callable[[], Result]) -> Result:
    """The result of `work`, which may block; nobody else has to wait for it."""
    hub = current.get()
    return hub.apart(work) if hub is not None else work()


def when_idle(call: Callable[[], None]) -> None:
    """Calls once nobody else can go on: at once, unless other conversations share the thread."""
    hub = current.get()
    if hub is not None:
        hub.when_idle(call)
    else:
        call()
