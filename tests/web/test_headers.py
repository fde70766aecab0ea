"""Every door there is, knocked at by every method: what each answer tells a browser."""

import re
from collections.abc import Iterator

from flask.testing import FlaskClient
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from leadmagnet.links import Purpose, mint
from tests.web.conftest import OpenDoor, only_sqlite
from tests.web.page import read
from tests.web.tour import ADA, NEW, populate
from tests.world import World

#: Doors to what is about one person, or shows an address.
_PERSONAL = ("/c/", "/g/", "/u/", "/a/", "/l/", "/mailbox")
#: A letter in the frame of the test mailbox, and a page that plays somebody's blog: they have styles of their own.
_OTHERS = ("/html", "/embed/try")
_METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "DELETE", "PATCH")


def _paths(world: World, pages: dict[str, str], rule: Rule) -> list[str]:
    """This door with names that exist, and with one that does not."""
    keys, row = world.links.keys, world.deliveries(step="tight-hips", state="pending")[0]
    known = {
        "/c/<token>": pages["confirm"],
        "/g/<token>": pages["guide"],
        "/g/<token>.pdf": f"{pages['guide']}.pdf",
        "/u/<token>": pages["leave"],
        "/u/<token>/address": f"{pages['leave']}/address",
        "/u/<token>/data": f"{pages['leave']}/data",
        "/u/<token>/forget": f"{pages['leave']}/forget",
        "/a/<token>": pages["new address"],
        "/l/<link>": f"/l/{mint(Purpose.CLICK, row.id, keys)}00",
        "/mailbox/<key>": pages["mail"],
        "/mailbox/<key>/html": pages["letter"],
        "/mailbox/<key>/source": pages["source"],
        "/static/<path:filename>": "/static/site.css",
    }
    if not rule.arguments:
        return [rule.rule]
    if rule.rule in known:
        return [known[rule.rule], *_made_up(rule)]
    return [rule.rule.replace("<slug>", "hip-openers").replace("<guide>", "hip-openers"), *_made_up(rule)]


def _made_up(rule: Rule) -> list[str]:
    return ["".join(part if not is_dynamic else "nothing" for is_dynamic, part in rule._trace)[1:]]


def _answers(world: World, client: FlaskClient) -> Iterator[tuple[str, TestResponse]]:
    pages = populate(world)
    rules = {rule.rule: rule for rule in client.application.url_map.iter_rules()}
    for rule in rules.values():
        for path in _paths(world, pages, rule):
            for method in _METHODS:
                form = {"email": ADA} if method == "POST" else None
                with client.open(path, method=method, data=form) as answer:
                    answer.get_data()
                    yield f"{method} {rule.rule}", answer


@only_sqlite
def test_every_answer_of_every_door_forbids_what_it_does_not_need(world: World, open_door: OpenDoor) -> None:
    client = open_door(base_url="https://mail.example.com")
    doors = set()
    for name, answer in _answers(world, client):
        headers, path = answer.headers, answer.request.path
        doors.add((name, answer.status_code // 100))
        policy = headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'; "), name
        assert "unsafe-eval" not in policy and ("unsafe-inline" not in policy or path.endswith(_OTHERS)), name
        assert headers["X-Content-Type-Options"] == "nosniff", name
        assert headers["Referrer-Policy"] in ("no-referrer", "strict-origin-when-cross-origin"), name
        assert "camera=()" in headers["Permissions-Policy"], name
        assert headers["Cross-Origin-Opener-Policy"] == "same-origin", name
        assert headers["Cross-Origin-Resource-Policy"] in ("same-origin", "cross-origin"), name
        assert headers["Strict-Transport-Security"] == "max-age=31536000", name
        assert "Server" not in headers, name
        # A form holds when it was shown and what led this visitor here: no cache may show it to another.
        assert re.match("no-store|private, no-cache|public, |no-cache, ", headers["Cache-Control"]), name
        is_public = headers["Cache-Control"].startswith(("public", "no-cache"))
        assert not is_public or path.startswith(("/static/", "/media/", "/embed.js")), name
        if path.startswith(_PERSONAL) and answer.status_code < 400 and not name.startswith("OPTIONS"):
            assert headers["Cache-Control"] == "no-store", name
            assert headers["Referrer-Policy"] == "no-referrer" or "/mailbox/" in path, name
        for cookie in headers.getlist("Set-Cookie"):
            assert name.startswith("POST /f/") and cookie.startswith("lm_sent="), (name, cookie)
            assert {"Secure", "HttpOnly", "SameSite=Lax"} <= set(cookie.split("; ")), cookie
        _nothing_inline(name, answer)
    assert {("GET /u/<token>/data", 2), ("GET /g/<token>.pdf", 2), ("GET /static/<path:filename>", 2)} <= doors
    assert {("GET /u/<token>", 4), ("POST /", 4), ("PUT /a/<token>", 4), ("GET /l/<link>", 3)} <= doors


def _nothing_inline(name: str, answer: TestResponse) -> None:
    """The policy would refuse it."""
    is_page = answer.mimetype == "text/html" and answer.status_code // 100 != 3
    if not is_page or answer.request.path.endswith(_OTHERS) or not answer.get_data():
        return
    page = read(answer.text)
    assert page.every("style") == [] and not any(one.has("href") for one in page.every("base")), name
    for one in page.every():
        assert not one.has("style") and not any(key.startswith("on") for key in one.attributes), (name, one.tag)
        if one.tag == "script":
            assert one["src"].startswith("/") and not one.words.strip(), name


@only_sqlite
def test_files_of_the_pages_may_be_kept_and_asked_for_anew(client: FlaskClient) -> None:
    with client.get("/static/site.css") as first:
        assert "max-age=3600" in first.headers["Cache-Control"]
        with client.get("/static/site.css", headers={"If-None-Match": first.headers["ETag"]}) as again:
            assert again.status_code == 304


@only_sqlite
def test_a_page_says_the_new_address_only_behind_the_link_that_was_sent_to_it(
    world: World, client: FlaskClient
) -> None:
    pages = populate(world)
    assert NEW in client.get(pages["new address"]).text
    assert NEW not in client.get(pages["leave"]).text + client.get(pages["other address"]).text
