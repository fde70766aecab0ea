"""The WSGI server in this process: waitress on a thread of its own."""

import errno
import logging
import os
import threading
from typing import Any

from flask import Flask
from waitress import wasyncore
from waitress.server import create_server

#: Most wait for a commit, and those that wait together are committed together.
_THREADS = 16
_LARGEST_BODY = 1024 * 1024
_POLL_SECONDS = 0.2
#: How many polls a stop waits for answers that a slow client has not taken yet.
_LAST_POLLS = 10


# It warns whenever a request has to wait for a thread, which is what the queue is for: a line each, on a busy day.
logging.getLogger("waitress.queue").setLevel(logging.ERROR)


class Server:
    """Listens at once, serves after `start`."""

    def __init__(self, app: Flask, host: str, port: int) -> None:
        """Raises OSError if the port is taken, or `host` is no address of this machine."""
        self._sockets: dict[int, Any] = {}
        try:
            self._server = create_server(
                app,
                map=self._sockets,
                host=host,
                port=port,
                threads=_THREADS,
                ident=None,
                # `origin` judges them itself, and has to see that a proxy was there.
                clear_untrusted_proxy_headers=False,
                # It writes a body to disk before anybody sees it. The app says no, with a page, well before this.
                max_request_body_size=_LARGEST_BODY,
            )
        except ValueError as error:  # waitress's word for a name that does not resolve
            raise OSError(errno.EADDRNOTAVAIL, os.strerror(errno.EADDRNOTAVAIL)) from error
        except OSError:
            wasyncore.close_all(self._sockets)
            raise
        # A name such as localhost may stand for two addresses: waitress has another class for that.
        addresses = getattr(self._server, "effective_listen", None)
        self.port = int(addresses[0][1] if addresses else self._server.effective_port)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="web", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Returns when running requests have ended and their answers have left."""
        self._server.task_dispatcher.shutdown()
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        # Not waitress's own loop: that one ends in a traceback when another thread closes its sockets.
        while not self._stopping.is_set():
            self._poll()
        for _ in range(_LAST_POLLS):
            if not any(one.writable() for one in list(self._sockets.values())):
                break
            self._poll()
        wasyncore.close_all(self._sockets)

    def _poll(self) -> None:
        wasyncore.loop(_POLL_SECONDS, use_poll=True, map=self._sockets, count=1)
