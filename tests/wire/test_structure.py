"""The lines and header fields of every mail, as they were received (1 to 10 in the contents)."""

import re
from collections import Counter
from datetime import datetime, timedelta
from email.header import decode_header
from email.utils import parseaddr, parsedate_to_datetime

from leadmagnet.delivery import decisions
from tests.mail import strict
from tests.mail.clients import connect
from tests.mail.servers import Act, ScriptedServer
from tests.web.conftest import only_sqlite
from tests.wire.conftest import Post
from tests.wire.letters import AGAIN, LETTERS, OPERATORS, REQUESTS, every_mail, slugs
from tests.wire.readers import READERS
from tests.world import World

ALWAYS = ["DKIM-Signature", "From", "To", "Subject", "Date", "Message-ID", "Reply-To", "Feedback-ID"]
ALWAYS += ["X-Delivery-Id", "MIME-Version", "Content-Type"]
UNSUBSCRIBE = ["List-Unsubscribe", "List-Unsubscribe-Post"]
BESIDE = {name: ["List-Id", *UNSUBSCRIBE] for name in [*LETTERS, "test"]}
BESIDE |= {name: ["Auto-Submitted"] for name in [*REQUESTS, "notice"]}
BESIDE[AGAIN] = [*UNSUBSCRIBE, "Auto-Submitted"]
_ENCODED_WORD = re.compile(r"=\?[^?]+\?[bq]\?[^? ]*\?=")


def test_every_mail_of_the_site_is_here(post: Post) -> None:
    named = {*slugs("system"), *slugs("hip-openers"), "names-everywhere", *OPERATORS}
    assert {mail.letter for mail in post.mails} == named == {*REQUESTS, *LETTERS, AGAIN, *OPERATORS}


def test_every_reader_got_every_mail_once_but_who_would_break_a_subject(post: Post) -> None:
    expected = Counter((letter, reader.who) for letter in [*REQUESTS, *LETTERS, AGAIN] for reader in READERS)
    for reader in READERS:
        if "\n" in (reader.name or ""):  # no form takes such a name; a subject that had it would be a header
            del expected["names-everywhere", reader.who]
    assert Counter((mail.letter, mail.reader.who) for mail in post.mails if mail.reader) == expected
    assert sorted(mail.letter for mail in post.mails if not mail.reader) == ["notice", "test"]


@every_mail
def test_its_lines_end_in_crlf_and_its_header_is_ascii_unless_the_address_is_not(post: Post, letter: str) -> None:
    for mail in post.of(letter):
        assert not re.search(rb"(?<!\r)\n|\r(?!\n)|\x00", mail.raw), mail
        strict.parse(mail.raw)
        assert mail.message.defects == [], mail
        address = mail.recipient.encode()
        assert mail.head.replace(address, b"").isascii(), mail
        assert mail.raw.partition(b"\r\n\r\n")[2].isascii(), mail


@every_mail
def test_its_lines_are_short_and_its_header_is_folded_where_it_may_be(post: Post, letter: str) -> None:
    for mail in post.of(letter):
        assert max(map(len, mail.raw.split(b"\r\n"))) <= 998, mail
        for line in mail.head.split(b"\r\n"):
            # A URI, an address, an id: what has no blank within has no place to fold (RFC 5322 §2.2.3).
            folds = line if line[:1] in b" \t" else line.partition(b": ")[2]
            assert len(line) <= 78 or b" " not in folds.strip(), (str(mail), line)


@every_mail
def test_it_has_each_of_its_header_fields_once_and_no_other(post: Post, letter: str) -> None:
    for mail in post.of(letter):
        assert sorted(mail.names) == sorted([*ALWAYS, *BESIDE[letter]]), mail
        assert mail.value("X-Delivery-Id") == str(mail.delivery_id)
        assert mail.value("MIME-Version") == "1.0"


@every_mail
def test_it_comes_from_the_operators_one_mailbox_under_her_own_name(post: Post, letter: str) -> None:
    for mail in post.of(letter):
        (sender,) = mail.message["From"].addresses
        assert sender.addr_spec == "maya@mail.runbendbarre.com"
        name, address = parseaddr(mail.value("From"))
        ((words, charset),) = decode_header(name)
        assert isinstance(words, bytes) and words.decode(charset or "ascii") == "Maya Lindström"
        assert address == sender.addr_spec
        assert mail.value("Reply-To") == "maya@runbendbarre.com"


@every_mail
def test_it_goes_to_the_subscribers_address_and_to_nobody_else(post: Post, letter: str) -> None:
    for mail in post.of(letter):
        assert mail.value("To") == (mail.reader.on_the_wire if mail.reader else "maya@runbendbarre.com")
        assert not {"Cc", "Bcc", "Resent-To"} & set(mail.names)


@every_mail
def test_its_date_is_the_hour_of_its_sending(post: Post, letter: str) -> None:
    for mail in post.of(letter):
        assert re.search(r" [+-]\d{4}$", mail.value("Date")), "a zone in digits (RFC 5322 §3.3)"
        said = parsedate_to_datetime(mail.value("Date"))
        assert isinstance(said, datetime) and said.tzinfo is not None
        assert abs(said - mail.at) < timedelta(minutes=5), mail


def test_no_two_mails_share_a_message_id_and_each_is_its_deliverys(post: Post) -> None:
    ids = [mail.value("Message-ID") for mail in post.mails]
    assert len(set(ids)) == len(ids)
    for mail in post.mails:
        assert mail.value("Message-ID") == f"<{mail.message_id}>"
        assert re.fullmatch(r"<[0-9a-f]{32}@mail\.runbendbarre\.com>", mail.value("Message-ID"))


@only_sqlite
def test_a_mail_that_is_sent_again_as_its_answer_was_lost_keeps_its_message_id(world: World) -> None:
    with ScriptedServer({"DOT": Act.HANG_UP}) as server:
        world.connect = lambda: connect(server)
        world.asks("ada@example.com")
        world.deliver()
        server.script.clear()
        world.wait(minutes=2)
        assert world.sweeps() == 1
        world.deliver()
        server.script["DOT"] = Act.HANG_UP
        world.confirms("ada@example.com")
        ((guide, _),) = world.deliver()
        server.script.clear()
        with world.database.write() as session:
            decisions.resend(session, [guide.id], by="maya", now=world.now)
        world.deliver()
    confirm, again, guide_mail, once_more = [dict(strict.parse(mail.raw)[0])["Message-ID"] for mail in server.arrived]
    assert confirm == again != guide_mail == once_more


@every_mail
def test_encoded_words_stand_in_subject_and_display_name_alone(post: Post, letter: str) -> None:
    for mail in post.of(letter):
        for name, value in mail.fields:
            if name not in ("Subject", "From"):
                assert not re.search(r"=\?.*\?=", value), (str(mail), name)
                continue
            words = [word for word in value.split() if "=?" in word]
            assert all(_ENCODED_WORD.fullmatch(word) and len(word) <= 75 for word in words), (str(mail), name)
            decoded = "".join(
                part.decode(charset or "ascii") if isinstance(part, bytes) else part
                for part, charset in decode_header(value)
            )
            assert not re.search(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]", decoded), (str(mail), name)


def test_a_name_that_looks_like_a_header_stays_a_name(post: Post) -> None:
    for mail in post.of("names-everywhere"):
        assert mail.reader is not None
        assert mail.message["Subject"] == f"{mail.reader.name or 'Runner'}, your name is everywhere", mail


@every_mail
def test_its_subject_has_a_length_and_pretends_to_be_no_answer(post: Post, letter: str) -> None:
    for mail in post.of(letter):
        assert 1 <= len(mail.message["Subject"]) <= 150, mail
        assert not re.match(r"\s*(re|fwd?|aw|wg)\s*:", mail.message["Subject"], re.IGNORECASE), mail


@every_mail
def test_its_header_is_small(post: Post, letter: str) -> None:
    assert max(len(mail.head) for mail in post.of(letter)) < 16 * 1024
