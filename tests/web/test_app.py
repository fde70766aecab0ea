"""What holds for every answer of the web pages: hosts, headers, errors, privacy."""

import base64
import logging
from pathlib import Path
from urllib.parse import quote

import pytest
from flask.testing import FlaskClient

from leadmagnet.settings import Settings
from leadmagnet.store.database import Database
from leadmagnet.web.app import create_app
from tests.web.conftest import OpenDoor, only_sqlite
from tests.web.mails import links_of
from tests.web.page import page_of
from tests.web.tables import dump
from tests.web.tour import ADA, BOB, FORM, LEFT, answers, populate
from tests.world import World

#: Pages that are about one person, or that show a person's address.
PERSONAL = {
    "sent", "framed sent", "confirm", "confirmed", "guide", "guide of one who left", "no guide", "leave", "left",
    "other address", "delete", "new address", "new address, too late", "forgotten", "expired",
    "mailbox", "mail",
}  # fmt: skip


class TestHost:
    """A server answers to its own names alone, and no link ever follows what a request says."""

    @pytest.mark.parametrize(
        "host",
        [
            "evil.example",
            "evil.example:8000",
            "127.0.0.1.evil.example",
            "localhost.evil.example",
            "",
            "a b",
            "[::2]",
            "[",
        ],
    )
    @only_sqlite
    def test_a_request_for_another_host_is_refused(self, world: World, client: FlaskClient, host: str) -> None:
        before = dump(world.database)
        for answer in (
            client.get("/", headers={"Host": host}),
            client.post(FORM, data={"email": ADA}, headers={"Host": host}),
        ):
            page_of(answer, 400)
            assert "evil" not in answer.text + str(answer.headers)
        assert dump(world.database) == before

    @pytest.mark.parametrize(
        ("host", "settings"),
        [
            ("127.0.0.1:8000", {}),
            ("127.0.0.1:9", {}),
            ("localhost:8000", {}),
            ("LOCALHOST", {}),
            ("[::1]:8000", {}),
            ("mail.example.com", {"base_url": "https://mail.example.com"}),
            ("Mail.Example.com:443", {"base_url": "https://mail.example.com"}),
            ("192.0.2.9:8000", {"host": "192.0.2.9"}),
            ("[2001:db8::9]:8000", {"host": "2001:db8::9"}),
        ],
    )
    @only_sqlite
    def test_a_request_for_an_own_name_is_answered(
        self, open_door: OpenDoor, host: str, settings: dict[str, str]
    ) -> None:
        assert open_door(**settings).get("/", headers={"Host": host}).status_code == 200

    @only_sqlite
    @pytest.mark.parametrize("name", ["X-Forwarded-Host", "X-Host", "X-Original-Url", "Forwarded", "X-Forwarded-Proto"])
    def test_no_link_follows_a_header(self, world: World, open_door: OpenDoor, name: str) -> None:
        client = open_door(trusted_proxies="127.0.0.0/8")
        forged = {name: "host=evil.example" if name == "Forwarded" else "evil.example"}
        shown = [client.get(path, headers=forged) for path in ("/", FORM, f"{FORM}/sent")]
        shown.append(client.post(FORM, data={"email": ADA}, headers=forged))
        shown.append(client.post(FORM, data={"email": BOB}, headers=forged | {"Accept": "application/json"}))
        world.deliver()
        for answer in shown:
            assert "evil" not in answer.text + str(answer.headers)
        for mail in world.inbox():
            assert "evil" not in mail.as_string()
            assert all(link.startswith("http://127.0.0.1:8000/") for link in links_of(mail))


class TestHeaders:
    """What every answer tells a browser."""

    @only_sqlite
    def test_every_answer_forbids_what_no_page_needs(self, world: World, client: FlaskClient) -> None:
        for name, answer in answers(world, client).items():
            rules = answer.headers["Content-Security-Policy"]
            assert rules.startswith("default-src 'none'; "), name
            assert ("'unsafe-inline'" in rules) is (name == "letter" or name.startswith("blog")), name
            assert "unsafe-eval" not in rules and "*" not in rules, name
            assert ("http" in rules) is name.startswith(("framed", "blog")), name
            if name != "letter":
                form, ancestors = "form-action 'self'", "frame-ancestors 'self'"
                if name.startswith("framed"):
                    ancestors += " https://example.com"
                if name.startswith("blog"):
                    form = "form-action http://127.0.0.1:8000"
                assert {form, "base-uri 'none'", ancestors} <= set(rules.split("; ")), name
            assert answer.headers["X-Content-Type-Options"] == "nosniff", name
            assert "Strict-Transport-Security" not in answer.headers, name
            assert "Server" not in answer.headers and "Access-Control-Allow-Origin" not in answer.headers, name

    @only_sqlite
    def test_a_personal_page_is_neither_kept_nor_indexed_and_tells_nobody_its_address(
        self, world: World, client: FlaskClient
    ) -> None:
        for name, answer in answers(world, client).items():
            if name in PERSONAL:
                assert answer.headers["Cache-Control"] == "no-store", name
                assert answer.headers["X-Robots-Tag"] == "noindex", name
                assert answer.headers["Referrer-Policy"] == "no-referrer", name
            else:
                assert answer.headers["Referrer-Policy"] == "strict-origin-when-cross-origin", name
                assert "X-Robots-Tag" not in answer.headers, name
            if name in ("letter", "source"):
                assert answer.headers["Cache-Control"] == "no-store", name

    @only_sqlite
    def test_https_is_demanded_only_where_the_site_has_it(self, world: World, open_door: OpenDoor) -> None:
        for name, answer in answers(world, open_door(base_url="https://mail.example.com")).items():
            assert answer.headers["Strict-Transport-Security"] == "max-age=31536000", name

    @only_sqlite
    @pytest.mark.parametrize("secure", [True, False])
    def test_the_one_cookie_is_short_lived_and_goes_to_one_page(self, open_door: OpenDoor, secure: bool) -> None:
        client = open_door(base_url="https://mail.example.com" if secure else None)
        answer = client.post(FORM, data={"email": ADA})
        (cookie,) = answer.headers.getlist("Set-Cookie")
        flags = {part.strip().partition("=")[0]: part.strip().partition("=")[2] for part in cookie.split(";")[1:]}
        assert flags.pop("Expires")
        expected = {"Max-Age": "900", "HttpOnly": "", "Path": f"{FORM}/sent", "SameSite": "Lax"}
        assert flags == (expected | {"Secure": ""} if secure else expected)

    @only_sqlite
    def test_no_page_but_the_answer_to_the_form_sets_a_cookie(self, world: World, client: FlaskClient) -> None:
        for name, answer in answers(world, client).items():
            assert "Set-Cookie" not in answer.headers, name


class TestErrors:
    """What goes wrong is a page with a way on, or JSON for a program."""

    @pytest.mark.parametrize(
        ("method", "path", "sent", "status"),
        [
            ("GET", "/no/such/page", {}, 404),
            ("PUT", "/", {}, 405),
            ("POST", FORM, {"json": {}}, 415),
            ("POST", FORM, {"data": {"email": "x" * 100_000}}, 413),
            ("GET", "/", {"headers": {"Host": "evil.example"}}, 400),
        ],
    )
    @only_sqlite
    def test_every_error_is_a_page_and_json(
        self, world: World, client: FlaskClient, method: str, path: str, sent: dict[str, dict[str, str]], status: int
    ) -> None:
        page = page_of(client.open(path, method=method, **sent), status)  # type: ignore[arg-type]
        assert page.one("main").one("a")["href"] == "/"
        assert str(status) in page.one("main").words
        headers = sent.get("headers", {}) | {"Accept": "application/json"}
        answer = client.open(path, method=method, **(sent | {"headers": headers}))  # type: ignore[arg-type]
        assert (answer.status_code, answer.mimetype) == (status, "application/json")
        assert answer.json is not None and answer.json["error"]["field"] is None
        assert answer.json["error"]["message"]

    def test_before_the_first_publish_every_page_says_not_open_yet(self, database: Database, tmp_path: Path) -> None:
        client = self.client_of(database, tmp_path)
        for answer in (
            client.get("/"),
            client.get(FORM),
            client.post(FORM, data={"email": ADA}),
            client.get("/privacy"),
        ):
            page = page_of(answer, 503)
            assert page.one("h1").words == "Not open yet"
            assert page.one("main").every("a") == []
        assert client.get("/", headers={"Accept": "application/json"}).json == {
            "error": {"field": None, "message": "This site is still being set up. Please come back a little later."}
        }

    def test_without_a_database_a_page_still_says_something(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.CRITICAL)
        database = Database(f"sqlite:///{tmp_path / 'empty.db'}")
        client = self.client_of(database, tmp_path)
        for answer in (client.get("/"), client.post(FORM, data={"email": ADA})):
            assert page_of(answer, 500).one("h1").words == "Something went wrong"
            assert "sqlite" not in answer.text and "Traceback" not in answer.text
        assert client.get("/healthz").status_code == 200
        database.close()

    @staticmethod
    def client_of(database: Database, folder: Path) -> FlaskClient:
        settings = Settings(secret_keys="first key", suppression_key="x", data_dir=folder)  # type: ignore[arg-type]
        from leadmagnet import clock

        return create_app(settings, database, clock=clock.now).test_client()


@only_sqlite
def test_no_answer_holds_an_address_but_where_it_is_meant(world: World, client: FlaskClient) -> None:
    meant = {
        "leave": {ADA},
        "other address": {ADA},
        "delete": {ADA},
        "mailbox": {ADA, BOB, LEFT},
        "mail": {BOB},
        "source": {BOB},
    }
    for name, answer in answers(world, client).items():
        shown = answer.text + str(answer.headers)
        for address in (ADA, BOB, LEFT):
            spellings = {address, quote(address, safe=""), base64.b64encode(address.encode()).decode().rstrip("=")}
            found = any(spelling in shown for spelling in spellings)
            assert found is (address in meant.get(name, set())), (name, address)


@only_sqlite
def test_the_links_of_the_pages_lead_somewhere(world: World, client: FlaskClient) -> None:
    seen = set()
    for path in populate(world).values():
        shown = client.get(path)
        if shown.mimetype == "text/html" and not path.endswith("/html"):
            main = page_of(shown, shown.status_code)
            seen |= {one[name] for one in main.every() for name in ("href", "src", "srcset") if one.has(name)}
    own = {address.partition("#")[0] for address in seen if address.startswith("/")}
    assert own >= {"/privacy", FORM, "/static/site.css", "/mailbox"}
    for address in own:
        with client.get(address) as answer:
            assert answer.status_code == 200, address
            assert answer.headers["X-Content-Type-Options"] == "nosniff", address
