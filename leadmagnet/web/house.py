"""What every view needs, put on the app once."""

from dataclasses import dataclass, field
from typing import cast

from flask import current_app

from leadmagnet.clock import Clock
from leadmagnet.content.published import Published
from leadmagnet.links import Links
from leadmagnet.mail.mailbox import Mailbox
from leadmagnet.publishing.releases import Live
from leadmagnet.reports.metrics import Numbers
from leadmagnet.settings import Settings
from leadmagnet.store.database import Database, Session
from leadmagnet.web.doorkeeper import Doorkeeper
from leadmagnet.web.intake import Intake
from leadmagnet.web.patience import Patience
from leadmagnet.web.turnstile import Turnstile

_NAME = "leadmagnet"


@dataclass(frozen=True)
class House:
    """The parts that the doors for browsers open onto."""

    settings: Settings
    database: Database
    live: Live
    links: Links
    intake: Intake
    address_secret: bytes
    clock: Clock
    mailbox: Mailbox | None  # None: mail really leaves
    worker: str | None  # the id of the worker in this process; None: there is none
    doorkeeper: Doorkeeper = field(default_factory=Doorkeeper)
    turnstile: Turnstile = field(default_factory=Turnstile)
    patience: Patience = field(default_factory=Patience)
    numbers: Numbers = field(default_factory=Numbers)

    def published(self, session: Session) -> Published:
        """The live release. Raises NothingPublished."""
        return self.live.get(session)

    def published_now(self) -> Published:
        """The live release, for a page that needs nothing else of the database. Raises NothingPublished."""
        with self.database.read() as session:
            return self.published(session)


def move_in(app: object, house: House) -> None:
    """Puts the house on a Flask app."""
    app.extensions[_NAME] = house  # type: ignore[attr-defined]


def house() -> House:
    """The house of the app that answers this request."""
    return cast(House, current_app.extensions[_NAME])
