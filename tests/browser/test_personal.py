"""A reader's own data in a real browser, with and without scripts: nothing is asked of anybody else."""

from typing import TYPE_CHECKING

from leadmagnet.links import Purpose, mint
from tests.browser.chromium import DESKTOP_DARK, NO_SCRIPTS
from tests.browser.conftest import Visit
from tests.browser.site import Site
from tests.web.mails import links_of

if TYPE_CHECKING:
    from playwright.sync_api import Page

ADA, NEW = "ada@example.com", "ada@new.example"


def test_ada_moves_downloads_and_deletes_without_a_script(live: Site, visit: Visit) -> None:
    world = live.world
    world.joins(ADA)
    page = visit(NO_SCRIPTS)
    hers = f"/u/{mint(Purpose.LEAVE, world.subscriber(ADA).id, world.links.keys)}"
    page.goto(hers)
    page.get_by_role("link", name="Use another address").click()
    page.get_by_label("New email address").fill(NEW)
    page.get_by_role("button", name="Send the mail").click()
    page.get_by_role("heading", name="One more step: look there").wait_for()
    assert NEW not in page.url
    world.deliver()
    (link,) = {one for one in links_of(world.inbox(NEW)[0]) if "/a/" in one}
    page.goto(link)
    page.get_by_role("button", name="Yes, send them here").click()
    page.get_by_role("heading", name="Done.").wait_for()
    page.goto(hers)
    assert page.get_by_text(NEW).count() == 1
    with page.expect_download() as coming:
        page.get_by_role("link", name="Download what is kept").click()
    assert coming.value.suggested_filename == "my-data.json"
    page.get_by_role("link", name="Delete everything").click()
    _is_calm(page)
    page.get_by_role("button", name="Delete everything").click()
    page.get_by_role("heading", name="Nothing is left.").wait_for()
    with world.database.read() as session:
        assert session.connection().exec_driver_sql("SELECT count(*) FROM subscriber").scalar() == 0


def test_every_personal_page_fits_a_phone_and_a_desktop_in_the_dark(live: Site, visit: Visit) -> None:
    world = live.world
    world.joins(ADA)
    hers = f"/u/{mint(Purpose.LEAVE, world.subscriber(ADA).id, world.links.keys)}"
    for page in (visit(), visit(DESKTOP_DARK)):
        for path in (hers, f"{hers}/address", f"{hers}/forget", "/privacy"):
            page.goto(path)
            _is_calm(page)


def _is_calm(page: "Page") -> None:
    """Nothing wider than the screen, and every way is a target that a thumb can hit (WCAG 2.5.8)."""
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    for one in page.locator("main form button, main .ways a, main .aside a").all():
        box = one.bounding_box()
        assert box is not None and box["height"] >= 24, one.inner_text()
