"""Everybody can use the pages: by the rules of WCAG 2.2 AA as axe-core judges them, by keyboard, and at any size."""

from typing import TYPE_CHECKING, Any

from axe_playwright_python.base import AXE_SCRIPT

from tests.browser import sights
from tests.browser.chromium import STILL, Look
from tests.browser.conftest import Visit, Watch
from tests.browser.sights import Sight
from tests.browser.site import Site

if TYPE_CHECKING:
    from playwright.sync_api import Page

_ALL_RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
#: What the dark colours can change.
_CONTRAST = ["color-contrast", "link-in-text-block"]
#: Nothing passes by itself where nothing was tried.
_JUDGED = """async (rules) => {
    const {passes, violations} = await axe.run({runOnly: rules, resultTypes: ["violations"], iframes: false});
    return [passes.length, violations.flatMap((one) => one.nodes.map((node) => `${one.id}: ${node.html.slice(0, 160)}`))];
}"""
#: The page stands where the focus is at once.
_DESK = Look(width=1280, height=800, still=True)
#: A desktop of 1280 pixels at 400 % (WCAG 1.4.10).
_ZOOMED = {"width": 320, "height": 256}
_WIDER = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
#: How some readers set any text (WCAG 1.4.12).
_SPACED = """() => {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(`* { line-height: 1.5 !important; letter-spacing: .12em !important;
        word-spacing: .16em !important; } p { margin-bottom: 2em !important; }`);
    document.adoptedStyleSheets.push(sheet);
}"""
#: What axe-core has no rule for: one title for the whole page, buttons for a thumb, nothing that moves unasked.
_ODD = """() => {
    const seen = (one) => one.checkVisibility({visibilityProperty: true}) && !one.closest("[inert]");
    const level = (one) => one.getAttribute("aria-level") ?? one.tagName[1];
    const titles = [...document.querySelectorAll("h1, h2, h3, h4, h5, h6")].filter((one) => seen(one) && level(one) === "1");
    const small = (one, least) => Math.min(...["width", "height"].map((side) => one.getBoundingClientRect()[side])) < least;
    const buttons = [...document.querySelectorAll("button, .button, .lm-open, summary")].filter((one) => seen(one) && small(one, 44));
    const inputs = [...document.querySelectorAll("input:not([type=hidden], [tabindex='-1'])")].filter((one) => seen(one) && small(one, 24));
    const moving = [...document.querySelectorAll("*")].filter((one) => {
        const style = getComputedStyle(one);
        return parseFloat(style.transitionDuration) || style.animationName !== "none" || style.scrollBehavior === "smooth";
    });
    return [
        ...(titles.length === 1 ? [] : [`${titles.length} titles`]),
        ...(document.title && document.documentElement.lang ? [] : ["no title, or no language"]),
        ...[...buttons, ...inputs].map((one) => `small: ${one.outerHTML.slice(0, 120)}`),
        ...moving.map((one) => `moves: ${one.outerHTML.slice(0, 120)}`),
    ];
}"""
#: Tells of each thing that the tab key comes to: what it is, and whether it can be seen that it is the one.
_FOCUSED = """() => {
    const one = document.activeElement;
    if (!one || one === document.body) return null;
    if (one.tagName === 'IFRAME') return {what: one.outerHTML.slice(0, 120), ring: true, seen: true}; // its own page's
    const style = getComputedStyle(one), box = one.getClientRects()[0];
    const top = document.elementFromPoint(box.left + box.width / 2, box.top + box.height / 2);
    return {
        what: one.outerHTML.slice(0, 120),
        ring: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2,
        seen: box.width > 0 && box.bottom > 0 && box.top < innerHeight && (one === top || one.contains(top)),
    };
}"""


def _mistakes(page: "Page", rules: list[str]) -> list[str]:
    tried, wrong = page.evaluate(_JUDGED, rules)
    assert tried, "no rule was tried"
    return list(wrong)


def _judged(live: Site) -> list[Sight]:
    """All that a machine can judge; where only the words differ from another page it has nothing to add."""
    return [one for one in sights.every(live) if not one.alike]


def test_axe_finds_nothing_on_any_page_by_day_or_by_night(visit: Visit, live: Site, watch: Watch) -> None:
    watch.meant |= sights.STATUSES
    page, wrong = visit(STILL), {}
    for sight in _judged(live):
        sight.open(page)
        page.evaluate(AXE_SCRIPT)
        found = _mistakes(page, _ALL_RULES)
        page.emulate_media(color_scheme="dark")
        found += [f"in the dark: {one}" for one in _mistakes(page, _CONTRAST)]
        page.emulate_media(color_scheme="light")
        if found:
            wrong[sight.name] = found
    assert wrong == {}


def test_every_page_can_be_used_by_keyboard_by_thumb_and_at_any_size(visit: Visit, live: Site, watch: Watch) -> None:
    watch.meant |= sights.STATUSES
    page, wrong = visit(_DESK), []
    for sight in _judged(live):
        sight.open(page)
        found = page.evaluate(_ODD)
        if sight.whole:
            stops = _stops(page)
            found += [stop["what"] for stop in stops if not (stop["ring"] and stop["seen"])]
            names = "a[href], button:not([disabled]), input:not([type=hidden]):not([tabindex='-1']), summary, iframe"
            assert len(stops) >= page.locator(names).and_(page.locator(":visible")).count(), (sight.name, stops)
        page.set_viewport_size(_ZOOMED)
        found += ["too wide"] if page.evaluate(_WIDER) else []
        page.evaluate(_SPACED)
        found += ["too wide with more space"] if page.evaluate(_WIDER) else []
        page.set_viewport_size({"width": _DESK.width, "height": _DESK.height})
        wrong += [f"{sight.name}: {one}" for one in found]
    assert wrong == [], "\n".join(wrong)


def _stops(page: "Page") -> list[dict[str, Any]]:
    """What the tab key comes to, from the top to the end."""
    stops: list[dict[str, Any]] = []
    page.evaluate("document.body.tabIndex = -1; document.body.focus(); document.body.removeAttribute('tabindex')")
    while len(stops) < 100:
        page.keyboard.press("Tab")
        found = page.evaluate(_FOCUSED)
        if found is None or (stops and found["what"] == stops[0]["what"]):
            break
        stops.append(found)
    return stops
