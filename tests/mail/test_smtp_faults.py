import pytest

from leadmagnet.mail.handover import HandoverError, NotAccepted, Refused, Reply, Unavailable, Unknown
from tests.limits import no_descriptors
from tests.mail.clients import ADA, PATIENT, RAW, SENDER, connect, impatient
from tests.mail.servers import Act, Last, ScriptedServer

# What was raised, and whether the connection goes on after a reset; whether it was accepted follows from the first.
GROUPED, SINGLY = ("PIPELINING", "8BITMIME"), ("8BITMIME",)
TRUTH: list[tuple[str, str | Act, type[HandoverError], bool]] = [
    ("MAIL", Act.HANG_UP, NotAccepted, False),
    ("MAIL", Act.SAY_NOTHING, NotAccepted, False),
    ("MAIL", "garbage", NotAccepted, False),
    ("MAIL", "421 4.3.2 shutting down", NotAccepted, False),
    ("MAIL", "451 4.7.1 later", Refused, True),
    ("MAIL", "550 5.7.1 not you", Refused, True),
    ("RCPT", Act.HANG_UP, NotAccepted, False),
    ("RCPT", Act.SAY_NOTHING, NotAccepted, False),
    ("RCPT", "421 4.7.28 too much", NotAccepted, False),
    ("RCPT", "452 4.2.2 full", Refused, True),
    ("RCPT", "550 5.1.1 unknown", Refused, True),
    ("DATA", Act.HANG_UP, NotAccepted, False),
    ("DATA", Act.SAY_NOTHING, NotAccepted, False),
    ("DATA", "421 4.3.2 shutting down", NotAccepted, False),
    ("DATA", "250 what?", NotAccepted, False),
    ("DATA", "451 4.3.0 later", Refused, True),
    ("DATA", "554 5.7.1 no", Refused, True),
    ("BODY", Act.HANG_UP, NotAccepted, False),
    ("BODY", "421 4.3.2 shutting down", NotAccepted, False),
    ("BODY", "552 5.3.4 too long", Refused, False),
    ("DOT", Act.HANG_UP, Unknown, False),
    ("DOT", Act.SAY_NOTHING, Unknown, False),
    ("DOT", "garbage", Unknown, False),
    ("DOT", "354 more?", Unknown, False),
    ("DOT", "421 4.7.28 too much", NotAccepted, False),
    ("DOT", "451 4.3.0 later", Refused, True),
    ("DOT", "550 5.7.515 not authenticated", Refused, True),
]


@pytest.mark.parametrize("extensions", [GROUPED, SINGLY], ids=["pipelined", "singly"])
@pytest.mark.parametrize(("phase", "what", "raised", "goes_on"), TRUTH, ids=[f"{p} {w}" for p, w, _, _ in TRUTH])
def test_every_fault_has_its_truth(
    phase: str, what: str | Act, raised: type[HandoverError], goes_on: bool, extensions: tuple[str, ...]
) -> None:
    with ScriptedServer({phase: what}, extensions=extensions) as server:
        connection = connect(server, timeouts=impatient(phase) if what is Act.SAY_NOTHING else PATIENT)
        with pytest.raises(HandoverError) as error:
            connection.offer(SENDER, ADA, RAW)
            if phase == "BODY":
                assert server.acted.wait(10)
            assert not connection.usable
            connection.accept()
        assert type(error.value) is raised
        # The server's own record: only a lost last word leaves open whether it has the message.
        assert bool(server.arrived) == (raised is Unknown)
        assert "ada" not in str(error.value)
        if isinstance(error.value, Refused):
            assert (error.value.code, error.value.phase) == (int(str(what)[:3]), phase.lower())
            assert f"{error.value.code} {error.value.text}" == what
        if isinstance(error.value, NotAccepted) and isinstance(what, str) and what.startswith("421"):
            assert error.value.reply == Reply(421, what[4:])
        assert not connection.usable
        server.script.clear()
        connection.reset()
        assert connection.usable is goes_on
        if goes_on:
            connection.offer(SENDER, ADA, RAW)
            assert connection.accept().code == 250
            assert [m.raw for m in server.arrived] == [RAW]
        connection.quit()
        assert not connection.usable


@pytest.mark.parametrize("what", [Act.HANG_UP, "421 4.3.2 bye", "500 what?", "garbage"])
def test_nothing_that_happens_at_quit_concerns_the_message(what: str | Act) -> None:
    with ScriptedServer({"QUIT": what}) as server:
        connection = connect(server)
        connection.offer(SENDER, ADA, RAW)
        assert connection.accept() == Reply(250, "2.0.0 queued as 4711")
        connection.quit()
        assert len(server.arrived) == 1


@pytest.mark.parametrize(
    ("phase", "what"),
    [
        ("CONNECT", Act.HANG_UP),
        ("CONNECT", Act.SAY_NOTHING),
        ("CONNECT", "421 4.3.2 too busy"),
        ("CONNECT", "554 5.7.1 go away"),
        ("CONNECT", "garbage"),
        ("EHLO", Act.HANG_UP),
        ("EHLO", Act.SAY_NOTHING),
        ("EHLO", "421 4.3.2 too busy"),
        ("EHLO", "450 4.7.1 later"),
    ],
)
def test_a_server_that_cannot_be_used_is_no_fault_of_any_letter(phase: str, what: str | Act) -> None:
    with ScriptedServer({phase: what}) as server:
        timeouts = impatient(phase) if what is Act.SAY_NOTHING else PATIENT
        with pytest.raises(Unavailable, match=f"127.0.0.1:{server.port}") as error:
            connect(server, timeouts=timeouts)
        if isinstance(what, str) and what[0].isdigit():
            assert error.value.reply == Reply(int(what[:3]), what[4:])
            assert what[:3] in str(error.value)


def test_a_server_that_knows_no_ehlo_is_greeted_the_old_way() -> None:
    with ScriptedServer({"EHLO": "502 5.5.1 what?"}) as server:
        connection = connect(server)
        connection.offer(SENDER, ADA, RAW)
        connection.accept()
        connection.quit()
        assert server.commands == [
            "EHLO client.example", "HELO client.example", f"MAIL FROM:<{SENDER}>", f"RCPT TO:<{ADA}>", "DATA", "QUIT",
        ]  # fmt: skip


@pytest.mark.parametrize("phase", ["MAIL", "RCPT", "DATA", "BODY", "DOT"])
def test_a_refusal_counts_although_the_server_then_hangs_up(phase: str) -> None:
    long = RAW + (b"x" * 70 + b"\r\n") * 70_000  # more than the kernel buffers: the write itself fails
    with ScriptedServer({phase: Last("550 5.7.1 no")}) as server:
        connection = connect(server)
        with pytest.raises(Refused):
            connection.offer(SENDER, ADA, long)
            connection.accept()
        connection.reset()
        assert not connection.usable


def test_a_process_without_descriptors_says_so_and_blames_no_server() -> None:
    with ScriptedServer() as server:
        connect(server).quit()
        with pytest.raises(Unavailable, match=r"too many files open.*LimitNOFILE"), no_descriptors():
            connect(server)
        connect(server).quit()
