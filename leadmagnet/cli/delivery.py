"""The commands about deliveries: `status`, `why`, `resend`."""

import json
from pathlib import Path
from zoneinfo import ZoneInfo

import click

from leadmagnet import clock
from leadmagnet.audience import addresses
from leadmagnet.cli.brakes import line
from leadmagnet.cli.site import database_of, json_option, operator, site_option
from leadmagnet.delivery import decisions
from leadmagnet.delivery.breaker import Open
from leadmagnet.delivery.daily import Day
from leadmagnet.delivery.decisions import Before
from leadmagnet.delivery.queue import SEQUENCE
from leadmagnet.delivery.quota import Quota
from leadmagnet.delivery.rates import Week
from leadmagnet.errors import LeadmagnetError
from leadmagnet.publishing.releases import Live
from leadmagnet.reports.paused import moment
from leadmagnet.reports.status import SequenceStatus, Status, StepStatus, Waiting
from leadmagnet.reports.status import status as report
from leadmagnet.reports.why import HeldGuide, Mail, Why
from leadmagnet.reports.why import why as ask_why
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


@click.command()
@click.argument("address")
@site_option
@json_option
def why(address: str, site: Path, as_json: bool) -> None:
    """Tell everything about one address: what it got, what it did not get and why, and what comes next.

    Example: leadmagnet why sam@example.com
    """
    settings = load(site)
    database = database_of(settings, upgrade=False)
    parsed = addresses.parse(address)
    with database.read() as session:
        published = Live().get(session)
        found = ask_why(session, published, parsed.key(settings.address_secret()), now=clock.now())
    database.close()
    if found is None:
        raise LeadmagnetError(f"nobody here has the address {parsed.text}.")
    click.echo(json.dumps(found.to_json(), indent=2) if as_json else _story(found, published.zone))


@click.command()
@click.argument("numbers", metavar="ID...", type=int, nargs=-1, required=True)
@site_option
def resend(numbers: tuple[int, ...], site: Path) -> None:
    """Send mails again that were maybe sent, or let go what was held; `status` names them.

    Example: leadmagnet resend 12 15
    """
    database = database_of(load(site), upgrade=False)
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


def _story(found: Why, zone: ZoneInfo) -> str:
    lines = [f"{found.address} {_state(found, zone)}", *(_held(guide, zone) for guide in found.guides), ""]
    lines += [
        f"  {moment(mail.at, zone):<27} {_letter(mail):<32} {_became(mail)}" for mail in found.mails if not mail.waiting
    ]
    lines.append("")
    lines += [f"Next: {_letter(mail)}, due {moment(mail.due_at, zone)}: {mail.waiting}" for mail in found.coming]
    return "\n".join(lines if found.coming else [*lines, "Next: nothing"])


def _held(guide: HeldGuide, zone: ZoneInfo) -> str:
    has = f"has the guide {guide.guide}, edition {guide.edition}, since {moment(guide.since, zone)}"
    if guide.newest is None:
        return f"{has}; that guide is no more"
    return has if guide.newest == guide.edition else f"{has}; the newest, which her link shows, is {guide.newest}"


def _state(found: Why, zone: ZoneInfo) -> str:
    if found.state == "unsubscribed" and found.unsubscribed_at is not None:
        return f"left on {moment(found.unsubscribed_at, zone)}"
    if found.state == "active" and found.confirmed_at is not None:
        return f"is active, confirmed on {moment(found.confirmed_at, zone)}"
    return "has not confirmed"


def _letter(mail: Mail) -> str:
    return f"{mail.sequence}/{mail.letter}" if mail.letter else mail.kind


def _became(mail: Mail) -> str:
    state = "maybe sent" if mail.state == "uncertain" else mail.state
    later = []
    if mail.bounced_at:
        later.append(f"bounced later: {mail.bounce}" if mail.bounce else "bounced later")
    if mail.complained_at:
        later.append("complained later: the reader called it spam")
    return ", ".join([f"{state}: {mail.reason}" if mail.reason else state, *later])


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
