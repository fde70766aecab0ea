"""The command `status`: who is where, and what needs the operator."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import click

from leadmagnet import clock
from leadmagnet.cli import map as maps
from leadmagnet.cli.brakes import lines
from leadmagnet.cli.site import json_option, published_database, site_option
from leadmagnet.cli.words import Names, changes_waiting, wrapped
from leadmagnet.content.published import Published
from leadmagnet.delivery.breaker import Open
from leadmagnet.delivery.daily import Day
from leadmagnet.delivery.queue import SEQUENCE
from leadmagnet.delivery.quota import Quota
from leadmagnet.delivery.rates import Week
from leadmagnet.publishing.releases import Live, NothingPublished
from leadmagnet.reports import counts, letters, words
from leadmagnet.reports.counts import VersionCounts
from leadmagnet.reports.reasons import plain
from leadmagnet.reports.status import Status, Waiting
from leadmagnet.reports.status import status as report
from leadmagnet.settings import load

if TYPE_CHECKING:
    from leadmagnet.store.database import Session


@click.command()
@click.option("--letter", metavar="LETTER", help="Show one letter, version by version, instead.")
@site_option
@json_option
def status(letter: str | None, site: Path, as_json: bool) -> None:
    """Show who is where: waiting, sent, and what needs you.

    Each letter with how many had it, clicked in it, left after it, and wait for it (●). Shares are shown from 50
    mails on. With --letter: one letter, version by version.

    Example: leadmagnet status

    Example: leadmagnet status --letter 20-tight-hips
    """
    settings = load(site)
    database = published_database(settings)
    quota = Quota(cap=settings.daily_cap, warm_up=settings.warm_up == "on")
    with database.read() as session:
        if letter is not None:
            shown = _one_letter(session, letter, as_json=as_json)
        else:
            found = report(session, now=clock.now(), quota=quota)
            waiting = _unpublished(session, site, found.release)
            answer = found.to_json() | {"unpublished": waiting}
            shown = json.dumps(answer, indent=2) if as_json else page(found, _names(session), waiting)
    database.close()
    click.echo(shown)


def page(found: Status, names: Names | None, unpublished: list[str] | None) -> str:
    """Everything at a glance. `unpublished`: the files that differ from what is live, None if that is not known."""
    return "\n".join(
        [
            *_now(found, unpublished),
            *_needs_you(found, names),
            *(out for one in found.sequences for out in ("", *maps.sequence(one))),
        ]
    )


def _now(found: Status, unpublished: list[str] | None) -> Iterator[str]:
    people = found.subscribers
    confirmed = words.people(people["active"])
    yield f"{confirmed} confirmed, {people['pending']:,} not yet, {people['unsubscribed']:,} left"
    live = f"version {found.release} is live" if found.release else "nothing is live yet (leadmagnet publish)"
    yield f"{live}, {_workers(found.workers)}"
    if unpublished:
        yield click.style(changes_waiting(len(unpublished)), fg="yellow")
    if found.breaker is not None:
        yield click.style(_no_mail(found.breaker, found.zone), fg="red")
    if found.due_now:
        due = words.count(found.due_now, "mail is", "mails are")
        yield f"{due} due now, the oldest for {words.length(found.oldest_due_seconds)}"
    if found.quota is not None:
        yield _today(found.quota)
    yield from map(maps.funnel, found.funnel)
    if found.week.bounces or found.week.complaints:
        yield _week(found.week)
    if found.deliveries["failed"]:
        yield f"{words.count(found.deliveries['failed'], 'mail')} failed for good, ever"


def _needs_you(found: Status, names: Names | None) -> Iterator[str]:
    """What waits for a decision, each with the command that carries it out."""
    if found.attention or found.paused or found.warnings:
        yield from ("", click.style("Needs you", bold=True))
    for one in found.attention:
        yield click.style(wrapped(_waits(one, found.zone, names), "  "), fg="yellow")
        yield f"    {_settles(one)}"
    more = found.deliveries["uncertain"] + found.deliveries["held"] - len(found.attention)
    if more > 0:
        yield f"  … and {more:,} more, once these are settled"
    for paused in found.paused:
        said, lift = lines(paused, found.zone, "  ")
        yield from (click.style(said, fg="yellow"), lift)
    for warning in found.warnings:
        yield click.style(wrapped(warning, "  "), fg="yellow")


def _waits(one: Waiting, zone: ZoneInfo, names: Names | None) -> str:
    sequence, slash, slug = one.letter.partition("/")
    name = names.mail(sequence, sequence, slug if slash else None) if names is not None else one.letter
    said = "maybe sent" if one.state == "uncertain" else one.state
    to = f" to {one.to}" if one.to is not None else ""
    return f"{name}{to}: {said} since {words.moment(one.since, zone)}, {plain(one.state, one.reason or None)}"


def _settles(one: Waiting) -> str:
    command = f"leadmagnet resend {one.id}"
    if one.state == "held":
        return f"{command}   lets it go"
    return f"{command}   sends it again; left alone, it counts as sent"


def _one_letter(session: "Session", typed: str, *, as_json: bool) -> str:
    published = Live().get(session)
    sequence, step = letters.find(published, typed)
    found = counts.by_version(session, published, sequence, step)
    if as_json:
        answer = {"letter": f"{sequence.slug}/{step.slug}", "versions": [one.to_json() for one in found]}
        return json.dumps(answer, indent=2)
    name = Names(published).letter(sequence.slug, step.slug)
    if not found:
        return f"{name}: sent to nobody yet."
    return "\n".join([click.style(name, bold=True), *(_version(one, published) for one in found)])


def _version(one: VersionCounts, published: Published) -> str:
    since = f", live since {words.day(one.published_at, published.zone)}" if one.published_at else ""
    note = f" “{one.note}”" if one.note else ""
    parts = [f"{one.sent:,} sent"]
    if one.clicked is not None:
        percent = counts.share(one.clicked, one.sent)
        parts.append(f"{percent}% clicked" if percent is not None else f"{one.clicked} clicked")
    parts += [f"{one.bounced:,} came back"] if one.bounced else []
    parts += [f"{one.complained:,} called spam"] if one.complained else []
    return wrapped(f"version {one.release or '?'}{since}{note}: {' · '.join(parts)}", "  ", "    ")


def _names(session: "Session") -> Names | None:
    try:
        return Names(Live().get(session))
    except NothingPublished:
        return None


def _unpublished(session: "Session", site: Path, release: int | None) -> list[str] | None:
    """The paths that differ from what is live; None where nothing is live, or the folder does not read.

    Compared byte by byte, without compiling: a few milliseconds.
    """
    # Imported here: a server without the folder never needs them.
    from leadmagnet.content.files import read_folder
    from leadmagnet.content.findings import Notes
    from leadmagnet.content.site import check_site
    from leadmagnet.publishing import pending, releases

    if release is None:
        return None
    notes = Notes()
    folder = read_folder(site, notes)
    if not folder.files:
        return None  # a worker's machine: what is live came from elsewhere
    settings = check_site(folder.settings, notes) if folder.settings is not None else None
    return pending.paths(session, releases.load(session, release), folder.files, settings)


def _week(week: Week) -> str:
    bounces, complaints = week.bounces, week.complaints
    parts = [words.count(bounces, "address that does not exist", "addresses that do not exist")] if bounces else []
    parts += [words.count(complaints, "complaint")] if complaints else []
    return f"in the last seven days {words.listed(parts)} on {words.count(week.mails, 'mail')}"


def _no_mail(found: Open, zone: ZoneInfo) -> str:
    since, again = (words.moment(at, zone) for at in (found.since, found.until))
    return f"no mail goes out through {found.relay} since {since}: {found.reason} Next try: {again}"


def _workers(count: int) -> str:
    if not count:
        return click.style("no worker is running: nothing is sent", fg="red")
    return words.count(count, "worker is running", "workers are running")


def _today(day: Day) -> str:
    of = f" of {day.cap:,}" if day.cap is not None else ""
    warm_up = f"; warm-up day {day.step + 1}" if day.step is not None else ""
    return f"{day.taken:,}{of} mails today, {max(0, day.left(SEQUENCE) or 0):,} left for letters{warm_up}"
