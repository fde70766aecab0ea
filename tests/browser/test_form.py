"""The form as somebody fills it in: mistakes said in place, slips asked about, a panel instead of another page."""

from typing import TYPE_CHECKING

import pytest

from leadmagnet.audience import typos
from tests.audience.typos import MEANT, slips
from tests.browser.chromium import DESKTOP_DARK, NO_SCRIPTS, PHONE, Look
from tests.browser.conftest import Visit, Watch
from tests.browser.site import Site

if TYPE_CHECKING:
    from playwright.sync_api import Page, Response

FORM = "/f/hip-openers"
FOCUSED = "document.activeElement.className || document.activeElement.name"


def opened(page: "Page", live: Site) -> "Page":
    """The form, after a moment of reading it."""
    page.goto(FORM)
    live.world.wait(seconds=5)
    return page


def sends(page: "Page", address: str) -> None:
    page.get_by_label("Email address").fill(address)
    page.get_by_role("button", name="Send me the guide").click()


def test_a_mistake_is_said_in_place_and_the_panel_comes_after(page: "Page", live: Site, watch: Watch) -> None:
    watch.meant.add("422")
    page.clock.install()
    opened(page, live)
    field, alert = page.get_by_label("Email address"), page.get_by_role("alert")
    field.fill("ada@")
    field.blur()
    assert not alert.is_visible()
    sends(page, "ada@")
    alert.wait_for()
    assert alert.inner_text() == "That address is missing the part after @. Example: sam@gmail.com"
    assert (field.get_attribute("aria-invalid"), field.input_value()) == ("true", "ada@")
    assert "lm-err" in str(field.get_attribute("aria-describedby")).split()
    assert page.evaluate(FOCUSED) == "email"
    field.fill("ada@gmial.com")
    assert alert.is_visible(), "never while typing"
    field.blur()
    alert.wait_for(state="hidden")
    hint = page.get_by_role("button", name="Did you mean ada@gmail.com?")
    hint.wait_for()
    field.focus()
    page.keyboard.press("Tab")  # which must not take away what it comes to
    assert page.evaluate(FOCUSED) == "lm-use"
    page.keyboard.press("Enter")
    assert field.input_value() == "ada@gmail.com"
    field.press("Enter")

    page.get_by_role("heading", name="One more step: check your inbox", level=1).wait_for()
    assert page.url.endswith(FORM)
    assert page.evaluate(FOCUSED) == "lm-head"
    assert "ada@gmail.com" in page.get_by_role("status").inner_text()
    assert "mail.google.com" in str(page.get_by_role("link", name="Open Gmail").get_attribute("href"))
    assert [row.kind for row in live.world.deliveries()] == ["confirm"]
    assert live.world.subscriber("ada@gmail.com").timezone == "America/New_York"

    again = page.locator(".lm-again")
    assert (again.inner_text(), again.get_attribute("aria-disabled")) == ("Send it again in 60 s", "true")
    again.click(force=True)
    page.clock.fast_forward(61_000)
    live.world.wait(seconds=61)
    page.get_by_role("button", name="Send it again", exact=True).click()
    page.get_by_text("It's on its way once more.").wait_for()
    assert len(live.world.deliveries(kind="confirm")) == 2
    assert again.inner_text() == "Send it again in 10 min"
    page.get_by_role("button", name="Not right? Change it").click()
    assert field.input_value() == "ada@gmail.com"
    assert page.evaluate(FOCUSED) == "email"


def test_whatever_goes_wrong_the_browser_sends_the_form_itself(page: "Page", live: Site, watch: Watch) -> None:
    watch.meant.add("ERR_FAILED")
    page.route(
        f"**{FORM}", lambda route: route.abort() if route.request.resource_type == "fetch" else route.continue_()
    )
    sends(opened(page, live), "ada@example.com")
    page.wait_for_url(f"**{FORM}/sent")
    page.get_by_text("ada@example.com").first.wait_for()
    assert live.world.subscriber("ada@example.com").timezone == "America/New_York"


def test_where_no_place_is_left_the_form_says_so_and_stays(page: "Page", live: Site, watch: Watch) -> None:
    watch.meant.add("503")
    said = {"error": {"field": None, "message": "So many people sign up just now. Please try again in 40 minutes."}}
    opened(page, live)
    page.route(f"**{FORM}", lambda route: route.fulfill(status=503, json=said))
    sends(page, "ada@example.com")
    alert = page.get_by_role("alert")
    alert.wait_for()
    assert alert.inner_text() == said["error"]["message"]
    field, button = page.get_by_label("Email address"), page.get_by_role("button", name="Send me the guide")
    assert (field.input_value(), button.get_attribute("aria-disabled")) == ("ada@example.com", "false")
    page.unroute(f"**{FORM}")
    button.click()
    page.get_by_role("heading", name="One more step: check your inbox").wait_for()
    assert page.url.endswith(FORM)


def test_the_script_and_the_server_understand_the_same_slips(page: "Page", live: Site) -> None:
    opened(page, live)
    typed = [*MEANT, *slips(150)]
    asked = page.evaluate(
        """(typed) => typed.map((address) => {
            const field = document.querySelector("#lm-email");
            field.value = address;
            field.dispatchEvent(new Event("blur"));
            return document.querySelector(".lm-hint button")?.value ?? null;
        })""",
        typed,
    )
    assert dict(zip(typed, asked, strict=True)) == {address: typos.suggestion(address) for address in typed}


@pytest.mark.parametrize("path", [FORM, "/"])
@pytest.mark.parametrize("look", [PHONE, DESKTOP_DARK], ids=["on a phone", "on a dark desktop"])
def test_a_page_with_the_form_is_light_and_asks_for_everything_at_once(look: Look, path: str, visit: Visit) -> None:
    answers: list[Response] = []
    page = visit(look)

    def came(answer: "Response") -> None:
        answers.append(answer)

    page.on("response", came)
    page.goto(path)
    page.wait_for_load_state("networkidle")
    loaded = page.evaluate("performance.getEntriesByType('resource').map((one) => [one.initiatorType, one.name])")
    chained = [name for kind, name in loaded if kind not in ("link", "script", "img") and not name.endswith("/sun.svg")]
    assert chained == [], "something waits for something else"
    weight = sum(len(answer.body()) for answer in answers)
    assert 10_000 < weight < 30_000


def test_without_scripts_a_mistake_is_said_beside_the_field_and_a_slip_on_the_next_page(
    visit: Visit, live: Site, watch: Watch
) -> None:
    watch.meant |= {"422", "429"}
    page = opened(visit(NO_SCRIPTS), live)
    sends(page, "ada@example")
    alert = page.get_by_role("alert")
    alert.wait_for()  # the form that was sent has none
    assert alert.inner_text()
    assert page.get_by_label("Email address").input_value() == "ada@example"
    page.locator("#lm-email:focus").wait_for()
    sends(page, "ada@gmial.com")
    page.wait_for_url(f"**{FORM}/sent")
    page.get_by_role("button", name="Send it again").click()
    page.get_by_text("You can send it again in 60 seconds.").wait_for()
    page.get_by_role("button", name="Use ada@gmail.com instead").click()
    page.get_by_role("link", name="Open Gmail").wait_for()
    page.get_by_text("Not right? Change it").click()
    page.get_by_label("Email address").fill("ada@example.com")
    page.get_by_role("button", name="Send it there").click()
    page.get_by_text("ada@example.com", exact=True).first.wait_for()
    # The mistyped domain is one of those who wait for such slips: nothing goes there.
    assert len(live.world.deliveries(kind="confirm")) == 2
