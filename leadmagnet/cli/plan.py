"""The command `plan`, and how other commands ask what publishing would do."""

import json
import sys
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from leadmagnet.cli.findings import show
from leadmagnet.cli.site import database_of, is_empty, json_option, site_option
from leadmagnet.cli.words import wrapped
from leadmagnet.content.compiled import Build
from leadmagnet.errors import LeadmagnetError
from leadmagnet.settings import Settings

if TYPE_CHECKING:
    from leadmagnet.publishing.plan import Plan
    from leadmagnet.store.database import Database

_SIGNS = {"warning": ("!", "yellow"), "loss": ("-", "red"), "change": ("~", "cyan"), "note": ("·", "white")}


#: Fewer rows than these are read before anybody could see a bar.
_WORTH_A_BAR = 20_000


@click.command()
@site_option
@click.option("--html", "storyboard", type=click.Path(path_type=Path, dir_okay=False), help="Write a storyboard there.")
@json_option
def plan(site: Path, storyboard: Path | None, as_json: bool) -> None:
    """Say what publishing would do, in people. Changes nothing.

    Everybody who is in a series is asked: which letters would she get, and when, with the files as they are now.
    Exit code 1 when the folder cannot be published, or when somebody would get two letters too close together, or
    a day more letters than daily_cap leaves.

    Example: leadmagnet plan
    """
    from leadmagnet import clock
    from leadmagnet.publishing import drafts, renames
    from leadmagnet.settings import load

    settings = load(site)
    build = drafts.check(site)
    if build.compiled is None:
        _refuse(build, as_json)
    if is_empty(settings):
        _say_first(build, as_json)
    database = database_of(settings, upgrade=False)
    try:
        with database.read() as session:
            renamed = renames.find(session, build)
        if renamed:
            _refuse(Build(renamed, None, build.files, build.digest), as_json)
        found = make(database, build, settings, now=clock.now(), progress=not as_json)
        if found is not None and storyboard is not None:
            _draw(database, found, settings, storyboard)
    finally:
        database.close()
    if found is None:
        _say_first(build, as_json)
        return
    if as_json:
        from leadmagnet.reports import planned

        click.echo(json.dumps(planned.to_json(found)))
    else:
        click.echo(shown(found))
        if storyboard is not None:
            click.echo(f"The storyboard is in {storyboard}.")
    sys.exit(1 if found.warns else 0)


def _draw(database: "Database", found: "Plan", settings: Settings, path: Path) -> None:
    """Writes the storyboard. Raises LeadmagnetError where that cannot be."""
    from leadmagnet.reports import storyboard

    with database.read() as session:
        pictures = storyboard.pictures(session, found)
    try:
        path.write_text(storyboard.page(found, pictures, base_url=settings.site_url), encoding="utf-8")
    except OSError as error:
        raise LeadmagnetError(f"cannot write {path}: {error.strerror}.") from error


def make(database: "Database", build: Build, settings: Settings, *, now: datetime, progress: bool) -> "Plan | None":
    """What publishing `build` would do; None while nothing is live. `progress`: show a bar while it takes time."""
    from leadmagnet.publishing import releases
    from leadmagnet.publishing.plan import Survey
    from leadmagnet.publishing.releases import Live, NothingPublished

    with database.read() as session:
        try:
            live = Live().get(session)
        except NothingPublished:
            return None
        cap = settings.daily_cap
        # Letters stop at four fifths of the cap: the rest is for what somebody waits for.
        survey = Survey(live, build, releases.files(session, live.number), now, None if cap is None else cap * 4 // 5)
        size = survey.size(session) if live.digest != build.digest else 0
    # Where nobody looks, or hardly could, a bar would only be noise.
    hidden = not progress or size < _WORTH_A_BAR or not sys.stderr.isatty()
    with click.progressbar(length=size, label="Asking everybody", file=sys.stderr, hidden=hidden) as bar:
        while size:
            with database.read() as session:
                came = survey.chunk(session)
            if came is None:
                break
            bar.update(came)
    with database.read() as session:
        return survey.plan(session)


def shown(plan: "Plan") -> str:
    """A plan on a terminal, with what to do next."""
    if plan.live.digest == plan.would_be.digest:
        return f"Nothing has changed: version {plan.live.number} is just this."
    if plan.warns:
        advice = click.style("Look at the lines with ! before you publish.", fg="yellow")
    else:
        advice = "To make it live: leadmagnet publish"
    head = click.style(f"Publishing this over version {plan.live.number} would do this:", bold=True)
    return f"{head}\n{told(plan)}\n{advice}"


def told(plan: "Plan") -> str:
    """A line for each thing that would happen, the worst first."""
    from leadmagnet.reports import planned

    found = []
    for line in planned.lines(plan):
        sign, colour = _SIGNS[line.level]
        text = wrapped(line.words, f"  {sign} ", "    ")
        found.append(text.replace(sign, click.style(sign, fg=colour, bold=True), 1))
    if not found:
        found.append("  Nothing that readers see or get is different.")
    return "\n".join([*found, "", wrapped(planned.summary(plan))])


def _refuse(build: Build, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({"ok": False, "findings": [asdict(one) for one in build.findings]}))
    else:
        click.echo(show(build.findings))
        click.echo(click.style("This cannot be published: mend the errors above.", fg="red"))
    sys.exit(1)


def _say_first(build: Build, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({"ok": True, "live": None, "digest": build.digest, "changed": True, "lines": []}))
    else:
        click.echo("Nothing is live yet, so nobody can be surprised: leadmagnet publish makes this the first version.")
    sys.exit(0)
