"""A site of one's own, lived in: its terminal, its visitors and its mail, under one clock that a test moves."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from email.message import EmailMessage
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from leadmagnet import clock
from leadmagnet.cli.sending import connector, relay
from leadmagnet.content.memory import Memory
from leadmagnet.delivery.single_file import SingleFile
from leadmagnet.links import Links
from leadmagnet.mail.mailbox import Mailbox
from leadmagnet.publishing import drafts, replan
from leadmagnet.publishing.releases import Live
from leadmagnet.reports import heartbeats, weekly_mail
from leadmagnet.settings import Settings, load
from leadmagnet.store.database import Database
from leadmagnet.web.app import create_app
from tests.cli.terminal import Terminal
from tests.web.mails import path_of
from tests.web.page import Element, page_of


class Household:
    """The site in `folder`: every command, page and mail of it sees the time `now`, and only that."""

    def __init__(self, folder: Path, now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.now = now
        self.terminal = Terminal(folder)
        monkeypatch.setattr(clock, "now", lambda: self.now)
        memory, check = Memory(), drafts.check  # as under `run`, only what was saved is compiled again
        monkeypatch.setattr(drafts, "check", lambda folder, _=None: check(folder, memory))
        monkeypatch.setenv("COLUMNS", "80")  # not the window that the tests run in
        monkeypatch.setattr("getpass.getuser", lambda: "maya")  # not whoever runs the tests

    @property
    def settings(self) -> Settings:
        """The machine's settings, as every command reads them."""
        return load(self.folder)

    @property
    def mailbox(self) -> Mailbox:
        return Mailbox(self.settings.mailbox_path)

    def mails(self, address: str) -> list[EmailMessage]:
        """What one address got so far, oldest first."""
        import email
        import email.policy

        raws = [path.read_bytes() for path in sorted(self.mailbox.path.glob("new/*"))]
        mails = [email.message_from_bytes(raw, policy=email.policy.default) for raw in raws]
        return [mail for mail in mails if mail["To"] == address]  # type: ignore[misc]

    def visitor(self, database: Database) -> FlaskClient:
        """Somebody's browser."""
        return create_app(self.settings, database, clock=lambda: self.now).test_client()

    @contextmanager
    def open(self) -> Iterator[tuple[FlaskClient, SingleFile]]:
        """The doors of the site for a while: a browser, and the road of its mail."""
        settings = self.settings
        database = Database(settings.database)
        links = Links(settings.site_url, settings.keys(), settings.bounce_domain)
        road = SingleFile(
            database, links, connector(settings), settings.data_dir / "journal",
            owner="household", relay=relay(settings), now=self.now,
        )  # fmt: skip
        with database.read() as session:
            road.published = Live().get(session)
        with database.write() as session:
            replan.chunk(session, road.published, limit=1000, now=self.now)
        with road:
            yield self.visitor(database), road
        with database.write() as session:  # its worker is there all the time
            heartbeats.beat(session, "household", host="home", pid=1, started_at=self.now, now=self.now)
        database.close()

    def joins(self, address: str, guide: str = "hip-openers") -> Element:
        """Somebody fills in the form, confirms and gets her guide mail; returns the guide's page."""
        with self.open() as (browser, road):
            sent = browser.post(f"/f/{guide}", data={"email": address, "timezone": "America/New_York"})
            assert (sent.status_code, sent.location) == (303, f"/f/{guide}/sent"), sent.text
            road.deliver()
            opened = browser.post(path_of(self.mails(address)[-1], "/c/"))
            assert opened.status_code == 303, opened.text
            road.deliver()
            return page_of(browser.get(opened.location))

    def lives(self, until: datetime) -> None:
        """Lets time pass, sending each mail at the moment that it is due."""
        with self.open() as (_, road):
            while (due := road.next_due()) is not None and due <= until:
                self.now = road.now = max(self.now, due)
                if not road.deliver() and road.next_due() == due:
                    break  # held back by a pause
            self.now = road.now = until
            weekly_mail.send(road.database, Live(), now=until)
            road.deliver()

    def waits(self, **time: float) -> None:
        """Lets time pass: `days=1`, `hours=2`."""
        self.lives(self.now + timedelta(**time))
