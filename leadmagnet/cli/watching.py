"""Publishing from `run`: once at the start, and on save while mail goes to the test mailbox."""

import gc
import logging
from pathlib import Path
from threading import Event, Thread

import click

from leadmagnet import clock
from leadmagnet.cli.findings import show
from leadmagnet.cli.publishing import Going, make_live, refuse_renames
from leadmagnet.cli.site import author_of
from leadmagnet.cli.words import changes_waiting
from leadmagnet.content import following
from leadmagnet.content.compiled import Build
from leadmagnet.content.memory import Memory
from leadmagnet.errors import LeadmagnetError
from leadmagnet.publishing import drafts, media, pending, releases, versions
from leadmagnet.settings import Settings
from leadmagnet.store.database import Database

log = logging.getLogger(__name__)

#: How long to wait after a failure, such as a folder that an editor is just replacing.
_AGAIN_SECONDS = 2.0
_ROLLED_BACK = (
    "You rolled back, and your folder is as it was then: it is not published until you save a change "
    "(or say `leadmagnet publish`). `leadmagnet diff` shows what differs."
)


def publish_first(site: Path, settings: Settings, database: Database) -> str:
    """Publishes at the start what may be published: a saved change in test, anything while nobody can be surprised.

    Returns the digest of what it found. Raises LeadmagnetError if nothing is live and nothing can be.
    """
    build = drafts.check(site)
    with database.read() as session:
        first = releases.live_digest(session) is None
    if build.compiled is None:
        click.echo(show(build.findings))
        if first:
            raise LeadmagnetError("Nothing is published yet, and this cannot be: mend the errors above.")
        click.echo("The version published last stays live.")
    elif first:
        make_live(database, Going(build, author_of(site)))
    elif settings.uses_test_mailbox and _was_set_aside(build, database):
        click.echo(_ROLLED_BACK)
    elif settings.uses_test_mailbox:
        _publish_or_say(Going(build, author_of(site)), database)
    else:
        _say_waiting(build, database)
    if not first:
        _complete(database)
    return build.digest


def _was_set_aside(build: Build, database: Database) -> bool:
    """Whether a rollback is live, and the folder is still as it was then: she does not want it back by a restart."""
    with database.read() as session:
        return versions.live(session).set_aside == build.digest


def _publish_or_say(going: Going, database: Database) -> int | None:
    """As `make_live`, while something good is live already: what cannot be published now stops nothing."""
    try:
        refuse_renames(database, going.build)
        return make_live(database, going)
    except LeadmagnetError as error:
        click.echo(f"{error} The version before stays live.")
        return None


def _complete(database: Database) -> None:
    """Makes what the live release lacks: an older version of ours made no PDF, or set it otherwise."""
    now = clock.now()
    with database.read() as session:
        live = releases.Live().get(session)
        files = releases.files(session, live.number)
        missing = media.missing(session, live.compiled, files, now=now)
    if not missing:
        return
    try:
        made = media.make(missing)
    except LeadmagnetError as error:
        click.echo(f"{error} What is live goes on without it.")
        return
    with database.write() as session:
        media.keep(session, made, now=now)


class Watcher:
    """Follows the operator's files while `run` runs."""

    def __init__(
        self, site: Path, settings: Settings, database: Database, seen: str, memory: Memory | None = None
    ) -> None:
        """`seen` is the digest of what was published, or named, at the start."""
        self._site = site
        self._memory = memory or Memory()
        self._seen = seen
        self._settings = settings
        self._database = database
        self._stopping = Event()
        self._thread = Thread(target=self._run, name="watcher", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join(timeout=5)

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._follow()
            except Exception:
                log.exception("the saved files could not be published")
                self._stopping.wait(_AGAIN_SECONDS)

    def _follow(self) -> None:
        for _ in following.saves(self._site, self._stopping, settled=50, at_most=100):
            self._look()

    def _look(self) -> None:
        build = drafts.check(self._site, self._memory)
        if build.digest != self._seen:
            self._saved(build)
            self._seen = build.digest
            del build
            gc.collect()  # what was compiled is full of cycles, and while mail goes out they are hardly looked for

    def _saved(self, build: Build) -> None:
        if build.compiled is None:
            click.echo(show(build.findings))
            click.echo("Not published: the version before stays live.")
        elif self._settings.uses_test_mailbox:
            number = _publish_or_say(Going(build, author_of(self._site)), self._database)
            if number is not None:
                click.echo(f"Saved and published: version {number}.")
        else:
            _say_waiting(build, self._database)


def _say_waiting(build: Build, database: Database) -> None:
    with database.read() as session:
        waiting = pending.changes(session, releases.Live(), build)
    if waiting:
        click.echo(changes_waiting(waiting))
