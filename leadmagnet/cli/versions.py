"""The commands that look at versions: `versions`, `diff`."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

import click

from leadmagnet.cli.publishing import named
from leadmagnet.cli.site import json_option, published_database, site_option
from leadmagnet.cli.words import wrapped
from leadmagnet.publishing import drafts, releases
from leadmagnet.publishing import versions as history
from leadmagnet.publishing.versions import Version
from leadmagnet.reports import differences
from leadmagnet.reports.differences import Change, State, Words
from leadmagnet.reports.words import count, moment
from leadmagnet.settings import load
from leadmagnet.store.database import Database

_COLOURS = {"+": "green", "-": "red", "@": "cyan"}
_MOST_WORDS = 12
_LONGEST_WORDS = 70


@click.command()
@site_option
@json_option
def versions(site: Path, as_json: bool) -> None:
    """List what was live, when, by whom, and how many mails it sent; the newest first.

    Example: leadmagnet versions
    """
    database = published_database(load(site))
    with database.read() as session:
        found = history.counted(session)
        zone = releases.Live().get(session).zone
    database.close()
    if as_json:
        click.echo(json.dumps([one.to_json() for one in found], indent=2))
    else:
        click.echo("\n".join(_line(one, zone, len(str(found[0].number))) for one in found))


@click.command()
@click.argument("old", metavar="[A]", type=click.IntRange(min=1), required=False)
@click.argument("new", metavar="[B]", type=click.IntRange(min=1), required=False)
@site_option
@json_option
def diff(old: int | None, new: int | None, site: Path, as_json: bool) -> None:
    """Show what differs between two versions, or between a version and your folder.

    Without a number: what is live, and the folder. With one: that version, and the folder. With two: from the
    first to the second. Of letters it also says which words changed.

    Example: leadmagnet diff 3 5
    """
    database = published_database(load(site))
    before = _version(database, old)
    after = _version(database, new) if new is not None else _folder(site)
    database.close()
    found = differences.between(before, after)
    if as_json:
        click.echo(json.dumps({"from": before.name, "to": after.name, "changes": [one.to_json() for one in found]}))
        return
    if after.settings is None:
        click.secho(
            "leadmagnet.toml does not read and is left out: `leadmagnet check` says why.", fg="yellow", err=True
        )
    if not found:
        click.echo(f"Nothing differs between {before.name} and {after.name}.")
        return
    text = "\n".join(line for change in found for line in _shown(change))
    click.echo(click.style(f"From {before.name} to {after.name}\n", bold=True))
    click.echo(text)


def coloured(lines: Iterable[str]) -> Iterator[str]:
    """The lines of a diff, in the colours that everybody knows."""
    for line in lines:
        colour = _COLOURS.get(line[:1])
        yield click.style(line, fg=colour) if colour is not None else line


def _line(one: Version, zone: ZoneInfo, width: int) -> str:
    mails = count(one.sent, "mail")
    what = named(one.digest, one.author, one.note)
    mark = "  ← live" if one.live else "" if one.kept else "  (files not kept)"
    first = f"{one.number:>{width}}  {moment(one.published_at, zone):<27}  {mails:>9}  "
    text = wrapped(f"{what}{mark}", first, " " * (width + 2))
    return click.style(text, fg="green" if one.live else None, bold=one.live or None, dim=not one.kept or None)


def _version(database: Database, number: int | None) -> State:
    with database.read() as session:
        found = history.find(session, number)
        files, settings = releases.files(session, found.number), history.settings_of(session, found.number)
    return State(f"version {found.number}{' (live)' if found.live else ''}", files, settings)


def _folder(site: Path) -> State:
    build = drafts.check(site)
    return State("your folder", build.files, build.settings)


def _shown(change: Change) -> Iterator[str]:
    verb = {"added": "new", "removed": "gone", "changed": "changed"}[change.what]
    yield click.style(f"{change.path}: {verb}" + ("" if change.lines else ", no text"), bold=True)
    yield from (f"  {line}" for line in coloured(change.lines))
    if change.words:
        yield click.style("  in words", dim=True)
        yield from (f"    {_said(one)}" for one in change.words[:_MOST_WORDS])
        if len(change.words) > _MOST_WORDS:
            yield f"    … and {len(change.words) - _MOST_WORDS} more places"
    yield ""


def _said(words: Words) -> str:
    before, after = (_cut(one) for one in (words.before, words.after))
    if not before:
        return f"came: {click.style(after, fg='green')}"
    if not after:
        return f"went: {click.style(before, fg='red')}"
    return f"{click.style(before, fg='red')} → {click.style(after, fg='green')}"


def _cut(words: str) -> str:
    return words if len(words) <= _LONGEST_WORDS else f"{words[:_LONGEST_WORDS].rstrip()} …"
