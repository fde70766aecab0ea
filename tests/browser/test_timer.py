"""The flow's timer, played in a real browser against a clock that the test moves."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from leadmagnet.content.compiled import Build
from tests.browser import site
from tests.browser.chromium import NO_SCRIPTS, STILL
from tests.browser.conftest import Visit
from tests.browser.site import Site
from tests.waiting import until

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Route

ADA = "ada@example.com"
#: What the table of the example means, step by step.
STEPS = [
    ("Child's pose", "Slow breaths", 30),
    ("Low lunge", "Right side", 45), ("Half split", "Right side", 30),
    ("Low lunge", "Left side", 45), ("Half split", "Left side", 30),
    ("Lizard", "Right side", 40), ("Lizard", "Left side", 40),
    ("Garland squat", "", 40), ("90/90", "Six slow switches", 40),
    ("Figure four", "Right side", 45), ("Figure four", "Left side", 45),
    ("Happy baby", "", 40), ("Bridge", "Eight slow lifts", 50),
    ("Supine twist", "Right side", 30), ("Supine twist", "Left side", 30),
    ("Lie still", "Arms and legs loose", 20),
]  # fmt: skip
#: Stands in for the lock of the screen, which needs a real one, and for sound.
PARTS = """
window.held = 0; window.tones = 0;
Object.defineProperty(navigator, "wakeLock", {value: {
  request: async () => { held += 1; return {release: () => { held -= 1; }}; }}});
const start = OscillatorNode.prototype.start;
OscillatorNode.prototype.start = function (at) { tones += 1; start.call(this, at); };
"""


@pytest.fixture(scope="module")
def live(
    browser: "Browser", sqlite_template: Path, example: Build, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    """One site for all of these, who only read: Ada has the guide."""
    with site.published(example, sqlite_template, tmp_path_factory.mktemp("timer")) as open_site:
        open_site.world.joins(ADA)
        yield open_site


def said(page: "Page", part: str) -> str:
    return page.locator(f'[data-timer="{part}"]').inner_text()


def opened(page: "Page", live: Site) -> "Page":
    page.clock.install()
    page.add_init_script(PARTS)
    page.goto(live.guide_link(ADA))
    page.clock.pause_at(page.evaluate("Date.now() + 60_000"))  # the clock may not have passed it on its way there
    return page


@pytest.fixture
def timer(page: "Page", live: Site) -> "Page":
    """Ada's guide with the flow running."""
    opened(page, live).get_by_role("button", name="Start the 10-minute flow").click()
    return page


def test_it_plays_the_table_to_its_end(timer: "Page") -> None:
    spent = 0
    for name, note, seconds in STEPS:
        assert (said(timer, "pose"), said(timer, "note")) == (name, note)
        assert said(timer, "left") == f"0:{seconds:02}"
        assert said(timer, "whole").startswith(f"{(600 - spent) // 60}:{(600 - spent) % 60:02} left")
        mirrored = timer.locator("[data-timer=figure].mirrored").count()
        assert mirrored == (note == "Left side")
        assert timer.locator("[data-timer=figure] svg").count() == (name != "Lie still")
        timer.clock.run_for(seconds * 1000)
        spent += seconds
    assert (spent, said(timer, "pose"), said(timer, "left")) == (600, "Done", "0:00")
    assert timer.evaluate("[held, tones]") == [0, 0]
    timer.get_by_role("button", name="Once more").click()
    assert said(timer, "pose") == "Child's pose"


def test_the_keyboard_is_enough(page: "Page", live: Site) -> None:
    opened(page, live).locator("#start-flow").focus()
    page.keyboard.press("Enter")
    pause = page.locator('[data-timer="pause"]')
    page.locator('[data-timer="pause"]:focus').wait_for()
    page.clock.run_for(10_000)
    page.keyboard.press(" ")
    page.clock.run_for(60_000)
    assert (said(page, "left"), pause.inner_text(), page.evaluate("held")) == ("0:20", "Go on", 0)
    page.keyboard.press(" ")
    page.clock.run_for(5_000)
    assert (said(page, "left"), page.evaluate("held")) == ("0:15", 1)
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert said(page, "pose") == "Half split"
    page.keyboard.press("ArrowLeft")
    assert (said(page, "pose"), said(page, "left")) == ("Low lunge", "0:45")
    page.clock.run_for(5_000)
    page.keyboard.press("ArrowLeft")
    assert (said(page, "pose"), said(page, "left")) == ("Low lunge", "0:45")
    page.keyboard.press("Escape")
    page.locator("#timer").wait_for(state="hidden")
    page.locator("#start-flow:focus").wait_for()
    until(lambda: page.evaluate("held") == 0)  # it is told that it was closed a little later


def test_time_goes_on_while_nobody_looks(timer: "Page") -> None:
    timer.clock.run_for(1_000)
    timer.clock.fast_forward(8 * 60_000)  # a tab in the background: its timers fire late, and once
    assert said(timer, "whole").startswith("1:59 left")
    assert said(timer, "pose") == "Bridge"


def test_each_new_pose_is_announced_once_and_sounds_only_if_she_asks(timer: "Page") -> None:
    live = timer.locator("[aria-live=polite]")
    timer.evaluate(
        "window.heard = 0; new MutationObserver(() => { heard += 1; })"
        ".observe(document.querySelector('[aria-live]'), {childList: true, characterData: true, subtree: true})"
    )
    assert live.inner_text() == "Child's pose, 30 seconds. Next: Low lunge, right side."
    timer.clock.run_for(74_000)
    assert live.inner_text() == "Low lunge, right side, 45 seconds. Next: Half split, right side."
    assert timer.evaluate("[heard, tones]") == [1, 0]
    timer.get_by_label("A soft tone at each change").check()
    timer.clock.run_for(2_000)
    assert timer.evaluate("[heard, tones]") == [2, 2]  # one as a sample, one at the change


def test_nothing_moves_for_who_asked_for_stillness(visit: Visit, live: Site) -> None:
    page = opened(visit(STILL), live)
    page.locator("#start-flow").click()
    page.keyboard.press("ArrowRight")
    assert page.evaluate("document.getAnimations().length") == 0
    assert page.evaluate("getComputedStyle(document.documentElement).scrollBehavior") == "auto"


def test_without_scripts_the_guide_is_all_there(visit: Visit, live: Site) -> None:
    page = visit(NO_SCRIPTS)
    page.goto(live.guide_link(ADA))
    assert not page.locator("#start-flow").is_visible() and not page.locator("#timer").is_visible()
    assert page.get_by_role("heading", name="The ten-minute flow").is_visible()
    assert page.get_by_role("table").first.is_visible()


def test_any_table_of_poses_can_be_played(page: "Page", live: Site) -> None:
    tables = {
        "Right: lizard 0:40 → low lunge 0:30|1:10;Left: same|1:10": [
            "Lizard, Right side, 0:40", "Low lunge, Right side, 0:30", "Lizard, Left side, 0:40",
            "Low lunge, Left side, 0:30",
        ],
        "Frog, eight rocks, then stay|1:00": ["Frog, Eight rocks, then stay, 1:00"],
        "Plank|0:20;Rest|;Plank 0:20 each side|0:40": [
            "Plank, , 0:20", "Plank, Right side, 0:20", "Plank, Left side, 0:20",
        ],
    }  # fmt: skip
    shown: list[str] = []

    def with_rows(route: "Route") -> None:
        answer = route.fetch()
        body = "".join("<tr><td></td><td>{}</td><td>{}</td></tr>".format(*row.split("|")) for row in shown)
        head, _, rest = answer.text().partition("<tbody>")
        route.fulfill(response=answer, body=f"{head}<tbody>{body}</tbody>{rest.partition('</tbody>')[2]}")

    page.route("**/g/*", with_rows)
    for rows, expected in tables.items():
        shown[:] = rows.split(";")
        page.goto(live.guide_link(ADA))
        page.locator("#start-flow").click()
        for wanted in expected:
            assert f"{said(page, 'pose')}, {said(page, 'note')}, {said(page, 'left')}" == wanted
            page.keyboard.press("ArrowRight")
        assert said(page, "pose") == "Done"
