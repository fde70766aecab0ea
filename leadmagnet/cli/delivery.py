"""The commands that look at deliveries: `status`."""

import json
from pathlib import Path

import click

from leadmagnet import clock
from leadmagnet.cli.site import database_of, json_option, site_option
from leadmagnet.reports.status import SequenceStatus, Status, StepStatus
from leadmagnet.reports.status import status as report
from leadmagnet.settings import load


@click.command()
@site_option
@json_option
def status(site: Path, as_json: bool) -> None:
    """Show who is where: waiting, sent, and what needs you.

    Example: leadmagnet status
    """
    database = database_of(load(site), upgrade=False)
    with database.read() as session:
        found = report(session, now=clock.now())
    database.close()
    click.echo(json.dumps(found.to_json(), indent=2) if as_json else _page(found))


def _page(found: Status) -> str:
    people = found.subscribers
    lines = [
        f"{_people(people['active'])} confirmed, {people['pending']} not yet, {people['unsubscribed']} left",
        f"version {found.release or 'none: leadmagnet publish'} is live, {_workers(found.workers)}",
    ]
    if found.due_now:
        lines.append(f"{found.due_now} mails are due now, the oldest for {found.oldest_due_seconds} seconds")
    for state, words in (("uncertain", "maybe sent"), ("held", "held until you decide"), ("failed", "failed")):
        if found.deliveries[state]:
            lines.append(click.style(f"{found.deliveries[state]} mails {words}", fg="yellow"))
    lines += [click.style(warning, fg="yellow") for warning in found.warnings]
    for sequence in found.sequences:
        lines += ["", *_map(sequence)]
    return "\n".join(lines)


def _people(count: int) -> str:
    return "1 person" if count == 1 else f"{count} people"


def _workers(count: int) -> str:
    if not count:
        return click.style("no worker is running: nothing is sent", fg="red")
    return "1 worker is running" if count == 1 else f"{count} workers are running"


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
