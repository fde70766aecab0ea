import os
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from mailbox import Maildir
from pathlib import Path

import pytest

from leadmagnet.mail.addresses import NotAnAddress
from leadmagnet.mail.compose import Headers, compose
from leadmagnet.mail.handover import Handover, NotAccepted
from leadmagnet.mail.mailbox import Mailbox
from leadmagnet.mail.render import Rendered
from tests.mail.test_compose import CONFIRMATION


def raw(subject: str = "Your guide", of: Headers = CONFIRMATION) -> bytes:
    return compose(Rendered.of(subject, "<p>Hüften</p>", "Hüften"), of)


def deliver(mailbox: Mailbox, message: bytes) -> str:
    connection: Handover = mailbox.connect()
    connection.offer("maya@mail.example.com", "ada@example.com", message)
    reply = connection.accept()
    assert reply.code == 250
    assert connection.usable
    return reply.text.split()[-1]


@pytest.fixture
def mailbox(tmp_path: Path) -> Mailbox:
    return Mailbox(tmp_path / "var" / "mailbox")


def files(mailbox: Mailbox) -> list[str]:
    return [f"{p.parent.name}/{p.name}" for p in mailbox.path.rglob("*") if p.is_file()]


def test_an_accepted_message_is_kept_byte_for_byte(mailbox: Mailbox) -> None:
    key = deliver(mailbox, raw())
    message = mailbox.message(key)
    assert message is not None
    assert message.raw == raw()
    assert (message.subject, message.to, message.sender) == (
        "Your guide",
        "ada@example.com",
        "Maya <maya@mail.example.com>",
    )
    assert (message.html, message.text) == ("<p>Hüften</p>", "Hüften")
    assert files(mailbox) == [f"new/{key}"]


def test_nobody_sees_a_message_before_it_is_accepted(mailbox: Mailbox) -> None:
    connection = mailbox.connect()
    connection.offer("", "ada@example.com", raw())
    assert mailbox.messages(10) == []
    assert not connection.usable
    connection.accept()
    assert len(mailbox.messages(10)) == 1


@pytest.mark.parametrize("end", ["abandon", "reset", "quit"])
def test_what_is_given_up_leaves_nothing_behind(mailbox: Mailbox, end: str) -> None:
    connection = mailbox.connect()
    connection.offer("", "ada@example.com", raw())
    getattr(connection, end)()
    assert files(mailbox) == []
    assert connection.usable is (end == "reset")
    with pytest.raises(RuntimeError):
        connection.accept()


def test_the_newest_message_comes_first(mailbox: Mailbox) -> None:
    for number in range(12):
        deliver(mailbox, raw(f"No. {number}"))
    assert [m.subject for m in mailbox.messages(3)] == ["No. 11", "No. 10", "No. 9"]
    assert len(mailbox.messages(100)) == 12


def test_a_list_tells_when_each_arrived(mailbox: Mailbox) -> None:
    before = datetime.now(UTC).replace(microsecond=0)
    deliver(mailbox, raw())
    assert before <= mailbox.messages(9)[0].date <= datetime.now(UTC)


def test_many_senders_never_share_a_name(mailbox: Mailbox) -> None:
    with ThreadPoolExecutor(8) as pool:
        keys = list(pool.map(lambda n: deliver(mailbox, raw(f"No. {n}")), range(64)))
    assert len(set(keys)) == 64
    assert {m.subject for m in mailbox.messages(100)} == {f"No. {n}" for n in range(64)}


def test_a_mail_reader_may_open_it_and_mark_what_it_read(mailbox: Mailbox) -> None:
    key = deliver(mailbox, raw())
    reader = Maildir(mailbox.path, create=False)
    ((name, seen),) = reader.items()
    assert seen["Subject"] == "Your guide"
    (mailbox.path / "new" / name).rename(mailbox.path / "cur" / f"{name}:2,S")
    assert [m.key for m in mailbox.messages(9)] == [key]
    message = mailbox.message(key)
    assert message is not None and message.raw == raw()


@pytest.mark.parametrize(
    "key", ["", "../../etc/passwd", "new/x", ".", "..", "x\x00", "1.M1P1Q1R1.leadmagnet/../x", "*"]
)
def test_a_key_leads_nowhere_else(mailbox: Mailbox, key: str) -> None:
    deliver(mailbox, raw())
    assert mailbox.message(key) is None


def test_an_unknown_key_is_no_message(mailbox: Mailbox) -> None:
    key = deliver(mailbox, raw())
    assert mailbox.message(key.replace("Q", "Q9")) is None


def test_a_disguised_header_in_a_list_is_one_harmless_line(mailbox: Mailbox) -> None:
    message = raw().replace(b"Subject: Your guide", b"Subject: =?utf-8?q?a=0D=0ABcc:_x?=")
    deliver(mailbox, message)
    assert mailbox.messages(1)[0].subject == "a Bcc: x"


def test_a_folder_that_cannot_be_written_is_told_and_nothing_is_lost(mailbox: Mailbox) -> None:
    connection = mailbox.connect()
    (mailbox.path / "tmp").rmdir()
    with pytest.raises(NotAccepted, match="cannot be written"):
        connection.offer("", "ada@example.com", raw())
    assert not connection.usable
    connection = mailbox.connect()  # makes what is missing
    connection.offer("", "ada@example.com", raw())
    (mailbox.path / "new").rmdir()
    with pytest.raises(NotAccepted, match="cannot be written"):
        connection.accept()
    assert files(mailbox) == []


def test_what_no_server_would_take_is_not_taken_here(mailbox: Mailbox) -> None:
    connection = mailbox.connect()
    with pytest.raises(NotAnAddress):
        connection.offer("", "ada", raw())
    with pytest.raises(ValueError, match="CRLF"):
        connection.offer("", "ada@example.com", b"bare\n")
    assert connection.usable and files(mailbox) == []


def test_the_file_is_on_the_disk_before_it_is_accepted(mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    fsync, rename = os.fsync, Path.rename
    monkeypatch.setattr(os, "fsync", lambda fd: (done.append("fsync"), fsync(fd))[1])
    monkeypatch.setattr(Path, "rename", lambda a, b: (done.append("rename"), rename(a, b))[1])
    deliver(mailbox, raw())
    assert done == ["fsync", "rename", "fsync"]
