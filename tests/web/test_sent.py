"""Check your inbox, without a script: another try, another address, and how long to wait."""

import json

import pytest
from flask.testing import FlaskClient
from itsdangerous import TimestampSigner
from itsdangerous.encoding import base64_encode

from leadmagnet.content.compiled import Build
from tests.web.conftest import OpenDoor, only_sqlite
from tests.web.page import Element, page_of
from tests.world import World

pytestmark = only_sqlite

FORM = "/f/hip-openers"
SENT = f"{FORM}/sent"
BASE = "http://127.0.0.1:8000"
JSON = {"Accept": "application/json"}


def main(client: FlaskClient, status: int = 200, *, post: bool = False) -> Element:
    return page_of(client.post(SENT) if post else client.get(SENT), status).one("main")


def test_it_is_sent_again_after_a_minute_then_after_ten_and_then_not(world: World, client: FlaskClient) -> None:
    client.post(FORM, data={"email": "ada@example.com"})
    world.wait(seconds=18)
    early = client.post(SENT)
    assert (early.status_code, early.headers["Retry-After"]) == (429, "42")
    assert "You can send it again in 42 seconds." in early.text
    world.wait(seconds=42)
    assert client.post(SENT).location == SENT
    assert "It's on its way once more." in main(client).words
    world.wait(seconds=60)
    assert "You can send it again in 9 minutes." in main(client, 429, post=True).words
    world.wait(minutes=9)
    assert client.post(SENT).status_code == 303
    page = main(client)
    assert "That makes three" in page.words
    assert "Send it again" not in page.words
    world.wait(minutes=10)
    main(client, post=True)
    assert len(world.deliveries(kind="confirm")) == 3


def test_each_try_that_the_page_offers_brings_a_mail(world: World, client: FlaskClient) -> None:
    """The button never lies: what the page waits for is what the limits wait for."""
    told = {"email": "ada@example.com"}
    for again in ("0", "1", "2"):
        count = len(world.deliveries())
        answer = client.post(FORM, data=told | {"again": again}, headers=JSON).json
        assert len(world.deliveries()) == count + 1
        assert answer is not None
        world.wait(seconds=answer["again_after"] or 0)
    assert answer["again_after"] is None


def test_without_the_cookie_it_leads_to_the_form(world: World, client: FlaskClient) -> None:
    assert client.post(SENT).location == FORM
    assert world.deliveries() == []


def test_what_the_form_said_goes_along_with_another_address(
    world: World, client: FlaskClient, asking_names: Build
) -> None:
    world.publish(asking_names)
    told = {"email": "ada@gmial.com", "first_name": "Ada", "timezone": "Europe/Berlin", "utm_source": "mail"}
    client.post(FORM, data=told)
    forms = main(client).every("form")
    for form in forms[:2]:
        fields = {one["name"]: one["value"] for one in form.every("input")}
        email = fields.pop("email")
        assert (form["action"], fields) == (FORM, {name: told[name] for name in told if name != "email"})
        assert email in ("ada@gmail.com", "ada@gmial.com")
    assert forms[0].words == "Did you mean ada@gmail.com? Use ada@gmail.com instead"


def test_page_and_script_say_the_same(client: FlaskClient) -> None:
    """Every sentence of the panel stands on the page, too."""
    answer = client.post(FORM, data={"email": "ada@hotmail.com"}, headers=JSON)
    client.post(FORM, data={"email": "ada@hotmail.com"})
    assert answer.json is not None
    page, panel = client.get(SENT), answer.json["html"]
    for part in ("One more step: check your inbox", "A mail is on its way to", "Not right? Change it", "Open Outlook"):
        assert part in page.text and part in panel
    assert "Search there for “Hip Openers for Runners”." in page.text and "Search there for" in panel
    assert answer.json["inbox"]["name"] == "Outlook" and answer.json["sender"] == "Maya"


def test_the_start_page_leads_to_every_guide(world: World, open_door: OpenDoor, two_guides: Build) -> None:
    world.publish(two_guides)
    page = page_of(open_door().get("/")).one("main")
    (form,) = page.every("form")
    assert form["action"] == FORM
    assert page.one("p", **{"class": "others"}).one("a")["href"] == "/f/strong-feet"


def test_the_confirm_page_has_no_script_that_could_press_its_button(world: World, client: FlaskClient) -> None:
    world.asks("ada@example.com")
    page = page_of(client.get(world.links.confirm(world.enrollment("ada@example.com").id).removeprefix(BASE)))
    assert page.every("script") == []
    (form,) = page.every("form")
    assert (form["method"], form.one("button")["type"]) == ("post", "submit")


@pytest.mark.parametrize("values", ["ada@example.com", ["ada@example.com"], [1, 2, 3, 4], None, ["a", {}, 1, "x"]])
def test_a_cookie_of_another_version_is_none(client: FlaskClient, values: object) -> None:
    client.post(FORM, data={"email": "ada@example.com"})
    kept = client.get_cookie("lm_sent", path=SENT)
    signer = TimestampSigner("first key", salt="asked-for")
    assert kept is not None and signer.validate(kept.value)
    client.set_cookie("lm_sent", signer.sign(base64_encode(json.dumps(values))).decode(), path=SENT)
    assert "@" not in main(client).words.replace("maya@mail.example.com", "")


def test_a_long_story_fits_into_the_cookie(client: FlaskClient) -> None:
    """Browsers drop what is longer than 4096 bytes, and with it the address that the page shows."""
    told = {f"utm_{name}": "".join(chr(0x10000 + 7919 * n % 9999) for n in range(100)) for name in ("source", "term")}
    sent = client.post(FORM, data={"email": "ada@example.com", "page": "https://e.example/" + "é𐍈" * 240, **told})
    assert len(sent.headers["Set-Cookie"]) < 4000
    assert "ada@example.com" in main(client).words
