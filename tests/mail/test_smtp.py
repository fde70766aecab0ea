import pytest

from leadmagnet.mail.addresses import NotAnAddress, Unsupported
from leadmagnet.mail.handover import Handover, NotAccepted, Refused, Unknown
from tests.mail.clients import ADA, RAW, SENDER, connect
from tests.mail.servers import Act, ScriptedServer


def test_several_messages_go_through_one_connection() -> None:
    with ScriptedServer() as server:
        connection: Handover = connect(server)
        for number in range(3):
            assert connection.usable
            connection.offer("" if number == 2 else SENDER, ADA, RAW + b"%d\r\n" % number)
            connection.accept()
        connection.quit()
        assert [m.raw for m in server.arrived] == [RAW + b"%d\r\n" % n for n in range(3)]
        assert [m.sender for m in server.arrived] == [SENDER, SENDER, ""]
        assert server.commands.count("EHLO client.example") == 1


def test_the_envelope_is_one_write_where_the_server_allows_it() -> None:
    with ScriptedServer(whole_group=True) as server:
        connection = connect(server)
        connection.offer(SENDER, ADA, RAW)
        connection.accept()
        connection.quit()
        assert len(server.arrived) == 1


def test_no_command_runs_ahead_where_the_server_does_not_allow_it() -> None:
    with ScriptedServer({"MAIL": "550 5.7.1 no"}, extensions=()) as server:
        connection = connect(server)
        with pytest.raises(Refused):
            connection.offer(SENDER, ADA, RAW)
        connection.quit()
        assert server.commands == ["EHLO client.example", f"MAIL FROM:<{SENDER}>", "QUIT"]


def test_a_server_that_wants_a_body_after_a_refusal_gets_none() -> None:
    with ScriptedServer({"RCPT": "550 5.1.1 unknown", "DATA": "354 go on"}, whole_group=True) as server:
        connection = connect(server)
        with pytest.raises(Refused) as error:
            connection.offer(SENDER, ADA, RAW)
        assert error.value.phase == "rcpt"
        assert not connection.usable
        assert server.aborted.wait(10)
        assert server.cut_short == [b""]
        connection.reset()
        assert not connection.usable
        assert server.arrived == []


def test_an_abandoned_message_is_never_accepted() -> None:
    with ScriptedServer() as server:
        connection = connect(server)
        connection.offer(SENDER, ADA, RAW)
        connection.abandon()
        assert server.aborted.wait(10)
        assert server.arrived == []
        assert not connection.usable
        with pytest.raises(RuntimeError):
            connection.accept()


@pytest.mark.parametrize("end", ["reset", "quit"])
def test_in_the_middle_of_a_body_only_the_socket_can_end(end: str) -> None:
    with ScriptedServer() as server:
        connection = connect(server)
        connection.offer(SENDER, ADA, RAW)
        getattr(connection, end)()
        assert server.aborted.wait(10)
        assert server.arrived == []
        assert server.cut_short == [RAW]
        assert not connection.usable


def test_a_connection_that_the_server_closed_meanwhile_is_found_out_before_the_message() -> None:
    with ScriptedServer({"DOT": "250 ok"}) as server:
        connection = connect(server)
        server.script = {"RSET": Act.HANG_UP, "MAIL": Act.HANG_UP}
        with pytest.raises(NotAccepted):
            connection.offer(SENDER, ADA, RAW)
        assert not connection.usable


@pytest.mark.parametrize(
    ("raw", "on_the_wire"),
    [
        (b".\r\n", b"..\r\n.\r\n"),
        (b"..\r\n", b"...\r\n.\r\n"),
        (b"a\r\n.\r\nb\r\n", b"a\r\n..\r\nb\r\n.\r\n"),
        (b"a\r\n.hidden\r\n..two\r\n", b"a\r\n..hidden\r\n...two\r\n.\r\n"),
        (b"a\r\n.\r\n.\r\n", b"a\r\n..\r\n..\r\n.\r\n"),
        (b"a.\r\nb .\r\n", b"a.\r\nb .\r\n.\r\n"),
        (b"\r\n", b"\r\n.\r\n"),
    ],
)
def test_a_dot_at_the_start_of_a_line_ends_nothing(raw: bytes, on_the_wire: bytes) -> None:
    with ScriptedServer() as server:
        connection = connect(server)
        connection.offer(SENDER, ADA, raw)
        connection.accept()
        connection.quit()
        assert server.wire == [on_the_wire]
        assert server.arrived[0].raw == raw


@pytest.mark.parametrize(
    "raw",
    [b"a\n", b"a\r", b"a", b"", b"a\n.\r\n", b"a\r.\r\n", b"a\rb\n\r\n", b"\r\r\n\n\r\n", b"a\n.\nMAIL FROM:<x>\r\n"],
)
def test_lines_that_could_smuggle_a_second_message_are_not_sent(raw: bytes) -> None:
    with ScriptedServer() as server:
        connection = connect(server)
        with pytest.raises(ValueError, match="CRLF"):
            connection.offer(SENDER, ADA, raw)
        assert connection.usable
        connection.quit()
        assert len(server.commands) == 2


@pytest.mark.parametrize("address", ["ada@example.com>\r\nRCPT TO:<z@evil.example", "ada", "", "a b@example.com"])
def test_an_address_cannot_leave_its_brackets(address: str) -> None:
    with ScriptedServer() as server:
        connection = connect(server)
        with pytest.raises(NotAnAddress):
            connection.offer(SENDER, address, RAW)
        assert connection.usable
        connection.quit()
        assert not any("RCPT" in command for command in server.commands)


def test_a_message_over_the_announced_size_is_refused_without_a_word() -> None:
    with ScriptedServer(extensions=("PIPELINING", f"SIZE {len(RAW) - 1}")) as server:
        connection = connect(server)
        with pytest.raises(Refused, match="5.3.4") as error:
            connection.offer(SENDER, ADA, RAW)
        assert (error.value.code, error.value.phase) == (552, "size")
        assert connection.usable
        connection.quit()
        assert not any("MAIL" in command for command in server.commands)


@pytest.mark.parametrize(("size", "parameter"), [("SIZE 0", True), ("SIZE", False), (f"SIZE {len(RAW)}", True)])
def test_a_size_without_a_limit_limits_nothing(size: str, parameter: bool) -> None:
    with ScriptedServer(extensions=(size,)) as server:
        connection = connect(server)
        connection.offer(SENDER, ADA, RAW)
        connection.accept()
        connection.quit()
        assert (f"MAIL FROM:<{SENDER}> SIZE={len(RAW)}" in server.commands) is parameter


def test_an_international_address_needs_a_server_that_takes_it() -> None:
    with ScriptedServer() as server:
        connection = connect(server)
        assert not connection.smtputf8
        with pytest.raises(Unsupported):
            connection.offer(SENDER, "josé@bücher.example", RAW)
        assert connection.usable
        connection.offer(SENDER, "jose@bücher.example", RAW)
        connection.accept()
        connection.quit()
        assert server.arrived[0].recipient == "jose@xn--bcher-kva.example"
    with ScriptedServer(extensions=("8BITMIME", "SMTPUTF8")) as server:
        connection = connect(server)
        assert connection.smtputf8
        connection.offer(SENDER, "josé@bücher.example", RAW)
        connection.accept()
        connection.quit()
        assert server.arrived[0].recipient == "josé@xn--bcher-kva.example"
        assert f"MAIL FROM:<{SENDER}> BODY=8BITMIME SMTPUTF8" in server.commands


def test_a_long_answer_of_many_lines_is_read_whole() -> None:
    with ScriptedServer({"DOT": "250-2.0.0 one\r\n250-2.0.0 two\r\n250 2.0.0 three"}) as server:
        connection = connect(server)
        connection.offer(SENDER, ADA, RAW)
        assert connection.accept().text == "2.0.0 one\n2.0.0 two\n2.0.0 three"
        connection.offer(SENDER, ADA, RAW)
        connection.accept()
        connection.quit()


def test_an_endless_answer_is_cut_off() -> None:
    with ScriptedServer({"DOT": "250-" + "x" * 1000 + ("\r\n250-" + "x" * 1000) * 100}) as server:
        connection = connect(server)
        connection.offer(SENDER, ADA, RAW)
        with pytest.raises(Unknown, match="not SMTP"):
            connection.accept()


def test_a_refusal_shows_the_servers_words_but_no_address() -> None:
    words = "550 5.1.1 <ada@example.com>: Recipient\taddress rejected"
    with ScriptedServer({"RCPT": words}) as server:
        connection = connect(server)
        with pytest.raises(Refused) as error:
            connection.offer(SENDER, ADA, RAW)
        assert str(error.value) == "refused at rcpt: 550 5.1.1 <…> Recipient address rejected"
        assert error.value.text == words[4:]
        connection.quit()


def test_an_interruption_in_mid_sentence_leaves_no_usable_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with ScriptedServer() as server:
        connection = connect(server)
        monkeypatch.setattr("leadmagnet.mail.wire.Wire.reply", interrupted)
        with pytest.raises(KeyboardInterrupt):
            connection.offer(SENDER, ADA, RAW)
        assert not connection.usable
        monkeypatch.undo()
        connection.reset()
        assert not connection.usable
        connection.quit()
        assert "QUIT" not in server.commands
