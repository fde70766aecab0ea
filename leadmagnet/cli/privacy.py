"""The commands for what is kept about one person: `export`, `forget`."""

import json
from pathlib import Path

import click

from leadmagnet import clock
from leadmagnet.audience import addresses, privacy, subscribers
from leadmagnet.audience.addresses import Address
from leadmagnet.audience.privacy import Forgotten
from leadmagnet.cli.site import json_option, published_database, site_option
from leadmagnet.errors import InvalidInput, LeadmagnetError
from leadmagnet.settings import load


@click.command()
@click.argument("address")
@site_option
def export(address: str, site: Path) -> None:
    """Print everything kept about one person as JSON, as she can download it herself.

    Example: leadmagnet export sam@example.com > sam.json
    """
    settings, found = load(site), _address(address)
    database = published_database(settings)
    try:
        with database.write() as session:
            subscriber = subscribers.find(session, found.key(settings.address_secret()))
            if subscriber is None:
                raise _nobody(found)
            document = privacy.export(session, subscriber, now=clock.now())
    finally:
        database.close()
    click.echo(json.dumps(document, indent=2, ensure_ascii=False))


@click.command()
@click.argument("address")
@click.option("--yes", is_flag=True, help="Do not ask before deleting.")
@site_option
@json_option
def forget(address: str, yes: bool, site: Path, as_json: bool) -> None:
    """Delete one person with everything, as she can herself. Only a scrambled fingerprint of the address stays.

    It keeps the address from ever being written to again, and cannot be undone.

    Example: leadmagnet forget sam@example.com
    """
    settings, found = load(site), _address(address)
    database = published_database(settings)
    try:
        with database.write() as session:
            subscriber = subscribers.find(session, found.key(settings.address_secret()))
            number = subscriber.id if subscriber is not None else None
        if number is None:
            raise _nobody(found)
        words = f"Everything about {found.text} is deleted, for good, and no mail will ever go there again. Go on?"
        if not yes and not click.confirm(words, err=True):
            raise LeadmagnetError("nothing was deleted.")
        if privacy.forget_at_once(database, number, now=clock.now()) is Forgotten.BUSY:
            raise LeadmagnetError("a mail of hers is just leaving, so nothing was deleted. Try again in a minute.")
    finally:
        database.close()
    said = f"{found.text} is forgotten. Nothing is left but a block."
    click.echo(json.dumps({"forgotten": True}) if as_json else said)


def _address(typed: str) -> Address:
    try:
        return addresses.parse(typed)
    except InvalidInput as error:
        raise click.BadParameter(error.message, param_hint="ADDRESS") from error


def _nobody(found: Address) -> LeadmagnetError:
    return LeadmagnetError(f"nobody here has the address {found.text}.")
