"""The test mailbox as a page: for the operator at this machine alone, and safe whatever a letter holds."""

import shutil
from urllib.parse import quote

import pytest
from flask.testing import FlaskClient

from leadmagnet.store.models import Consent
from tests.web.conftest import OpenDoor, only_sqlite
from tests.web.page import page_of
from tests.world import World

pytestmark = only_sqlite

HOSTILE = b"""\
From: Maya <maya@mail.example.com>\r
To: "<script>alert(1)</script>" <ada@example.com>\r
Subject: <script>alert(2)</script>\r
Date: Wed, 04 Mar 2026 02:12:00 +0000\r
Content-Type: multipart/alternative; boundary=b\r
\r
--b\r
Content-Type: text/plain\r
\r
<script>alert(3)</script> https://example.com/x\r
--b\r
Content-Type: text/html\r
\r
<html><head></head><body><script>alert(4)</script><form action=/f/hip-openers></form></body></html>\r
--b--\r
"""


def arrived(world: World, raw: bytes) -> str:
    """The key of a message that is put into the mailbox."""
    connection = world.mailbox.connect()
    connection.offer("maya@mail.example.com", "ada@example.com", raw)
    connection.accept()
    return world.mailbox.messages(1)[0].key


def asked(world: World) -> str:
    world.asks("ada@example.com")
    world.deliver()
    return world.mailbox.messages(1)[0].key


def test_a_mail_is_listed_and_shown_as_letter_text_and_source(world: World, client: FlaskClient) -> None:
    key = asked(world)
    (row,) = page_of(client.get("/mailbox")).one("ul").every("a")
    assert "Please confirm: Hip Openers for Runners" in row.words and "ada@example.com" in row.words
    page = page_of(client.get(row["href"]))
    assert page.one("h1").words == "Please confirm: Hip Openers for Runners"
    text = page.one("pre")
    assert world.links.confirm(world.enrollment("ada@example.com").id) in {link["href"] for link in text.every("a")}
    frame = page.one("iframe")
    letter = client.get(frame["src"])
    assert "Yes, send me the guide" in letter.text and '<base target="_blank">' in letter.text
    source = client.get(f"/mailbox/{key}/source")
    assert source.mimetype == "text/plain"
    assert source.data == next(world.mailbox.path.glob("new/*")).read_bytes()


def test_the_newest_mail_stands_first(world: World, client: FlaskClient) -> None:
    world.joins("ada@example.com")
    rows = page_of(client.get("/mailbox")).one("ul").every("strong")
    assert [row.words for row in rows] == [str(mail["Subject"]) for mail in reversed(world.inbox())]


def test_an_empty_mailbox_says_what_to_do(world: World, client: FlaskClient) -> None:
    page = page_of(client.get("/mailbox"))
    assert page.one("h2").words == "No mail yet"
    assert page.one("section").one("a")["href"] == "/"


@pytest.mark.parametrize(
    ("peer", "headers"),
    [
        ("192.0.2.7", {}),
        ("2001:db8::7", {}),
        ("127.0.0.1", {"X-Forwarded-For": "192.0.2.7"}),
        ("127.0.0.1", {"X-Forwarded-For": "127.0.0.1"}),
        ("192.0.2.7", {"X-Forwarded-For": "127.0.0.1"}),
    ],
)
def test_over_a_network_it_is_not_there(world: World, client: FlaskClient, peer: str, headers: dict[str, str]) -> None:
    key = asked(world)
    unknown = client.get("/no/such/page")
    for path in ("/mailbox", f"/mailbox/{key}", f"/mailbox/{key}/html", f"/mailbox/{key}/source"):
        assert client.get(path).status_code == 200
        answer = client.get(path, headers=headers, environ_base={"REMOTE_ADDR": peer})
        assert (answer.status_code, answer.data) == (404, unknown.data)


def test_once_mail_is_real_it_is_not_there(world: World, open_door: OpenDoor) -> None:
    key = asked(world)
    client = open_door(smtp_url="smtp://127.0.0.1:1")
    for path in ("/mailbox", f"/mailbox/{key}", f"/mailbox/{key}/html", f"/mailbox/{key}/source"):
        page_of(client.get(path), 404)


@pytest.mark.parametrize(
    "key",
    [
        "..",
        "../secret_keys",
        "../../leadmagnet.db",
        "new",
        "\0",
        "x" * 3000,
        "*",
        "1" * 10,
        "ö",
        "%",
        "html",
        "/etc/passwd",
    ],
    ids=lambda key: key[:20].encode("unicode_escape").decode(),
)
def test_a_hostile_key_finds_nothing(world: World, client: FlaskClient, key: str) -> None:
    asked(world)
    for written in (key, quote(key, safe=""), quote(quote(key, safe=""), safe="")):
        for path in (f"/mailbox/{written}", f"/mailbox/{written}/html", f"/mailbox/{written}/source"):
            assert client.get(path).status_code == 404


def test_what_a_letter_holds_runs_nowhere(world: World, client: FlaskClient) -> None:
    key = arrived(world, HOSTILE)
    for path in ("/mailbox", f"/mailbox/{key}"):
        page = page_of(client.get(path))
        assert page.every("script") == []
        assert "alert(2)" in page.words
    frame = page_of(client.get(f"/mailbox/{key}")).one("iframe")
    assert not {"allow-scripts", "allow-same-origin", "allow-forms"} & set(frame["sandbox"].split())
    letter = client.get(frame["src"])
    rules = {rule.split()[0]: rule.split()[1:] for rule in letter.headers["Content-Security-Policy"].split(";")}
    assert rules["default-src"] == ["'none'"]
    assert not {"script-src", "form-action"} & rules.keys()
    assert not {"allow-scripts", "allow-same-origin", "allow-forms"} & set(rules["sandbox"])
    assert letter.headers["X-Content-Type-Options"] == "nosniff"
    source = client.get(f"/mailbox/{key}/source")
    assert (source.mimetype, source.headers["X-Content-Type-Options"]) == ("text/plain", "nosniff")


def test_looking_counts_as_nobodys_tap(world: World, client: FlaskClient) -> None:
    key = asked(world)
    for path in ("/mailbox", f"/mailbox/{key}", f"/mailbox/{key}/html"):
        client.get(path)
    with world.database.read() as session:
        assert [row.event for row in session.query(Consent)] == ["requested"]


def test_a_site_with_a_public_address_shows_no_mailbox_even_to_a_proxy_that_says_nothing(
    world: World, open_door: OpenDoor
) -> None:
    world.asks("ada@example.com")
    world.deliver()
    client = open_door(base_url="https://mail.runner.net")
    assert client.get("/mailbox", headers={"Host": "127.0.0.1:8000"}).status_code == 404


def test_a_mailbox_that_was_deleted_is_made_anew(world: World, client: FlaskClient) -> None:
    shutil.rmtree(world.mailbox.path)
    assert client.get("/mailbox").status_code == 200
    world.asks("ada@example.com")
    world.deliver()
    assert len(world.inbox()) == 1
