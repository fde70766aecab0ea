"""The command that reads everything the operator wrote: `check`."""

import json
import os
import sys
from pathlib import Path

import click

from leadmagnet.cli import findings
from leadmagnet.cli.site import json_option, site_option
from leadmagnet.content.compiled import Build
from leadmagnet.content.findings import Finding, Notes
from leadmagnet.errors import LeadmagnetError, SettingsError
from leadmagnet.reports import words


@click.command()
@site_option
@click.option("--strict", is_flag=True, help="Count warnings as errors.")
@click.option("--online", is_flag=True, help="Ask every link whether it still answers.")
@click.option("--explain", metavar="CODE", help="Tell what one rule asks for, and why.")
@json_option
def check(site: Path, strict: bool, online: bool, explain: str | None, as_json: bool) -> None:
    """Read every letter and guide, and say what is wrong and where.

    Exit code 1 when something is. Changes nothing, needs no database, and no network but for --online.
    Where there are readers already, it also says whom a letter leaves out.

    Switch a warning off for one file with a comment in its head: # check: off W206 – why

    Example: leadmagnet check --strict
    """
    if explain is not None:
        _explain(explain)
        return
    # Imported here: the parsers behind it take longer to load than the help may take.
    from leadmagnet.publishing import drafts

    build = drafts.check(site)
    found = sorted({*build.findings, *_besides(site, build, online=online)})
    wrong = any(one.level == "error" or (strict and one.level == "warning") for one in found)
    if as_json:
        click.echo(json.dumps({"ok": not wrong, "findings": findings.as_json(found)}))
    else:
        if found:
            click.echo(findings.show(found))
        if os.environ.get("GITHUB_ACTIONS") == "true" and found:
            click.echo(findings.annotations(found, site))
        click.echo(_summary(build, found))
    sys.exit(1 if wrong else 0)


def _explain(code: str) -> None:
    from leadmagnet.content.checks.catalogue import ON_REQUEST, RULES
    from leadmagnet.content.findings import did_you_mean

    rule = RULES.get(code.upper())
    if rule is None:
        raise click.BadParameter(f"there is no rule '{code}'. {did_you_mean(code, RULES)}", param_hint="--explain")
    click.echo(f"{click.style(f'{rule.code} ({rule.level})', bold=True)}: {rule.about}.\n{rule.why}\n{rule.fix}")
    if rule.code in ON_REQUEST:
        click.echo(f'Off by itself. In leadmagnet.toml, below [check]: also = ["{rule.code}"]')
    elif rule.level != "error":
        click.echo(f"For one file, in its head: # check: off {rule.code} – why")


def _besides(site: Path, build: Build, *, online: bool) -> list[Finding]:
    """What only the people there are, or the network, can tell of a site that could be published."""
    if build.compiled is None:
        return []
    from leadmagnet.publishing import drafts

    notes = Notes()
    texts = drafts.texts_of(build.files)
    renamed = _ask_people(site, build, texts, notes)
    if online:
        from leadmagnet.publishing import reach

        click.echo("Asking the links …", err=True)
        asked = reach.judge(build.compiled, texts, notes)
        click.echo(f"{words.count(asked, 'address', 'addresses')} asked.", err=True)
    noted = [one for one in notes.findings() if one.level == "error" or (one.path, one.code) not in build.silenced]
    return [*renamed, *noted]


def _ask_people(site: Path, build: Build, texts: dict[str, str], notes: Notes) -> tuple[Finding, ...]:
    """Looks at the database, if there is one that is up to date; says not a word otherwise.

    Notes whom the letters leave out; returns those that may be renamed, which `publish` refuses.
    """
    from leadmagnet.settings import load

    try:
        settings = load(site)
    except SettingsError:
        return ()
    if build.compiled is None or (settings.database_url is None and not (settings.data_dir / "leadmagnet.db").exists()):
        return ()
    # Imported here: a site without readers is checked in half the time.
    from leadmagnet.cli.site import database_of
    from leadmagnet.publishing import renames
    from leadmagnet.reports import readership
    from leadmagnet.store.database import trouble

    try:
        database = database_of(settings, upgrade=False)
        try:
            with database.read() as session:
                readership.judge(session, build.compiled, texts, notes)
                return renames.find(session, build)
        finally:
            database.close()
    except LeadmagnetError:
        return ()
    except Exception as error:
        if trouble(error) is None:
            raise
        return ()


def _summary(build: Build, found: list[Finding]) -> str:
    counted = findings.count(found)
    if build.compiled is None or any(one.code == "E103" and one.level == "error" for one in found):
        return click.style(f"{counted}: this cannot be published.", fg="red")
    letters = sum(len(sequence.steps) for sequence in build.compiled.sequences.values())
    guides = len(build.compiled.guides)
    things = f"{words.count(letters, 'letter')} and {words.count(guides, 'guide')}"
    if counted:
        return f"{things} can be published, with {counted}."
    return f"{click.style('Fine.', fg='green', bold=True)} {things} can be published."
