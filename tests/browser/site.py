"""The example site, open on a port of its own, with its mail in a test mailbox."""

import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from flask import Flask

from leadmagnet.content.compiled import Build
from leadmagnet.links import Links
from leadmagnet.settings import Settings
from leadmagnet.store.database import Database
from leadmagnet.web.app import create_app
from leadmagnet.web.server import Server
from tests.web.mails import links_of
from tests.world import SECRET, World


class _Door:
    """Leads to an app that is made when the port is known: its links name it."""

    app: Flask

    def __call__(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        return self.app(environ, start)


@dataclass(frozen=True)
class Site:
    """A running site: browsers knock at `url`, tests move time and send mail through `world`."""

    world: World
    url: str

    def mail(self, address: str, subject: str = "") -> EmailMessage:
        """The newest mail to `address` with these words in its subject, as it arrived."""
        found = [mail for mail in self.world.inbox(address) if subject in str(mail["Subject"])]
        assert found, f"no mail {subject!r} to {address}"
        return found[-1]

    def link(self, mail: EmailMessage, start: str) -> str:
        """The link of that mail whose path begins with `start`, such as "/c/"."""
        (found,) = {link for link in links_of(mail) if link.startswith(self.url + start)}
        return found

    def guide_link(self, address: str) -> str:
        """The guide of somebody who confirmed."""
        return self.world.links.guide(self.world.enrollment(address).id)


@contextmanager
def published(build: Build, template: Path, folder: Path) -> Iterator[Site]:
    """A new world of `build` in `folder`, open; `template` is a migrated SQLite file to copy."""
    shutil.copy(template, folder / "leadmagnet.db")
    database = Database(f"sqlite:///{folder / 'leadmagnet.db'}")
    try:
        with World(database, build, folder) as world, opened(world, folder) as live:
            yield live
    finally:
        database.close()


@contextmanager
def opened(world: World, folder: Path) -> Iterator[Site]:
    """Opens `world` to browsers, at a port that nobody else has; its links lead there."""
    door = _Door()
    server = Server(door, "127.0.0.1", 0)  # type: ignore[arg-type]
    settings = Settings(
        secret_keys="first key",  # type: ignore[arg-type]
        suppression_key=SECRET.decode(),
        data_dir=folder,
        port=server.port,
        signup_limits="off",
    )
    world.links = Links(settings.site_url, settings.keys())
    door.app = create_app(settings, world.database, clock=lambda: world.now)
    server.start()
    try:
        yield Site(world, settings.site_url)
    finally:
        server.stop()
