"""The preview in a browser: what is saved shows by itself, in its place, and a mistake takes nothing away."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from leadmagnet import clock
from leadmagnet.links import Keys, Links
from leadmagnet.web.preview.alone import create_app
from leadmagnet.web.preview.desk import Desk
from leadmagnet.web.preview.house import Preview
from leadmagnet.web.preview.permits import Permits
from leadmagnet.web.server import Server
from tests.browser import chromium
from tests.browser.chromium import DESKTOP, PHONE, Look
from tests.browser.conftest import Watch
from tests.waiting import until
from tests.web.conftest import copy_of_example

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

FILE = "email_templates/hip-openers/20-tight-hips.md"
TIGHT = "/preview/letters/hip-openers/tight-hips"
#: A word within the letter that is shown; one frame is shown, and perhaps another on its way.
HAS = """word => [...document.querySelectorAll("iframe:not(.coming)")].some(
    (frame) => frame.contentDocument.body?.textContent.includes(word))"""
SCROLL = "document.querySelector('iframe:not(.coming)').contentWindow.scrollY"


@pytest.fixture
def site(tmp_path: Path) -> Path:
    return copy_of_example(tmp_path)


@pytest.fixture
def url(site: Path) -> Iterator[str]:
    parts = Preview(
        Desk(site, clock.now),
        Links("http://127.0.0.1:8000", Keys.of(("first key",))),
        clock.now,
        Permits(None),
        lambda *_: None,
        goes_to="the test mailbox",
    )
    server = Server(create_app(parts), "127.0.0.1", 0)
    server.start()
    yield f"http://127.0.0.1:{server.port}"
    parts.desk.stop()
    server.stop()


@pytest.fixture
def page(browser: "Browser", url: str, request: pytest.FixtureRequest) -> Iterator["Page"]:
    """A laptop's browser, or another that the test asks for; it may say nothing on its console."""
    look: Look = getattr(request, "param", DESKTOP)
    context = chromium.visitor(browser, look, url)
    watching = Watch(url)
    watching.over(context)
    yield context.new_page()
    context.close()
    assert watching.wrong == []


def edit(site: Path, old: str, new: str) -> None:
    text = (site / FILE).read_text()
    assert old in text
    (site / FILE).write_text(text.replace(old, new))


def test_what_is_saved_shows_by_itself_in_its_place_and_a_mistake_takes_nothing_away(page: "Page", site: Path) -> None:
    page.goto(TIGHT)
    page.evaluate("document.querySelector('iframe').contentWindow.scrollTo(0, 300)")
    page.evaluate("window.same = true")
    edit(site, "Two things tend", "Three things tend")
    until(lambda: page.evaluate(HAS, "Three things tend"))
    assert page.evaluate(SCROLL) == 300
    edit(site, "{{ links.flow }}", "{{ links.flew }}")
    alert = page.get_by_role("alert")
    assert "Did you mean 'flow'?" in alert.inner_text()
    assert page.evaluate(HAS, "Three things tend") and page.evaluate(SCROLL) == 300
    assert page.locator("#findings .found-error").count() == 1
    edit(site, "{{ links.flew }}", "{{ links.flow }}")
    alert.wait_for(state="detached")
    assert page.locator("#findings .found").count() == 0
    assert page.evaluate("window.same"), "the page was never loaded anew"


def test_the_toggles_and_the_keys_show_the_letter_otherwise(page: "Page") -> None:
    page.goto(TIGHT)
    ground = "getComputedStyle(document.querySelector('iframe:not(.coming)').contentDocument.body).backgroundColor"
    light = page.evaluate(ground)
    page.keyboard.press("d")
    until(lambda: page.evaluate(ground) != light)
    assert page.evaluate(ground) == "rgb(31, 26, 24)"
    page.get_by_role("link", name="Phone").click()
    until(lambda: page.evaluate("document.querySelector('iframe:not(.coming)').clientWidth") == 375)
    page.keyboard.press("t")
    page.locator("pre.text").wait_for()
    assert "Start with the low lunge: http" in page.locator("pre.text").inner_text()
    page.keyboard.press("t")
    page.locator("iframe").wait_for()
    page.keyboard.press("j")
    page.wait_for_url("**/yoga-for-runners?*")
    assert page.locator(".line [aria-current]").get_by_text("Ten minutes after you run").count() == 1
    page.go_back()
    until(lambda: page.evaluate(HAS, "Why they feel so stiff"))
    page.get_by_role("button", name="Send").click()
    page.get_by_text("Sent to maya@example.com").wait_for()


@pytest.mark.parametrize("page", [PHONE], indirect=True)
def test_a_phone_shows_it_without_scrolling_sideways(page: "Page") -> None:
    page.goto(TIGHT)
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE.width
