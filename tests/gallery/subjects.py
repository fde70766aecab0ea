"""What people look at: every letter as it arrived, and every page of the site."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from email import message_from_bytes
from pathlib import Path
from typing import TYPE_CHECKING

from leadmagnet.audience import addresses
from leadmagnet.links import Purpose, mint
from leadmagnet.mail.mailbox import Message
from leadmagnet.publishing import drafts
from leadmagnet.sequences import moving, signup
from leadmagnet.store.database import Database
from leadmagnet.store.migrate import upgrade
from tests.browser import site
from tests.browser.site import Site
from tests.world import SECRET, World

if TYPE_CHECKING:
    from playwright.sync_api import Page

FORM = "/f/hip-openers"
ADA, GRACE, BOB, CAROL = "ada@example.com", "grace@example.com", "bob@example.com", "carol@example.com"
NEW = "carol@new.example"
#: Letters of the system, by when a visitor meets them; those of a series have their own numbers.
_SYSTEM = {"confirm": "01", "confirm-reminder": "02", "confirm-address": "98", "guide-again": "99"}


@dataclass(frozen=True)
class Letter:
    """One letter that arrived: `name` sorts as readers get them."""

    name: str
    subject: str
    named: bool  # its reader told her first name
    path: str  # of its HTML part, in the test mailbox
    text: str


@dataclass(frozen=True)
class Sight:
    """One page: where it is, and what somebody does on it before she looks."""

    name: str
    path: str
    act: Callable[["Page"], None] | None = None
    whole: bool = True  # False: only what one screen shows, because it covers the rest


@contextmanager
def lived(folder: Path, here: Path) -> Iterator[Site]:
    """The site of `folder`, open, after a reader with a name and one without got all its letters.

    Raises ValueError with the findings if the site does not pass its checks.
    """
    build = drafts.check(folder)
    if build.compiled is None:
        raise ValueError("\n".join(map(str, build.findings)))
    database = Database(f"sqlite:///{here / 'leadmagnet.db'}")
    upgrade(database)
    try:
        with World(database, build, here) as world, site.opened(world, here) as live:
            live_through(world)
            yield live
    finally:
        database.close()


def live_through(world: World) -> None:
    """Two readers get all their letters, one never confirms, one just did, and one is about to."""
    world.asks(BOB)
    world.joins(ADA)
    world.joins(GRACE, first_name="Grace")
    world.wait(hours=25)
    with world.database.write() as session:
        signup.remind(session, world.published, after=timedelta(hours=24), limit=10, now=world.now)
    world.skip(until=world.now + timedelta(days=60))
    for address in (ADA, GRACE):
        world.asks(address)
    world.joins(CAROL)
    _wishes_to_move(world, CAROL)
    world.asks("dora@example.com")
    world.deliver()


def _wishes_to_move(world: World, reader: str) -> None:
    new = addresses.parse(NEW)
    her = world.subscriber(reader).id
    with world.database.write() as session:
        moving.ask(session, world.published, her, new, new.key(SECRET), now=world.now)


def letters(live: Site) -> list[Letter]:
    """Every letter, for each of the two readers; the reminder reaches only one who has told nothing."""
    mailbox = live.world.mailbox
    found = {}
    for summary in reversed(mailbox.messages(1000)):
        message = mailbox.message(summary.key)
        if message is not None and message.to in (ADA, GRACE, BOB, NEW):
            letter = _letter(live, message)
            found.setdefault((letter.name, letter.named), letter)
    return [found[key] for key in sorted(found)]


def _letter(live: Site, message: Message) -> Letter:
    slug, folder, *_ = str(message_from_bytes(message.raw)["Feedback-ID"]).split(":")
    stem = Path(live.world.published.letter(folder, slug).path).stem
    name = f"{_SYSTEM[stem]}-{stem}" if folder == "system" else stem
    return Letter(name, message.subject, message.to == GRACE, f"/mailbox/{message.key}/html", message.text)


def pages(live: Site) -> list[Sight]:
    """Every page of the site but the guide, in the order in which somebody meets them."""
    world, keys = live.world, live.world.links.keys
    newest = world.mailbox.messages(1)[0].key
    leaving, left = (world.subscriber(address).id for address in (ADA, GRACE))
    world.leaves(GRACE)
    return [
        Sight("01-start", "/"),
        Sight("02-form", FORM),
        Sight("03-form-mistake", FORM, lambda page: _sends(page, "ada@example")),
        Sight("04-sent", FORM, lambda page: _sends(page, "erin@example.com")),
        Sight("05-confirm", f"/c/{mint(Purpose.CONFIRM, world.enrollment('dora@example.com').id, keys)}"),
        Sight("06-confirm-too-late", f"/c/{mint(Purpose.CONFIRM, world.enrollment(BOB).id, keys)}"),
        Sight("07-leave", f"/u/{mint(Purpose.LEAVE, leaving, keys)}"),
        Sight("07-leave-address", f"/u/{mint(Purpose.LEAVE, leaving, keys)}/address"),
        Sight("07-leave-delete", f"/u/{mint(Purpose.LEAVE, leaving, keys)}/forget"),
        Sight("08-left", f"/u/{mint(Purpose.LEAVE, left, keys)}"),
        Sight("08-left-nothing", f"/u/{mint(Purpose.LEAVE, 4711, keys)}"),
        Sight("09-privacy", "/privacy"),
        Sight("10-nothing-here", "/no/such/page"),
        Sight("11-mailbox", "/mailbox"),
        Sight("12-mailbox-letter", f"/mailbox/{newest}"),
    ]


def guide(live: Site) -> list[Sight]:
    """The guide, just opened; and while its flow runs."""
    path = live.guide_link(CAROL).removeprefix(live.url)
    return [Sight("1-opened", path), Sight("2-flow", path, _starts, whole=False)]


def _starts(page: "Page") -> None:
    page.get_by_role("button", name="minute flow").click()
    page.get_by_role("timer").wait_for()


def _sends(page: "Page", address: str) -> None:
    page.locator("#lm-email").fill(address)
    page.locator("#lm-email").press("Enter")
    page.locator(".lm-panel, .lm-err:not([hidden])").wait_for()
