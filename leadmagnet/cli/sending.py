"""How commands reach the mail server, or the test mailbox while none is set."""

import difflib
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import click

from leadmagnet import clock
from leadmagnet.audience import addresses
from leadmagnet.cli.site import database_of
from leadmagnet.content.compiled import Build, Compiled, Letter
from leadmagnet.content.published import Published
from leadmagnet.delivery import breaker, samples
from leadmagnet.delivery.dispatcher import TEST_MAILBOX
from leadmagnet.delivery.outcomes import Accepted, Outcome
from leadmagnet.delivery.quota import Quota
from leadmagnet.delivery.samples import Sample
from leadmagnet.delivery.sender import Connect
from leadmagnet.doctor import mail_server, require_ready, signer
from leadmagnet.errors import LeadmagnetError
from leadmagnet.links import Links
from leadmagnet.mail.facts import MailFacts
from leadmagnet.mail.mailbox import Mailbox
from leadmagnet.mail.smtp import Connection
from leadmagnet.publishing import drafts, media
from leadmagnet.settings import Settings
from leadmagnet.store.database import Database


def connector(settings: Settings) -> Connect:
    """What opens a connection to wherever mail goes. Raises SettingsError."""
    server = mail_server(settings)
    if server is None:
        return Mailbox(settings.mailbox_path).connect
    name = urlsplit(settings.site_url).hostname or "localhost"
    return lambda: Connection.open(server, local_hostname=name)


def relay(settings: Settings) -> str:
    """The name under which workers share what they know of the server that mail goes through. Raises SettingsError."""
    server = mail_server(settings)
    return breaker.relay_of(server) if server is not None else TEST_MAILBOX


def quota_of(settings: Settings) -> Quota:
    """How much may go where mail goes; the test mailbox is limited alike, to try it out. Raises SettingsError."""
    return Quota.of(settings, relay=relay(settings))


def send_samples(site: Path, settings: Settings, build: Build, name: str, recipient: str) -> bool:
    """Sends a letter to the operator for each of its sample readers; False if one did not go out.

    `build` must have passed, as for a publish.
    """
    compiled = _compiled(build)
    letter = find_letter(compiled, name)
    people = [dict(person) for person in letter.people] or [drafts.NO_NAME]
    to = addresses.parse(recipient).text
    database = database_of(settings, upgrade=True)
    sent = True
    for facts, outcome in deliver_samples(site, settings, database, build, letter, to, people):
        accepted = isinstance(outcome, Accepted)
        sent = sent and accepted
        who = facts.first_name or "a reader without a name"
        click.echo(f"{Path(letter.path).stem} for {who}: {'sent' if accepted else 'not sent, see above'}")
    database.close()
    if sent and settings.uses_test_mailbox:
        click.echo(f"It is in the test mailbox: {settings.site_url}/mailbox while `leadmagnet run` runs.")
    return sent


def deliver_samples(
    site: Path,
    settings: Settings,
    database: Database,
    build: Build,
    letter: Letter,
    to: str,
    people: Iterable[dict[str, str]],
) -> Iterator[tuple[MailFacts, Outcome | None]]:
    """Sends `letter`, which is one of `build`, `to` the operator for each of `people`; yields what became of each.

    Raises LeadmagnetError where nothing may be sent, or no more today.
    """
    compiled = _compiled(build)
    server = mail_server(settings)
    if server is not None:
        require_ready(settings, server, compiled.settings.site, site, compiled.letters.values())
    readers = [drafts.sample_facts(compiled, letter, person) for person in people]
    sample = Sample(Published(0, "", compiled), letter.path.split("/")[1], letter.slug, to)
    with database.read() as session:  # a letter is tried before it is published, and its pictures with it
        missing = media.missing_pictures(session, letter, build.files)
    if missing:
        made = media.make(missing)
        with database.write() as session:
            media.keep(session, made, now=clock.now())
    yield from samples.send(
        database,
        connector(settings),
        Links(settings.site_url, settings.keys(), settings.bounce_domain),
        settings.data_dir / "journal",
        sample,
        readers,
        clock=clock.now,
        signer=signer(settings),
        quota=quota_of(settings),
    )


def _compiled(build: Build) -> Compiled:
    if build.compiled is None:
        raise ValueError("a build with errors cannot be sent")
    return build.compiled


def find_letter(compiled: Compiled, name: str) -> Letter:
    """A letter by file name, slug or folder/slug. Raises LeadmagnetError with the nearest name."""
    names: dict[str, Letter] = {}
    for key, letter in compiled.letters.items():
        file = Path(letter.path).stem
        for known in (key, letter.slug, file, f"{Path(letter.path).parent.name}/{file}"):
            names.setdefault(known, letter)
    if name.removesuffix(".md") in names:
        return names[name.removesuffix(".md")]
    close = difflib.get_close_matches(name, names, n=1)
    raise LeadmagnetError(f"there is no letter {name!r}.{f' Did you mean {close[0]}?' if close else ''}")
