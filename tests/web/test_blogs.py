"""Other sites: who may read the answers to the form, who may frame it, and that everybody else may still post it."""

import re

import pytest
from flask.testing import FlaskClient

from leadmagnet.content.compiled import Build
from leadmagnet.publishing import drafts
from leadmagnet.store.models import Consent
from leadmagnet.web import blogs
from tests.web.conftest import OpenDoor, copy_of_example, only_sqlite
from tests.web.page import page_of
from tests.web.tables import dump
from tests.world import World

FORM = "/f/hip-openers"
BLOG = "https://example.com"
JSON = {"Accept": "application/json"}
MAY_READ = "Access-Control-Allow-Origin"
#: Origins that are not the one in the list, however much they look like it.
STRANGERS = [
    "https://evil.example", "http://example.com", "https://example.com:8443", "https://www.example.com",
    "https://example.com.", "https://example.com.evil.example", "https://evilexample.com", "https://EXAMPLE.com",
    "https://example.com/", "null", "", "https://example.com https://evil.example", "https://exämple.com",
]  # fmt: skip


@pytest.fixture(scope="session")
def with_blogs(tmp_path_factory: pytest.TempPathFactory) -> Build:
    """The example site, allowed on blogs whose origins are spelt in other ways than browsers spell them."""
    site = copy_of_example(tmp_path_factory.mktemp("blogs"))
    settings = (site / "leadmagnet.toml").read_text()
    spelt = '["https://Example.COM:443", "http://bücher.example:8080", "http://[::1]:80", "https://*.example.org"]'
    assert '["https://example.com"]' in settings
    (site / "leadmagnet.toml").write_text(settings.replace('["https://example.com"]', spelt))
    build = drafts.check(site)
    assert build.compiled is not None
    return build


@only_sqlite
def test_the_scripts_of_permitted_sites_read_every_answer_to_the_form(world: World, client: FlaskClient) -> None:
    headers = JSON | {"Origin": BLOG}
    answers = {
        200: client.post(FORM, data={"email": "ada@example.com"}, headers=headers),
        422: client.post(FORM, data={"email": "ada"}, headers=headers),
        415: client.post(FORM, json={"email": "ada@example.com"}, headers=headers),
        413: client.post(FORM, data={"email": "x" * 100_000}, headers=headers),
        404: client.post("/f/no-such-guide", data={"email": "ada@example.com"}, headers=headers),
    }
    for status, answer in answers.items():
        assert (answer.status_code, answer.headers[MAY_READ]) == (status, BLOG)
        assert answer.json is not None
        assert "Origin" in answer.headers["Vary"], status
        assert "Access-Control-Allow-Credentials" not in answer.headers, status
        assert answer.headers["Access-Control-Expose-Headers"] == "Retry-After"


@only_sqlite
def test_a_script_is_told_how_long_to_wait_and_since_when_its_form_has_been_open(
    world: World, open_door: OpenDoor
) -> None:
    client = open_door(signups_per_network=1)
    answers = [
        client.post(
            FORM,
            data={"email": f"{name}@example.com"},
            headers=JSON | {"Origin": BLOG},
            environ_base={"REMOTE_ADDR": "8.8.4.4"},
        )
        for name in ("ada", "bob")
    ]
    assert [answer.status_code for answer in answers] == [200, 429]
    assert answers[1].headers[MAY_READ] == BLOG and int(answers[1].headers["Retry-After"]) > 0
    assert client.get(f"{FORM}/started", headers={"Origin": BLOG}).headers[MAY_READ] == BLOG
    stranger = client.get(f"{FORM}/started", headers={"Origin": "https://evil.example"})
    assert MAY_READ not in stranger.headers and "Origin" in stranger.headers["Vary"]


@only_sqlite
@pytest.mark.parametrize("origin", STRANGERS)
def test_a_script_that_could_not_read_the_answer_is_turned_away_and_the_plain_form_is_not(
    world: World, client: FlaskClient, origin: str
) -> None:
    before = dump(world.database)
    turned_away = client.post(FORM, data={"email": "ada@example.com"}, headers=JSON | {"Origin": origin})
    assert turned_away.status_code == 403
    assert dump(world.database) == before
    signed_up = client.post(FORM, data={"email": "ada@example.com"}, headers={"Origin": origin})
    assert signed_up.status_code == 303
    with world.database.read() as session:
        assert session.query(Consent).count() == 1
    for answer in (turned_away, signed_up, client.get(FORM, headers={"Origin": origin})):
        assert MAY_READ not in answer.headers
        assert "Origin" in answer.headers["Vary"]


@only_sqlite
@pytest.mark.parametrize("origin", ["http://127.0.0.1:8000", "http://localhost"], ids=["our address", "another name"])
def test_our_own_pages_and_programs_are_no_strangers(world: World, client: FlaskClient, origin: str) -> None:
    for headers in (JSON, JSON | {"Origin": origin}):
        assert client.post(FORM, data={"email": "ada@example.com"}, headers=headers).status_code == 200


@only_sqlite
def test_a_preflight_is_granted_to_nobody(world: World, client: FlaskClient) -> None:
    asks = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}
    for origin in (BLOG, "https://evil.example"):
        answer = client.options(FORM, headers={"Origin": origin, **asks})
        assert answer.status_code == 200 and "POST" in answer.headers["Allow"]
        assert not [name for name, _ in answer.headers if name.startswith("Access-Control")]


@only_sqlite
@pytest.mark.parametrize("path", ["/", "/privacy", f"{FORM}/sent", f"{FORM}/embed", "/embed", "/healthz", FORM])
def test_nothing_else_can_be_read_from_elsewhere(world: World, client: FlaskClient, path: str) -> None:
    assert MAY_READ not in client.get(path, headers=JSON | {"Origin": BLOG}).headers


@only_sqlite
def test_a_plain_form_from_anywhere_costs_no_look_at_the_list(
    world: World, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.get(FORM)

    def looked() -> tuple[str, ...]:
        raise AssertionError("looked")

    monkeypatch.setattr(blogs, "permitted", looked)
    for headers in ({"Origin": BLOG}, {"Origin": "https://evil.example"}, JSON | {"Origin": BLOG}):
        assert client.post(FORM, data={"email": "ada@example.com"}, headers=headers).status_code in (200, 303)


@only_sqlite
def test_a_blog_is_let_in_as_soon_as_the_list_is_published(
    world: World, client: FlaskClient, with_blogs: Build
) -> None:
    headers = JSON | {"Origin": "http://xn--bcher-kva.example:8080"}
    assert client.post(FORM, data={"email": "ada@example.com"}, headers=headers).status_code == 403
    world.publish(with_blogs)
    assert client.post(FORM, data={"email": "ada@example.com"}, headers=headers).headers[MAY_READ] == headers["Origin"]


@only_sqlite
def test_a_list_counts_in_the_spelling_of_browsers(world: World, open_door: OpenDoor, with_blogs: Build) -> None:
    world.publish(with_blogs)
    client = open_door()
    for origin in (BLOG, "http://xn--bcher-kva.example:8080", "http://[::1]"):
        sent = client.post(FORM, data={"email": "ada@example.com"}, headers=JSON | {"Origin": origin})
        assert sent.headers[MAY_READ] == origin
    for origin in ("https://*.example.org", "https://a.example.org", "http://bücher.example:8080"):
        assert MAY_READ not in client.post(FORM, data={"email": "x"}, headers=JSON | {"Origin": origin}).headers
    ancestors = re.findall("frame-ancestors ([^;]*)", client.get(f"{FORM}/embed").headers["Content-Security-Policy"])
    assert ancestors == [f"'self' {BLOG} http://xn--bcher-kva.example:8080 http://[::1]"]


@pytest.mark.parametrize(
    ("address", "origin"),
    [
        ("https://Example.com:443/x?y#z", BLOG),
        ("https://ada:pw@example.com", BLOG),
        ("http://example.com:80", "http://example.com"),
        ("https://example.com.", None),
        ("https://example.com; script-src *", None),
        ("ftp://example.com", None),
        ("https://", None),
        ("https://example.com:x", None),
        ("http://[", None),
        ("https://" + "a" * 64 + ".example", None),
        ("null", None),
    ],
)
def test_an_origin_is_read_as_browsers_write_it(address: str, origin: str | None) -> None:
    assert blogs.origin_of(address) == origin


class TestFrames:
    """The form and its answers stand in frames of permitted sites; nothing else does."""

    @only_sqlite
    def test_the_form_and_all_its_answers_may_be_framed(self, world: World, client: FlaskClient) -> None:
        box = page_of(client.get(f"{FORM}/embed"))
        assert box.one("html")["data-parents"] == f"http://127.0.0.1:8000 {BLOG}"
        form = box.one("form")
        assert (form["action"], form["target"]) == (f"{FORM}?in=frame", "_self")
        for answer in (
            client.get(f"{FORM}/embed"),
            client.get(f"{FORM}/sent?in=frame"),
            client.post(form["action"], data={"email": "ada@example.com"}),
            client.post(form["action"], data={"email": "ada"}),
            client.get("/f/no-such-guide/embed"),
        ):
            assert f"frame-ancestors 'self' {BLOG}" in answer.headers["Content-Security-Policy"]
            framed = page_of(answer, answer.status_code)
            assert framed.one("base").attributes == {"target": "_top"}
            assert framed.every("header", "footer") == []

    @only_sqlite
    def test_no_cookie_comes_back_from_another_sites_frame_and_nothing_is_missing(
        self, world: World, client: FlaskClient
    ) -> None:
        """No browser sends a `SameSite=Lax` cookie there; the page itself carries what it knows."""
        answer = client.post(f"{FORM}?in=frame", data={"email": "ada@outlok.com"})
        assert answer.headers.getlist("Set-Cookie") == []
        assert answer.headers["Cache-Control"] == "no-store"
        sent = page_of(answer)
        slip, other, again = sent.every("form")
        assert slip.one("input", name="email")["value"] == "ada@outlook.com"
        assert other.one("input", name="email")["value"] == "ada@outlok.com"
        carried = {"asked": again.one("input", name="asked")["value"]}
        early = client.post(again["action"], data=carried)
        assert early.status_code == 429 and "Give the first one a moment" in early.text
        world.wait(seconds=61)
        once_more = client.post(again["action"], data=carried)
        assert "on its way once more" in once_more.text
        assert len(world.deliveries(kind="confirm")) == 2
        forged = client.post(again["action"], data={"asked": carried["asked"][:-2] + "xx"})
        assert forged.location == f"{FORM}?in=frame"

    @only_sqlite
    def test_a_mistake_in_a_frame_is_shown_in_the_frame(self, world: World, client: FlaskClient) -> None:
        again = page_of(client.post(f"{FORM}?in=frame", data={"email": "ada"}), 422)
        assert again.one("form")["action"] == f"{FORM}?in=frame"
        assert again.one("input", name="email")["value"] == "ada"

    @only_sqlite
    @pytest.mark.parametrize("path", ["/", FORM, f"{FORM}/sent", "/privacy", "/embed?in=frame", "/mailbox?in=frame"])
    def test_no_other_page_is_framed_by_anybody(self, world: World, client: FlaskClient, path: str) -> None:
        policy = client.get(path).headers["Content-Security-Policy"]
        assert re.search(r"frame-ancestors '(self|none)'(;|$)", policy)
        assert BLOG not in policy
