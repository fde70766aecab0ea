"""The visitor's road in a real browser: form, inbox, button, guide; leaving, and coming back."""

import re
from typing import TYPE_CHECKING

from tests.browser.site import Site

if TYPE_CHECKING:
    from playwright.sync_api import Page

ADA = "ada@example.com"


def test_ada_asks_confirms_and_has_her_guide(page: "Page", live: Site) -> None:
    page.goto("/")
    page.get_by_label("Email address").fill(ADA)
    page.get_by_role("button", name="Send me the guide").click()
    page.wait_for_url("**/f/hip-openers/sent")
    assert page.get_by_text(ADA).is_visible()
    live.world.deliver()
    page.goto(live.link(live.mail(ADA), "/c/"))
    page.get_by_role("button", name="Yes, send me the guide").click()
    page.wait_for_url(re.compile(r"/g/[\w-]+$"))
    assert page.get_by_text("It's open.").is_visible()
    assert page.get_by_role("heading", level=1).inner_text() == "Hip Openers for Runners"
