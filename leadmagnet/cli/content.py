"""The commands for what the operator writes: `init`, `send-test`."""

import sys
from pathlib import Path

import click

from leadmagnet.cli.findings import show
from leadmagnet.cli.site import site_option
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
