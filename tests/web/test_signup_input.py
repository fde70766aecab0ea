"""What may be typed into the form, and what gets a clear word: addresses, names, bodies."""

import io
from typing import Any

import pytest
from flask.testing import FlaskClient

from leadmagnet.content.compiled import Build
from leadmagnet.links import return_path
from tests.web.conftest import OpenDoor, only_sqlite
from tests.web.page import body_of, page_of
from tests.web.tables import dump
from tests.world import World

FORM = "/f/hip-openers"
JSON = {"Accept": "application/json"}


@only_sqlite
@pytest.mark.parametrize(
    "typed",
    [
        "o'neil@example.com",
        "me+tag@example.com",
        "!#$%&*/=?^_`{|}~-@example.com",
        "a@b.example",
        "  ada@example.com\t",
        f"{'a' * 64}@example.com",
        f"a@{'b' * 63}.example",
    ],
)
def test_a_good_address_is_written_to_exactly_once(world: World, client: FlaskClient, typed: str) -> None:
    assert client.post(FORM, data={"email": typed}).status_code == 303
    world.deliver()
    (mail,) = world.inbox()
    assert [one.addr_spec for one in mail["To"].addresses] == [typed.strip()]
    shown = page_of(client.get(f"{FORM}/sent")).one("strong", **{"class": "address"})
    assert shown.inside == [typed.strip()]


BAD_ADDRESSES = {
    "nothing": ("", "Please type your email address."),
    "spaces": ("   ", "Please type your email address."),
    "no at": ("ada.example.com", "missing its @"),
    "nothing before the at": ("@example.com", "missing the part before @"),
    "nothing after the at": ("ada@", "missing the part after @"),
    "two ats": ("a@b@c.example", "one address only"),
    "two dots": ("a..b@x.example", "does not look like"),
    "dot in front": (".a@x.example", "does not look like"),
    "dot behind": ("a.@x.example", "does not look like"),
    "65 before the at": (f"{'a' * 65}@x.example", "does not look like"),
    "a label of 64": (f"a@{'b' * 64}.example", "does not look like"),
    "a domain of 254": (f"a@{'b.' * 124}example", "does not look like"),
    "longer than any": (f"a@{'b' * 300}.example", "does not look like"),
    "localhost": ("a@localhost", "looks incomplete"),
    "an IP address in brackets": ("a@[127.0.0.1]", "does not look like"),
    "an IP address": ("a@10.0.0.1", "does not look like"),
    "hyphen in front": ("a@-x.example", "does not look like"),
    "underscore in the domain": ("a@x_y.example", "does not look like"),
    "dot at the end": ("a@x.example.", "does not look like"),
    "a header behind it": ("a@x.example\r\nBcc: z@y.example", "does not look like"),
    "a line end behind it": ("a@x.example\n", "does not look like"),
    "an encoded command behind it": ("a@x.example%0d%0aRCPT TO:<z>", "does not look like"),
    "two addresses": ("a@x.example, b@y.example", "one address only"),
    "two with a semicolon": ("a@x.example;b@y.example", "one address only"),
    "angle brackets": ("<a@x.example>", "does not look like"),
    "a name before it": ("Bob <a@x.example>", "does not look like"),
    "a quoted local part": ('"a b"@x.example', "does not look like"),
    "a comment": ("a(b)@x.example", "does not look like"),
    "accents before the at": ("josé@x.example", "accented letters before the @"),
    "right to left": ("a\u202eb@x.example", "does not look like"),
    "zero width": ("a\u200bb@x.example", "does not look like"),
    "NUL": ("a\0@x.example", "does not look like"),
    "a control character": ("a\x1b@x.example", "does not look like"),
    "markup": ('"><script>alert(1)</script>@x.example', "does not look like"),
    "template code": ("{{ 7*7 }}@x.example", "does not look like"),
}


@only_sqlite
@pytest.mark.parametrize(("typed", "message"), BAD_ADDRESSES.values(), ids=BAD_ADDRESSES)
def test_a_bad_address_gets_a_clear_word_and_changes_nothing(
    world: World, client: FlaskClient, typed: str, message: str
) -> None:
    before = dump(world.database)
    refused = client.post(FORM, data={"email": typed})
    page = page_of(refused, 422)
    field = page.one("input", name="email")
    assert field["value"] == typed[:320]
    assert field["aria-invalid"] == "true"
    told = page.one("p", id="lm-err")
    assert message in told.words and not told.has("hidden")
    assert "lm-err" in field["aria-describedby"].split()
    assert page.one("title").inside[0].startswith("Please check the form: ")  # type: ignore[union-attr]
    assert "<script>alert" not in refused.text
    as_json = client.post(FORM, data={"email": typed}, headers=JSON)
    assert (as_json.status_code, as_json.mimetype) == (422, "application/json")
    assert as_json.json == {"error": {"field": "email", "message": told.words}}
    assert dump(world.database) == before


@only_sqlite
@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ({"json": {"email": "ada@example.com"}}, 415),
        ({"json": ["ada@example.com"]}, 415),
        ({"data": "email=ada@example.com", "content_type": "text/plain"}, 415),
        ({"data": b"", "content_type": ""}, 415),
        ({}, 415),
        ({"data": b"email=" + b"a" * 1_000_000, "content_type": "application/x-www-form-urlencoded"}, 413),
        ({"data": {"email": "ada@example.com", "first_name": "A" * 1_000_000}}, 413),
        ({"data": {"email": (io.BytesIO(b"x" * 100_000), "ada.txt")}}, 413),
        ({"data": {f"field{n}": "x" for n in range(99)}, "content_type": "multipart/form-data"}, 413),
        ({"data": {"email": ["ada@example.com", "bob@example.com"]}}, 422),
        ({"data": {"email": ["ada@example.com", "ada@example.com"]}}, 422),
        ({"data": {"email": (io.BytesIO(b"ada@example.com"), "ada.txt")}}, 422),
        ({"data": {"Email": "ada@example.com"}}, 422),
        ({"data": b"email=\xff\xfe@example.com", "content_type": "application/x-www-form-urlencoded"}, 422),
        ({"data": b"broken", "content_type": "multipart/form-data"}, 422),
        ({"data": b"broken", "content_type": "multipart/form-data; boundary=x"}, 422),
        ({"query_string": {"email": "ada@example.com"}, "data": {"website": ""}}, 422),
    ],
    ids=[
        "json", "a json list", "plain text", "no type", "nothing", "a million letters", "a million letters of a name",
        "a file", "99 parts", "two addresses", "one address twice", "a file as the address",
        "another key", "no UTF-8", "multipart without a boundary", "broken multipart", "only in the URL",
    ],
)  # fmt: skip
def test_a_body_that_is_no_form_of_ours_changes_nothing(
    world: World, client: FlaskClient, sent: dict[str, Any], status: int
) -> None:
    before = dump(world.database)
    page_of(client.post(FORM, **sent), status)
    assert dump(world.database) == before


def test_a_form_with_files_and_more_fields_than_ours_is_read_as_well(world: World, client: FlaskClient) -> None:
    fields = {"email": "ada@example.com", "colour": "red"}
    assert client.post(FORM, data=fields, content_type="multipart/form-data").status_code == 303
    assert len(world.deliveries(kind="confirm")) == 1


def test_there_is_no_name_while_the_form_does_not_ask_for_one(world: World, client: FlaskClient) -> None:
    assert page_of(client.get(FORM)).every("input")[1]["name"] == "website"
    assert client.post(FORM, data={"email": "ada@example.com", "first_name": "http://spam.example"}).status_code == 303
    assert world.subscriber("ada@example.com").first_name is None


GOOD_NAMES = {
    "Ada": "Ada",
    "  Ada  ": "Ada",
    "": None,
    "Jose\u0301": "José",
    "Null": "Null",
    "undefined": "undefined",
    "O'); DROP TABLE subscriber; --": "O'); DROP TABLE subscriber; --",
    "{{ 7*7 }}{% include 'x' %}${7*7}": "{{ 7*7 }}{% include 'x' %}${7*7}",
    "\"&amp;'": "\"&amp;'",
    "x" * 64: "x" * 64,
}


@only_sqlite
@pytest.mark.parametrize(("typed", "kept"), GOOD_NAMES.items())
def test_a_name_is_kept_as_typed_and_stands_in_no_confirmation(
    world: World, client: FlaskClient, asking_names: Build, typed: str, kept: str | None
) -> None:
    world.publish(asking_names)
    form = page_of(client.get(FORM)).one("form")
    assert client.post(FORM, data=body_of(form) | {"email": "ada@example.com", "first_name": typed}).status_code == 303
    assert world.subscriber("ada@example.com").first_name == kept
    world.deliver()
    (mail,) = world.inbox()
    assert str(mail["To"]) == "ada@example.com"
    assert b"7*7" not in bytes(mail) and b"DROP" not in bytes(mail)


BAD_NAMES = {
    "a header": "=?UTF-8?Q?Bob=0D=0ABcc:_x@evil?=",
    "a body": "=?UTF-8?Q?Bob=0D=0A=0D=0AHello?=",
    "NUL": "A\0da",
    "a line end": "Ada\r\nBcc: z@y.example",
    "a script": "<script>alert(1)</script>",
    "an attribute's end": '"><img src=x onerror=alert(1)>',
    "an address": "http://spam.example WIN",
    "an address without a scheme": "Click t.me/x",
    "another one": "WWW.spam.example",
    "right to left": "A\u202eda",
    "zero width": "A\u200bda",
    "65 letters": "x" * 65,
}


@only_sqlite
@pytest.mark.parametrize("typed", BAD_NAMES.values(), ids=BAD_NAMES)
def test_a_bad_name_gets_a_clear_word_and_changes_nothing(
    world: World, client: FlaskClient, asking_names: Build, typed: str
) -> None:
    world.publish(asking_names)
    before = dump(world.database)
    refused = client.post(FORM, data={"email": "ada@example.com", "first_name": typed})
    page = page_of(refused, 422)
    field = page.one("input", name="first_name")
    assert field["aria-invalid"] == "true"
    assert field["value"] == typed
    assert page.one("input", name="email")["value"] == "ada@example.com"
    assert not page.one("input", name="email").has("aria-invalid")
    told = page.one("p", id=field["aria-describedby"])
    assert "name" in told.words and not told.has("hidden")
    assert "<script>alert" not in refused.text and "<img src=x" not in refused.text
    as_json = client.post(FORM, data={"email": "ada@example.com", "first_name": typed}, headers=JSON)
    assert as_json.json == {"error": {"field": "first_name", "message": told.words}}
    assert dump(world.database) == before


@only_sqlite
def test_what_is_sent_to_the_domain_of_our_bounces_would_come_back_to_us_so_nothing_is(
    world: World, open_door: OpenDoor
) -> None:
    browser = open_door(bounce_domain="bounce.example.com")
    before = dump(world.database)
    for address in (return_path(7, "bounce.example.com", world.links.keys), "Anything@Bounce.Example.Com"):
        assert browser.post(FORM, data={"email": address}).status_code == 303
    assert dump(world.database) == before
    assert browser.post(FORM, data={"email": "ada@example.com"}).status_code == 303
    assert dump(world.database) != before
