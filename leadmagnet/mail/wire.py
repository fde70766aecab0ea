"""Carries SMTP lines over a socket."""

import re
import socket
import ssl
from functools import lru_cache

from leadmagnet import waiting
from leadmagnet.mail.handover import Reply

_LINE = re.compile(rb"([2-5][0-9]{2})(?:([ -])(.*))?", re.DOTALL)  # RFC 5321 §4.2; some servers send a bare code
#: RFC 5321 §4.5.3.1.5 allows 512 bytes a line; long texts with links exceed it in practice.
_MAX_REPLY = 65_536
_CHUNK = 4096
#: How most of what is ever said begins: replies of one line.
_ONE_LINE = b"250 ", b"354 "


class Lost(Exception):
    """The connection is of no more use: closed, reset, out of time, or not speaking SMTP."""


class Wire:
    """One socket, after greeting and login. Timeouts are seconds without progress."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._received = b""
        # The final dot is a tiny packet behind a large one: Nagle would hold it back for the server's delayed ACK.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setblocking(False)

    def send(self, data: bytes, timeout: float) -> None:
        """Writes all of `data`. Raises Lost."""
        rest = memoryview(data)
        while rest:
            try:
                rest = rest[self._sock.send(rest) :]
            except (ssl.SSLWantWriteError, BlockingIOError):
                self._wait(timeout, to_write=True)
            except ssl.SSLWantReadError:  # TLS is in the middle of something
                self._wait(timeout, to_write=False)
            except OSError as error:
                raise Lost(_reason(error)) from error

    def reply(self, timeout: float) -> Reply:
        """The next reply, however many lines it has. Raises Lost."""
        line = self._line(timeout)
        if line.startswith(_ONE_LINE):
            return _of_line(line)
        lines: list[str] = []
        size = 0
        while True:
            size += len(line)
            match = _LINE.fullmatch(line)
            if match is None or size > _MAX_REPLY:
                raise Lost("the answer was not SMTP")
            lines.append((match[3] or b"").decode(errors="replace").strip())
            if match[2] != b"-":
                return Reply(int(match[1]), "\n".join(lines))
            line = self._line(timeout)

    def has_spoken(self) -> bool:
        """Whether the server has said something, or hung up, without having been asked."""
        if self._received:
            return True
        try:
            self._received = self._sock.recv(_CHUNK)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError, BlockingIOError):  # TLS may have bytes for itself only
            return False
        except OSError:
            return True
        return True

    def close(self) -> None:
        """Closes the socket at once; never raises."""
        try:
            self._sock.close()
        except OSError:  # a reset that the kernel reports late
            return

    def _line(self, timeout: float) -> bytes:
        while b"\n" not in self._received:
            if len(self._received) > _MAX_REPLY:
                raise Lost("the answer was not SMTP")
            self._received += self._receive(timeout)
        line, _, self._received = self._received.partition(b"\n")
        return line.removesuffix(b"\r")

    def _receive(self, timeout: float) -> bytes:
        """What the server says next. Raises Lost."""
        if not (isinstance(self._sock, ssl.SSLSocket) and self._sock.pending()):
            self._wait(timeout, to_write=False)
        while True:
            try:
                chunk = self._sock.recv(_CHUNK)
            except (ssl.SSLWantReadError, BlockingIOError):
                self._wait(timeout, to_write=False)
            except ssl.SSLWantWriteError:
                self._wait(timeout, to_write=True)
            except OSError as error:
                raise Lost(_reason(error)) from error
            else:
                if not chunk:
                    raise Lost("the server closed the connection")
                return chunk

    def _wait(self, timeout: float, *, to_write: bool) -> None:
        if not waiting.ready(self._sock, to_write=to_write, timeout=timeout):
            raise Lost("the server did not answer in time")


@lru_cache(maxsize=64)  # the words are the same again and again, but those on a message
def _of_line(line: bytes) -> Reply:
    return Reply(int(line[:3]), line[4:].decode(errors="replace").strip())


def _reason(error: OSError) -> str:
    return f"the connection broke ({type(error).__name__})"
