"""What people look at: every letter as it arrived, and every page of the site."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from email import message_from_bytes
from pathlib import Path

from leadmagnet.audience import addresses
from leadmagnet.mail.mailbox import Message
from leadmagnet.publishing import drafts
from leadmagnet.sequences import moving, signup
from leadmagnet.store.database import Database
from leadmagnet.store.migrate import upgrade
from tests.browser import sights, site
from tests.browser.sights import Sight
from tests.browser.site import Site
from tests.world import SECRET, World

FORM = "/f/hip-openers"
#: None of those who live on the pages.
RUTH, GRACE, BETH, VERA = "ruth@example.com", "grace@example.com", "beth@example.com", "vera@example.com"
NEW = "vera@new.example"
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
    world.asks(BETH)
    world.joins(RUTH)
    world.joins(GRACE, first_name="Grace")
    world.wait(hours=25)
    with world.database.write() as session:
        signup.remind(session, world.published, after=timedelta(hours=24), limit=10, now=world.now)
    world.skip(until=world.now + timedelta(days=60))
    for address in (RUTH, GRACE):
        world.asks(address)
    world.joins(VERA)
    _wishes_to_move(world, VERA)
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
        if message is not None and message.to in (RUTH, GRACE, BETH, NEW):
            letter = _letter(live, message)
            found.setdefault((letter.name, letter.named), letter)
    return [found[key] for key in sorted(found)]


def _letter(live: Site, message: Message) -> Letter:
    slug, folder, *_ = str(message_from_bytes(message.raw)["Feedback-ID"]).split(":")
    stem = Path(live.world.published.letter(folder, slug).path).stem
    name = f"{_SYSTEM[stem]}-{stem}" if folder == "system" else stem
    return Letter(name, message.subject, message.to == GRACE, f"/mailbox/{message.key}/html", message.text)


def pages(live: Site) -> list[Sight]:
    """Every page of the site in every state; the guide has pictures of its own."""
    every = enumerate(sights.every(live), 1)
    return [replace(one, name=f"{n:02}-{'-'.join(re.findall('[a-z]+', one.name))}") for n, one in every]


def guide(live: Site) -> list[Sight]:
    """The guide, just opened; and while its flow runs."""
    path = live.guide_link(VERA).removeprefix(live.url)
    return [Sight("1-opened", path), Sight("2-flow", path, sights.starts, whole=False)]
