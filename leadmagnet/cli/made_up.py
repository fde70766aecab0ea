"""What commands ask about a made-up person: her sequence, her start, her zone."""

import difflib
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

import click

from leadmagnet import clock
from leadmagnet.cli.findings import show
from leadmagnet.content import values
from leadmagnet.content.compiled import Build, Compiled
from leadmagnet.content.findings import did_you_mean
from leadmagnet.content.sequences import Sequence
from leadmagnet.errors import LeadmagnetError

_NOON = 12


def options(command: Callable[..., Any]) -> Callable[..., Any]:
    """`--start`, `--zone` and `--tag`; they arrive as texts, since only the site tells which zone is meant."""
    for option in (
        click.option("--tag", "tags", multiple=True, metavar="TAG", help="A tag she carries from the start."),
        click.option("--zone", metavar="ZONE", help="Where she lives, like Europe/Berlin (default: the site's zone)."),
        click.option("--start", metavar="DATE[THH:MM]", help="When she confirms, her local time (default: now)."),
    ):
        command = option(command)
    return command


def compiled(site: Path) -> tuple[Build, Compiled]:
    """The folder's content; shows what is wrong with it. Raises LeadmagnetError if it does not pass `check`."""
    # Imported here: the parsers behind it take longer to load than the help may take.
    from leadmagnet.publishing import drafts

    build = drafts.check(site)
    if build.compiled is None:
        click.echo(show(build.findings))
        raise LeadmagnetError("Mend the errors above first: what cannot be published cannot be played.")
    return build, build.compiled


def sequence(content: Compiled, name: str) -> Sequence:
    """The sequence of that name. Raises LeadmagnetError with the nearest one."""
    found = content.sequences.get(name.rstrip("/"))
    if found is None:
        raise LeadmagnetError(f"there is no sequence {name!r}. {did_you_mean(name, content.sequences)}")
    return found


def one_sequence(content: Compiled, name: str | None) -> Sequence:
    """That sequence, or the only one there is. Raises LeadmagnetError."""
    if name is None and len(content.sequences) == 1:
        return next(iter(content.sequences.values()))
    if name is None:
        raise LeadmagnetError(f"name a sequence: {', '.join(sorted(content.sequences)) or 'there is none yet'}.")
    return sequence(content, name)


def zone(content: Compiled, name: str | None) -> ZoneInfo:
    """Her zone. Raises LeadmagnetError with the nearest one."""
    known = {one.lower(): one for one in available_timezones()}
    wanted = (name or content.settings.site.timezone).strip()
    if wanted.lower() in known:
        return ZoneInfo(known[wanted.lower()])
    cities = {one.rpartition("/")[2]: known[one] for one in sorted(known)}
    word = wanted.lower().replace(" ", "_")
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.75) or difflib.get_close_matches(word, cities, n=1)
    hint = f"Did you mean {known.get(near[0]) or cities[near[0]]}?" if near else "Write it like Europe/Berlin."
    raise LeadmagnetError(f"there is no time zone {wanted!r}. {hint}")


def tags(given: Iterable[str]) -> frozenset[str]:
    """The tags she carries; each option may hold several with commas. Raises LeadmagnetError for what is no name."""
    found = [tag.strip().removeprefix("tag:") for one in given for tag in one.split(",")]
    for tag in found:
        try:
            values.name(tag)
        except values.Unreadable as error:
            raise LeadmagnetError(f"--tag {error}") from None
    return frozenset(found)


def start(text: str | None, zone: ZoneInfo) -> datetime:
    """The instant (UTC) at which she confirms: of a date alone, its noon. Raises LeadmagnetError."""
    if text is None:
        return clock.now().replace(second=0, microsecond=0)
    try:
        read = datetime.fromisoformat(text.strip())
        if not 1970 <= read.year < 2200:
            raise ValueError
    except ValueError:
        raise LeadmagnetError(f"--start {text!r} is no date. Write it like 2026-03-27, or 2026-03-27T21:12.") from None
    if len(text.strip()) <= len("2026-03-27"):
        read = read.replace(hour=_NOON)
    return (read if read.tzinfo is not None else read.replace(tzinfo=zone)).astimezone(UTC)
