"""The server in this process, over real sockets."""

import contextlib
import http.client
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from flask import Flask

from leadmagnet.settings import Settings
from leadmagnet.store.models import Consent
from leadmagnet.web.app import create_app
from leadmagnet.web.server import Server
from tests.web.conftest import only_sqlite
from tests.world import SECRET, World

FORM = "/f/hip-openers"


@pytest.fixture
def server(world: World, tmp_path: Path) -> Iterator[Server]:
    """A server on a free port, behind a proxy on this machine."""
    settings = Settings(
        secret_keys="first key",  # type: ignore[arg-type]
        suppression_key=SECRET.decode(),
        data_dir=tmp_path,
        trusted_proxies="127.0.0.1/32",  # type: ignore[arg-type]
    )
    made = Server(create_app(settings, world.database, clock=lambda: world.now), "127.0.0.1", 0)
    made.start()
    yield made
    made.stop()


def asked(server: Server, method: str, path: str, body: str | None = None, **headers: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    try:
        connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def said(server: Server, *chunks: bytes) -> bytes:
    """What the server answers to raw bytes, until it hangs up; it may well do so in the middle of them."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as sock:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            for chunk in chunks:
                sock.sendall(chunk)
        answer = b""
        with contextlib.suppress(ConnectionResetError):
            while chunk := sock.recv(65536):
                answer += chunk
        return answer


@only_sqlite
def test_the_address_that_a_trusted_proxy_tells_is_kept_as_proof(world: World, server: Server) -> None:
    form = {"Content_Type": "application/x-www-form-urlencoded", "X_Forwarded_For": "198.51.100.1, 192.0.2.7"}
    assert asked(server, "POST", FORM, "email=ada%40example.com", **form)[0] == 303
    with world.database.read() as session:
        assert session.query(Consent).one().ip == "192.0.2.7"


@only_sqlite
def test_the_test_mailbox_is_not_there_for_a_visitor_behind_a_proxy(world: World, server: Server) -> None:
    world.asks("ada@example.com")
    world.deliver()
    assert asked(server, "GET", "/mailbox")[0] == 200
    status, page = asked(server, "GET", "/mailbox", X_Forwarded_For="192.0.2.7")
    assert status == 404 and b"ada@example.com" not in page


@only_sqlite
def test_the_server_tells_nothing_about_itself(server: Server) -> None:
    answer = said(server, b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"waitress" not in answer.lower() and b"\r\nServer:" not in answer


@only_sqlite
@pytest.mark.parametrize(
    ("head", "body", "status"),
    [
        (b"Content-Length: nonsense", b"", b"400"),
        (b"Content-Length: -1", b"", b"400"),
        (b"Content-Length: 5\r\nContent-Length: 6", b"email=", b"400"),
        (b"Transfer-Encoding: nonsense", b"", b"501"),
        (b"Content-Length: 999999999", b"email=", b"413"),
        (b"Content-Length: 1000000", b"x" * 1_000_000, b"413"),
        (b"Transfer-Encoding: chunked", (b"10000\r\n" + b"x" * 0x10000 + b"\r\n") * 32, b"413"),
    ],
    ids=["no number", "negative", "two lengths", "an unknown encoding", "a false length", "too long", "endless chunks"],
)
def test_a_body_that_lies_about_itself_is_refused(
    world: World, server: Server, head: bytes, body: bytes, status: bytes
) -> None:
    form = b"Connection: close\r\nContent-Type: application/x-www-form-urlencoded"
    request = b"POST /f/hip-openers HTTP/1.1\r\nHost: localhost\r\n" + form + b"\r\n" + head + b"\r\n\r\n"
    assert said(server, request, body).split(b" ")[1] == status
    assert world.deliveries() == []


@only_sqlite
def test_a_request_without_a_host_is_refused_like_one_for_another(server: Server) -> None:
    assert said(server, b"GET / HTTP/1.0\r\n\r\n").split(b" ")[1] == b"400"


@only_sqlite
def test_a_taken_port_is_said(server: Server) -> None:
    with pytest.raises(OSError, match="in use"):
        Server(server_app(server), "127.0.0.1", server.port)


@only_sqlite
def test_a_host_that_this_machine_has_not_is_said(server: Server) -> None:
    with pytest.raises(OSError, match="assign requested address"):
        Server(server_app(server), "no-such-host.invalid", 0)


@only_sqlite
def test_a_name_of_two_addresses_is_served(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    real = socket.getaddrinfo

    def two(host: str, *rest: object, **more: object) -> list[object]:
        names = ["127.0.0.1", "127.0.0.2"] if host == "two.example" else [host]
        return [one for name in names for one in real(name, *rest, **more)]  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", two)
    both = Server(server_app(server), "two.example", 0)
    both.start()
    assert asked(both, "GET", "/healthz")[0] == 200
    both.stop()


def test_a_running_request_ends_before_the_server_does(caplog: pytest.LogCaptureFixture) -> None:
    app = Flask("slow")
    reached, go_on = threading.Event(), threading.Event()

    @app.get("/")
    def slow() -> str:
        reached.set()
        assert go_on.wait(60)
        return "the whole answer" * 10_000

    server = Server(app, "127.0.0.1", 0)
    server.start()
    with ThreadPoolExecutor(2) as threads:
        answer = threads.submit(asked, server, "GET", "/")
        assert reached.wait(60)
        stopped = threads.submit(server.stop)
        go_on.set()
        assert answer.result(60) == (200, b"the whole answer" * 10_000)
        stopped.result(60)
    with pytest.raises(ConnectionRefusedError):
        asked(server, "GET", "/")
    # A thread that has not come to its first rest yet counts as busy, so that the first request seems to wait for one.
    assert [one.getMessage() for one in caplog.records if one.name != "waitress.queue"] == []


def test_a_stop_right_after_a_request_is_quiet() -> None:
    # A thread that dies of a closed socket fails this test: an exception nobody catches is an error here.
    for number in range(12):
        server = Server(Flask("empty"), "127.0.0.1", 0)
        server.start()
        if number % 2:
            assert asked(server, "GET", "/")[0] == 404
        server.stop()


def server_app(server: Server) -> Flask:
    app: Flask = server._server.application
    return app
