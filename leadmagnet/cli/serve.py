"""The commands that keep running: `run`, `web`, `worker`."""

import logging
import signal
import sys
import time
from pathlib import Path

import click

from leadmagnet import __version__, clock, failpoints, logs
from leadmagnet.cli import banner, preview, watching
from leadmagnet.cli.sending import connector, quota_of, relay
from leadmagnet.cli.site import database_of, site_option
from leadmagnet.content.memory import Memory
from leadmagnet.doctor import mail_server, require_log_of, require_ready, signer, unnamed_proxy
from leadmagnet.errors import LeadmagnetError
from leadmagnet.links import Links
from leadmagnet.publishing.releases import Live
from leadmagnet.settings import Settings, load
from leadmagnet.store.database import Database
from leadmagnet.web.app import create_app
from leadmagnet.web.preview.house import Preview
from leadmagnet.web.server import Server
from leadmagnet.worker import Worker, spare_the_collector

log = logging.getLogger(__name__)

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_LOOK_SECONDS = 0.2


@click.command()
@site_option
def run(site: Path) -> None:
    """Start the site of this folder: web pages and mail, all in one.

    Prepares the database, publishes what passes its checks, and serves until Ctrl-C.

    Example: leadmagnet run --site ~/my-site
    """
    stop = Stop()
    settings = load(site)
    logs.set_up(settings.log_format, settings.log_level)
    database = database_of(settings, upgrade=True)
    seen = watching.publish_first(site, settings, database)
    worker = _worker(site, settings, database)
    memory = Memory()
    seeing = preview.within_run(site, settings, database, memory)
    server = _server(settings, database, worker.id, seeing)
    watcher = watching.Watcher(site, settings, database, seen, memory)
    worker.start()
    server.start()
    watcher.start()
    click.echo(banner.welcome(settings, preview.address(settings, seeing)))
    _say_started(settings, database, worker.id)
    stop.wait()
    click.echo("Stopping: letters in flight are finished first ...")
    watcher.stop()
    seeing.desk.stop()
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
    stop = Stop()
    settings = load(site)
    logs.set_up(settings.log_format, settings.log_level)
    database = database_of(settings, upgrade=False)
    server = _server(settings, database, None)
    spare_the_collector()
    server.start()
    click.echo(f"Serving {settings.site_url} on {settings.host}:{server.port}. Ctrl-C stops.")
    _say_started(settings, database, None)
    stop.wait()
    server.stop()
    database.close()


@click.command()
@site_option
def worker(site: Path) -> None:
    """Send only the mail; any number of workers may run against one PostgreSQL.

    Example: leadmagnet worker
    """
    stop = Stop()
    settings = load(site)
    logs.set_up(settings.log_format, settings.log_level)
    database = database_of(settings, upgrade=False)
    sending = _worker(site, settings, database)
    sending.start()
    click.echo(f"Sending through {mail_server(settings) or 'the test mailbox'}. Ctrl-C stops.")
    _say_started(settings, database, sending.id)
    stop.wait()
    done = sending.stop()
    database.close()
    sys.exit(0 if done else 1)


def _worker(site: Path, settings: Settings, database: Database) -> Worker:
    failpoints.arm(settings.failpoint)
    spare_the_collector()
    server = mail_server(settings)
    require_log_of(settings, server)
    if server is not None and not server.is_loopback:
        # Before the first publish there is nothing to judge, and nothing to send either: this raises.
        with database.read() as session:
            live = Live().get(session)
        require_ready(settings, server, live.site, site, live.compiled.letters.values())
    links = Links(settings.site_url, settings.keys(), settings.bounce_domain)
    return Worker(
        settings,
        database,
        connector(settings),
        links,
        relay=relay(settings),
        clock=clock.now,
        signer=signer(settings),
        quota=quota_of(settings),
    )


def _server(settings: Settings, database: Database, worker: str | None, seeing: Preview | None = None) -> Server:
    app = create_app(settings, database, clock=clock.now, worker=worker, preview=seeing)
    if warning := unnamed_proxy(settings):
        log.warning("%s", warning)
    try:
        return Server(app, settings.host, settings.port)
    except OSError as error:
        raise LeadmagnetError(
            f"cannot listen on {settings.host}:{settings.port}: {error.strerror}. Is leadmagnet running already? "
            "LEADMAGNET_PORT=8001 takes another port."
        ) from error


class Stop:
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


def _say_started(settings: Settings, database: Database, worker: str | None) -> None:
    """The first line of a log: who this is, and what it talks to."""
    kind = "SQLite" if database.is_sqlite else "PostgreSQL"
    relay = str(mail_server(settings) or "the test mailbox")
    known = {"version": __version__, "database": kind, "worker": worker, "relay": relay}
    log.info(
        "leadmagnet %s started: %s, worker %s, mail by %s", __version__, kind, worker or "none", relay, extra=known
    )
