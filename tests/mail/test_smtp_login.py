import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from leadmagnet.mail.handover import (
    NameNotFound,
    NotAccepted,
    Reply,
    TLSNotOffered,
    Unavailable,
    Unknown,
    Unreachable,
    UntrustedCertificate,
    WrongPassword,
)
from leadmagnet.mail.smtp import Connection, Server, Timeouts
from tests.mail.clients import ADA, PATIENT, RAW, SENDER, connect
from tests.mail.servers import Act, ScriptedServer


def test_a_login_is_made_before_any_mail() -> None:
    with ScriptedServer(login=("maya", "s3cret")) as server:
        connection = connect(server, login=("maya", "s3cret"))
        connection.offer(SENDER, ADA, RAW)
        connection.accept()
        connection.quit()
        assert server.commands[:2] == ["EHLO client.example", "AUTH …"]


def test_a_wrong_password_is_tried_once_and_explained() -> None:
    with ScriptedServer(login=("maya", "s3cret")) as server:
        with pytest.raises(WrongPassword, match="app password") as error:
            connect(server, login=("maya", "wr0ng"))
        assert error.value.reply is not None and error.value.reply.code == 535
        assert "wr0ng" not in str(error.value) and "@" not in str(error.value)
        assert server.commands.count("AUTH …") == 1


def test_a_password_that_cannot_be_checked_now_is_not_called_wrong() -> None:
    with ScriptedServer({"AUTH": "454 4.7.0 Temporary authentication failure"}, login=("maya", "s3cret")) as server:
        with pytest.raises(Unavailable) as error:
            connect(server, login=("maya", "s3cret"))
        assert type(error.value) is Unavailable


@pytest.mark.parametrize("what", [Act.HANG_UP, "garbage"])
def test_trouble_in_the_login_is_explained(what: str | Act) -> None:
    with ScriptedServer({"AUTH": what}, login=("maya", "s3cret")) as server:
        with pytest.raises(Unavailable) as error:
            connect(server, login=("maya", "s3cret"))
        assert "s3cret" not in str(error.value)


def test_a_server_without_a_login_is_told_apart() -> None:
    with ScriptedServer() as server, pytest.raises(Unavailable, match="offers no login"):
        connect(server, login=("maya", "s3cret"))


def test_a_trusted_certificate_is_used(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    for implicit in (False, True):
        with ScriptedServer(certificate=certificate, implicit_tls=implicit, login=("maya", "s3cret")) as server:
            there = Server("localhost", server.port, "implicit" if implicit else "required", "maya", "s3cret")
            connection = Connection.open(there, local_hostname="client.example", timeouts=PATIENT)
            for number in range(2):
                connection.offer(SENDER, ADA, RAW + b"%d\r\n" % number)
                connection.accept()
            connection.quit()
            assert [m.raw for m in server.arrived] == [RAW + b"0\r\n", RAW + b"1\r\n"]
            assert ("STARTTLS" in server.commands) is not implicit


@pytest.mark.parametrize("phase", ["BODY", "DOT"])
def test_inside_tls_a_lost_connection_has_the_same_truth(
    phase: str, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with ScriptedServer({phase: Act.HANG_UP}, certificate=certificate) as server:
        there = Server("localhost", server.port, "required")
        connection = Connection.open(there, local_hostname="client.example", timeouts=PATIENT)
        with pytest.raises(NotAccepted if phase == "BODY" else Unknown):
            connection.offer(SENDER, ADA, RAW)
            if phase == "BODY":
                assert server.acted.wait(10)
            connection.accept()


@pytest.mark.parametrize("implicit", [False, True])
def test_an_untrusted_certificate_gets_neither_password_nor_mail(certificate: Path, implicit: bool) -> None:
    with ScriptedServer(certificate=certificate, implicit_tls=implicit, login=("maya", "s3cret")) as server:
        with pytest.raises(UntrustedCertificate, match="self-signed") as error:
            connect(server, login=("maya", "s3cret"), tls="implicit" if implicit else "required")
        assert "s3cret" not in str(error.value)
        assert "AUTH …" not in server.commands


def test_a_certificate_of_another_name_is_not_trusted(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with ScriptedServer(certificate=certificate) as server, pytest.raises(UntrustedCertificate, match="127.0.0.1"):
        connect(server, tls="required")


def test_this_machine_may_encrypt_with_any_certificate(certificate: Path) -> None:
    with ScriptedServer(certificate=certificate) as server:
        connection = connect(server, tls="offered")
        connection.offer(SENDER, ADA, RAW)
        connection.accept()
        connection.quit()
        assert "STARTTLS" in server.commands


def test_encryption_that_is_required_must_be_offered() -> None:
    with ScriptedServer(login=("maya", "s3cret")) as server:
        with pytest.raises(TLSNotOffered, match="tls=required"):
            connect(server, login=("maya", "s3cret"), tls="required")
        assert "AUTH …" not in server.commands


def test_a_password_does_not_leave_this_machine_in_the_clear(monkeypatch: pytest.MonkeyPatch) -> None:
    with ScriptedServer(login=("maya", "s3cret")) as server:
        here = socket.getaddrinfo("127.0.0.1", server.port, type=socket.SOCK_STREAM)
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: here)
        there = Server("mail.example.com", server.port, "offered", "maya", "s3cret")
        with pytest.raises(TLSNotOffered, match="in the clear"):
            Connection.open(there, local_hostname="client.example", timeouts=PATIENT)
        assert "AUTH …" not in server.commands


def test_a_wrong_kind_of_encryption_is_explained() -> None:
    with ScriptedServer() as server, pytest.raises(Unavailable, match="smtps://"):
        connect(server, tls="implicit")


def test_a_refused_starttls_is_explained(certificate: Path) -> None:
    with (
        ScriptedServer({"STARTTLS": "454 4.7.0 TLS not available"}, certificate=certificate) as server,
        pytest.raises(Unavailable, match="STARTTLS: 454"),
    ):
        connect(server, tls="required")


def test_a_closed_port_is_explained() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        with pytest.raises(Unreachable, match=f"Nothing listens at 127.0.0.1:{port}"):
            Connection.open(Server("127.0.0.1", port, "off"), local_hostname="client.example")


def test_a_blocked_port_is_explained() -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        with socket.socket() as filler:  # a full backlog drops what comes next, as a firewall does
            filler.connect(full.getsockname())
            there = Server("127.0.0.1", full.getsockname()[1], "off")
            with pytest.raises(Unreachable, match="does not answer.*block"):
                Connection.open(there, local_hostname="client.example", timeouts=Timeouts(connect=0.2))


def test_a_name_without_an_address_is_explained() -> None:
    with pytest.raises(NameNotFound, match="mail.invalid"):
        Connection.open(Server("mail.invalid", 25, "off"), local_hostname="client.example")


def test_a_dead_address_does_not_hide_a_live_one(monkeypatch: pytest.MonkeyPatch) -> None:
    with ScriptedServer() as server, socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        dead = socket.getaddrinfo(*unused.getsockname(), type=socket.SOCK_STREAM)
        live = socket.getaddrinfo("127.0.0.1", server.port, type=socket.SOCK_STREAM)
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [*dead, *live])
        Connection.open(Server("mail.example.com", 25, "off"), local_hostname="c.example", timeouts=PATIENT).quit()


class AnyPort(Controller):
    """aiosmtpd greets itself to see that it runs, and has to know the port that it was given."""

    def _trigger_server(self) -> None:
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


class Received:
    def __init__(self) -> None:
        self.envelopes: list[Envelope] = []

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        self.envelopes.append(envelope)
        return "250 2.0.0 taken"


@pytest.fixture
def aiosmtpd(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Controller, Received]]:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)

    def check(server: SMTP, session: Session, envelope: Envelope, mechanism: str, login: LoginPassword) -> AuthResult:
        return AuthResult(success=login.password == b"s3cret", handled=False)

    handler = Received()
    controller = AnyPort(
        handler, "127.0.0.1", 0, tls_context=context, require_starttls=True, authenticator=check, auth_required=True,
        enable_SMTPUTF8=True,
    )  # fmt: skip
    controller.start()
    yield controller, handler
    controller.stop()


def test_another_hands_server_takes_login_and_mail(aiosmtpd: tuple[Controller, Received]) -> None:
    controller, received = aiosmtpd
    port = controller.port
    raw = b"Subject: Hi\r\n\r\n.\r\n..two\r\n" + b"x" * 70 + b"\r\n"
    there = Server("localhost", port, "required", "maya", "s3cret")
    connection = Connection.open(there, local_hostname="client.example", timeouts=PATIENT)
    for recipient in (ADA, "josé@bücher.example"):
        connection.offer(SENDER, recipient, raw)
        assert connection.accept() == Reply(250, "2.0.0 taken")
    connection.quit()
    assert [e.rcpt_tos for e in received.envelopes] == [[ADA], ["josé@xn--bcher-kva.example"]]
    assert all(e.content == raw and e.mail_from == SENDER for e in received.envelopes)
    with pytest.raises(WrongPassword):
        there = Server("localhost", port, "required", "maya", "no")
        Connection.open(there, local_hostname="client.example", timeouts=PATIENT)
