"""The form on a blog of another origin, in a real browser: with the script, without it, in a frame, behind a policy."""

import threading
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from leadmagnet.content.compiled import Build
from leadmagnet.store.models import Consent
from tests.browser import chromium
from tests.browser.chromium import DESKTOP, PHONE, Look
from tests.browser.conftest import Visit
from tests.browser.site import Site
from tests.waiting import until
from tests.web.page import read

if TYPE_CHECKING:
    from playwright.sync_api import Browser, FrameLocator, Page

ADA = "ada@example.com"
NO_SCRIPT = Look(scripts=False)
_PAGE = (
    "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>"
    "<link rel=icon href='data:,'><title>Barre</title><h1>Barre</h1>{}"
)


class Blog:
    """Somebody else's web server: one page, with what is pasted into it and the policy it has."""

    def __init__(self) -> None:
        self.pasted = self.policy = ""
        blog = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "text/html")
                if blog.policy:
                    self.send_header("Content-Security-Policy", blog.policy)
                self.end_headers()
                self.wfile.write(_PAGE.format(blog.pasted).encode())

            def log_message(self, *_words: object) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://{chromium.ELSEWHERE}:{self._server.server_port}"

    @contextmanager
    def open(self) -> Iterator["Blog"]:
        thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()
            thread.join()


@pytest.fixture
def blog() -> Iterator[Blog]:
    with Blog().open() as opened:
        yield opened


@dataclass
class Reader:
    """Somebody's browser on the blog, and all that it asked for or complained of."""

    page: "Page"
    asked: list[str]
    said: list[str]


@pytest.fixture
def at_blog(browser: "Browser", blog: Blog) -> Iterator[Callable[[Look], Reader]]:
    contexts = []

    def open_with(look: Look = DESKTOP) -> Reader:
        context = chromium.visitor(browser, look, blog.url)
        contexts.append(context)
        reader = Reader(context.new_page(), [], [])
        context.on("request", lambda request: reader.asked.append(request.url))
        context.on("console", lambda message: reader.said.append(message.text))
        return reader

    yield open_with
    for context in contexts:
        context.close()


def allow(live: Site, example: Build, *origins: str) -> None:
    """Publishes the list of sites that may show the form."""
    assert example.compiled is not None
    settings = example.compiled.settings
    form = settings.form.model_copy(update={"allowed_origins": origins})
    compiled = example.compiled.model_copy(update={"settings": settings.model_copy(update={"form": form})})
    live.world.publish(replace(example, compiled=compiled, digest=f"{len(origins)}" * 64))


def copied(visit: Visit, live: Site) -> str:
    """What the operator has on the clipboard after pressing the first button for the form."""
    page = visit(DESKTOP)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=live.url)
    page.goto("/embed")
    page.get_by_role("button", name="Copy the form").first.click()
    page.get_by_role("status").get_by_text("Copied").wait_for()
    return str(page.evaluate("navigator.clipboard.readText()"))


def to_copy(live: Site, begins: str) -> str:
    """The first of what the page gives to copy that begins so."""
    with urllib.request.urlopen(f"{live.url}/embed") as answer:
        shown = read(answer.read().decode())
    texts = ("".join(map(str, one.one("code").inside)) for one in shown.every("pre"))
    return next(text for text in texts if text.startswith(begins))


def asks(page: "Page | FrameLocator", address: str, scripted: Site | None = None) -> None:
    """Fills the form in and sends it; where a script times her, no faster than a hand can."""
    page.get_by_label("Email address").fill(address)
    if scripted is not None:
        started = page.locator("input[name=started]")
        started.wait_for(state="attached")
        until(lambda: started.input_value() != "")
        scripted.world.wait(seconds=5)
    page.get_by_role("button", name="Send me the guide").click()


def proofs(live: Site) -> list[Consent]:
    with live.world.database.read() as session:
        return list(session.query(Consent).order_by(Consent.id))


def test_the_copied_form_answers_in_place_on_a_permitted_blog(
    visit: Visit, live: Site, example: Build, blog: Blog, at_blog: Callable[..., Reader]
) -> None:
    allow(live, example, blog.url)
    # Whatever a reader's comment may look like: markup comes from the server of the script alone.
    comment = (
        '<form class="lm-form" action="/evil"><input name="email"><p class="lm-err"></p>'
        '<button type="submit">x</button></form>'
    )
    blog.pasted = copied(visit, live).replace('/f/hip-openers"', '/f/hip-openers?utm_medium=blog"') + comment
    blog.policy = f"default-src 'none'; style-src 'unsafe-inline'; img-src data:; {to_copy(live, 'form-action')}"
    reader = at_blog()
    reader.page.goto(f"{blog.url}/barre?utm_source=ig&key=1#box")
    assert reader.page.locator("form").evaluate_all("all => all.map(one => one.dataset.lm)") == ["on", None]
    asks(reader.page, ADA, live)
    reader.page.get_by_role("heading", name="check your inbox").wait_for()
    assert reader.page.url == f"{blog.url}/barre?utm_source=ig&key=1#box"
    (proof,) = proofs(live)
    assert (proof.page, proof.source) == (f"{blog.url}/barre", {"utm_source": "ig"})
    assert live.world.subscriber(ADA).timezone == "America/New_York"
    assert (
        reader.page.context.cookies() == [] and reader.page.evaluate("localStorage.length + sessionStorage.length") == 0
    )
    assert not [url for url in reader.asked if not url.startswith((blog.url, live.url, "data:"))]
    assert reader.said == []


def test_where_the_script_cannot_help_the_form_is_a_form(
    live: Site, example: Build, blog: Blog, at_blog: Callable[..., Reader]
) -> None:
    allow(live, example, blog.url)
    blog.pasted = to_copy(live, "<form")
    cases = {
        "no script": (NO_SCRIPT, blog.url, ""),
        "script blocked": (PHONE, blog.url, "script-src 'none'"),
        "answers blocked": (PHONE, blog.url, "connect-src 'none'"),
        "mixed into the page's own scripts": (PHONE, blog.url, "script-src 'unsafe-inline'"),
        "not in the list": (PHONE, "https://example.com", ""),
    }
    with urllib.request.urlopen(f"{live.url}/embed.js") as answer:
        mixed = f"<iframe class='lm-frame' srcdoc=''></iframe><script>{answer.read().decode()}</script>"
    for number, (case, (look, origin, policy)) in enumerate(cases.items(), start=1):
        if origin != blog.url:
            allow(live, example, origin, "https://example.org")
        blog.policy = policy
        blog.pasted = to_copy(live, "<form") + (mixed if "inline" in policy else "")
        reader = at_blog(look)
        reader.page.goto(f"{blog.url}/barre")
        asks(reader.page, f"ada{number}@example.com")
        reader.page.wait_for_url(f"{live.url}/f/hip-openers/sent")
        assert reader.page.get_by_text(f"ada{number}@example.com").first.is_visible(), case
        assert len(proofs(live)) == number, case  # asked once, whatever the script tried before
        assert (proofs(live)[-1].page or "").startswith(f"{blog.url}/"), case


def test_a_frame_is_as_high_as_its_form_and_keeps_the_answer(
    live: Site, example: Build, blog: Blog, at_blog: Callable[..., Reader]
) -> None:
    allow(live, example, blog.url)
    blog.pasted = to_copy(live, "<iframe")
    reader = at_blog()
    page, frame = reader.page, reader.page.frame_locator("iframe")

    def fits() -> bool:
        inside = frame.locator("body").evaluate("body => Math.ceil(body.getBoundingClientRect().height)")
        return bool(page.locator("iframe").evaluate("frame => frame.clientHeight") == inside)

    page.goto(f"{blog.url}/barre?utm_source=ig&key=1")
    heights = []
    for width in (1280, 320):
        page.set_viewport_size({"width": width, "height": 800})
        page.wait_for_timeout(100)
        until(fits)
        heights.append(page.locator("iframe").evaluate("frame => frame.clientHeight"))
    assert heights[0] < heights[1]
    asks(frame, ADA, live)
    frame.get_by_role("heading", name="check your inbox").wait_for()
    until(fits)
    assert page.url.startswith(blog.url)
    (proof,) = proofs(live)
    assert (proof.page, proof.source) == (f"{blog.url}/barre", {"utm_source": "ig"})
    # Whoever else may speak to the page changes nothing.
    before = page.locator("iframe").evaluate("frame => frame.clientHeight")
    page.evaluate("window.postMessage({leadmagnet: 'height', height: 1000}, '*')")
    page.wait_for_timeout(50)
    assert page.locator("iframe").evaluate("frame => frame.clientHeight") == before
    assert reader.said == []


def test_a_frame_works_without_scripts_and_stays_empty_where_it_may_not_be(
    live: Site, example: Build, blog: Blog, at_blog: Callable[..., Reader]
) -> None:
    allow(live, example, blog.url)
    blog.pasted = to_copy(live, "<iframe")
    page = at_blog(NO_SCRIPT).page
    page.goto(f"{blog.url}/barre")
    frame = page.frame_locator("iframe")
    asks(frame, "ada@example")
    frame.get_by_role("alert").wait_for()
    asks(frame, "ada@gmial.com")
    frame.get_by_role("button", name="Use ada@gmail.com instead").click()
    frame.get_by_role("heading", name="check your inbox").wait_for()
    assert page.url == f"{blog.url}/barre" and proofs(live)[0].page == f"{blog.url}/barre"
    assert page.locator("iframe").bounding_box()["height"] >= 340  # type: ignore[index]
    allow(live, example)
    reader = at_blog()
    reader.page.goto(f"{blog.url}/barre")
    until(
        lambda: any("frame-ancestors" in words for words in reader.said), wait=lambda: reader.page.wait_for_timeout(10)
    )
