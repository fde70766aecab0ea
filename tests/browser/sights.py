"""Every page in every state that somebody can come to, and what she does to see it."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING

from leadmagnet.audience import addresses
from leadmagnet.links import Purpose, mint
from leadmagnet.sequences import moving
from leadmagnet.settings import Settings
from leadmagnet.store.models import AddressChange, Enrollment
from leadmagnet.web.app import create_app
from tests.browser.site import Site
from tests.web import tour
from tests.world import SECRET, World

if TYPE_CHECKING:
    from playwright.sync_api import Page

    Act = Callable[[Page], None]

#: What is for programs, or is somebody's mail as she wrote it.
NO_PAGES = {"letter", "source", "healthz", "readyz", "metrics"}
#: What the console says of the answers that some of these pages are.
STATUSES = {"404", "405", "410", "422", "429", "503"}

FORM = tour.FORM
GMAIL, TYPO, PLAIN = "eva@gmail.com", "eva@gmial.com", "eva@example.com"
#: Of the tour: pages whose words alone are not those of another.
_ALIKE = {"confirmed", "no guide", "unknown", "unknown guide", "no mail"}
_NUMBERS = count(1)
#: Readers with a wish, by what the page says of it later.
_WISHERS = ("paused", "finishing", "slower", "next", "several", "answered", "reason", "blocked", "offered")


@dataclass(frozen=True)
class Sight:
    """One page: where it is, and what somebody does on it before she looks. An act can be done twice."""

    name: str
    path: str
    act: "Act | None" = None
    whole: bool = True  # False: only what one screen shows, because it covers the rest
    alike: bool = False  # True: made of the same parts as another

    def open(self, page: "Page") -> None:
        """Goes there, and does it."""
        page.goto(self.path)
        if self.act is not None:
            self.act(page)


def every(live: Site) -> list[Sight]:
    """All of them: those that only have to be opened, and those that somebody does something on."""
    opened = [
        Sight(name, path, alike=name in _ALIKE)
        for name, path in tour.populate(live.world).items()
        if name not in NO_PAGES
    ]
    paths = {one.name: one.path for one in opened}
    return [*opened, *_of_the_form(live), *_of_readers(live, paths)]


def _of_the_form(live: Site) -> list[Sight]:
    """What becomes of the form in the hands of a visitor, with its script and without."""
    return [
        Sight("form, mistake", FORM, lambda page: sends(page, "eva@")),
        Sight("form, suggestion", FORM, lambda page: _types(page, TYPO)),
        Sight("form, refused", FORM, lambda page: _is_refused(page, live)),
        Sight("panel", FORM, lambda page: sends(page, PLAIN), alike=True),
        Sight("panel, gmail", FORM, lambda page: sends(page, GMAIL), alike=True),
        Sight("panel, slip", FORM, lambda page: sends(page, TYPO)),
        Sight("panel, once more", FORM, lambda page: _asks_again(page, 1)),
        Sight("panel, enough", FORM, lambda page: _asks_again(page, 2), alike=True),
        Sight("framed mistake", f"{FORM}/embed", lambda page: sends(page, "eva@"), alike=True),
        Sight("framed panel", f"{FORM}/embed", lambda page: sends(page, GMAIL)),
        Sight("blog, panel", "/embed/try", lambda page: sends(page, TYPO)),
        Sight("sent, gmail", FORM, lambda page: _posts(page, {"email": GMAIL})),
        Sight("sent, slip", FORM, lambda page: _posts(page, {"email": TYPO}), alike=True),
        Sight("sent, change open", FORM, _changes),
        Sight("sent, too early", FORM, lambda page: _posts_again(page, live, 1, wait=False)),
        Sight("sent, once more", FORM, lambda page: _posts_again(page, live, 1), alike=True),
        Sight("sent, enough", FORM, lambda page: _posts_again(page, live, 2), alike=True),
        Sight("framed sent, slip", f"{FORM}/embed", lambda page: _posts(page, {"email": TYPO})),
        Sight("wrong method", "/", lambda page: _posts(page, {}, "/"), alike=True),
    ]


def _of_readers(live: Site, paths: dict[str, str]) -> list[Sight]:
    """Her own pages, after each wish that she can have."""
    world, keys = live.world, live.world.links.keys
    for name in _WISHERS:
        world.joins(f"{name}@example.com")
    hers = {name: f"/u/{mint(Purpose.LEAVE, world.subscriber(f'{name}@example.com').id, keys)}" for name in _WISHERS}
    rows = {name: world.enrollment(f"{name}@example.com").id for name in _WISHERS}
    for name in ("reason", "blocked"):
        world.leaves(f"{name}@example.com")
    _block(world, "blocked@example.com")
    world.changes(Enrollment, rows["offered"], status="pending")
    guides = {name: f"/g/{mint(Purpose.GUIDE, row, keys)}" for name, row in rows.items()}

    def wish(name: str, *wishes: str) -> list[Sight]:
        return [  # how it is said at once, and how it stands later
            Sight(f"leave, {name} just now", hers[name], lambda page: _wishes(page, wishes)),
            Sight(f"leave, {name}", hers[name], alike=True),
        ]

    return [
        *wish("paused", "pause"),
        *wish("finishing", "finish"),
        *wish("slower", "slower"),
        *wish("next", "next"),
        *wish("several", "slower", "finish", "pause"),
        Sight("leave, never confirmed", f"/u/{mint(Purpose.LEAVE, world.subscriber(tour.BOB).id, keys)}"),
        Sight("left, said why", hers["reason"], lambda page: _posts(page, {"reason": "too many"})),
        Sight("left, blocked", hers["blocked"]),
        Sight("other address, mistake", FORM, lambda page: _moves_to(page, live, "eva@")),
        Sight("other address, asked", FORM, lambda page: _moves_to(page, live, "new@example.com")),
        Sight("moved", FORM, lambda page: _moves(page, live)),
        Sight(
            "new address, taken",
            f"/a/{mint(Purpose.ADDRESS, _wish(world, 'next@example.com', 'paused@example.com'), keys)}",
        ),
        Sight("guide, answered", guides["answered"], lambda page: _posts(page, {"answer": "No"}), alike=True),
        Sight("guide, change open", guides["answered"], _answers_otherwise, alike=True),
        Sight("guide, letters offered", guides["offered"], alike=True),
        Sight("guide, flow", paths["guide"], starts, whole=False),
    ]


def sends(page: "Page", address: str) -> None:
    """Types an address into the form and sends it; the script answers in place."""
    _types(page, address)
    page.get_by_label("Email address").press("Enter")
    page.locator(".lm-panel, .lm-err:not([hidden])").wait_for()


def _types(page: "Page", address: str) -> None:
    field = page.get_by_label("Email address")
    field.fill(address)
    field.evaluate("field => field.dispatchEvent(new Event('blur'))")


def _asks_again(page: "Page", times: int) -> None:
    page.clock.install()
    page.goto(FORM)
    sends(page, GMAIL)
    for wait in (61_000, 601_000)[:times]:
        page.clock.fast_forward(wait)
        page.locator(".lm-again[aria-disabled=false]").click()
        page.locator(".lm-said").wait_for()
        page.locator(".lm-again", has_text="Sending").wait_for(state="detached")
    page.clock.resume()


def _posts(page: "Page", fields: dict[str, str], path: str = "") -> None:
    """What a form without its script sends; the answer is the page."""
    with page.expect_navigation():
        page.evaluate(
            """([fields, path]) => {
                const known = document.querySelector("form.lm-form");
                const form = Object.assign(document.createElement("form"), {method: "post", target: "_self"});
                form.action = path || known?.action || location.href;
                for (const [name, value] of Object.entries(fields)) {
                    form.append(Object.assign(document.createElement("input"), {type: "hidden", name, value}));
                }
                document.body.append(form);
                form.submit();
            }""",
            [fields, path],
        )


def _wishes(page: "Page", wishes: tuple[str, ...]) -> None:
    for one in wishes:
        _posts(page, {"wish": one})


def _posts_again(page: "Page", live: Site, times: int, wait: bool = True) -> None:
    began = live.world.now
    _posts(page, {"email": GMAIL})
    for pause in (61, 601)[:times]:
        if wait:
            live.world.wait(seconds=pause)
        _posts(page, {}, page.url)
    live.world.now = began


def _changes(page: "Page") -> None:
    _posts(page, {"email": GMAIL})
    page.locator("summary").click()


def _answers_otherwise(page: "Page") -> None:
    _posts(page, {"answer": "No"})
    page.locator("summary").click()


def _is_refused(page: "Page", live: Site) -> None:
    """What is answered where all places of the hour are taken."""
    full = Settings(
        secret_keys="first key",  # type: ignore[arg-type]
        suppression_key=SECRET.decode(), data_dir=live.world.mailbox.path.parent, signups_per_hour=1,
    )  # fmt: skip
    visitor = create_app(full, live.world.database, clock=lambda: live.world.now).test_client()
    answers = [visitor.post(FORM, data={"email": PLAIN}) for _ in range(2)]
    assert answers[1].status_code == 503
    page.route(
        f"**{FORM}", lambda route: route.fulfill(status=503, headers=dict(answers[1].headers), body=answers[1].text)
    )
    page.goto(FORM)
    page.unroute(f"**{FORM}")


def _block(world: World, address: str) -> None:
    from leadmagnet.audience import suppressions

    with world.database.write() as session:
        suppressions.add(session, world.subscriber(address).address_key, "all", "complained", now=world.now)


def _wish(world: World, reader: str, new: str) -> int:
    """The row of her wish for another address."""
    address = addresses.parse(new)
    with world.database.write() as session:
        her = world.subscriber(reader).id
        moving.ask(session, world.published, her, address, address.key(SECRET), now=world.now)
        found = session.query(AddressChange.id).filter_by(subscriber_id=her).scalar()
        assert found is not None
        return int(found)


def _newcomer(live: Site) -> str:
    """A reader for one look: nobody may ask for another address as often as there are looks."""
    address = f"moving-{next(_NUMBERS)}@example.com"
    live.world.joins(address)
    return address


def _moves_to(page: "Page", live: Site, address: str) -> None:
    her = live.world.subscriber(_newcomer(live)).id
    page.goto(f"/u/{mint(Purpose.LEAVE, her, live.world.links.keys)}/address")
    _posts(page, {"email": address}, page.url)


def _moves(page: "Page", live: Site) -> None:
    her = _newcomer(live)
    page.goto(f"/a/{mint(Purpose.ADDRESS, _wish(live.world, her, f'new-{her}'), live.world.links.keys)}")
    page.get_by_role("button", name="Yes, send them here").click()
    page.get_by_role("heading", name="Done.").wait_for()


def starts(page: "Page") -> None:
    page.get_by_role("button", name="minute flow").click()
    page.get_by_role("timer").wait_for()
