"""The sign-up form over HTTP: whoever asks gets the same answer, and it is kept as proof."""

import re

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from leadmagnet.audience import addresses, suppressions
from leadmagnet.store.models import Consent
from tests.web.conftest import OpenDoor, only_sqlite
from tests.web.page import page_of
from tests.web.tables import dump
from tests.world import SECRET, World

FORM = "/f/hip-openers"
JSON = {"Accept": "application/json"}

BOT = "bot-1.two@example.com"
#: Who asks, with addresses of one length, and what kind of mail it brings.
VISITORS = {
    "somebody new": ("newcomer1@example.com", "confirm"),
    "somebody who has just asked": ("hasty-one@example.com", None),
    "a reader": ("reader-ok@example.com", "guide"),
    "somebody who left": ("left-once@example.com", "guide"),
    "somebody who complained": ("blocked-1@example.com", None),
    "a mail system's mailbox": ("postmaster@ex-two.com", None),
    "a throw-away address": ("bobbob@mailinator.com", None),
    "a subdomain of one": ("bobb@x.mailinator.com", None),
    "our own sender": ("Maya@mail.example.com", None),
}


def populate(world: World) -> None:
    for address in ("reader-ok@example.com", "left-once@example.com"):
        world.joins(address)
    world.leaves("left-once@example.com")
    with world.database.write() as session:
        key = addresses.parse("blocked-1@example.com").key(SECRET)
        suppressions.add(session, key, "all", "complained", now=world.now)
    world.wait(hours=1)
    world.asks("hasty-one@example.com")


def answer(response: TestResponse, address: str) -> tuple[object, ...]:
    """Everything a visitor can compare, her own address left out: a cookie's value counts by its length."""
    headers = [(name, value) for name, value in response.headers if name not in ("Date", "Set-Cookie")]
    cookies = [
        re.sub(r"=([^;]+)|Expires=[^;]+", lambda found: f"={len(found[1] or '')}", cookie, count=2)
        for cookie in response.headers.getlist("Set-Cookie")
    ]
    return response.status_code, headers, cookies, response.text.replace(address, "HERS")


@pytest.mark.parametrize("accept", [{}, JSON], ids=["page", "json"])
def test_everybody_gets_the_same_answer(world: World, open_door: OpenDoor, accept: dict[str, str]) -> None:
    populate(world)
    answers, nexts = {}, {}
    for who, (address, kind) in VISITORS.items():
        count, browser = len(world.deliveries()), open_door()
        answers[who] = answer(browser.post(FORM, data={"email": address}, headers=accept), address)
        nexts[who] = [answer(browser.open(f"{FORM}/sent", method=method), address) for method in ("GET", "POST")]
        assert [row.kind for row in world.deliveries()[count:]] == ([kind] if kind else []), who
    before = dump(world.database)
    bot = {"email": BOT, "website": "https://spam.example"}
    answers["a bot"] = answer(open_door().post(FORM, data=bot, headers=accept), BOT)
    assert dump(world.database) == before
    assert len({len(address) for address, _kind in VISITORS.values()} | {len(BOT)}) == 1
    expected = answers["somebody new"]
    assert expected[0] == (200 if accept else 303)
    assert {who: given for who, given in answers.items() if given != expected} == {}
    assert {who: given for who, given in nexts.items() if given != nexts["somebody new"]} == {}


def test_a_known_address_in_another_spelling_is_the_same_person(world: World, client: FlaskClient) -> None:
    for typed in ("bob@bücher.example", "BOB@BÜCHER.EXAMPLE", " bob@xn--bcher-kva.example "):
        assert client.post(FORM, data={"email": typed}).status_code == 303
    (row,) = world.deliveries()
    assert world.subscriber("bob@bücher.example").address == "bob@bücher.example"
    world.deliver()
    (mail,) = world.inbox()
    assert mail["To"].addresses[0].addr_spec == "bob@xn--bcher-kva.example"
    assert row.kind == "confirm"


def test_everything_of_a_request_is_kept_as_proof(world: World, client: FlaskClient) -> None:
    client.post(
        FORM,
        data={"email": "ada@example.com", "timezone": "Europe/Berlin"},
        headers={
            "Referer": "https://example.com/barre?utm_source=mail&email=ada@example.com#box",
            "User-Agent": "A" * 600,
        },
        environ_base={"REMOTE_ADDR": "198.51.100.7"},
    )
    with world.database.read() as session:
        (proof,) = session.query(Consent)
    assert (proof.event, proof.ip, proof.page) == ("requested", "198.51.100.7", "https://example.com/barre")
    assert proof.user_agent == "A" * 512
    assert proof.wording == world.published.compiled.guides["hip-openers"].consent
    assert world.subscriber("ada@example.com").timezone == "Europe/Berlin"


STRANGE_HEADERS = [
    {"Referer": "http://["},
    {"Referer": "http://[::1"},
    {"Referer": "http://user:secret@example.com/page"},
    {"Referer": "http://example.com/\0"},
    {"Referer": "javascript:alert(1)"},
    {"Referer": "x" * 10_000},
    {"User-Agent": "a\0b"},
    {"User-Agent": "\x1b[31m"},
    {"X-Forwarded-For": "\0"},
]


def test_strange_headers_keep_nobody_from_signing_up(world: World, client: FlaskClient) -> None:
    for number, headers in enumerate(STRANGE_HEADERS):
        sent = client.post(FORM, data={"email": f"ada{number}@example.com"}, headers=headers)
        assert sent.status_code == 303, headers
    with world.database.read() as session:
        proofs = list(session.query(Consent).order_by(Consent.id))
    assert {proof.ip for proof in proofs} == {"127.0.0.1"}
    assert [proof.page for proof in proofs if proof.page] == ["http://example.com/page", "http://example.com/"]
    assert [proof.user_agent for proof in proofs][-3:-1] == ["ab", "[31m"]


@only_sqlite
@pytest.mark.parametrize("typed", ["", "Mars/Olympus", "../../etc/passwd", "/etc/passwd", "America", "\0", "x" * 300])
def test_a_time_zone_that_is_none_is_left_to_the_site(world: World, client: FlaskClient, typed: str) -> None:
    assert client.post(FORM, data={"email": "ada@example.com", "timezone": typed}).status_code == 303
    assert world.subscriber("ada@example.com").timezone is None


@pytest.mark.parametrize("method", ["get", "post"])
def test_an_unknown_guide_gets_the_page_of_a_wrong_link(world: World, client: FlaskClient, method: str) -> None:
    before = dump(world.database)
    for path in ("/f/no-such-guide", "/f/..", "/f/Hip-Openers", "/f/%00", "/f/" + "x" * 3000):
        page_of(client.open(path, method=method, data={"email": "ada@example.com"}), 404)
    assert dump(world.database) == before


class TestSentPage:
    """Check your inbox."""

    @only_sqlite
    def test_it_works_without_the_cookie(self, world: World, client: FlaskClient) -> None:
        page = page_of(client.get(f"{FORM}/sent"))
        assert page.one("h1").words == "One more step: check your inbox"
        assert "@" not in page.one("main").words.replace("maya@mail.example.com", "")

    @only_sqlite
    @pytest.mark.parametrize("value", ["", "x", "ImFkYUBleGFtcGxlLmNvbSI.x.y", "ö", "." * 3000])
    def test_it_believes_no_cookie_of_somebody_else(self, world: World, client: FlaskClient, value: str) -> None:
        client.set_cookie("lm_sent", value, path=f"{FORM}/sent")
        assert "ada@example.com" not in page_of(client.get(f"{FORM}/sent")).words

    @only_sqlite
    def test_it_shows_an_address_with_markup_in_it_as_text(self, world: World, client: FlaskClient) -> None:
        client.post(FORM, data={"email": "o'neil&amp@example.com"})
        assert "o'neil&amp@example.com" in page_of(client.get(f"{FORM}/sent")).one("main").words

    @only_sqlite
    def test_it_leads_to_the_test_mailbox_only_while_there_is_one(self, world: World, open_door: OpenDoor) -> None:
        assert "/mailbox" in open_door().get(f"{FORM}/sent").text
        assert "/mailbox" not in open_door(smtp_url="smtp://127.0.0.1:1").get(f"{FORM}/sent").text
