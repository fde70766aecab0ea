"""The command that a mail server calls with what came back: `feedback`."""

import json
import sys
from pathlib import Path
from traceback import extract_tb
from typing import BinaryIO

import click

from leadmagnet import clock
from leadmagnet.cli.site import database_of, json_option, site_option
from leadmagnet.delivery import feedback as reports
from leadmagnet.delivery.feedback import Heard, Stranger
from leadmagnet.errors import LeadmagnetError
from leadmagnet.mail import answers, bounces
from leadmagnet.mail.bounces import Bounce, Complaint, NotFeedback
from leadmagnet.settings import load
from leadmagnet.store.database import trouble

#: What is kept of a mail while it is read; the rest is read too, since a mail server may not like a closed pipe.
_LARGEST = 10_000_000
#: EX_TEMPFAIL of sysexits.h: to a mail server it says "keep the mail, and try again later". A status that is not in
#: there is an end to Postfix: it would send a bounce back, about a bounce.
_LATER = 75


@click.command()
@site_option
@json_option
def feedback(site: Path, as_json: bool) -> None:
    """Read one bounce or complaint from standard input, and act on it.

    For a mail server's pipe. An address that does not exist, and whoever complained, gets nothing more. Anybody can
    send such a report, so it counts only when it proves to be about a mail of yours. Exit code 0 also for all that
    changes nothing: reports about mails of others, auto-replies, ordinary mails. 75 when the report could not be taken
    in now, so that the mail server keeps it and tries again.

    Example: leadmagnet feedback < bounce.eml
    """
    try:
        raw = _read(sys.stdin.buffer)
        if not raw:
            raise click.UsageError("nothing came on standard input: leadmagnet feedback < bounce.eml")
        answer = _answer(site, raw)
    except click.UsageError:
        raise
    except Exception as error:
        # The mail server sends these words on to whoever sent the report: no traceback, and nothing out of the mail.
        click.secho(_trouble(error), fg="red", err=True)
        sys.exit(_LATER)
    click.echo(json.dumps(answer) if as_json else answer["words"])


def _read(stream: BinaryIO) -> bytes:
    if stream.isatty():
        return b""
    raw = stream.read(_LARGEST)
    while stream.read(1_000_000):
        pass
    return raw


def _trouble(error: Exception) -> str:
    """One line for the mail server's log."""
    if isinstance(error, LeadmagnetError):
        return str(error)
    last = extract_tb(error.__traceback__)[-1]
    where = f"{Path(last.filename).name}:{last.lineno}"
    return trouble(error) or f"the report could not be taken in, by a defect: {type(error).__name__} at {where}."


def _answer(site: Path, raw: bytes) -> dict[str, object]:
    """What the report says, and what it did: the documented form of `feedback --json`."""
    said = bounces.read(raw)
    if isinstance(said, NotFeedback):
        return _plain("none", None, f"{said.reason}: nothing changed")
    heard = _taken(site, said)
    kind, of = ("bounce", "bounce of") if isinstance(said, Bounce) else ("complaint", "complaint about")
    if isinstance(heard, Stranger):
        return _plain(kind, None, f"{of} a mail that is not one of ours: nothing changed")
    meaning = "" if heard.reply_class is None else f"{answers.meaning(heard.reply_class)}; "
    return _plain(kind, heard, f"{of} mail {heard.delivery_id}: {meaning}{_did(heard)}")


def _taken(site: Path, said: Bounce | Complaint) -> Heard | Stranger:
    settings = load(site)
    database = database_of(settings, upgrade=False)
    with database.write() as session:
        heard = reports.take(session, said, settings.keys(), now=clock.now())
    database.close()
    return heard


def _did(heard: Heard) -> str:
    if not heard.new:
        return "that was said before, nothing changed"
    if not heard.to_reader:
        return "it went to no reader, nobody is blocked"
    if heard.blocked is None:
        return "nobody is blocked by it"
    if heard.reply_class is None:
        return "nothing is sent to this reader any more"
    return "the address is blocked now" + (f" ({heard.blocked})" if heard.blocked != "bounced" else "")


def _plain(kind: str, heard: Heard | None, words: str) -> dict[str, object]:
    return {
        "kind": kind,
        "mail": heard.delivery_id if heard else None,  # None: not one of ours, or no report at all
        "class": heard.reply_class if heard else None,
        "status": heard.status if heard else None,
        "new": heard.new if heard else False,
        "blocked": heard.blocked if heard else None,
        "words": words,
    }
