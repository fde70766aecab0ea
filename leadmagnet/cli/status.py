"""The command `status`: who is where, and what needs the operator."""

import json
from pathlib import Path
from zoneinfo import ZoneInfo

import click

from leadmagnet import clock
from leadmagnet.cli.brakes import line
from leadmagnet.cli.site import database_of, json_option, site_option
from leadmagnet.delivery.breaker import Open
from leadmagnet.delivery.daily import Day
from leadmagnet.delivery.queue import SEQUENCE
from leadmagnet.delivery.quota import Quota
from leadmagnet.delivery.rates import Week
from leadmagnet.reports.paused import moment
from leadmagnet.reports.status import SequenceStatus, Status, StepStatus, Waiting
from leadmagnet.reports.status import status as report
from leadmagnet.settings import load


@click.command()
@site_option
@json_option
def status(site: Path, as_json: bool) -> None:
    """Show who is where: waiting, sent, and what needs you.

    Example: leadmagnet status
    """
    settings = load(site)
    database = database_of(settings, upgrade=False)
    quota = Quota(cap=settings.daily_cap, warm_up=settings.warm_up == "on")
    with database.read() as session:
        found = report(session, now=clock.now(), quota=quota)
    database.close()
    click.echo(json.dumps(found.to_json(), indent=2) if as_json else _page(found))


def _page(found: Status) -> str:
    people = found.subscribers
    lines = [
        f"{_people(people['active'])} confirmed, {people['pending']} not yet, {people['unsubscribed']} left",
        f"version {found.release or 'none: leadmagnet publish'} is live, {_workers(found.workers)}",
    ]
    if found.breaker is not None:
        lines.append(click.style(_no_mail(found.breaker), fg="red"))
    if found.due_now:
        lines.append(f"{found.due_now} mails are due now, the oldest for {found.oldest_due_seconds} seconds")
    if found.quota is not None:
        lines.append(_today(found.quota))
    for state, words in (("uncertain", "maybe sent"), ("held", "held until you decide"), ("failed", "failed")):
        if found.deliveries[state]:
            lines.append(click.style(f"{found.deliveries[state]} mails {words}", fg="yellow"))
    if found.week.bounces or found.week.complaints:
        lines.append(_week(found.week))
    lines += [f"  {_waits(one, found.zone)}" for one in found.attention]
    if found.attention:
        lines.append(f"  to send one (again): leadmagnet resend {found.attention[0].id}")
    lines += [click.style(line(one, found.zone), fg="yellow") for one in found.paused]
    lines += [click.style(warning, fg="yellow") for warning in found.warnings]
    for sequence in found.sequences:
        lines += ["", *_map(sequence)]
    return "\n".join(lines)


def _week(week: Week) -> str:
    bounces, complaints = week.bounces, week.complaints
    parts = [f"{bounces} {'address that does' if bounces == 1 else 'addresses that do'} not exist"] if bounces else []
    parts += [f"{complaints} {'complaint' if complaints == 1 else 'complaints'}"] if complaints else []
    return f"in the last seven days {' and '.join(parts)} on {week.mails:,} mails"


def _no_mail(found: Open) -> str:
    since, again = (f"{at:%Y-%m-%d %H:%M:%S} UTC" for at in (found.since, found.until))
    return f"no mail goes out through {found.relay} since {since}: {found.reason} Next try: {again}"


def _waits(one: Waiting, zone: ZoneInfo) -> str:
    words = "maybe sent" if one.state == "uncertain" else one.state
    return f"{one.id}: {one.letter}, {words} since {moment(one.since, zone)}: {one.reason}"


def _people(count: int) -> str:
    return "1 person" if count == 1 else f"{count} people"


def _workers(count: int) -> str:
    if not count:
        return click.style("no worker is running: nothing is sent", fg="red")
    return "1 worker is running" if count == 1 else f"{count} workers are running"


def _today(day: Day) -> str:
    of = f" of {day.cap:,}" if day.cap is not None else ""
    warm_up = f"; warm-up day {day.step + 1}" if day.step is not None else ""
    return f"{day.taken:,}{of} mails today, {max(0, day.left(SEQUENCE) or 0):,} left for letters{warm_up}"


def _map(found: SequenceStatus) -> list[str]:
    counts = found.enrollments
    head = f"{found.sequence.title}: {counts.get('active', 0)} reading, {counts.get('completed', 0)} finished"
    return [click.style(head, bold=True), *(_row(step) for step in found.steps)]


def _row(found: StepStatus) -> str:
    step = found.step
    name = f"{step.number}-{step.slug}" + (" (draft)" if step.draft else "")
    waiting = sum(found.counts.get(state, 0) for state in ("pending", "claimed", "handing_off"))
    parts = [f"{found.counts.get('sent', 0)} sent"]
    parts += [
        f"{found.counts[state]} {state}"
        for state in ("skipped", "expired", "failed", "uncertain", "held")
        if found.counts.get(state)
    ]
    wait = f"   ● {waiting} waiting" if waiting else ""
    return f"  {name:<28} day {step.day:<3} {' · '.join(parts)}{wait}"
