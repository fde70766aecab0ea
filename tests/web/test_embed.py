"""What goes onto other sites: the script, the snippets, and the page that hands them out."""

import re

from flask.testing import FlaskClient

from leadmagnet.content.compiled import Build
from leadmagnet.content.guides import Guide
from leadmagnet.web.embed import snippet
from tests.web.conftest import OpenDoor, only_sqlite
from tests.web.page import Element, body_of, page_of, read
from tests.world import World

pytestmark = only_sqlite

FORM = "/f/hip-openers"
BASE = "http://127.0.0.1:8000"


def codes(page: Element) -> list[str]:
    """What the page gives to copy, as it arrives on the clipboard."""
    return ["".join(map(str, one.one("code").inside)) for one in page.every("pre")]


def form_of(page: Element) -> Element:
    return read(next(code for code in codes(page) if code.startswith("<form"))).one("form")


def test_the_script_is_small_alone_and_asked_for_again_within_the_hour(client: FlaskClient) -> None:
    answer = client.get("/embed.js")
    assert len(answer.data) < 6_000
    assert not re.search(r"\bimport\b|document\.cookie|Storage|XMLHttpRequest|https?://", answer.text)
    assert answer.content_type == "text/javascript; charset=utf-8"
    assert answer.headers["Cache-Control"] == "public, max-age=3600, must-revalidate"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    unchanged = client.get("/embed.js", headers={"If-None-Match": answer.headers["ETag"]})
    assert (unchanged.status_code, unchanged.data) == (304, b"")
    # A site that isolates itself (Cross-Origin-Embedder-Policy) loads only what says that it may be loaded.
    for path in ("/embed.js", "/static/frame.js", FORM + "/embed"):
        with client.get(path) as asked:
            assert asked.headers["Cross-Origin-Resource-Policy"] == "cross-origin"


def test_the_form_to_paste_says_and_asks_what_the_live_one_does(
    world: World, client: FlaskClient, asking_names: Build
) -> None:
    for build in (None, asking_names):
        if build is not None:
            world.publish(build)
        page, live = page_of(client.get("/embed")), page_of(client.get(FORM)).one("form")
        pasted = form_of(page)
        assert pasted["action"] == f"{BASE}{FORM}"
        assert set(body_of(pasted)) == set(body_of(live))
        words = [one.words for one in live.every("h1", "p") if one.words]
        assert [one.words for one in pasted.every("h2", "p") if one.words] == words
        assert pasted.one("button").words == live.one("button").words
        assert pasted.one("a")["href"] == "https://example.com/privacy" or pasted.one("a")["href"] == f"{BASE}/privacy"
        ids = {one["id"] for one in pasted.every() if one.has("id")}
        for one in pasted.every():
            for name in ("for", "aria-describedby", "aria-labelledby"):
                assert set((one.get(name) or "").split()) <= ids


def test_a_form_survives_markdown_and_the_braces_of_generators(world: World, client: FlaskClient) -> None:
    guide = world.published.compiled.guides["hip-openers"]
    odd: Guide = guide.model_copy(update={"line": 'Hips & "knees" {{ page.x }} {% raw %} <b>'})
    with client.application.test_request_context():
        code = snippet(world.published, odd)
    assert "{{" not in code and "{%" not in code and "\n\n" not in code
    assert odd.line in read(code).one("form").words
    assert not re.search(r"^\s{4}", code, re.MULTILINE)


def test_every_guide_has_its_snippets(world: World, client: FlaskClient, two_guides: Build) -> None:
    assert page_of(client.get("/embed")).one("main").every("nav") == []
    world.publish(two_guides)
    page = page_of(client.get("/embed?guide=strong-feet"))
    chosen = page.one("nav", **{"aria-label": "Guide"}).one("a", **{"aria-current": "page"})
    assert chosen["href"] == "/embed?guide=strong-feet"
    assert form_of(page)["action"] == f"{BASE}/f/strong-feet"
    assert f'src="{BASE}/f/strong-feet/embed"' in "".join(codes(page))
    page_of(client.get("/embed?guide=none"), 404)


def test_the_page_says_whether_the_blog_is_in_the_list_and_what_to_write(
    world: World, client: FlaskClient, open_door: OpenDoor
) -> None:
    page = page_of(client.get("/embed"))
    assert "Yes. https://example.com" in page.words
    assert 'allowed_origins = ["https://example.com"]' in codes(page)
    assert page.one("meta", name="robots")["content"] == "noindex"
    assert "Not yet for the world." in page.words and "test mailbox" in page.words
    real = page_of(
        open_door(base_url="https://mail.example.com", smtp_url="smtp://127.0.0.1:1").get(
            "/embed", base_url="https://mail.example.com"
        )
    )
    assert "Not yet for the world." not in real.words and "gets real mail" in real.words
    assert form_of(real)["action"] == f"https://mail.example.com{FORM}"


def test_a_blog_that_is_not_in_the_list_is_told_its_line(world: World, client: FlaskClient) -> None:
    settings = world.published.compiled.settings
    form = settings.form.model_copy(update={"allowed_origins": ()})
    alone = world.published.compiled.model_copy(update={"settings": settings.model_copy(update={"form": form})})
    client.application.extensions["leadmagnet"].live.get = lambda _session: type(world.published)(1, "", alone)
    page = page_of(client.get("/embed"))
    assert "Not yet. https://example.com" in page.words
    assert 'allowed_origins = ["https://example.com"]' in codes(page)
