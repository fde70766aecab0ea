"""The commands for what the operator writes: `init`, `check`, `send-test`."""

import json
import sys
from dataclasses import asdict
from pathlib import Path

import click

from leadmagnet.cli.findings import show
from leadmagnet.cli.site import json_option, site_option
from leadmagnet.content.compiled import Build
from leadmagnet.errors import LeadmagnetError


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
def init(folder: Path) -> None:
    """Make a site of your own in a new folder: the whole hip-openers set-up, yours to change.

    Works without a network. An upgrade of leadmagnet never touches the folder.

    Example: leadmagnet init ~/my-site
    """
    from leadmagnet.cli.example import copy_to

    copy_to(folder.resolve())
    click.echo(
        f"Your site is in {folder}.\n\n"
        "  leadmagnet.toml     your name, your address, your links: start here\n"
        "  email_templates/    the letters\n"
        "  guides/             the guide, and the words of its form\n\n"
        f"Start it: leadmagnet run --site {folder}"
    )


@click.command()
@site_option
@click.option("--strict", is_flag=True, help="Count warnings as errors.")
@json_option
def check(site: Path, strict: bool, as_json: bool) -> None:
    """Read every letter and guide, and say what is wrong and where.

    Exit code 1 when something is. Changes nothing, needs no database and no network.

    Example: leadmagnet check
    """
    build = _build(site)
    if as_json:
        click.echo(json.dumps({"ok": build.compiled is not None, "findings": [asdict(f) for f in build.findings]}))
    elif build.findings:
        click.echo(show(build.findings))
    wrong = build.compiled is None or (strict and build.findings)
    if not as_json:
        click.echo(_summary(build))
    sys.exit(1 if wrong else 0)


@click.command("send-test")
@click.argument("letter")
@click.option("--to", "recipient", required=True, help="Your own address.")
@site_option
def send_test(letter: str, recipient: str, site: Path) -> None:
    """Send one letter to yourself, just as readers get it, from the files as they are now.

    LETTER is its file name (20-tight-hips), its slug (tight-hips), or system/confirm. One mail for each
    sample reader in its head; the subject begins with [test].

    Example: leadmagnet send-test 20-tight-hips --to me@example.com
    """
    from leadmagnet.cli.sending import send_samples
    from leadmagnet.settings import load

    settings = load(site)
    build = _build(site)
    if build.compiled is None:
        click.echo(show(build.findings))
        raise LeadmagnetError("Not sent: mend the errors above first.")
    sys.exit(0 if send_samples(site, settings, build, letter, recipient) else 1)


def _build(site: Path) -> Build:
    # Imported here: the parsers behind it take longer to load than the help may take.
    from leadmagnet.publishing import drafts

    return drafts.check(site)


def _summary(build: Build) -> str:
    if build.compiled is None:
        errors = sum(found.level == "error" for found in build.findings)
        return click.style(f"{errors} {'error' if errors == 1 else 'errors'}: this cannot be published.", fg="red")
    letters = sum(len(sequence.steps) for sequence in build.compiled.sequences.values())
    warnings = len(build.findings)
    fine = click.style("Fine.", fg="green", bold=True)
    extra = f", {warnings} {'warning' if warnings == 1 else 'warnings'}" if warnings else ""
    return f"{fine} {letters} letters and {len(build.compiled.guides)} guide(s) can be published{extra}."
