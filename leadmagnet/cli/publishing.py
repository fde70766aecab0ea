"""The commands that change what is live: `publish`, `rollback`."""

import json
import sys
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import click

from leadmagnet import clock
from leadmagnet.cli import plan as plans
from leadmagnet.cli.findings import show
from leadmagnet.cli.site import author_of, database_of, json_option, site_option
from leadmagnet.content.compiled import Build
from leadmagnet.content.findings import Finding
from leadmagnet.errors import LeadmagnetError
from leadmagnet.publishing import drafts, media, releases, renames, versions
from leadmagnet.publishing.versions import Version
from leadmagnet.settings import Settings, load
from leadmagnet.store.database import Database
from leadmagnet.store.signals import something_is_due

_NOTE = click.option("--note", help="What changed, in your words; kept with the version.")
_YES = click.option("--yes", is_flag=True, help="Do not ask: for scripts.")
_DIGITS = 8  # of a digest that people read


@dataclass(frozen=True, slots=True)
class Going:
    """What is about to be live, and what is said of it in the list of versions."""

    build: Build
    author: str
    note: str | None = None
    set_aside: str | None = None  # of a rollback: digest of what the folder holds
    over: int | None = None  # the version that she was told it is compared with


class Renamed(LeadmagnetError):
    """A letter looks renamed, and whoever had it would get it again."""

    def __init__(self, found: Iterable[Finding]) -> None:
        super().__init__(f"{show(found)}\nNot published.")


@click.command()
@site_option
@_NOTE
@_YES
@json_option
def publish(site: Path, note: str | None, yes: bool, as_json: bool) -> None:
    """Make what is in the folder live for readers.

    Publishes only what passes `check`; what is live stays live otherwise. Says first who gets what because of
    it, and asks before it moves people on real mail. Letters already sent stay as they were; everyone still
    waiting gets the new words, and nobody gets a letter twice.

    Example: leadmagnet publish --note "shorter subject lines"
    """
    settings = load(site)
    database = database_of(settings, upgrade=True)
    going = Going(drafts.check(site), author_of(site), note)
    if going.build.compiled is None:
        click.echo(show(going.build.findings), err=as_json)
        raise LeadmagnetError("Not published. What was live before stays live.")
    number = _go_live(site, settings, database, going, yes=yes, quiet=as_json)
    database.close()
    if as_json:
        click.echo(json.dumps({"release": number, "digest": going.build.digest, "author": going.author, "note": note}))
    elif number is None:
        click.echo("Nothing has changed: this is live already.")
    else:
        click.echo(f"Version {number} is live: {named(going.build.digest, going.author, note)}.")


@click.command()
@click.argument("version", type=click.IntRange(min=1), required=False)
@site_option
@_NOTE
@_YES
@json_option
def rollback(version: int | None, site: Path, note: str | None, yes: bool, as_json: bool) -> None:
    """Make an earlier version live again, as a new version.

    Without a number it is the one before the live one. Says first who gets what because of it, like
    `publish`. Your folder stays as it is, and so do letters already sent.

    Example: leadmagnet rollback 3
    """
    settings = load(site)
    database = database_of(settings, upgrade=True)
    with database.read() as session:
        live = versions.live(session)
        back = versions.find(session, version) if version is not None else versions.one_back(session)
        build = versions.to_roll_back(session, back.number) if back.digest != live.digest else None
    if build is None:
        click.echo(json.dumps({"release": None, "version": back.number}) if as_json else _live_already(back, live))
        return
    if build.compiled is None:
        click.echo(show(build.findings), err=as_json)
        raise LeadmagnetError(
            f"Version {back.number} does not pass `check` any more. Version {live.number} stays live."
        )
    folder = drafts.check(site).digest
    words = f"back to version {back.number}" + (f": {note}" if note else "")
    going = Going(build, author_of(site), words, folder)
    number = _go_live(site, settings, database, going, yes=yes, quiet=as_json)
    with database.read() as session:
        held = next((one for one in versions.every(session)[1:] if one.digest == folder), None)
    database.close()
    if as_json:
        click.echo(json.dumps({"release": number, "version": back.number, "digest": build.digest, "note": words}))
        return
    click.echo(f"Version {number} is live: {named(build.digest, going.author, words)}.")
    if folder != build.digest:
        click.echo(_folder_stays(held, settings))


def make_live(database: Database, going: Going) -> int | None:
    """Makes a build that passed live; None if just this is live already. Raises LeadmagnetError if it cannot be."""
    build = going.build
    if build.compiled is None:
        raise ValueError("a build with errors cannot be published")
    now = clock.now()
    with database.read() as session:
        missing = media.missing(session, build.compiled, build.files, now=now)
    made = media.make(missing)  # it takes its time, and neither readers nor writers wait for it
    with database.write() as session:
        number = releases.publish(
            session,
            build,
            made,
            author=going.author,
            note=going.note,
            set_aside=going.set_aside,
            over=going.over,
            now=now,
        )
        something_is_due(session)
    if number is not None:
        _let_go(database, build.compiled.settings.publish.keep)
    return number


def refuse_renames(database: Database, build: Build) -> None:
    """Raises Renamed if a letter in the folder looks like one that people have had under another name."""
    with database.read() as session:
        found = renames.find(session, build)
    if found:
        raise Renamed(found)


def named(digest: str, author: str, note: str | None) -> str:
    """A version by what people tell it from others by."""
    return f"{digest[:_DIGITS]}, by {author}" + (f", “{note}”" if note else "")


def _go_live(site: Path, settings: Settings, database: Database, going: Going, *, yes: bool, quiet: bool) -> int | None:
    # Imported here: it knows how to speak to mail servers, which `run` loads for itself.
    from leadmagnet.doctor import mail_server, require_ready

    build = going.build
    if build.compiled is None:
        raise ValueError("a build with errors cannot go live")
    server = mail_server(settings)
    if server is not None:
        require_ready(settings, server, build.compiled.settings.site, site, build.compiled.letters.values())
    if going.set_aside is None:
        refuse_renames(database, build)
    plan = plans.make(database, build, settings, now=clock.now(), progress=not quiet)
    if plan is None or plan.live.digest == build.digest:
        return make_live(database, going)
    click.echo(f"Compared with version {plan.live.number}, which is live until now:\n{plans.told(plan)}", err=quiet)
    # Somebody who types this sees it; a script has no eyes, and nobody to answer.
    asks = server is not None and (plan.effects.changed or plan.warns) and not yes and sys.stdin.isatty()
    if asks and not click.confirm("Make it live?"):
        raise LeadmagnetError("Nothing was changed.")
    return make_live(database, replace(going, over=plan.live.number))


def _let_go(database: Database, keep: int) -> None:
    """Empties versions that nobody needs. After the publish: looking for them may take seconds, and nobody waits."""
    with database.read() as session:
        unneeded = versions.unneeded(session, keep)
    if unneeded:
        with database.write() as session:
            versions.let_go(session, unneeded)


def _live_already(back: Version, live: Version) -> str:
    same = "" if back.number == live.number else f" Version {live.number} has the same content."
    return f"Nothing has changed: version {back.number} is live already.{same}"


def _folder_stays(held: Version | None, settings: Settings) -> str:
    what = f"version {held.number}" if held is not None else "something else"
    stays = f"Your folder still holds {what}: `leadmagnet diff` shows what differs, `leadmagnet publish` makes it live."
    if not settings.uses_test_mailbox:
        return stays
    return f"{stays}\n`run` leaves it at that, also when it starts anew, until you save a change: that is published."
