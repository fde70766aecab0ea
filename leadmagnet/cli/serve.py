"""The commands that keep running: `run`, `web`, `worker`."""

import logging
import signal
import sys
import time
from pathlib import Path

import click

from leadmagnet import clock, failpoints
from leadmagnet.cli import banner, watching
from leadmagnet.cli.sending import connector, relay
from leadmagnet.cli.site import database_of, site_option
from leadmagnet.doctor import mail_server, require_ready
from leadmagnet.errors import LeadmagnetError
from leadmagnet.links import Links
from leadmagnet.publishing.releases import Live
from leadmagnet.settings import Settings, load
from leadmagnet.store.database import Database
from leadmagnet.web.app import create_app
from leadmagnet.web.server import Server
from leadmagnet.worker import Worker

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_LOOK_SECONDS = 0.2


@click.command()
@site_option
def run(site: Path) -> None:
    """Start the site of this folder: web pages and mail, all in one.

    Prepares the database, publishes what passes its checks, and serves until Ctrl-C.

    Example: leadmagnet run --site ~/my-site
    """
    _log_to_terminal()
    stop = _Stop()
    settings = load(site)
    database = database_of(settings, upgrade=True)
    seen = watching.publish_first(site, settings, database)
    worker = _worker(site, settings, database)
    server = _server(settings, database)
    watcher = watching.Watcher(site, settings, database, seen)
    worker.start()
    server.start()
    watcher.start()
    click.echo(banner.welcome(settings))
    stop.wait()
    click.echo("Stopping: letters in flight are finished first ...")
    watcher.stop()
    server.stop()
    done = worker.stop()
    database.close()
    sys.exit(0 if done else 1)


@click.command()
@site_option
def web(site: Path) -> None:
    """Serve only the web pages; a worker elsewhere sends the mail.

    Example: leadmagnet web
    """
    _log_to_terminal()
    stop = _Stop()
    settings = load(site)
    database = database_of(settings, upgrade=False)
    server = _server(settings, database)
    server.start()
    click.echo(f"Serving {settings.site_url} on {settings.host}:{server.port}. Ctrl-C stops.")
    stop.wait()
    server.stop()
    database.close()


@click.command()
@site_option
def worker(site: Path) -> None:
    """Send only the mail; any number of workers may run against one PostgreSQL.

    Example: leadmagnet worker
    """
    _log_to_terminal()
    stop = _Stop()
    settings = load(site)
    database = database_of(settings, upgrade=False)
    sending = _worker(site, settings, database)
    sending.start()
    click.echo(f"Sending through {mail_server(settings) or 'the test mailbox'}. Ctrl-C stops.")
    stop.wait()
    done = sending.stop()
    database.close()
    sys.exit(0 if done else 1)


def _worker(site: Path, settings: Settings, database: Database) -> Worker:
    failpoints.arm(settings.failpoint)
    server = mail_server(settings)
    if server is not None and not server.is_loopback:
        # Before the first publish there is nothing to judge, and nothing to send either: this raises.
        with database.read() as session:
            require_ready(settings, server, Live().get(session).site, site)
    links = Links(settings.site_url, settings.keys())
    return Worker(settings, database, connector(settings), links, relay=relay(settings), clock=clock.now)


def _server(settings: Settings, database: Database) -> Server:
    app = create_app(settings, database, clock=clock.now)
    try:
        return Server(app, settings.host, settings.port)
    except OSError as error:
        raise LeadmagnetError(
            f"cannot listen on {settings.host}:{settings.port}: {error.strerror}. Is leadmagnet running already? "
            "LEADMAGNET_PORT=8001 takes another port."
        ) from error


class _Stop:
    """Ctrl-C and SIGTERM. Listened for first of all: a stop during the start must not end in a traceback.

    A second signal ends the process at once, which is safe by design: what was in flight is settled by the next start.
    """

    def __init__(self) -> None:
        self._asked = False
        for number in _SIGNALS:
            signal.signal(number, self._ask)

    def _ask(self, *_: object) -> None:
        # A plain flag: an Event's own lock may be held by the very code that the signal interrupts.
        self._asked = True
        for number in _SIGNALS:
            signal.signal(number, signal.SIG_DFL)

    def wait(self) -> None:
        """Returns once a stop was asked for."""
        # Python runs a handler only when the main thread moves: one that came just before a wait without end
        # would be seen when somebody presses Ctrl-C again.
        while not self._asked:
            time.sleep(_LOOK_SECONDS)


def _log_to_terminal() -> None:
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("leadmagnet").setLevel(logging.INFO)
