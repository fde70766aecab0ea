"""The guide page as somebody sees it: figures in the dark, and nothing that lies over something else."""

from typing import TYPE_CHECKING

import pytest

from leadmagnet.content.drawing import CLASSES
from tests.browser.chromium import DARK, DESKTOP, NO_SCRIPTS, PHONE, Look
from tests.browser.conftest import Visit
from tests.browser.site import Site

if TYPE_CHECKING:
    from playwright.sync_api import Page

ADA = "ada@example.com"
#: Each class with its colours as the browser paints them: a line where nothing is filled.
COLOURS = """() => Object.fromEntries([...document.querySelectorAll(".pose-card .drawing > [class]")].map((one) => {
    const {fill, stroke} = getComputedStyle(one);
    return [one.classList[0], fill === "none" ? stroke : fill];
}))"""


def opened(page: "Page", live: Site) -> "Page":
    live.world.joins(ADA)
    page.goto(live.guide_link(ADA))
    return page


def light(colour: str) -> float:
    """The relative luminance of `rgb(1, 2, 3)`, as WCAG 2 defines it."""
    parts = [int(part) / 255 for part in colour.removeprefix("rgb(").removesuffix(")").split(",")]
    red, green, blue = (part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    low, high = sorted((light(one), light(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("look", [PHONE, DARK], ids=["light", "dark"])
def test_a_body_can_be_told_from_its_paper_by_day_and_by_night(visit: Visit, live: Site, look: Look) -> None:
    page = opened(visit(look), live)
    colours = page.evaluate(COLOURS)
    assert set(colours) == set(CLASSES.values())
    assert contrast(colours["body"], colours["paper"]) > 7
    assert contrast(colours["far"], colours["paper"]) >= 3
    assert contrast(colours["body"], colours["far"]) > 2
    assert contrast(colours["edge"], colours["paper"]) > 3
    assert all((light(colours[name]) > 0.5) != look.dark for name in ("paper", "floor", "prop"))


def boxes(page: "Page") -> tuple[dict[str, float], dict[str, float]]:
    """Where the contents are, and what stays at hand."""
    contents, dock = (page.locator(part).bounding_box() for part in ("#lm-contents", ".dock"))
    assert contents is not None and dock is not None
    return dict(contents), dict(dock)


def test_what_stays_at_hand_never_lies_over_the_contents(page: "Page", live: Site) -> None:
    opened(page, live)
    live.world.wait(minutes=11)  # until then the page says what comes next, above all else
    page.reload()
    contents, dock = boxes(page)
    assert contents["y"] + contents["height"] <= dock["y"]
    assert dock["y"] + dock["height"] <= PHONE.height, "the flow cannot be started from the first screen"
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE.width
    page.set_viewport_size({"width": 360, "height": 560})
    contents, dock = boxes(page)
    assert contents["y"] + contents["height"] <= dock["y"]


@pytest.mark.parametrize("look", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_no_pose_pushes_a_part_of_the_timer_off_the_screen(visit: Visit, live: Site, look: Look) -> None:
    page = opened(visit(look), live)
    page.locator("#lm-start").click()
    for _ in range(16):
        assert page.locator("#lm-timer").evaluate("it => it.scrollHeight - it.clientHeight") <= 0
        page.keyboard.press("ArrowRight")


def test_the_question_is_answered_by_keyboard_and_changed(visit: Visit, live: Site) -> None:
    page = opened(visit(NO_SCRIPTS), live)
    group = page.get_by_role("group", name="Tried barre before?")
    assert group.get_by_role("button").all_inner_texts() == ["Yes", "No", "What's barre?"]
    assert page.get_by_role("heading").first.inner_text() == "Hip Openers for Runners"
    panel = page.get_by_role("region", name="Your sign-up")
    assert panel.get_by_role("listitem").count() == 3
    sizes = [button.bounding_box() for button in group.get_by_role("button").all()]
    assert all(size is not None and size["height"] >= 44 and size["width"] >= 44 for size in sizes)
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    page.emulate_media(media="print")
    assert not panel.is_visible()
    page.emulate_media(media="screen")
    for _ in ("skip link", "site", "Yes", "No"):
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.get_by_text("You said “No”.").wait_for()
    for _ in ("skip link", "site", "Change"):
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="What's barre?").wait_for()
    assert group.get_by_role("button").all_inner_texts() == ["Yes", "What's barre?"]
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.get_by_text("You said “Yes”.").wait_for()


def test_a_pose_leads_back_to_the_flow(page: "Page", live: Site) -> None:
    opened(page, live)
    page.locator("#flow ~ table a", has_text="Garland squat").first.click()
    card = page.locator(".pose-card", has=page.locator("#garland"))
    card.get_by_role("link", name="Back to the flow").click()
    assert page.url.endswith("#flow")
    assert page.locator(".pose-card", has=page.locator("#plie")).get_by_text("Back to the flow").count() == 0
