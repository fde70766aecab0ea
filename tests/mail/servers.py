"""A mail server on loopback that does at each phase exactly what a test says."""

import base64
import datetime
import socket
import socketserver
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from types import TracebackType

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


class Act(Enum):
    """What a server can do instead of answering."""

    HANG_UP = "close the connection"
    SAY_NOTHING = "keep it open, and never answer"


class Last(str):
    """A reply after which the server hangs up."""


Answer = str | Act


@dataclass(frozen=True)
class Arrived:
    """One message as the server has taken it: the bytes before the final dot, dot-stuffing undone."""

    sender: str
    recipient: str
    raw: bytes


class ScriptedServer:
    """An SMTP server: `script` maps a phase to a reply line, or to an Act, instead of the ordinary answer.

    Phases: CONNECT EHLO HELO STARTTLS AUTH MAIL RCPT DATA BODY DOT RSET QUIT. BODY is acted on at the body's first
    byte, DOT once the message is in `arrived` (but for a 4xx or 5xx). The script may be changed at any time.
    An answer may be a function that gives it, and takes its time: other connections do not wait for it.
    `whole_group`: no answer to MAIL before DATA was read, which only a client that pipelines survives.
    """

    def __init__(
        self,
        script: dict[str, Answer | Callable[[], Answer]] | None = None,
        *,
        extensions: tuple[str, ...] = ("PIPELINING", "8BITMIME", "SIZE 10240000"),
        login: tuple[str, str] | None = None,
        certificate: Path | None = None,
        implicit_tls: bool = False,
        whole_group: bool = False,
    ) -> None:
        self.script: dict[str, Answer | Callable[[], Answer]] = dict(script or {})
        self.extensions = extensions
        self.login = login
        self.certificate = certificate
        self.implicit_tls = implicit_tls
        self.whole_group = whole_group
        self.arrived: list[Arrived] = []
        self.commands: list[str] = []  # as they came, logins left out
        self.wire: list[bytes] = []  # every message as it came, dot-stuffed, final dot included
        self.acted = threading.Event()  # a scripted answer was given
        self.cut_short: list[bytes] = []  # what had come of each message whose connection ended in its body
        self.aborted = threading.Event()  # a connection ended in the middle of a body
        self.stopped = threading.Event()
        self._sockets: list[socket.socket] = []
        outer = self

        class Conversation(_Conversation):
            script_of = outer

        class Listener(socketserver.ThreadingTCPServer):
            allow_reuse_address = True

        self._listener = Listener(("127.0.0.1", 0), Conversation)
        self.port: int = self._listener.server_address[1]
        self._thread = threading.Thread(target=self._listener.serve_forever, kwargs={"poll_interval": 0.02})

    def __enter__(self) -> "ScriptedServer":
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stopped.set()
        self._listener.shutdown()
        for open_socket in self._sockets:
            try:
                open_socket.shutdown(socket.SHUT_RDWR)
            except OSError:  # the conversation is over already
                continue
        self._listener.server_close()
        self._thread.join()


class _HungUp(Exception):
    """The conversation is over."""


class _Conversation(socketserver.BaseRequestHandler):
    script_of: ScriptedServer

    def handle(self) -> None:
        self.mine = self.script_of
        self.mine._sockets.append(self.request)
        self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""
        self.secure = False
        try:
            if self.mine.implicit_tls:
                self._encrypt()
            self._answer("CONNECT", "220 scripted.example ESMTP")
            while True:
                self._command(self._line())
        except (_HungUp, OSError):
            pass
        finally:
            self.request.close()

    def _command(self, line: str) -> None:
        verb = line[:4].upper() if line.upper() != "STARTTLS" else "STARTTLS"
        self.mine.commands.append("AUTH …" if verb == "AUTH" else verb + line[len(verb) :])
        if verb in ("EHLO", "HELO"):
            self._answer(verb, self._hello() if verb == "EHLO" else "250 scripted.example")
        elif verb == "STARTTLS":
            self._answer("STARTTLS", "220 go ahead")
            self._encrypt()
        elif verb == "AUTH":
            self._auth(line)
        elif verb == "MAIL":
            self._transaction(line)
        elif verb == "QUIT":
            self._answer("QUIT", "221 bye")
            raise _HungUp
        else:
            self._answer(verb, "250 ok" if verb == "RSET" else "503 bad sequence")

    def _hello(self) -> str:
        offers = list(self.mine.extensions)
        if self.mine.certificate and not self.secure:
            offers.append("STARTTLS")
        if self.mine.login:
            offers.append("AUTH PLAIN LOGIN")
        lines = ["scripted.example", *offers]
        return "\r\n".join(f"250{' ' if line is lines[-1] else '-'}{line}" for line in lines)

    def _auth(self, line: str) -> None:
        assert self.mine.login is not None
        given = base64.b64decode(line.split()[2]).decode().split("\0")
        right = tuple(given[1:]) == self.mine.login
        self._answer("AUTH", "235 2.7.0 welcome" if right else "535 5.7.8 ada@example.com: wrong password")

    def _transaction(self, mail: str) -> None:
        """Reads envelope and body; a scripted refusal ends it, as the client's next command shows."""
        if self.mine.whole_group:
            rcpt, data = self._line(), self._line()
            self.mine.commands += [rcpt, data]
        if not self._answer("MAIL", "250 2.1.0 ok"):
            return
        if not self.mine.whole_group:
            rcpt = self._line()
            self.mine.commands.append(rcpt)
        good = self._answer("RCPT", "250 2.1.5 ok")
        if not self.mine.whole_group:
            data = self._line()
            self.mine.commands.append(data)
        if data.upper() != "DATA":
            self._answer(data[:4].upper(), "250 ok")
            return
        if self._answer("DATA", "354 go on" if good else "554 5.5.1 no valid recipients"):
            self._body(_angle(mail), _angle(rcpt))

    def _body(self, sender: str, recipient: str) -> None:
        if not self.buffer:
            self._receive(in_body=True)
        if "BODY" in self.mine.script:
            self._answer("BODY", "")
        while not self.buffer.startswith(b".\r\n") and b"\r\n.\r\n" not in self.buffer:
            self._receive(in_body=True)
        end = 0 if self.buffer.startswith(b".\r\n") else self.buffer.index(b"\r\n.\r\n") + 2
        stuffed, self.buffer = self.buffer[:end], self.buffer[end + 3 :]
        scripted = self._scripted("DOT", "250 2.0.0 queued as 4711")
        if not (isinstance(scripted, str) and scripted[0] in "45"):
            lines = stuffed.split(b"\r\n")
            raw = b"\r\n".join(line[1:] if line.startswith(b".") else line for line in lines)
            self.mine.wire.append(stuffed + b".\r\n")
            self.mine.arrived.append(Arrived(sender, recipient, raw))
        self._say("DOT", scripted)

    def _answer(self, phase: str, ordinary: str) -> bool:
        """Does what the script says, else says `ordinary`; whether the client was told to go on."""
        return self._say(phase, self._scripted(phase, ordinary))

    def _scripted(self, phase: str, ordinary: str) -> Answer:
        answer = self.mine.script.get(phase, ordinary)
        return answer if isinstance(answer, Answer) else answer()

    def _say(self, phase: str, what: Answer) -> bool:
        if what is Act.SAY_NOTHING:
            self.mine.acted.set()
            self.mine.stopped.wait()
            raise _HungUp
        if isinstance(what, Act):
            self.request.close()
            self.mine.acted.set()
            raise _HungUp
        self.request.sendall(what.encode() + b"\r\n")
        if isinstance(what, Last):
            self.request.close()
        if phase in self.mine.script:
            self.mine.acted.set()
        return what[0] in "23"

    def _line(self) -> str:
        while b"\r\n" not in self.buffer:
            self._receive()
        line, _, self.buffer = self.buffer.partition(b"\r\n")
        return line.decode()

    def _receive(self, *, in_body: bool = False) -> None:
        try:
            chunk = self.request.recv(65536)
        except OSError:
            chunk = b""
        if not chunk:
            if in_body:
                self.mine.cut_short.append(self.buffer)
                self.mine.aborted.set()
            raise _HungUp
        self.buffer += chunk

    def _encrypt(self) -> None:
        assert self.mine.certificate is not None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.mine.certificate)
        self.request = context.wrap_socket(self.request, server_side=True)
        self.mine._sockets.append(self.request)
        self.buffer = b""
        self.secure = True


def _angle(command: str) -> str:
    return command.partition("<")[2].partition(">")[0]


def make_certificate(path: Path, *names: str) -> Path:
    """A self-signed certificate for `names`, its key in the same file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(n) for n in names]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    return path
