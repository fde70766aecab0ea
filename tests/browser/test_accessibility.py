"""Everybody can use the pages: by the rules of WCAG 2.2 AA as axe-core judges them, by keyboard, and at any size."""

from typing import TYPE_CHECKING, Any

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.browser.chromium import DARK, PHONE, Look
from tests.browser.conftest import Visit, Watch
from tests.browser.site import Site
from tests.web import tour

if TYPE_CHECKING:
    from playwright.sync_api import Page

_ALL_RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
#: What the dark colours can change.
_CONTRAST = ["color-contrast", "link-in-text-block"]
#: The page stands where the focus is at once.
_STILL = Look(width=1280, height=800, still=True)
#: A desktop of 1280 pixels at 400 % (WCAG 1.4.10).
_ZOOMED = Look(width=320, height=256)
#: What is for programs, or is somebody's mail as she wrote it.
_NO_PAGES = {"letter", "source", "healthz", "readyz", "metrics"}
#: How some readers set any text (WCAG 1.4.12).
_SPACED = """() => {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(`* { line-height: 1.5 !important; letter-spacing: .12em !important;
        word-spacing: .16em !important; } p { margin-bottom: 2em !important; }`);
    document.adoptedStyleSheets.push(sheet);
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
    answer = Axe().run(page, options={"runOnly": rules, "resultTypes": ["violations"]}).response
    assert answer["passes"], "no rule was tried"
    found: list[dict[str, Any]] = answer["violations"]
    return [f"{one['id']}: {node['html'][:160]}" for one in found for node in one["nodes"]]


@pytest.mark.parametrize(
    ("look", "rules"), [(PHONE, _ALL_RULES), (DARK, _CONTRAST)], ids=["by day", "by night: the colours"]
)
def test_axe_finds_nothing_on_any_page(look: Look, rules: list[str], visit: Visit, live: Site, watch: Watch) -> None:
    watch.meant |= {"404", "410"}
    page, wrong = visit(look), {}
    for name, path in tour.populate(live.world).items():
        if name not in _NO_PAGES:
            page.goto(path)
            wrong[name] = _mistakes(page, rules)
    assert {name: found for name, found in wrong.items() if found} == {}


def test_no_page_scrolls_sideways_at_four_times_the_size(visit: Visit, live: Site, watch: Watch) -> None:
    watch.meant |= {"404", "410"}
    page, wrong = visit(_ZOOMED), []
    for name, path in tour.populate(live.world).items():
        if name not in _NO_PAGES:
            page.goto(path)
            if page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"):
                wrong.append(name)
    assert wrong == [], "\n".join(wrong)


def test_the_tab_key_comes_to_everything_and_shows_where_it_is(visit: Visit, live: Site, watch: Watch) -> None:
    watch.meant |= {"404", "410"}
    page, wrong = visit(_STILL), []
    for name, path in tour.populate(live.world).items():
        if name in _NO_PAGES:
            continue
        page.goto(path)
        stops = _stops(page)
        wrong += [f"{name}: {stop['what']}" for stop in stops if not (stop["ring"] and stop["seen"])]
        names = "a[href], button:not([disabled]), input:not([type=hidden]):not([tabindex='-1']), summary, iframe"
        assert len(stops) >= page.locator(names).and_(page.locator(":visible")).count(), (name, stops)
    assert wrong == [], "\n".join(wrong)


def _stops(page: "Page") -> list[dict[str, Any]]:
    """What the tab key comes to, from the top to the end."""
    stops: list[dict[str, Any]] = []
    while len(stops) < 100:
        page.keyboard.press("Tab")
        found = page.evaluate(_FOCUSED)
        if found is None or (stops and found["what"] == stops[0]["what"]):
            break
        stops.append(found)
    return stops
