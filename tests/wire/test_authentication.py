"""That every mail is proven to be the operator's, as it was received and passed on (28 to 31 in the contents)."""

import base64
import re
from collections import Counter

import dkim
import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key

from tests.mail.verify import holds
from tests.wire.conftest import Post
from tests.wire.letters import AGAIN, LETTERS, REQUESTS, every_mail
from tests.wire.received import Received

OVERSIGNED = {
    "From", "To", "Subject", "Date", "Message-ID", "MIME-Version", "Content-Type", "Reply-To", "List-Id",
    "List-Unsubscribe", "List-Unsubscribe-Post", "Feedback-ID",
}  # fmt: skip


@pytest.fixture(scope="module")
def record(post: Post) -> tuple[str, str]:
    """Name and text of the record, read off what `doctor --make-key` told the operator to put into DNS."""
    line = re.search(r"^  (\S+)\. IN TXT \( (.*) \)$", post.told, re.MULTILINE)
    assert line, post.told
    strings = re.findall(r'"([^"]*)"', line[2])
    assert max(map(len, strings)) <= 255
    text = "".join(strings)
    assert f"\n  {line[1]}\n\n  {text}\n" in post.told, "the two ways in which it is shown are one record"
    return line[1], text


@every_mail
def test_the_world_verifies_it_with_the_record_that_the_operator_was_told(
    post: Post, record: tuple[str, str], letter: str
) -> None:
    for mail in post.of(letter):
        assert holds(mail.raw, *record), mail


@every_mail
def test_its_signature_holds_after_servers_that_only_touch_white_space(
    post: Post, record: tuple[str, str], letter: str
) -> None:
    """Not through a Postfix, which a test cannot install: through what a Postfix, and others, are known to do."""
    for mail in post.of(letter)[:: len(LETTERS)]:
        passed_on = _passed_on(mail.raw)
        assert passed_on != mail.raw
        assert holds(passed_on, *record), mail


@every_mail
def test_its_signature_covers_one_more_of_each_field_that_matters(post: Post, letter: str) -> None:
    for mail in post.of(letter):
        named = Counter(name.strip() for name in _tags(mail)["h"].split(":"))
        there = Counter(mail.names)
        assert {name: named[name] for name in OVERSIGNED} == {name: there[name] + 1 for name in OVERSIGNED}, mail
        assert set(named) - OVERSIGNED <= {"Auto-Submitted"}
        assert named["Auto-Submitted"] == there["Auto-Submitted"], mail


@every_mail
def test_its_signature_covers_the_whole_body_and_is_the_senders_own(
    post: Post, record: tuple[str, str], letter: str
) -> None:
    for mail in post.of(letter):
        tags = _tags(mail)
        assert "l" not in tags and tags["c"] == "relaxed/relaxed" and tags["a"] == "rsa-sha256", mail
        assert tags["d"] == mail.message["From"].addresses[0].domain
        assert f"{tags['s']}._domainkey.{tags['d']}" == record[0]
        assert abs(int(tags["t"]) - mail.at.timestamp()) < 300


def test_the_key_has_2048_bits(record: tuple[str, str]) -> None:
    fields = dict(part.strip().split("=", 1) for part in record[1].split(";"))
    assert (fields["v"], fields["k"]) == ("DKIM1", "rsa")
    key = load_der_public_key(base64.b64decode(fields["p"], validate=True))
    assert isinstance(key, RSAPublicKey) and key.key_size >= 2048


_WAY_OUT = re.compile(rb"^List-Unsubscribe: .*\r\n", re.MULTILINE)
FORGERIES = {
    "the way out taken away": lambda raw: _WAY_OUT.sub(b"", raw, count=1),
    "another way out": lambda raw: _WAY_OUT.sub(b"List-Unsubscribe: <https://evil.example/u>\r\n", raw, count=1),
    "a way out on top": lambda raw: b"List-Unsubscribe: <https://evil.example/u>\r\n" + raw,
    "a way out at the end": lambda raw: raw.replace(b"\r\n\r\n", b"\r\nList-Unsubscribe: <https://e.example>\r\n\r\n", 1),
    "no one-click": lambda raw: raw.replace(b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n", b"", 1),
    "another sender on top": lambda raw: b"From: Bank <bank@evil.example>\r\n" + raw,
    "another subject on top": lambda raw: b"Subject: You have won\r\n" + raw,
    "another recipient": lambda raw: re.sub(rb"^To: .*\r\n", b"To: you@evil.example\r\n", raw, count=1, flags=re.M),
    "another part": lambda raw: raw.replace(b"Content-Type: text/plain", b"Content-Type: text/html", 1),
    "a word more": lambda raw: raw.replace(b"--\r\n", b"--\r\nBuy!\r\n"),
}  # fmt: skip


@pytest.mark.parametrize("forgery", FORGERIES)
def test_whatever_is_taken_away_replaced_or_put_on_top_breaks_it(
    post: Post, record: tuple[str, str], forgery: str
) -> None:
    for mail in (post.of(letter)[-1] for letter in [*LETTERS, AGAIN, "test"]):
        forged = FORGERIES[forgery](mail.raw)
        assert forged != mail.raw, mail
        assert not holds(forged, *record), mail


def test_nobodys_mail_stands_another_sender_on_top(post: Post, record: tuple[str, str]) -> None:
    for mail in post.mails:
        assert not holds(FORGERIES["another sender on top"](mail.raw), *record), mail


@pytest.mark.parametrize("name", sorted(OVERSIGNED))
def test_nothing_can_be_added_to_a_mail_that_never_had_it(post: Post, record: tuple[str, str], name: str) -> None:
    for mail in (post.of(letter)[0] for letter in [*REQUESTS, "notice"]):
        assert not holds(f"{name}: <https://evil.example/>\r\n".encode() + mail.raw, *record), mail


def _tags(mail: Received) -> dict[str, str]:
    tags = dkim.util.parse_tag_value(mail.value("DKIM-Signature").encode())
    return {name.decode(): value.decode() for name, value in tags.items()}


def _passed_on(raw: bytes) -> bytes:
    """As two servers leave it: traces on top, fields folded anew with tabs, names in other case, empty lines behind."""
    head, _, body = raw.partition(b"\r\n\r\n")
    unfolded = re.sub(rb"\r\n[ \t]+", b" ", head)
    fields = [_folded_anew(field) for field in unfolded.split(b"\r\n")]
    traces = [
        b"Return-Path: <b+token@bounce.runbendbarre.com>",
        b"Received: from mx.example (mx.example [192.0.2.7])\r\n\tby mail.example with ESMTPS id 4711;\r\n"
        b"\tWed, 04 Mar 2026 02:12:01 +0000",
    ]
    return b"\r\n".join([*traces, *fields]) + b"\r\n\r\n" + body + b"\r\n\r\n"


def _folded_anew(field: bytes) -> bytes:
    name, _, value = field.partition(b":")
    return name.upper() + b":" + value.replace(b" ", b" \r\n\t", 2).lstrip(b" ").removeprefix(b"\r\n")
