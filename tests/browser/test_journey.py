"""The visitor's road in a real browser: form, inbox, button, guide, letters, wishes, and every way out."""

import json
import re
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest

from tests.browser.chromium import DESKTOP_DARK, NO_SCRIPTS, PHONE, Look
from tests.browser.conftest import Visit, Watch
from tests.browser.site import Site
from tests.waiting import until
from tests.workers import running

if TYPE_CHECKING:
    from playwright.sync_api import Page

ADA, NEW = "ada@gmail.com", "ada@new.example"
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
def test_ada_goes_all_the_way(look: Look, visit: Visit, live: Site) -> None:
    page, world = visit(look), live.world
    _asks_with_a_slip(page, live)
    assert fits(page)
    assert ground(page) == (NIGHT if look.dark else DAY)
    world.deliver()
    page.goto(live.link(live.mail(ADA), "/c/"))
    assert fits(page)
    page.get_by_role("button", name="Yes, send me the guide").click()
    page.wait_for_url(re.compile(r"/g/[\w-]+$"))
    page.get_by_text("It's open.").wait_for()
    page.get_by_role("group", name="Tried barre before?").get_by_role("button", name="What's barre?").click()
    page.get_by_text("You said “What's barre?”.").wait_for()
    assert fits(page)
    world.skip(until=world.now + timedelta(days=3))
    page.goto(live.link(live.mail(ADA), "/u/"))
    _wishes(page, live)
    page.get_by_role("button", name="Unsubscribe").click()
    page.get_by_role("heading", name="Done.").wait_for()
    assert fits(page)
    assert world.subscriber(ADA).status == "unsubscribed"
    page.get_by_role("button", name="Not running now").click()
    page.get_by_text("Thank you for saying why.").wait_for()
    page.get_by_role("button", name="Undo").click()
    page.get_by_role("heading", name="Stop these emails?").wait_for()
    assert world.subscriber(ADA).status == "active"
    _moves(page, live)
    _takes_it_all_and_goes(page, live)


def _asks_with_a_slip(page: "Page", live: Site) -> None:
    """Before it is sent where a script can ask, else on the page after."""
    page.goto(FORM)
    live.world.wait(seconds=5)
    field, button = page.get_by_label("Email address"), page.get_by_role("button", name="Send me the guide")
    field.fill("ada@gmial.com")
    if page.locator("form[data-lm]").count():
        field.blur()
        page.get_by_role("button", name=f"Did you mean {ADA}?").click()
        button.click()
        page.locator(".lm-panel").wait_for()
        assert page.url.endswith(FORM)
    else:
        button.click()
        page.get_by_role("button", name=f"Use {ADA} instead").click()
    page.get_by_role("link", name="Open Gmail").wait_for()
    assert page.get_by_role("heading", name="check your inbox", level=1).count() == 1
    assert page.get_by_text(ADA).first.is_visible() and ADA not in page.url


def _wishes(page: "Page", live: Site) -> None:
    """Every wish on her page but to leave, each taken back where that can be."""
    world = live.world
    said = page.get_by_role("status")

    def taps(button: str, answer: str) -> None:
        page.get_by_role("button", name=button).click()
        said.get_by_text(answer).wait_for()
        assert fits(page)

    back = world.now.astimezone(ZoneInfo("America/New_York")) + timedelta(days=30)
    taps("Pause for 30 days", f"back on {back.day} {back:%B}")
    assert page.get_by_role("heading", level=1).inner_text() == f"Paused until {back.day} {back:%B}"
    until = world.enrollment(ADA).paused_until
    assert until is not None and until.astimezone(back.tzinfo).date() == back.date()
    taps("Let my letters go on now", "Your letters go on.")
    taps("Slower, please", "one letter a week at most")
    taps("As usual again", "as usual again")
    taps("Just finish this series, then stop", "the rest of this series")
    taps("Keep me on after all", "go on as before")
    before = len(world.inbox(ADA))
    taps("Send me the next letter now", "is on its way")
    world.deliver()
    assert len(world.inbox(ADA)) == before + 1


def _moves(page: "Page", live: Site) -> None:
    """Another address, which a mail there has to prove; then back to her page."""
    hers = page.url
    page.get_by_role("link", name="Use another address").click()
    page.get_by_label("New email address").fill(NEW)
    page.get_by_role("button", name="Send the mail").click()
    page.get_by_role("heading", name="One more step: look there").wait_for()
    assert fits(page) and NEW not in page.url
    assert live.world.subscriber(ADA).status == "active", "nothing moves before the new address has answered"
    live.world.deliver()
    page.goto(live.link(live.mail(NEW), "/a/"))
    page.get_by_role("button", name="Yes, send them here").click()
    page.get_by_role("heading", name="Done.").wait_for()
    assert fits(page)
    page.goto(hers)
    assert page.get_by_text(NEW).count() == 1


def _takes_it_all_and_goes(page: "Page", live: Site) -> None:
    with page.expect_download() as coming:
        page.get_by_role("link", name="Download what is kept").click()
    assert coming.value.suggested_filename == "my-data.json"
    kept = json.loads(coming.value.path().read_text())
    assert NEW in json.dumps(kept) and "not running now" in json.dumps(kept)
    page.get_by_role("link", name="Delete everything").click()
    sure = page.get_by_role("button", name="Delete everything")
    sure.wait_for()
    assert fits(page)
    sure.click()
    page.get_by_role("heading", name="Nothing is left.").wait_for()
    with live.world.database.read() as session:
        assert session.connection().exec_driver_sql("SELECT count(*) FROM subscriber").scalar() == 0


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
