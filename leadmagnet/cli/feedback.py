"""The command that a mail server calls with what came back: `feedback`."""

import json
import sys
from pathlib import Path
from typing import BinaryIO

import click

from leadmagnet import clock
from leadmagnet.cli.site import database_of, json_option, site_option
from leadmagnet.delivery import feedback as reports
from leadmagnet.delivery.feedback import Heard, Stranger
from leadmagnet.errors import LeadmagnetError
from leadmagnet.mail import bounces
from leadmagnet.mail.bounces import Bounce, NotFeedback, Said
from leadmagnet.mail.smtp_replies import ReplyClass
from leadmagnet.settings import load
from leadmagnet.store.database import trouble

#: What is kept of a mail while it is read; the rest is read too, since a mail server may not like a closed pipe.
_LARGEST = 10_000_000
#: EX_TEMPFAIL of sysexits.h: to a mail server it says "keep the mail, and try again later".
_LATER = 75


@click.command()
@site_option
@json_option
def feedback(site: Path, as_json: bool) -> None:
    """Read one bounce or complaint from standard input, and act on it.

    For a mail server's pipe. An address that does not exist, and whoever complained, gets nothing more. Anybody can
    send such a report, so it counts only when it proves to be about a mail of yours. Exit code 0 also for auto-replies
    and ordinary mails, which change nothing; 1 when the mail it is about is not one of yours; 75 when the database
    cannot be used now, so that the mail server tries again.

    Example: leadmagnet feedback < bounce.eml
    """
    raw = _read(sys.stdin.buffer)
    if not raw:
        raise click.UsageError("nothing came on standard input: leadmagnet feedback < bounce.eml")
    said = bounces.read(raw)
    try:
        heard = _taken(site, said)
    except Exception as error:
        words = str(error) if isinstance(error, LeadmagnetError) else trouble(error)
        if words is None:
            raise
        click.secho(words, fg="red", err=True)
        sys.exit(_LATER)
    words = _words(said, heard)
    click.echo(json.dumps(_plain(said, heard) | {"words": words}) if as_json else words)
    sys.exit(1 if isinstance(heard, Stranger) else 0)


def _read(stream: BinaryIO) -> bytes:
    if stream.isatty():
        return b""
    raw = stream.read(_LARGEST)
    while stream.read(1_000_000):
        pass
    return raw


def _taken(site: Path, said: Said) -> Heard | Stranger | None:
    """What the report did; None if it is none."""
    if isinstance(said, NotFeedback):
        return None
    settings = load(site)
    database = database_of(settings, upgrade=False)
    with database.write() as session:
        heard = reports.take(session, said, settings.keys(), now=clock.now())
    database.close()
    return heard


def _words(said: Said, heard: Heard | Stranger | None) -> str:
    if isinstance(said, NotFeedback) or heard is None:
        return f"{said.reason if isinstance(said, NotFeedback) else 'nothing'}: nothing changed"
    kind = "bounce of" if isinstance(said, Bounce) else "complaint about"
    if isinstance(heard, Stranger):
        return f"{kind} a mail that is not one of ours: nothing changed"
    meaning = _meaning(heard.reply_class)
    return f"{kind} mail {heard.delivery_id}: {meaning + '; ' if meaning else ''}{_did(heard)}"


def _meaning(reply_class: ReplyClass | None) -> str:
    return bounces.MEANINGS.get(reply_class, bounces.UNKNOWN_MEANING) if reply_class is not None else ""


def _did(heard: Heard) -> str:
    if not heard.new:
        return "that was said before, nothing changed"
    if not heard.to_reader:
        return "it went to no reader, nobody is blocked"
    if heard.blocked is None:
        return "nobody is blocked"
    if heard.reply_class is None:
        return "nothing is sent to this reader any more"
    return "the address is blocked now" + (f" ({heard.blocked})" if heard.blocked != "bounced" else "")


def _plain(said: Said, heard: Heard | Stranger | None) -> dict[str, object]:
    """The documented form of `feedback --json`."""
    kind = {NotFeedback: "none", Bounce: "bounce"}.get(type(said), "complaint")
    told = heard if isinstance(heard, Heard) else None
    return {
        "kind": kind,
        "mail": told.delivery_id if told else None,
        "class": told.reply_class if told else None,
        "status": told.status if told else None,
        "new": told.new if told else False,
        "blocked": told.blocked if told else None,
    }
