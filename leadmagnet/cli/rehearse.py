"""The command `rehearse`: a whole sequence on its real road, in a second, or into one's own inbox in minutes."""

import json
import logging
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parseaddr
from pathlib import Path

import click

from leadmagnet import clock
from leadmagnet.audience import addresses
from leadmagnet.cli import made_up, rehearsal_log, scripts
from leadmagnet.cli.sending import connector
from leadmagnet.cli.site import json_option, site_option
from leadmagnet.content import values
from leadmagnet.content.compiled import Build, Compiled
from leadmagnet.content.published import Published
from leadmagnet.doctor import mail_server, require_ready, signer
from leadmagnet.errors import LeadmagnetError
from leadmagnet.rehearsal.onward import Onward
from leadmagnet.rehearsal.play import Rehearsal
from leadmagnet.rehearsal.script import Event, Part, Script
from leadmagnet.reports import words
from leadmagnet.settings import Settings, load

_SCRIPTS = "\n\n\b\nScripts (with commas, or --script several times):\n" + "\n".join(
    f"  {spelled:<17} {words}" for spelled, words in scripts.EXPLAINED
)  # fmt: skip
_MORE = """
The guide mail is letter 1. Instead of N a name will do, also bounce-at:confirm.
"""


@dataclass(frozen=True, slots=True)
class _Play:
    """What is played."""

    settings: Settings
    build: Build
    content: Compiled
    part: Part
    script: Script


@click.command(epilog=_SCRIPTS + _MORE)
@click.argument("sequence", required=False)
@made_up.options
@click.option(
    "--as",
    "person",
    default="ada@example.com",
    show_default=True,
    metavar="ADDRESS",
    help='Who she is; "Ada <ada@example.com>" gives her a name.',
)
@click.option("--script", "actions", multiple=True, metavar="ACTION", help="What happens on the way; see below.")
@click.option(
    "--mbox",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Where the mails go (default: rehearsal.mbox in var/).",
)
@click.option("--save", type=click.Path(path_type=Path), metavar="FILE", help="Keep the log, for --expect.")
@click.option(
    "--expect",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Compare the log with a kept one: exit code 1 and the difference if it is another.",
)
@click.option("--to", "recipient", metavar="ADDRESS", help="Play it into your own inbox, through your mail server.")
@click.option("--speed", metavar="TIME=TIME", help="How fast, with --to (default: 1d=1m).")
@site_option
@json_option
def rehearse(
    sequence: str | None, start: str | None, zone: str | None, tags: tuple[str, ...], person: str,
    actions: tuple[str, ...], mbox: Path | None, save: Path | None, expect: Path | None, recipient: str | None,
    speed: str | None, site: Path, as_json: bool,
) -> None:  # fmt: skip
    """Play a whole sequence to a made-up person, on the road that every mail takes.

    Signs her up, confirms, sends each letter the moment it is due, and says what happened and what did not. The
    same command gives the same mails, to the byte. Nobody's real mail, count or address is touched.

    With --to the mails come to you: subject and words as readers get them, but your address and today's date; the
    day that each stands for is in its header X-Rehearsal-Date.

    Example: leadmagnet rehearse --start 2026-03-27T21:12 --script leave-after:3
    """
    _refuse_mixtures(start, save, expect, recipient, speed, as_json)
    expected = rehearsal_log.read(expect) if expect is not None else None
    play = _prepared(site, sequence, start, zone, tags, person, actions)
    if recipient is not None:
        _into_an_inbox(play, site, recipient, speed or "1d=1m", mbox)
        return
    events, mails = _performed(play)
    log = rehearsal_log.as_text(play.part, events)
    if expect is not None and expected is not None:
        if mbox is not None:
            _write(mbox, mails)
        sys.exit(0 if rehearsal_log.compare(expect, expected, log) else 1)
    mbox = mbox or play.settings.data_dir / "rehearsal.mbox"
    _write(mbox, mails)
    if save is not None:
        _write(save, log.encode())
    if as_json:
        click.echo(json.dumps(rehearsal_log.as_json(play.part, events, mbox), indent=2, ensure_ascii=False))
        return
    click.echo(log)
    click.echo(f"The mails are in {_near(mbox, site)}: any mail program opens it.")
    if save is not None:
        click.echo(f"The log is in {save}: --expect {save} compares with it.")


def _refuse_mixtures(
    start: str | None, save: Path | None, expect: Path | None, recipient: str | None, speed: str | None, as_json: bool
) -> None:
    """Raises UsageError for options that do not go together."""
    if recipient is None and speed is not None:
        raise click.UsageError("--speed goes with --to: without it a rehearsal takes no time.")
    if recipient is not None and (save or expect or as_json):
        raise click.UsageError("--to shows what happens as it happens: leave out --save, --expect and --json.")
    if save is not None and expect is not None:
        raise click.UsageError("--save writes what --expect compares with: give one of them.")
    if (save or expect) and start is None:
        raise click.UsageError("a log to compare needs --start: it would have other dates tomorrow.")


def _prepared(
    site: Path, sequence: str | None, start: str | None, zone: str | None, tags: tuple[str, ...], person: str,
    actions: tuple[str, ...],
) -> _Play:  # fmt: skip
    settings = load(site)
    build, content = made_up.compiled(site)
    chosen = made_up.one_sequence(content, sequence)
    where = made_up.zone(content, zone)
    name, address = parseaddr(person)
    part = Part(
        address=addresses.parse(address or person),
        sequence=chosen,
        start=made_up.start(start, where),
        zone=where,
        first_name=name or None,
        tags=made_up.tags(tags),
    )
    return _Play(settings, build, content, part, scripts.script(actions, chosen))


def _performed(play: _Play) -> tuple[list[Event], bytes]:
    """What happened, and the mails as an mbox."""
    sign, url = signer(play.settings), play.settings.site_url
    with (
        _quiet(),
        tempfile.TemporaryDirectory(prefix="rehearsal-") as folder,
        Rehearsal(Path(folder), play.build, play.part, play.script, url, signer=sign) as rehearsal,
    ):
        return list(rehearsal.play()), rehearsal.mbox()


def _into_an_inbox(play: _Play, site: Path, recipient: str, speed: str, mbox: Path | None) -> None:
    """Shows what happens as it happens; Ctrl-C ends it."""
    settings, to = play.settings, addresses.parse(recipient)
    server = mail_server(settings)
    if server is not None:
        require_ready(settings, server, play.content.settings.site, site, play.content.letters.values())
    domain = Published(0, "", play.content).sender_domain
    onward = Onward(connector(settings), to.text, domain, signer(settings), clock.now)
    pace = _pace(play.part, _ratio(speed))
    count = 0
    with (
        _quiet(),
        tempfile.TemporaryDirectory(prefix="rehearsal-") as folder,
        Rehearsal(
            Path(folder), play.build, play.part, play.script, settings.site_url, onward=onward, pace=pace
        ) as rehearsal,
    ):
        try:
            for event in rehearsal.play():
                click.echo(rehearsal_log.line(event, play.part.zone))
                count += event.what == "sent"
        except KeyboardInterrupt:
            click.echo(f"\nStopped. {words.count(count, 'mail')} went out, and no more will.")
            sys.exit(1)
        finally:
            if mbox is not None:
                _write(mbox, rehearsal.mbox())
    where = "your inbox" if server is not None else f"the test mailbox: {settings.site_url}/mailbox"
    click.echo(f"{words.count(count, 'mail')} in {where}.")


def _pace(part: Part, ratio: float) -> Callable[[datetime], None]:
    """Waits until the rehearsal's time has come, `ratio` times as fast as time is."""
    began = time.monotonic()

    def wait(at: datetime) -> None:
        seconds = began + (at - part.start).total_seconds() * ratio - time.monotonic()
        if seconds >= 1:
            left = words.span(timedelta(seconds=round(seconds)))
            click.secho(f"  … {words.moment(at, part.zone)} comes in {left}", dim=True)
        time.sleep(max(0.0, seconds))

    return wait


def _ratio(speed: str) -> float:
    """Seconds that one second of the rehearsal takes. Raises LeadmagnetError."""
    simulated, equals, real = speed.partition("=")
    try:
        if not equals:
            raise values.Unreadable(f"does not read: {speed!r}.", "")
        return values.short_duration(real) / values.short_duration(simulated)
    except values.Unreadable as error:
        what = error.message
        raise LeadmagnetError(f'--speed {what} Write it like 1d=1m, or "1 day = 10 seconds".') from None


def _write(path: Path, content: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.write_bytes(content)
    except OSError as error:
        raise LeadmagnetError(f"cannot write {path}: {error.strerror}.") from error


def _near(path: Path, site: Path) -> Path:
    return path.relative_to(site) if path.is_relative_to(site) else path


@contextmanager
def _quiet() -> Iterator[None]:
    """What senders write into a log, about a server that is made up, is no news to the operator."""
    log, nowhere = logging.getLogger("leadmagnet"), logging.NullHandler()
    propagates = log.propagate
    log.addHandler(nowhere)
    log.propagate = False
    try:
        yield
    finally:
        log.removeHandler(nowhere)
        log.propagate = propagates
