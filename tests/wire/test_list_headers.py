"""What lets a reader leave and a provider count, as it was received (17 to 23 in the contents)."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from leadmagnet.store.database import Database
from leadmagnet.store.models import Subscriber
from leadmagnet.web.app import create_app
from tests.web.tables import dump
from tests.wire.conftest import Post
from tests.wire.letters import AGAIN, LETTERS, REQUESTS, every_list_mail, every_mail
from tests.wire.received import Received
from tests.world import TUESDAY_EVENING

ONE_CLICK = {"List-Unsubscribe": "One-Click"}
URLENCODED, MULTIPART = "application/x-www-form-urlencoded", "multipart/form-data"


@pytest.fixture
def database(post: Post, tmp_path: Path) -> Iterator[Database]:
    """The sender's database as it stands after the season, in a copy of one's own."""
    yield from _copy(post, tmp_path)


@pytest.fixture(scope="module")
def untouched(post: Post, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """The same, in one copy for all who only look."""
    yield from _copy(post, tmp_path_factory.mktemp("untouched"))


def _copy(post: Post, folder: Path) -> Iterator[Database]:
    shutil.copy(post.database, folder / "leadmagnet.db")
    opened = Database(f"sqlite:///{folder / 'leadmagnet.db'}")
    yield opened
    opened.close()


@pytest.fixture
def provider(post: Post, database: Database) -> FlaskClient:
    """A mailbox provider's machine: no cookie, no page seen before."""
    return _provider(post, database)


@pytest.fixture(scope="module")
def looking(post: Post, untouched: Database) -> FlaskClient:
    """Another one, which only looks."""
    return _provider(post, untouched)


def _provider(post: Post, database: Database) -> FlaskClient:
    return create_app(post.settings, database, clock=lambda: TUESDAY_EVENING).test_client(use_cookies=False)


@every_list_mail
def test_the_way_out_is_one_short_https_url_that_nothing_has_encoded(post: Post, letter: str) -> None:
    for mail in post.of(letter):
        line = re.search(rb"^List-Unsubscribe: <(https://[!-~]+)>\r\n", mail.head, re.MULTILINE)
        assert line, mail
        url = line[1].decode()
        assert url == mail.unsubscribe_url and len(url) <= 200
        token = url.removeprefix("https://letters.runbendbarre.com/u/")
        assert re.fullmatch(r"[\w-]{1,32}", token, re.ASCII), mail


def test_everybodys_way_out_is_their_own_and_the_same_in_each_of_their_mails(post: Post) -> None:
    urls: dict[str, set[str]] = {}
    for mail in post.mails:
        if mail.reader and mail.letter not in REQUESTS:
            urls.setdefault(mail.reader.who, set()).add(mail.unsubscribe_url)
    assert {len(found) for found in urls.values()} == {1}
    assert len(set.union(*urls.values())) == len(urls)


@every_list_mail
def test_it_says_that_a_bare_post_is_enough(post: Post, letter: str) -> None:
    for mail in post.of(letter):
        assert b"\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n" in mail.head, mail


@every_list_mail
def test_a_post_to_the_url_of_the_received_mail_ends_all_letters(
    post: Post, database: Database, provider: FlaskClient, letter: str
) -> None:
    for mail, kind in zip(post.of(letter)[:2], (URLENCODED, MULTIPART), strict=True):
        assert _status(database, mail) == "active"
        answer = provider.post(mail.unsubscribe_url, data=ONE_CLICK, content_type=kind)
        assert answer.status_code == 200
        assert "Location" not in answer.headers and "Set-Cookie" not in answer.headers
        assert _status(database, mail) == "unsubscribed"
    left = [mail for mail in post.of(letter) if _status(database, mail) == "unsubscribed"]
    assert len(left) == 2, "nobody else"


@every_list_mail
def test_looking_at_that_url_changes_nothing(
    post: Post, untouched: Database, looking: FlaskClient, letter: str
) -> None:
    before = dump(untouched)
    mail = post.of(letter)[-1]
    assert looking.get(mail.unsubscribe_url).status_code == 200
    assert looking.head(mail.unsubscribe_url).status_code == 200
    assert looking.options(mail.unsubscribe_url).status_code == 200
    assert looking.get(mail.unsubscribe_url, query_string=ONE_CLICK).status_code == 200
    assert dump(untouched) == before


@every_mail
def test_letters_name_their_list_in_ascii_and_nothing_else_does(post: Post, letter: str) -> None:
    for mail in post.of(letter):
        named = [value for name, value in mail.fields if name == "List-Id"]
        assert named == (["<hip-openers.mail.runbendbarre.com>"] if letter in [*LETTERS, "test"] else []), mail


@every_mail
def test_what_answers_a_request_says_that_a_machine_wrote_it_and_nothing_is_called_bulk(
    post: Post, letter: str
) -> None:
    for mail in post.of(letter):
        said = [value for name, value in mail.fields if name == "Auto-Submitted"]
        assert said == (["auto-generated"] if letter in [*REQUESTS, AGAIN, "notice"] else []), mail
        assert "Precedence" not in mail.names, mail


def test_the_feedback_id_counts_by_letter_under_one_sender_and_knows_no_reader(post: Post) -> None:
    seen: dict[str, set[str]] = {}
    senders = set()
    for mail in post.mails:
        value = mail.value("Feedback-ID")
        *_, sender = fields = value.split(":")
        assert len(fields) == 4 and re.fullmatch(r"[A-Za-z0-9]{5,15}", sender), value
        senders.add(sender)
        seen.setdefault(mail.letter, set()).add(value)
    assert len(senders) == 1
    assert {len(values) for values in seen.values()} == {1}, "the same for every reader"


def _status(database: Database, mail: Received) -> str:
    assert mail.reader is not None
    with database.read() as session:
        return session.query(Subscriber).filter_by(address=mail.reader.stored).one().status
