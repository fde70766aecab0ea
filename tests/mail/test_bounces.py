"""What servers and readers send back is understood in the words of each, and nothing else is taken for it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leadmagnet.mail.answers import meaning
from leadmagnet.mail.bounces import Bounce, Complaint, NotFeedback, read
from leadmagnet.mail.smtp_replies import ReplyClass
from leadmagnet.mail.traces import Traces
from tests.mail.returned import ADA, LEAVE_URL, MESSAGE_ID, REPORTS, RETURN_PATH, raw

BOUNCES = {
    "postfix-no-such-user": (ReplyClass.BAD_ADDRESS, "5.1.1"),
    "postfix-no-such-domain": (ReplyClass.BAD_ADDRESS, "5.4.4"),
    "postfix-mailbox-full": (ReplyClass.MAILBOX, "4.2.2"),
    "postfix-unreachable": (ReplyClass.RETRY, "4.4.1"),
    "postfix-unexplained": (ReplyClass.UNEXPLAINED, "5.0.0"),
    "postfix-spam": (ReplyClass.UNCLEAR, "5.0.0"),
    "exim-no-such-user": (ReplyClass.BAD_ADDRESS, "5.1.1"),  # its own Status says 5.0.0
    "exim-old": (ReplyClass.BAD_ADDRESS, "5.1.1"),
    "gmail-no-such-user": (ReplyClass.BAD_ADDRESS, "5.1.1"),
    "gmail-inactive": (ReplyClass.MAILBOX, "5.2.1"),
    "exchange-not-found": (ReplyClass.BAD_ADDRESS, "5.1.10"),
    "exchange-full": (ReplyClass.MAILBOX, "5.2.2"),
    "outlook-policy": (ReplyClass.REPUTATION, "5.7.1"),
    "qmail-no-such-user": (ReplyClass.BAD_ADDRESS, "5.1.1"),
    "qmail-remote-full": (ReplyClass.MAILBOX, "5.2.2"),
    "qmail-unexplained": (ReplyClass.UNEXPLAINED, None),
    "yahoo-no-such-user": (ReplyClass.BAD_ADDRESS, "5.0.0"),
    "sendmail-no-such-user": (ReplyClass.BAD_ADDRESS, "5.1.1"),
}
COMPLAINTS = ("arf-abuse", "arf-yahoo", "outlook-complaint")
OTHERS = {
    "postfix-delayed": "a delay (the mail server keeps trying)",
    "postfix-relayed": "a report that it was passed on",
    "arf-not-spam": "a report that is no complaint",
    "arf-auth-failure": "a report that is no complaint",
    "auto-reply-outlook": "an auto-reply",
    "auto-reply-gmail": "an auto-reply",
    "auto-reply-vacation": "an auto-reply",
    "auto-reply-unmarked": "an auto-reply",
    "reply": "an ordinary mail",
    "read-receipt": "a receipt for having been read",
    "mailer-daemon-news": "a mail server's notice that says nothing we know",
}


def test_every_report_of_the_folder_is_in_a_table() -> None:
    assert {path.stem for path in REPORTS.iterdir()} == {*BOUNCES, *COMPLAINTS, *OTHERS}


@pytest.mark.parametrize("name", BOUNCES)
@pytest.mark.parametrize("line_end", [b"\n", b"\r\n"])
def test_a_bounce_says_what_became_of_which_mail(name: str, line_end: bytes) -> None:
    said = read(raw(name).replace(b"\n", line_end))
    assert isinstance(said, Bounce)
    assert (said.reply_class, said.status) == BOUNCES[name]
    assert ADA in said.recipients
    assert RETURN_PATH in said.traces.return_paths and said.traces.message_ids == (MESSAGE_ID,)
    assert said.traces.delivery_id == 7
    assert said.traces.unsubscribe_url == LEAVE_URL


@pytest.mark.parametrize("name", COMPLAINTS)
def test_a_complaint_says_which_mail_it_is_about_even_when_the_reader_is_blacked_out(name: str) -> None:
    said = read(raw(name))
    assert isinstance(said, Complaint)
    assert said.traces.message_ids == (MESSAGE_ID,) and said.traces.delivery_id == 7
    assert (RETURN_PATH in said.traces.return_paths) == (name != "arf-yahoo")


@pytest.mark.parametrize("name", OTHERS)
def test_whatever_else_comes_is_named_and_is_no_feedback(name: str) -> None:
    assert read(raw(name)) == NotFeedback(OTHERS[name])


def test_a_bounce_that_returns_nothing_still_came_to_the_address_of_its_mail() -> None:
    said = read(raw("postfix-no-such-user").partition(b"Content-Type: message/rfc822")[0])
    assert isinstance(said, Bounce) and said.reply_class == ReplyClass.BAD_ADDRESS
    assert said.traces == Traces(return_paths=(RETURN_PATH,))


def test_the_line_that_a_mail_servers_pipe_puts_on_top_changes_nothing() -> None:
    report = raw("postfix-no-such-user")
    assert read(b"From MAILER-DAEMON  Sun Mar  8 23:52:03 2026\n" + report) == read(report)


def report(fields: str, text: str = "") -> bytes:
    """A bounce with these fields about its recipient."""
    head = "From: MAILER-DAEMON@x\nContent-Type: multipart/report; boundary=B\n\n--B\n\n"
    return f"{head}{text}\n--B\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx\n\n{fields}\n--B--\n".encode()


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ("Action: failed\nStatus: 5.2.2\n", (ReplyClass.MAILBOX, "5.2.2")),
        ("Action: failed\nStatus: 5.7.1\n", (ReplyClass.REPUTATION, "5.7.1")),
        ("Action: failed\nStatus: 4.4.7\n", (ReplyClass.RETRY, "4.4.7")),
        ("Action: failed\nStatus: 5.6.0\n", (ReplyClass.CONTENT, "5.6.0")),
        ("Action: Failed (bad mailbox)\nStatus: 5.1.1 (unknown)\n", (ReplyClass.BAD_ADDRESS, "5.1.1")),
        ("Status: 5.1.1\n", (ReplyClass.BAD_ADDRESS, "5.1.1")),
        ("Action: failed\nStatus: 9.9.9\nDiagnostic-Code: nonsense\n", (ReplyClass.UNCLEAR, None)),
        ("Action: failed\nStatus: 5.1.1\nDiagnostic-Code: smtp; 550 5.7.1 no\n", (ReplyClass.REPUTATION, "5.7.1")),
        ("Action: failed\nStatus: 5.1.1\nDiagnostic-Code: X-Unix; unknown user\n", (ReplyClass.BAD_ADDRESS, "5.1.1")),
        ("Action: delayed\nStatus: 4.2.2\n\nAction: failed\nStatus: 5.1.1\n", (ReplyClass.BAD_ADDRESS, "5.1.1")),
    ],
)  # fmt: skip
def test_the_answer_of_the_far_server_counts_more_than_the_sum_of_it(
    fields: str, expected: tuple[ReplyClass, str | None]
) -> None:
    said = read(report(fields))
    assert isinstance(said, Bounce) and (said.reply_class, said.status) == expected


@pytest.mark.parametrize("fields", ["", "Action: delayed\nStatus: 5.1.1\n", "Status: 4.2.2\n", "Action: teleported\nStatus: 5.1.1\n"])  # fmt: skip
def test_a_report_of_no_failure_is_no_bounce(fields: str) -> None:
    assert isinstance(read(report(fields)), NotFeedback)


def test_a_number_in_an_answer_is_never_a_mail_of_ours_without_more() -> None:
    said = read(report("Action: failed\nStatus: 5.1.1\n"))
    assert isinstance(said, Bounce) and said.traces == Traces() and said.recipients == frozenset()


def nested(depth: int, kind: str = "multipart/mixed") -> bytes:
    return b"".join(b"Content-Type: %s; boundary=b%d\n\n--b%d\n" % (kind.encode(), i, i) for i in range(depth))


HOSTILE = {
    "empty": b"",
    "zeros": b"\0" * 1000,
    "eight bits": bytes(range(256)) * 100,
    "no end of headers": b"A: b\n" * 100_000,
    "parts in parts": nested(5_000),
    "few parts in parts, many lines": nested(29) + b"\n" * 300_000,
    "messages in messages": b"Content-Type: message/rfc822\n\n" * 10_000,
    "many parts": b"Content-Type: multipart/report; boundary=b\n\n" + b"--b\n\n" * 80_000,
    "many blocks": b"Content-Type: message/delivery-status\n\n" + b"Action: failed\n\n" * 20_000,
    "many parameters": b"Content-Type: multipart/mixed" + b';"' * 200_000 + b"\n\nx",
    "many lines for a word": b"From: MAILER-DAEMON@x\n\n" + b"a\n" * 400_000,
    "an unknown charset": b"From: MAILER-DAEMON@x\nContent-Type: text/plain; charset=\"x-\xff\"\n\n550 5.1.1 no",
    "an unknown encoding": b"From: MAILER-DAEMON@x\nContent-Transfer-Encoding: base64\n\n=====",
    "a header of bytes": b"From: \xff\xfe MAILER-DAEMON \xed\xa0\x80\nTo: \xff\n\n\xff",
    "twice what it is": b"Content-Type: message/delivery-status\nContent-Transfer-Encoding: base64\n\nQWN0aW9uOiBmYWlsZWQ=",
    "a block that is text": b"Content-Type: message/feedback-report; boundary=x\n\nabuse",
    "a long answer": report("Action: failed\nStatus: 5.1.1\nDiagnostic-Code: smtp; " + "5" * 200_000),
    "many addresses": b"To: " + b"a@b, " * 90_000 + b"\n" + report("Action: failed\nStatus: 5.1.1\n"),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_nothing_that_the_world_sends_brings_the_reader_down(name: str) -> None:
    assert isinstance(read(HOSTILE[name]), Bounce | NotFeedback)


@pytest.mark.parametrize(("depth", "read_to_its_end"), [(29, True), (30, False)])
def test_a_bounce_within_more_parts_than_any_server_makes_is_turned_away(depth: int, read_to_its_end: bool) -> None:
    said = read(nested(depth) + report("Action: failed\nStatus: 5.1.1\n"))
    assert isinstance(said, Bounce) if read_to_its_end else said == NotFeedback("a mail that cannot be read")


def test_a_parameter_that_takes_an_age_to_read_is_not_read() -> None:
    assert read(b"Content-Type: text/plain" + b';"' * 2_000 + b"\n\nx") == NotFeedback("a mail that cannot be read")


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(sorted(BOUNCES)), st.data())
def test_a_damaged_bounce_is_read_as_far_as_it_goes(name: str, data: st.DataObject) -> None:
    whole = raw(name)
    at = data.draw(st.integers(0, len(whole)))
    damaged = whole[:at] + data.draw(st.binary(max_size=20)) + whole[at + data.draw(st.integers(0, 300)) :]
    said = read(damaged)
    assert isinstance(said, Bounce | NotFeedback)
    if isinstance(said, Bounce):
        "\n".join([*said.recipients, *said.traces.return_paths, *said.traces.message_ids]).encode()


def test_each_class_that_asks_for_something_has_words_for_people() -> None:
    assert [said for said in ReplyClass if meaning(said) == meaning("?")] == [
        ReplyClass.ACCEPTED,
        ReplyClass.CREDENTIALS,
        ReplyClass.UNCLEAR,
    ]
