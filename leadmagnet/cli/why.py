"""The command `why`: one person's story, or who did not get a letter."""

import json
from pathlib import Path

import click

from leadmagnet import clock
from leadmagnet.audience import addresses
from leadmagnet.audience.addresses import Address
from leadmagnet.cli.site import json_option, published_database, site_option
from leadmagnet.cli.story import page
from leadmagnet.content.published import Published
from leadmagnet.errors import InvalidInput, LeadmagnetError
from leadmagnet.publishing.releases import Live
from leadmagnet.reports.reasons import plain
from leadmagnet.reports.why import why as ask
from leadmagnet.reports.why.absent import Absent, absent
from leadmagnet.reports.words import listed, moment
from leadmagnet.settings import load


@click.command()
@click.argument("address", required=False)
@click.option("--step", "letter", metavar="LETTER", help="Tell who did not get this letter, instead.")
@click.option("--all", "everybody", is_flag=True, help="With --step: name everybody, not only some of each group.")
@site_option
@json_option
def why(address: str | None, letter: str | None, everybody: bool, site: Path, as_json: bool) -> None:
    """Tell everything about one ADDRESS: what happened, what did not and why, and what comes next.

    With --step, tell who did not get a letter, and why. A letter is named by its file or its slug.

    Example: leadmagnet why sam@example.com

    Example: leadmagnet why --step 20-tight-hips
    """
    if (address is None) == (letter is None):
        raise click.UsageError("say whose story: `leadmagnet why ADDRESS`, or which letter: `--step 20-tight-hips`.")
    if letter is not None:
        from leadmagnet.cli.missed import tell

        tell(site, letter, everybody=everybody, as_json=as_json)
        return
    _person(site, address or "", as_json=as_json)


def _person(site: Path, typed: str, *, as_json: bool) -> None:
    settings = load(site)
    parsed = _parsed(typed)
    database = published_database(settings)
    now = clock.now()
    with database.read() as session:
        published = Live().get(session)
        key = parsed.key(settings.address_secret())
        found = ask(session, published, key, now=now)
        nobody = absent(session, published, parsed, key) if found is None else None
    database.close()
    if found is not None:
        click.echo(json.dumps(found.to_json(), indent=2) if as_json else page(found, published, now=now))
    elif nobody is not None:
        if as_json:
            click.echo(json.dumps(nobody.to_json(), indent=2))
            raise SystemExit(1)
        raise LeadmagnetError(_nobody(nobody, published))


def _parsed(typed: str) -> Address:
    """The address as the form reads it. Raises LeadmagnetError in words for the operator."""
    try:
        return addresses.parse(typed.removeprefix("mailto:").strip("<>"))
    except InvalidInput as error:
        hint = "" if "@" in typed else f" For a letter: leadmagnet why --step {typed}"
        raise LeadmagnetError(f"{error.message.rstrip('.')}.{hint}") from None


def _nobody(found: Absent, published: Published) -> str:
    """What can be said of an address that nobody here has."""
    said = f"Nobody here has the address {found.address}."
    if found.blocked is not None and found.since is not None:
        what = "No mail may be sent to it" if found.scope == "all" else "No letter may be sent to it"
        since = moment(found.since, published.zone)
        return (
            f"{said} Only a keyed hash of it is left, because it is blocked.\n"
            f"{what} since {since}: {plain('cancelled', found.blocked)}. All else about it was deleted."
        )
    if found.never is not None:
        return f"{said} {_NEVER[found.never]}"
    if found.close:
        return f"{said} Did you mean {listed(found.close, 'or')}?"
    return f"{said} Whoever asks and does not confirm within a week is forgotten."


_NEVER = {
    "role": "The form takes no such addresses: they belong to a mail system, not to a person.",
    "disposable": "The form takes no addresses that are thrown away after use.",
    "ours": "It is the address your letters come from, which the form does not take.",
}
