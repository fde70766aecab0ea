"""Signatures, verified by a reader that shares no line with ours."""

import re
import threading
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from dkim.canonicalization import Relaxed
from hypothesis import given, settings
from hypothesis import strategies as st

from leadmagnet.mail.addresses import NotAnAddress
from leadmagnet.mail.compose import Headers, compose
from leadmagnet.mail.sign import OVERSIGNED, SIGNED, Signer, relaxed_body
from tests.mail.test_compose import CONFIRMATION, LETTER, MAIL, NOW
from tests.mail.verify import is_signed, signer

DOMAIN = "mail.example.com"
ALWAYS = {name for name in OVERSIGNED if not name.startswith(("List-", "Feedback", "Reply"))}


def signed(of: Headers = LETTER, domain: str = DOMAIN) -> bytes:
    raw = compose(MAIL, of)
    return signer().sign(raw, domain, now=NOW) + raw


def field(raw: bytes, name: str) -> bytes:
    """The field's first occurrence, with its folded lines and its last CRLF."""
    found = re.search(rb"^%s:.*\r\n(?:[ \t].*\r\n)*" % name.encode(), raw, re.MULTILINE)
    assert found is not None, name
    return found[0]


def test_a_signature_says_what_it_covers_in_short_lines() -> None:
    lines = field(signed(), "DKIM-Signature").split(b"\r\n")
    assert max(map(len, lines)) <= 76
    words = b"".join(lines).decode()
    tags = dict(tag.strip().split("=", 1) for tag in words.removeprefix("DKIM-Signature:").split(";"))
    assert {name: tags[name] for name in "vacdst"} == {
        "v": "1", "a": "rsa-sha256", "c": "relaxed/relaxed", "d": DOMAIN, "s": "leadmagnet",
        "t": str(int(NOW.timestamp())),
    }  # fmt: skip
    assert set(tags) == {*"vacdst", "h", "bh", "b"}  # no l=: what hangs on below the letter would be signed, too
    assert sorted(tags["h"].split(": ")) == sorted(OVERSIGNED * 2)


def test_what_is_not_there_is_signed_as_missing() -> None:
    words = b"".join(field(signed(CONFIRMATION), "DKIM-Signature").split(b"\r\n")).decode()
    named = words.partition("h=")[2].partition(";")[0].split(": ")
    assert {name: named.count(name) for name in named} == {
        **dict.fromkeys(OVERSIGNED, 1), **dict.fromkeys(ALWAYS, 2), "Auto-Submitted": 1
    }  # fmt: skip


@pytest.mark.parametrize(
    "of",
    [
        LETTER,
        CONFIRMATION,
        replace(LETTER, auto_submitted=True),
        replace(LETTER, sender="maya@mail.example.com"),
        replace(LETTER, sender="Maya " + "von und zu " * 20 + "X <maya@mail.example.com>"),
        replace(LETTER, sender="\u200fמאיה כהן <maya@mail.example.com>"),
        replace(LETTER, sender="💃🏽👩‍👩‍👧‍👦 Maya <maya@mail.example.com>"),
        replace(LETTER, sender='"Maya  of  \\"Run\\"" <maya@mail.example.com>'),
        replace(LETTER, recipient="me+tag@bücher.example"),
        replace(LETTER, recipient="josé@example.com", smtputf8=True),
        replace(LETTER, recipient="x" * 64 + "@" + "y" * 60 + ".example.com"),
        replace(LETTER, unsubscribe_url="https://mail.example.com/u/" + "x" * 170),
    ],
)
def test_awkward_people_get_mail_whose_signature_holds(of: Headers) -> None:
    assert is_signed(signed(of))


@pytest.mark.parametrize(
    "subject",
    ["two  spaces   inside", "long " * 60 + "end", "x" * 998, "ü" * 150, "💃🏽👩‍👩‍👧‍👦" * 20, "\u200fשלום", "a:b; c=d"],
)
def test_awkward_subjects_are_signed(subject: str) -> None:
    raw = compose(replace(MAIL, subject=subject), LETTER)
    assert is_signed(signer().sign(raw, DOMAIN, now=NOW) + raw)


def test_a_domain_beyond_ascii_is_signed_as_it_is_looked_up() -> None:
    of = replace(LETTER, sender="Maya <maya@bücher.example>")
    assert is_signed(signed(of, "Bücher.example"), domain="bücher.example")
    assert b" d=xn--bcher-kva.example;\r\n" in signed(of, "bücher.example")


def test_a_domain_that_would_end_its_tag_is_refused() -> None:
    with pytest.raises(NotAnAddress):
        signed(domain="example.com; l=0")


@pytest.mark.parametrize("name", [*OVERSIGNED, *SIGNED])
def test_no_signed_header_can_be_changed_taken_away_or_put_on_top(name: str) -> None:
    raw = signed(replace(LETTER, auto_submitted=True))
    there = field(raw, name)
    assert is_signed(raw)
    assert not is_signed(raw.replace(there, there[:-2] + b"x\r\n"))
    assert not is_signed(raw.replace(there, b""))
    if name in OVERSIGNED:
        assert not is_signed(there + raw)
        assert not is_signed(there.lower() + raw)
        assert not is_signed(raw.replace(there, there * 2))


@pytest.mark.parametrize("name", sorted(set(OVERSIGNED) - ALWAYS))
def test_a_header_that_was_never_there_cannot_be_added(name: str) -> None:
    raw = signed(replace(CONFIRMATION, reply_to=None))
    assert is_signed(raw)
    assert not is_signed(name.encode() + b": <https://evil.example/>\r\n" + raw)


def test_no_byte_of_the_body_can_be_changed_and_nothing_hung_on() -> None:
    raw = signed()
    begin = raw.index(b"\r\n\r\n") + 4
    for at in (begin, raw.index(b"H=C3=BCften"), raw.rindex(b"Content-Type"), raw.rindex(b"</p>"), len(raw) - 4):
        assert not is_signed(raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :]), raw[at : at + 10]
    assert not is_signed(raw + b"P.S.\r\n")
    assert not is_signed(raw.replace(b"</p>", b"</ p>"))


@pytest.mark.parametrize(
    ("was", "becomes"),
    [
        (b"\r\nSubject: Your guide", b"\r\nSUBJECT:\tYour\t  guide  "),
        (b"\r\nSubject: Your guide", b"\r\nSubject:\r\n Your\r\n\tguide"),
        (b";\r\n boundary=", b"; boundary="),
        (b"\r\nMessage-ID: ", b"\r\nMessage-Id:"),
        (b"quoted-printable\r\n\r\n", b"quoted-printable \t\r\n\r\n"),
        (b'text/html; charset="utf-8"', b'text/html;  \t charset="utf-8"'),
        (b"--\r\n", b"--\r\n\r\n \r\n\r\n"),
        (b"DKIM-Signature: v=1; a=", b"dkim-signature:  v=1;\r\n\ta="),
        (b"\r\nX-Delivery-Id: 7", b"\r\nX-Delivery-Id: 8\r\nX-Relay: yes"),
        (b"DKIM-Signature: ", b"Received: from us\r\n by them\r\nDKIM-Signature: "),
    ],
)
def test_a_relay_that_only_touches_white_space_breaks_nothing(was: bytes, becomes: bytes) -> None:
    raw = signed()
    assert was in raw
    assert is_signed(raw.replace(was, becomes))


def test_a_field_that_stands_twice_is_signed_from_the_bottom_up() -> None:
    raw = b"From: a@mail.example.com\r\nTo: one@example.com\r\nSubject: x\r\nTo: two@example.com\r\n\r\nHi\r\n"
    assert is_signed(signer().sign(raw, DOMAIN, now=NOW) + raw)
    swapped = raw.replace(b"one@", b"x@").replace(b"two@", b"one@").replace(b"x@", b"two@")
    assert not is_signed(signer().sign(raw, DOMAIN, now=NOW) + swapped)


PIECES = [b"a", b"\xc3\xbc", b".", b"..", b" ", b"  ", b"\t", b" \t ", b"\r\n", b"\r\n\r\n", b"=20", b"x" * 70]


@given(st.lists(st.sampled_from(PIECES)).map(b"".join))
@settings(max_examples=400)
def test_any_body_counts_as_the_verifier_counts_it(text: bytes) -> None:
    body = text + b"\r\n"  # a message is made of whole lines
    assert relaxed_body(body) == Relaxed.canonicalize_body(body)


@pytest.mark.parametrize(
    ("body", "relaxed"),
    [
        (b"", b""),
        (b"\r\n", b""),
        (b" \t\r\n\r\n", b""),
        (b" a \r\n", b" a\r\n"),
        (b"a\t\tb\r\n \r\n\r\n", b"a b\r\n"),
        (b"\r\n\r\na", b"\r\n\r\na\r\n"),
        (b" C \r\nD \t E\r\n\r\n\r\n", b" C\r\nD E\r\n"),  # RFC 6376 §3.4.5
    ],
)
def test_white_space_of_a_body_counts_as_the_standard_says(body: bytes, relaxed: bytes) -> None:
    assert relaxed_body(body) == relaxed


VALUES = st.lists(st.sampled_from(["a", "ü", " ", "  ", "\t", "\r\n ", "\r\n\t", ":", ";", "="]), max_size=8).map(
    "".join
)


@given(subject=VALUES, kind=VALUES)
@settings(max_examples=60, deadline=None)
def test_any_header_counts_as_the_verifier_counts_it(subject: str, kind: str) -> None:
    head = f"From: a@mail.example.com\r\nSubject:{subject}x\r\nFEEDBACK-ID:{kind}x\r\nContent-type:x{kind}x\r\n"
    raw = head.encode() + b"\r\nHi\r\n"
    assert is_signed(signer().sign(raw, DOMAIN, now=NOW) + raw)


def test_a_larger_key_signs_in_short_lines_too() -> None:
    large = Signer("l" * 63, rsa.generate_private_key(65_537, 3072))
    raw = compose(MAIL, LETTER)
    made = large.sign(raw, DOMAIN, now=NOW)
    assert is_signed(made + raw, by=large)
    assert max(map(len, made.split(b"\r\n"))) <= 76


def test_one_signer_serves_many_threads() -> None:
    raws = [compose(MAIL, replace(LETTER, recipient=f"ada{n}@example.com")) for n in range(32)]
    made: list[bytes] = []
    threads = [
        threading.Thread(
            target=lambda part=part: made.extend(signer().sign(raw, DOMAIN, now=NOW) + raw for raw in part)
        )
        for part in (raws[:8], raws[8:16], raws[16:24], raws[24:])
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 32 and all(map(is_signed, made))
