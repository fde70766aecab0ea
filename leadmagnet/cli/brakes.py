"""The operator's brakes: `pause`, `resume`, and how `status` speaks of them."""

import difflib
import json
import sys
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time
from pathlib import Path
from zoneinfo import ZoneInfo

import click

from leadmagnet import clock
from leadmagnet.cli.site import json_option, operator, published_database, site_option
from leadmagnet.cli.words import wrapped
from leadmagnet.delivery import brakes
from leadmagnet.delivery.brakes import AUTOMATIC, LETTERS, Hold
from leadmagnet.errors import LeadmagnetError
from leadmagnet.publishing.releases import Live
from leadmagnet.reports import words
from leadmagnet.reports.paused import Paused, lifted_by, sentence, subject
from leadmagnet.reports.paused import name as called
from leadmagnet.reports.paused import paused as report
from leadmagnet.settings import load

_REASON = "paused by the operator"
_GO_ON = "Confirmations, reminders and guides go on."


@click.command()
@click.argument("sequence", required=False)
@click.option("--until", metavar="DATE", help="When it ends by itself: 2026-04-01, or 2026-04-01T09:00.")
@site_option
@json_option
def pause(sequence: str | None, until: str | None, site: Path, as_json: bool) -> None:
    """Stop the letters of SEQUENCE, or all of them; confirmations, reminders and guides go on.

    A date is the start of that day where the site is. Without one, it lasts until `leadmagnet resume`. Nobody
    gets a burst afterwards: each reader's letters go on in their old rhythm, later by as much.

    Example: leadmagnet pause --until 2026-04-01
    """
    database = published_database(load(site))
    now = clock.now()
    with database.write() as session:
        published = Live().get(session)
        scope = LETTERS if sequence is None else brakes.sequence_scope(_known(sequence, published.compiled.sequences))
        end = end_of_pause(until, published.zone, now) if until is not None else None
        before = _of(scope, brakes.active(session, now=now).standing)
        hold = brakes.set(session, scope, _REASON, _name(), end, now=now)
        found = report(session, now=now)
    database.close()
    if as_json:
        _print_json(found, changed=before is None or hold.until != before.until)
        return
    (this,) = (one for one in found if one.hold == hold)
    if before is not None:
        click.echo(_again(before, hold, end))
    click.echo("\n".join(lines(this, published.zone)))
    click.echo(_GO_ON)


@click.command()
@click.argument("name", metavar="[SEQUENCE]", required=False)
@site_option
@json_option
def resume(name: str | None, site: Path, as_json: bool) -> None:
    """Let the letters of SEQUENCE, or all of them, go out again, and say what is still paused.

    What leadmagnet has paused by itself has names too: SEQUENCE/LETTER, or domain:gmail. `leadmagnet status`
    shows them.

    Example: leadmagnet resume
    """
    database = published_database(load(site))
    now = clock.now()
    with database.write() as session:
        published = Live().get(session)
        before = brakes.active(session, now=now).standing
        if name is not None:
            _known(name, [*published.compiled.sequences, *filter(None, (called(hold.scope) for hold in before))])
        scope = _scope(name)
        brakes.lift(session, scope)
        found = report(session, now=now)
    database.close()
    lifted = _of(scope, before) is not None
    if as_json:
        _print_json(found, changed=lifted)
    else:
        what = subject(scope)
        click.echo(f"{what} go out again, in the old rhythm." if lifted else f"{what}: not paused.")
        if found:
            click.echo("Still paused:")
        for one in found:
            click.echo("\n".join(lines(one, published.zone, "  ")))
    # What was asked for is not so, when there was nothing to lift and something else holds.
    sys.exit(1 if found and not lifted else 0)


def lines(found: Paused, zone: ZoneInfo, first: str = "") -> Iterator[str]:
    """One brake for a person: what, by whom, since when, how many wait; below it the command that lifts it."""
    waiting = f"{found.waiting:,} waiting, {f'{found.due:,}' if found.due else 'none'} of them due"
    yield wrapped(f"{subject(found.hold.scope)}: {sentence(found.hold, zone)} ({waiting}).", first, f"{first}  ")
    yield f"{first}  To lift it: {lifted_by(found.hold)}"


def _scope(name: str | None) -> str:
    """The other way round."""
    if name is None:
        return LETTERS
    if name.startswith("domain:"):
        return name
    sequence, slash, slug = name.partition("/")
    return brakes.letter_scope(sequence, slug) if slash else brakes.sequence_scope(sequence)


def _known(name: str, names: Iterable[str]) -> str:
    """`name`, if it is one of the names. Raises LeadmagnetError with the nearest one."""
    known = sorted(names)
    if name in known:
        return name
    close = difflib.get_close_matches(name, known, n=1)
    hint = f"Did you mean {close[0]}?" if close else f"There is {', '.join(known)}." if known else ""
    what = "nothing is paused under the name" if set(name) & set("/:") else "there is no sequence"
    raise LeadmagnetError(f"{what} {name!r}. {hint}".strip())


def end_of_pause(typed: str, zone: ZoneInfo, now: datetime) -> datetime:
    """The end of a pause, in UTC: a day begins, and a time without an offset is meant, where the site is."""
    try:
        end = datetime.combine(date.fromisoformat(typed), time.min)
    except ValueError:
        try:
            end = datetime.fromisoformat(typed)
        except ValueError as error:
            said = f"{typed!r} is no date: write it as 2026-04-01, or 2026-04-01T09:00."
            raise click.BadParameter(said, param_hint="--until") from error
    try:
        end = (end if end.tzinfo is not None else end.replace(tzinfo=zone)).astimezone(UTC)
    except OverflowError as error:
        raise click.BadParameter(f"{typed!r} is out of reach.", param_hint="--until") from error
    if end <= now:
        raise click.BadParameter(f"{words.end(end, zone)} is over.", param_hint="--until")
    return end


def _again(before: Hold, hold: Hold, asked: datetime | None) -> str:
    if hold.until != asked:
        return "They are paused for longer already, and that stays."
    return "They are paused already." if hold.until == before.until else "They were paused already; the end is new."


def _of(scope: str, holds: Iterable[Hold]) -> Hold | None:
    return next((hold for hold in holds if hold.scope == scope), None)


def _name() -> str:
    """Who pauses. A server's account may bear our own name, which marks what nobody has asked for."""
    name = operator()
    return name if name != AUTOMATIC else "operator"


def _print_json(found: Iterable[Paused], *, changed: bool) -> None:
    click.echo(json.dumps({"changed": changed, "paused": [one.to_json() for one in found]}, indent=2))
