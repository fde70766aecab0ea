"""The envelope of the next message travels with the dot of the one before."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from leadmagnet.mail.handover import Following, NotAccepted, Refused, Unknown
from leadmagnet.mail.smtp import Connection
from leadmagnet.mail.wire import Wire
from tests.mail.clients import ADA, RAW, SENDER, connect
from tests.mail.servers import Act, Last, ScriptedServer

BOB = "bob@example.com"
SECOND = RAW + b"the second\r\n"
ENVELOPE = f"MAIL FROM:<{SENDER}> SIZE={len(SECOND)}\r\nRCPT TO:<{BOB}>\r\nDATA\r\n".encode()
FOLLOWING = (SENDER, BOB, SECOND)


@contextmanager
def offered(server: ScriptedServer) -> Iterator[Connection]:
    """A connection on which the first message waits for its dot."""
    connection = connect(server)
    connection.offer(SENDER, ADA, RAW)
    yield connection
    connection.abandon()


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Each write on any connection."""
    writes: list[bytes] = []
    send = Wire.send

    def noted(wire: Wire, data: bytes, timeout: float) -> None:
        writes.append(bytes(data))
        send(wire, data, timeout)

    monkeypatch.setattr(Wire, "send", noted)
    return writes


def test_two_writes_a_message_where_three_were(written: list[bytes]) -> None:
    with ScriptedServer() as server, offered(server) as connection:
        connection.accept(FOLLOWING)
        assert connection.usable
        connection.offer(*FOLLOWING)
        connection.accept()
        assert connection.usable
        connection.quit()
        assert [(mail.recipient, mail.raw) for mail in server.arrived] == [(ADA, RAW), (BOB, SECOND)]
    assert written[1:] == [RAW, b".\r\n" + ENVELOPE, SECOND, b".\r\n", b"QUIT\r\n"]


@pytest.mark.parametrize("extensions", [(), ("8BITMIME",)])
def test_nothing_runs_ahead_of_a_server_that_does_not_allow_it(
    extensions: tuple[str, ...], written: list[bytes]
) -> None:
    with ScriptedServer(extensions=extensions) as server, offered(server) as connection:
        assert not connection.pipelining
        connection.accept(FOLLOWING)
        connection.offer(*FOLLOWING)
        connection.accept()
        assert [mail.raw for mail in server.arrived] == [RAW, SECOND]
    assert b".\r\n" in written


@pytest.mark.parametrize(
    "following",
    [
        None,
        (SENDER, "zoë@example.com", SECOND),  # the server has no SMTPUTF8
        (SENDER, BOB, b"x" * 20_000_000 + b"\r\n"),  # nor room
        (SENDER, "not an address", SECOND),
    ],
)
def test_what_has_no_envelope_here_stays_behind(following: Following | None, written: list[bytes]) -> None:
    with ScriptedServer() as server, offered(server) as connection:
        assert connection.accept(following).code == 250
        connection.offer(*FOLLOWING)
        connection.accept()
        assert [mail.raw for mail in server.arrived] == [RAW, SECOND]
    assert written.count(b".\r\n") == 2


def test_the_answers_to_the_next_envelope_are_the_next_messages() -> None:
    with ScriptedServer() as server, offered(server) as connection:
        server.script["RCPT"] = "550 5.1.1 unknown"
        assert connection.accept(FOLLOWING).code == 250
        with pytest.raises(Refused) as error:
            connection.offer(*FOLLOWING)
        assert (error.value.phase, error.value.code) == ("rcpt", 550)
        connection.reset()
        server.script.clear()
        connection.offer(*FOLLOWING)
        connection.accept()
        assert [mail.raw for mail in server.arrived] == [RAW, SECOND]


def test_a_refused_dot_says_nothing_of_the_next_message() -> None:
    with ScriptedServer({"DOT": "550 5.7.1 spam"}) as server, offered(server) as connection:
        with pytest.raises(Refused) as error:
            connection.accept(FOLLOWING)
        assert error.value.phase == "dot"
        connection.reset()
        assert "RSET" not in server.commands
        server.script.clear()
        connection.offer(*FOLLOWING)
        connection.accept()
        assert [mail.raw for mail in server.arrived] == [SECOND]


def test_a_server_that_is_not_done_with_what_it_refused_gets_the_next_one_anew() -> None:
    """Its "bad sequence" would else be taken for its word on an innocent message."""
    with ScriptedServer({"DOT": "550 5.7.1 spam"}) as server, offered(server) as connection:
        server.script["MAIL"] = "503 5.5.1 nested MAIL"
        with pytest.raises(Refused):
            connection.accept(FOLLOWING)
        with pytest.raises(NotAccepted) as error:
            connection.offer(*FOLLOWING)
        assert not isinstance(error.value, Refused)
        assert not connection.usable


def test_when_the_server_goes_the_first_is_a_riddle_and_the_second_certainly_not_accepted() -> None:
    with ScriptedServer({"DOT": Act.HANG_UP}) as server, offered(server) as connection:
        with pytest.raises(Unknown):
            connection.accept(FOLLOWING)
        assert not connection.usable
        assert len(server.arrived) == 1


def test_a_server_that_goes_after_its_word_has_not_accepted_the_next() -> None:
    with ScriptedServer({"DOT": Last("250 2.0.0 queued, and bye")}) as server, offered(server) as connection:
        assert connection.accept(FOLLOWING).code == 250
        with pytest.raises(NotAccepted):
            connection.offer(*FOLLOWING)
        assert [mail.raw for mail in server.arrived] == [RAW]


def test_an_announced_message_comes_next_or_the_connection_ends() -> None:
    with ScriptedServer() as server, offered(server) as connection:
        connection.accept(FOLLOWING)
        with pytest.raises(RuntimeError, match="another message was announced"):
            connection.offer(SENDER, ADA, RAW + b"a third\r\n")
        connection.quit()
        assert not connection.usable
        assert "QUIT" not in server.commands, "in the middle of a body it would be a line of text"
