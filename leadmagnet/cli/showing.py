"""The command `show`: a letter as a version has it, or a mail just as it was sent."""

import json
import sys
from dataclasses import dataclass
from pathlib import Path

import click

from leadmagnet import clock
from leadmagnet.cli.sending import find_letter
from leadmagnet.cli.site import json_option, published_database, site_option
from leadmagnet.cli.versions import coloured
from leadmagnet.content.published import Published
from leadmagnet.delivery import message, rendered
from leadmagnet.delivery.rendered import Sent
from leadmagnet.doctor import signer
from leadmagnet.errors import LeadmagnetError
from leadmagnet.links import Keys, Links
from leadmagnet.mail.render import Rendered
from leadmagnet.publishing import drafts, releases
from leadmagnet.publishing import versions as history
from leadmagnet.reports import differences
from leadmagnet.reports.words import moment
from leadmagnet.settings import Settings, load
from leadmagnet.store.database import Database

_SAMPLE_KEYS = Keys.of(("sample",))  # what it signs leads nowhere


@dataclass(frozen=True, slots=True)
class _How:
    """What of a letter or mail is asked for."""

    html: bool
    eml: bool
    diff: bool
    as_json: bool


@click.command()
@click.argument("what", metavar="LETTER|MAIL-ID")
@click.option("--version", "number", type=click.IntRange(min=1), help="The letter as this version has it.")
@click.option("--html", is_flag=True, help="Its HTML part.")
@click.option("--eml", is_flag=True, help="The whole message, byte by byte: send it into a file.")
@click.option("--diff", "differ", is_flag=True, help="Of a mail: what this letter would say to her today.")
@site_option
@json_option
def show(what: str, number: int | None, html: bool, eml: bool, differ: bool, site: Path, as_json: bool) -> None:
    """Show a letter as a version has it, or a mail just as it was sent.

    LETTER is named as in `send-test`; without --version it is the live one. MAIL-ID is a number from
    `leadmagnet why ADDRESS`. Links that act for a reader are left out, but for --eml: that is made again from
    the record, and says so if a byte may differ.

    Example: leadmagnet show tight-hips --version 2
    """
    how = _How(html, eml, differ, as_json)
    if sum((html, eml, differ, as_json)) > 1:
        raise click.UsageError("--html, --eml, --diff and --json are four ways to show it: choose one.")
    is_mail = what.isascii() and what.isdigit()
    if is_mail and number is not None:
        raise click.UsageError("--version is for letters: a mail has the version that it was sent from.")
    if differ and not is_mail:
        raise click.UsageError("--diff is for mails; `leadmagnet diff` compares versions.")
    if eml and sys.stdout.isatty():
        raise LeadmagnetError(
            f"These are bytes for a mail program, not for a terminal: leadmagnet show {what} --eml > {what}.eml"
        )
    settings = load(site)
    database = published_database(settings)
    if is_mail:
        _show_mail(settings, database, int(what), how)
    else:
        _show_letter(settings, database, what, number, how)
    database.close()


def _show_letter(settings: Settings, database: Database, name: str, number: int | None, how: _How) -> None:
    with database.read() as session:
        version = history.find(session, number)
        published = history.published(session, version.number)
    try:
        letter = find_letter(published.compiled, name)
    except LeadmagnetError as error:
        raise LeadmagnetError(f"in version {version.number} {error}") from None
    person = dict(letter.people[0]) if letter.people else drafts.NO_NAME
    sample = rendered.sample(published, letter, drafts.sample_facts(published.compiled, letter, person))
    links = Links(settings.site_url, _SAMPLE_KEYS)
    if how.eml:
        click.echo(message.build(sample, links, now=clock.now()), nl=False)
        return
    words = message.words(sample, links)
    if how.as_json:
        known = {"letter": letter.path, "version": version.number, "live": version.live}
        click.echo(json.dumps({**known, **_parts(words)}))
    elif how.html:
        click.echo(rendered.masked(words.html))
    else:
        reader = person.get("first_name") or "a reader without a name"
        live = ", which is live" if version.live else ""
        click.echo(_page(f"{letter.path} in version {version.number}{live}, for {reader}", words))


def _show_mail(settings: Settings, database: Database, number: int, how: _How) -> None:
    links = Links(settings.site_url, settings.keys(), settings.bounce_domain)
    with database.read() as session:
        sent = rendered.find(session, number)
        live = releases.Live().get(session) if how.diff else None
    if live is not None:
        _show_difference(sent, live, links)
        return
    again = rendered.remade(sent, links, signer(settings))
    for difference in again.differs if not how.as_json else ():
        click.secho(f"Not byte for byte what was sent. {difference}", fg="yellow", err=True)
    if how.eml:
        click.echo(again.raw, nl=False)
        return
    words = rendered.words(sent, links)
    if how.as_json:
        click.echo(
            json.dumps({**_record(sent), "exact": not again.differs, "differs": list(again.differs), **_parts(words)})
        )
    elif how.html:
        click.echo(rendered.masked(words.html))
    else:
        click.echo(_page(_told(sent), words, to=sent.letter.recipient))


def _show_difference(sent: Sent, live: Published, links: Links) -> None:
    now = rendered.words_today(sent, live, links)
    if now is None:
        raise LeadmagnetError(
            f"version {live.number}, which is live, has no letter that mail {sent.letter.id} could be."
        )
    was = rendered.words(sent, links)
    lines = differences.unified(_readable(was), _readable(now))
    if not lines:
        click.echo(f"Mail {sent.letter.id} is what version {live.number}, which is live, would say to her.")
        return
    click.echo(
        click.style(
            f"From what she got (version {sent.letter.published.number}) to version {live.number}, which is live\n",
            bold=True,
        )
    )
    click.echo("\n".join(coloured(lines)))


def _told(sent: Sent) -> str:
    letter = sent.letter
    zone = letter.published.zone
    became = {"sent": "sent", "uncertain": "maybe sent", "failed": "refused"}.get(
        sent.state, "handed over, not accepted"
    )
    return (
        f"Mail {letter.id}: {letter.letter.path} of version {letter.published.number}, "
        f"{became} {moment(sent.sent_at or sent.handed_at, zone)}"
    )


def _record(sent: Sent) -> dict[str, object]:
    letter = sent.letter
    return {
        "mail": letter.id,
        "kind": letter.kind,
        "letter": letter.letter.path,
        "version": letter.published.number,
        "state": sent.state,
        "date": sent.date.isoformat(),
        "to": letter.recipient,
        "message_id": letter.message_id,
    }


def _parts(words: Rendered) -> dict[str, object]:
    return {"subject": words.subject, "text": rendered.masked(words.text), "html": rendered.masked(words.html)}


def _page(about: str, words: Rendered, *, to: str | None = None) -> str:
    head = [click.style(about, dim=True), *([f"To: {to}"] if to is not None else []), f"Subject: {words.subject}"]
    return "\n".join([*head, "", rendered.masked(words.text).rstrip()])


def _readable(words: Rendered) -> str:
    return f"Subject: {words.subject}\n\n{rendered.masked(words.text)}"
