"""The preview of a site's letters: alone as the command `preview`, and as a part of `run`."""

import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from leadmagnet import clock
from leadmagnet.cli.site import database_of, site_option
from leadmagnet.errors import LeadmagnetError
from leadmagnet.reports import words
from leadmagnet.settings import Settings, load

if TYPE_CHECKING:
    from leadmagnet.content.compiled import Build, Letter
    from leadmagnet.content.memory import Memory
    from leadmagnet.store.database import Database
    from leadmagnet.web.preview.house import Preview

_HOST = "127.0.0.1"


@click.command()
@site_option
@click.option("--port", type=click.IntRange(0, 65535), help="The port to listen on (default: the site's own).")
def preview(site: Path, port: int | None) -> None:
    """See every letter as its readers will, while you write.

    Save a file, and the page shows it at once: on a phone, in the dark, without pictures, as plain text; with the day
    on which each letter would come, and what is wrong beside it. Needs no database, no mail server and no network.
    While `run` runs, the same page is there at /preview.

    Example: leadmagnet preview
    """
    from leadmagnet.cli.serve import Stop
    from leadmagnet.web.preview.alone import create_app
    from leadmagnet.web.server import Server

    stop = Stop()
    settings = load(site)
    port = settings.port if port is None else port
    parts = alone(site, settings)
    try:
        server = Server(create_app(parts), _HOST, port)
    except OSError as error:
        raise LeadmagnetError(
            f"cannot listen on {_HOST}:{port}: {error.strerror}. If `leadmagnet run` is running, its preview is at "
            f"http://{_HOST}:{port}/preview; `leadmagnet preview --port 8001` takes another port."
        ) from error
    server.start()
    shown = parts.desk.shown()
    click.echo(f"The preview is at {click.style(f'http://{_HOST}:{server.port}/preview', fg='cyan')}. Ctrl-C ends it.")
    errors = sum(found.level == "error" for found in shown.findings)
    if errors:
        click.echo(f"{words.count(errors, 'error')} to mend: the page says where.")
    stop.wait()
    parts.desk.stop()
    server.stop()


def alone(site: Path, settings: Settings) -> "Preview":
    """A preview that opens a database only to send a test mail, as `send-test` does."""
    from leadmagnet.links import Keys, Links
    from leadmagnet.web.preview.desk import Desk
    from leadmagnet.web.preview.house import Preview
    from leadmagnet.web.preview.permits import Permits

    def send(build: "Build", letter: "Letter", to: str, person: Mapping[str, str]) -> None:
        name = f"{letter.path.split('/')[1]}/{letter.slug}"
        try:
            database = database_of(settings, upgrade=True)
        except LeadmagnetError as error:
            raise LeadmagnetError(f"{error} Once it is there: leadmagnet send-test {name} --to {to}") from error
        try:
            _send(site, settings, database, build, letter, to, person)
        finally:
            database.close()

    # Links of nobody: these keys are worth nothing elsewhere, and none need be made or found for a look.
    links = Links(settings.site_url, Keys.of((secrets.token_hex(32),)), settings.bounce_domain)
    return Preview(Desk(site, clock.now), links, clock.now, Permits(None), send, goes_to=_goes_to(settings))


def within_run(site: Path, settings: Settings, database: "Database", memory: "Memory") -> "Preview":
    """The preview beside the site's own pages. Raises SettingsError if a secret is missing."""
    from leadmagnet.links import Links
    from leadmagnet.publishing import pending
    from leadmagnet.publishing.releases import Live
    from leadmagnet.web.preview.desk import Desk
    from leadmagnet.web.preview.house import Preview
    from leadmagnet.web.preview.permits import Permits

    live = Live()

    def send(build: "Build", letter: "Letter", to: str, person: Mapping[str, str]) -> None:
        _send(site, settings, database, build, letter, to, person)

    def waiting(build: "Build") -> int:
        with database.read() as session:
            return pending.changes(session, live, build)

    return Preview(
        desk=Desk(site, clock.now, memory),
        links=Links(settings.site_url, settings.keys(), settings.bounce_domain),
        clock=clock.now,
        permits=Permits(None if settings.is_local else secrets.token_urlsafe(12), settings.trusted_proxies),
        send=send,
        goes_to=_goes_to(settings),
        mailbox_url="/mailbox" if settings.uses_test_mailbox else None,
        waiting=None if settings.uses_test_mailbox else waiting,
    )


def address(settings: Settings, parts: "Preview") -> str:
    """Where the operator finds the preview of `run`; with the key, where one is asked for."""
    key = f"?key={parts.permits.key}" if parts.permits.key is not None else ""
    return f"http://{_HOST}:{settings.port}/preview{key}"


def _goes_to(settings: Settings) -> str:
    from leadmagnet.doctor import mail_server

    return str(mail_server(settings) or "the test mailbox")


def _send(
    site: Path,
    settings: Settings,
    database: "Database",
    build: "Build",
    letter: "Letter",
    to: str,
    person: Mapping[str, str],
) -> None:
    """Sends one test mail. Raises LeadmagnetError if it does not go out."""
    from leadmagnet.cli.sending import deliver_samples
    from leadmagnet.delivery.outcomes import Accepted, Lost

    for _facts, outcome in deliver_samples(site, settings, database, build, letter, to, [dict(person)]):
        if not isinstance(outcome, Accepted):
            maybe = "the mail server's last word was lost: maybe it was sent"
            raise LeadmagnetError(maybe if isinstance(outcome, Lost) else f"{_goes_to(settings)} did not take it.")
