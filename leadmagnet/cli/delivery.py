"""The command that settles what waits for a decision: `resend`."""

from pathlib import Path
from zoneinfo import ZoneInfo

import click

from leadmagnet import clock
from leadmagnet.cli.site import operator, published_database, site_option
from leadmagnet.delivery import decisions
from leadmagnet.delivery.decisions import Before
from leadmagnet.publishing.releases import Live
from leadmagnet.reports.words import moment
from leadmagnet.settings import load


@click.command()
@click.argument("numbers", metavar="ID...", type=int, nargs=-1, required=True)
@site_option
def resend(numbers: tuple[int, ...], site: Path) -> None:
    """Send mails again that were maybe sent, or let go what was held; `status` names them.

    Example: leadmagnet resend 12 15
    """
    database = published_database(load(site))
    now = clock.now()
    with database.write() as session:
        published = Live().get(session)
        before = decisions.look(session, published, numbers, now=now)
        decisions.resend(session, numbers, by=operator(), now=now)
    database.close()
    for number in dict.fromkeys(numbers):
        click.echo(f"{number}: {_decided(before.get(number), published.zone)}")
    if not any(one.state in decisions.UNDECIDED and one.never is None for one in before.values()):
        raise SystemExit(1)


def _decided(before: Before | None, zone: ZoneInfo) -> str:
    """What became of one mail that was to be sent again."""
    if before is None:
        return "there is no such mail. `leadmagnet status` names those that wait for you."
    on = moment(before.at, zone)
    if before.state in decisions.UNDECIDED:
        if before.never is not None:
            return f"is not sent, because {before.never}. It no longer waits for you."
        when = f" as soon as {before.later}" if before.later is not None else ""
        twice = "; whoever got it the first time gets it twice"
        return f"goes out once more{when}{twice}" if before.state == "uncertain" else f"goes out{when or ' now'}"
    words = {
        "pending": f"waits already, and is due {on}: nothing to decide.",
        "claimed": "is being sent this moment: nothing to decide.",
        "handing_off": "is being sent this moment: nothing to decide.",
        "sent": f"was sent on {on}, and nobody gets a letter twice.",
        "failed": f"failed on {on} ({before.reason}), and would again: its reader can ask anew with your form.",
        "cancelled": f"was called off on {on}, unsent ({before.reason}): there is nothing to repeat.",
        "skipped": f"was not for her ({before.reason}): there is nothing to repeat.",
        "expired": f"was too old on {on} ({before.reason}): it is not sent any more.",
    }
    return words[before.state]
