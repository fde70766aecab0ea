"""The visitor's road in a real browser: form, inbox, button, guide; leaving, and coming back."""

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.browser.chromium import DESKTOP_DARK, NO_SCRIPTS, PHONE, Look
from tests.browser.conftest import Visit, Watch
from tests.browser.site import Site
from tests.waiting import until
from tests.workers import running

if TYPE_CHECKING:
    from playwright.sync_api import Page

ADA = "ada@example.com"
FORM = "/f/hip-openers"
LOOKS = pytest.mark.parametrize(
    "look", [PHONE, DESKTOP_DARK, NO_SCRIPTS], ids=["on a phone", "on a dark desktop", "without JavaScript"]
)
DAY, NIGHT = "rgb(246, 235, 223)", "rgb(31, 26, 24)"


def fits(page: "Page") -> bool:
    """True if nobody has to scroll sideways (WCAG 1.4.10)."""
    return bool(page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"))


def ground(page: "Page") -> str:
    """The colour that the page stands on."""
    return str(page.evaluate("getComputedStyle(document.body).backgroundColor"))


def asks(page: "Page", live: Site) -> None:
    """Types an address into the form, and sends it."""
    page.goto(FORM)
    live.world.wait(seconds=5)  # nobody is faster than that, but bots
    page.get_by_label("Email address").fill(ADA)
    page.get_by_role("button", name="Send me the guide").click()
    page.get_by_role("heading", name="check your inbox").wait_for()


@LOOKS
def test_ada_asks_confirms_reads_leaves_and_comes_back(look: Look, visit: Visit, live: Site) -> None:
    page = visit(look)
    asks(page, live)
    page.get_by_text(ADA).wait_for()
    assert fits(page)
    assert ground(page) == (NIGHT if look.dark else DAY)
    live.world.deliver()
    page.goto(live.link(live.mail(ADA), "/c/"))
    assert fits(page)
    page.get_by_role("button", name="Yes, send me the guide").click()
    page.wait_for_url(re.compile(r"/g/[\w-]+$"))
    page.get_by_text("It's open.").wait_for()
    assert fits(page)
    live.world.deliver()
    page.goto(live.link(live.mail(ADA, "guide is here"), "/u/"))
    page.get_by_role("button", name="Unsubscribe").click()
    page.get_by_role("heading", name="Done.").wait_for()
    assert fits(page)
    assert live.world.subscriber(ADA).status == "unsubscribed"
    page.get_by_role("button", name="Undo").click()
    page.get_by_role("heading", name="Stop these emails?").wait_for()
    assert live.world.subscriber(ADA).status == "active"


def test_a_worker_sends_both_mails_within_the_visit(page: "Page", live: Site, tmp_path: Path) -> None:
    with running(live.world, tmp_path, live.world.mailbox.connect):
        asks(page, live)
        until(lambda: len(live.world.inbox(ADA)) == 1)
        page.goto("/mailbox")
        page.get_by_role("link", name="Please confirm").click()
        with page.expect_popup() as opened:
            page.frame_locator("iframe").get_by_role("link").first.click()
        tab = opened.value
        tab.get_by_role("button", name="Yes, send me the guide").click()
        tab.wait_for_url("**/g/*")
        until(lambda: len(live.world.inbox(ADA)) == 2)
    assert "guide" in str(live.mail(ADA)["Subject"])


def test_without_scripts_a_mistake_is_said_beside_the_field_too(visit: Visit, watch: Watch) -> None:
    watch.meant.add("422")
    page = visit(NO_SCRIPTS)
    page.goto(FORM)
    field = page.get_by_label("Email address")
    field.fill("ada@example")
    field.press("Enter")
    alert = page.get_by_role("alert")
    alert.wait_for()  # the form that was sent has none
    assert alert.inner_text()
    assert page.get_by_label("Email address").input_value() == "ada@example"
    page.locator("#lm-email:focus").wait_for()


def test_the_time_zone_of_the_browser_is_the_one_the_letters_keep(visit: Visit, live: Site) -> None:
    asks(visit(Look(timezone="Europe/Paris")), live)
    assert live.world.subscriber(ADA).timezone == "Europe/Paris"


def test_what_goes_wrong_in_a_page_is_seen(page: "Page", live: Site, watch: Watch) -> None:
    page.goto("/privacy")
    page.evaluate("""document.body.append(
        Object.assign(new Image(), {src: 'http://tracker.example/open.gif'}),
        Object.assign(document.createElement('script'), {textContent: '1'}),
    )""")
    page.goto("/no/such/page")
    page.get_by_role("heading", name="There is nothing here").wait_for()
    kinds = ["tracker.example", "Content Security Policy", "404"]
    until(
        lambda: all(any(kind in words for words in watch.wrong) for kind in kinds),
        wait=lambda: page.wait_for_timeout(5),  # lets what the browser has to say come in
    )
    watch.wrong.clear()
