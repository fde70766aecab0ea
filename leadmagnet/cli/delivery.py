"""The command that settles what waits for a decision: `resend`."""

from pathlib import Path

import click

from leadmagnet import clock
from leadmagnet.cli.site import database_of, operator, site_option
from leadmagnet.delivery import decisions
from leadmagnet.settings import load


@click.command()
@click.argument("numbers", metavar="ID...", type=int, nargs=-1, required=True)
@site_option
def resend(numbers: tuple[int, ...], site: Path) -> None:
    """Send mails again that were maybe sent, or let go what was held; `status` names them.

    Example: leadmagnet resend 12 15
    """
    database = database_of(load(site), upgrade=False)
    with database.write() as session:
        before = decisions.resend(session, numbers, by=operator(), now=clock.now())
    database.close()
    for number, state in before.items():
        click.echo(f"{number}: {_decided(state)}")
    if not any(state in ("uncertain", "held") for state in before.values()):
        raise SystemExit(1)


def _decided(state: str | None) -> str:
    match state:
        case "uncertain":
            return "goes out once more; whoever got it the first time gets it twice"
        case "held":
            return "goes out"
        case None:
            return "there is no such mail"
        case _:
            return f"is {state}: only what is maybe sent or held can be sent again"
