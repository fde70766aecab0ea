import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from email import message_from_bytes, policy
from email.header import decode_header
from email.message import EmailMessage
from email.utils import parseaddr
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadmagnet.mail.addresses import NotAnAddress, Unsupported
from leadmagnet.mail.compose import Headers, compose
from leadmagnet.mail.handover import check_lines
from leadmagnet.mail.headers import HeaderError
from leadmagnet.mail.render import Rendered
from tests.mail import strict

NOW = datetime(2026, 11, 10, 9, 0, 0, tzinfo=UTC)
MAIL = Rendered.of(subject="Your guide", html="<p>Hüften</p>\n", text="Hüften\n")
CONFIRMATION = Headers(
    sender="Maya <maya@mail.example.com>",
    recipient="ada@example.com",
    message_id="0190a7.7@mail.example.com",
    date=NOW,
    delivery_id="7",
    auto_submitted=True,
)
LETTER = replace(
    CONFIRMATION,
    reply_to="maya@example.com",
    list_id="hip-openers.mail.example.com",
    unsubscribe_url="https://mail.example.com/u/" + "x" * 30,
    feedback_id="tight-hips:hip-openers:step:maya-yoga",
    auto_submitted=False,
)
ALWAYS = ["From", "To", "Subject", "Date", "Message-ID", "X-Delivery-Id", "MIME-Version", "Content-Type"]
ATTACKS = [
    "Hello =?UTF-8?Q?Bob=0D=0ABcc:_x@evil.example?=",
    "=?UTF-8?Q?Bob=0D=0A=0D=0Abody?=",
    "=?utf-8?b?Qm9iDQpCY2M6IHhAZXZpbC5leGFtcGxl?=",
    "a =? b ?= c",
]
SUBJECTS = [
    "Hi",
    "two  spaces   inside",
    "long " * 60 + "end",
    "x" * 400 + " " + "y" * 400,
    "x" * 998,
    "Hüftöffner für Läuferinnen",
    "ü" * 150,
    "💃🏽👩‍👩‍👧‍👦" * 20,
    "\u200fשלום, הנה המדריך שלך",
    "あなたのガイド" * 20,
    'quotes " and \\ and (comments), <angles>',
    "a:b",
    *ATTACKS,
]


def wire(of: Headers = LETTER, *, mail: Rendered = MAIL) -> tuple[dict[str, str], EmailMessage, bytes]:
    """The message as the strict reader and as Python read it; no field may stand there twice."""
    raw = compose(mail, of)
    fields, _ = strict.parse(raw)
    assert len(dict(fields)) == len(fields)
    return dict(fields), message_from_bytes(raw, policy=policy.default), raw


def decoded(value: str) -> str:
    return "".join(
        part.decode(charset or "ascii") if isinstance(part, bytes) else part for part, charset in decode_header(value)
    )


def content(message: EmailMessage, subtype: str) -> str:
    part = next(p for p in message.walk() if p.get_content_subtype() == subtype)
    return cast(bytes, part.get_payload(decode=True)).decode()


def test_a_letter_has_exactly_its_headers() -> None:
    fields, _, _ = wire()
    lists = ["List-Id", "List-Unsubscribe", "List-Unsubscribe-Post"]
    assert sorted(fields) == sorted([*ALWAYS, "Reply-To", *lists, "Feedback-ID"])
    assert fields["From"] == "Maya <maya@mail.example.com>"
    assert fields["To"] == "ada@example.com"
    assert fields["Message-ID"] == "<0190a7.7@mail.example.com>"
    assert fields["Date"] == "Tue, 10 Nov 2026 09:00:00 +0000"
    assert fields["List-Id"] == "<hip-openers.mail.example.com>"
    assert fields["List-Unsubscribe"] == f"<{LETTER.unsubscribe_url}>"
    assert fields["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert fields["X-Delivery-Id"] == "7"


def test_a_confirmation_has_exactly_its_headers() -> None:
    fields, _, _ = wire(CONFIRMATION)
    assert sorted(fields) == sorted([*ALWAYS, "Auto-Submitted"])
    assert fields["Auto-Submitted"] == "auto-generated"


def test_the_post_header_stands_only_beside_its_url() -> None:
    assert "List-Unsubscribe-Post" not in wire(replace(LETTER, one_click=False))[0]
    assert "List-Unsubscribe-Post" not in wire(replace(CONFIRMATION, one_click=True))[0]


def test_the_text_comes_first_and_both_parts_come_back_unchanged() -> None:
    html, text = "<p>=3D . — 💃</p>\n" * 30, "First.\n.\n..two\nFrom me\ntrailing \t\n\n" + "long " * 400
    _, message, _ = wire(mail=Rendered.of("Hi", html, text))
    assert [p.get_content_type() for p in message.walk()] == ["multipart/alternative", "text/plain", "text/html"]
    assert content(message, "plain") == text.replace("\n", "\r\n")
    assert content(message, "html") == html.replace("\n", "\r\n")
    for part in message.iter_parts():
        assert part["Content-Transfer-Encoding"] == "quoted-printable"
        assert part.get_content_charset() == "utf-8"


@given(html=st.text(), text=st.text())
def test_any_text_travels_in_short_seven_bit_lines(html: str, text: str) -> None:
    raw = compose(Rendered.of("Hi", html, text), LETTER)
    strict.parse(raw)
    assert raw.isascii() and raw.endswith(b"--\r\n")
    assert max(map(len, raw.split(b"\r\n"))) <= 78
    message = message_from_bytes(raw, policy=policy.default)
    for subtype, given_text in (("plain", text), ("html", html)):
        lines = re.sub(r"\r\n|\r|\n", "\r\n", given_text.encode(errors="replace").decode())
        assert content(message, subtype) == lines


def test_no_part_can_hold_the_boundary_and_a_resend_has_the_same() -> None:
    _, message, raw = wire()
    boundary = cast(str, message.get_boundary())
    _, again, _ = wire(mail=Rendered.of("Hi", f"--{boundary}--\n", f"\n--{boundary}\n"))
    assert again.get_boundary() == boundary
    assert content(again, "plain") == f"\r\n--{boundary}\r\n"
    assert wire(replace(LETTER, message_id="other@mail.example.com"))[1].get_boundary() != boundary
    assert raw == compose(MAIL, LETTER)


@pytest.mark.parametrize("subject", SUBJECTS)
def test_every_subject_comes_back_as_it_was(subject: str) -> None:
    fields, _, raw = wire(mail=replace(MAIL, subject=subject))
    assert decoded(fields["Subject"]) == subject
    assert set(fields) == set(wire()[0])
    head = raw.partition(b"\r\n\r\n")[0].split(b"\r\n")
    for line in head:
        assert len(line) <= (76 if b"=?" in line else 78) or b" " not in line.strip().partition(b": ")[2]
    for word in re.findall(rb"=\?\S*\?=", b"\n".join(head)):
        assert len(word) <= 75
        (piece, charset), *_ = decode_header(word.decode())
        assert isinstance(piece, bytes) and charset == "utf-8"
        assert not any(ord(c) < 32 for c in piece.decode())  # also: no character is divided between two words


@given(st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp")), min_size=1, max_size=200))
def test_any_printable_subject_comes_back_as_it_was(subject: str) -> None:
    if subject.strip():
        fields, _, _ = wire(mail=replace(MAIL, subject=subject))
        assert decoded(fields["Subject"]) == subject


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_disguised_header_in_a_subject_or_name_stays_words(attack: str) -> None:
    of = replace(LETTER, sender=f"{attack.replace('<', '')} <maya@mail.example.com>")
    fields, message, raw = wire(of, mail=replace(MAIL, subject=attack))
    assert set(fields) == set(wire()[0])
    assert b"\nBcc" not in raw and b"\r\n\r\nbody" not in raw
    assert decoded(fields["Subject"]) == attack
    assert [p.get_content_type() for p in message.walk()] == ["multipart/alternative", "text/plain", "text/html"]


@pytest.mark.parametrize(
    "bad", ["a\r\nBcc: x@evil.example", "a\nb", "a\rb", "a\x00b", "a\x7fb", "a\x85b", "a\u2028b", "\ud800"]
)
@pytest.mark.parametrize(
    "field",
    [
        "subject",
        "sender",
        "reply_to",
        "recipient",
        "message_id",
        "delivery_id",
        "list_id",
        "unsubscribe_url",
        "feedback_id",
    ],
)
def test_no_value_can_end_its_header(field: str, bad: str) -> None:
    with pytest.raises((HeaderError, NotAnAddress)) as raised:
        if field == "subject":
            compose(replace(MAIL, subject=bad), LETTER)
        elif field in ("sender", "reply_to"):
            compose(MAIL, replace(LETTER, **{field: f"{bad} <maya@mail.example.com>"}))
        elif field == "recipient":
            compose(MAIL, replace(LETTER, recipient=f"{bad}@example.com"))
        else:
            compose(MAIL, replace(LETTER, **{field: bad}))
    assert "evil" not in str(raised.value)


@pytest.mark.parametrize(
    ("field", "bad"),
    [
        ("message_id", "<a@b>"),
        ("message_id", "no-at-sign"),
        ("list_id", "no dots"),
        ("list_id", "=?utf-8?q?a?=.example"),
        ("unsubscribe_url", "javascript:alert(1)"),
        ("unsubscribe_url", "https://x.example/a,b"),
        ("unsubscribe_url", "https://x.example/a>b"),
        ("unsubscribe_url", "https://x.example/" + "a" * 200),
        ("feedback_id", "a:b:c"),
        ("feedback_id", "a:b:c:tiny"),
        ("delivery_id", ""),
        ("delivery_id", "ü"),
        ("sender", "Maya"),
        ("sender", "Maya <maya@mail.example.com>, Bob <bob@mail.example.com>"),
        ("sender", "a@x.example, b@y.example"),
        ("recipient", "Ada <ada@example.com>"),
        ("recipient", "ada@example.com, bob@example.com"),
    ],
)
def test_a_program_reads_these_headers_so_their_shape_is_checked(field: str, bad: str) -> None:
    with pytest.raises((HeaderError, NotAnAddress)):
        compose(MAIL, replace(LETTER, **{field: bad}))


def test_an_empty_subject_is_refused() -> None:
    with pytest.raises(HeaderError, match="Subject"):
        compose(replace(MAIL, subject=" "), LETTER)


def test_long_structured_headers_are_never_encoded_and_never_folded() -> None:
    url = "https://mail.example.com/u/" + "x" * 170
    of = replace(LETTER, unsubscribe_url=url, list_id="hips." + "y" * 120 + ".example.com")
    _, _, raw = wire(of)
    assert b"\r\nList-Unsubscribe: <" + url.encode() + b">\r\n" in raw
    assert b"=?" not in raw.partition(b"\r\n\r\n")[0]


@pytest.mark.parametrize(
    ("sender", "display"),
    [
        ("maya@mail.example.com", ""),
        ("<maya@mail.example.com>", ""),
        ("Maya <maya@mail.example.com>", "Maya"),
        ("Maya, from Barre & Run <maya@mail.example.com>", "Maya, from Barre & Run"),
        ('"Maya, from \\"Run\\"" <maya@mail.example.com>', 'Maya, from "Run"'),
        ("Maya Müller <maya@mail.example.com>", "Maya Müller"),
        ("Maya " + "von und zu " * 20 + "X <maya@mail.example.com>", "Maya " + "von und zu " * 20 + "X"),
        ("マヤ" * 20 + " <maya@mail.example.com>", "マヤ" * 20),
    ],
)
def test_the_sender_keeps_her_name(sender: str, display: str) -> None:
    fields, message, raw = wire(replace(LETTER, sender=sender))
    # Not Python's own display_name: it puts spaces where encoded-words meet inside a phrase.
    name, addr_spec = parseaddr(fields["From"])
    assert (decoded(name), addr_spec) == (display, "maya@mail.example.com")
    assert len(message["From"].addresses) == 1
    assert max(map(len, raw.partition(b"\r\n\r\n")[0].split(b"\r\n"))) <= 78


def test_an_international_domain_travels_in_ascii() -> None:
    fields, _, raw = wire(replace(LETTER, recipient="me+tag@bücher.example", sender="Maya <maya@bücher.example>"))
    assert fields["To"] == "me+tag@xn--bcher-kva.example"
    assert fields["From"] == "Maya <maya@xn--bcher-kva.example>"
    assert raw.isascii()


def test_an_international_local_part_is_refused_or_written_as_it_is() -> None:
    with pytest.raises(Unsupported):
        compose(MAIL, replace(LETTER, recipient="josé@example.com"))
    fields, _, raw = wire(replace(LETTER, recipient="josé@example.com", smtputf8=True))
    assert fields["To"] == "josé@example.com"
    assert b"=?" not in raw.partition(b"\r\n\r\n")[0]


def test_the_date_is_told_in_utc_and_needs_a_zone() -> None:
    berlin = datetime(2026, 11, 10, 10, 0, tzinfo=timezone(timedelta(hours=1)))
    assert compose(MAIL, replace(LETTER, date=berlin)) == compose(MAIL, LETTER)
    with pytest.raises(ValueError, match="aware"):
        compose(MAIL, replace(LETTER, date=NOW.replace(tzinfo=None)))


@given(html=st.text(), text=st.text(), subject=st.text(min_size=1, max_size=200))
def test_no_line_of_a_message_needs_to_be_looked_at_again(html: str, text: str, subject: str) -> None:
    """What is put together here goes over the wire unchecked, and unstuffed: its lines end in CRLF, none with a dot."""
    try:
        raw = compose(Rendered.of(subject, html, text), LETTER)
    except HeaderError:
        return
    check_lines(raw)
    assert b"\r\n." not in raw
    assert not raw.startswith(b".")
    assert max(map(len, raw.split(b"\r\n"))) <= 998
