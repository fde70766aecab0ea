"""`why --step` on the terminal: the groups first, then the people."""

import json
from pathlib import Path

import click

from leadmagnet import clock
from leadmagnet.cli.site import published_database
from leadmagnet.cli.words import Names, wrapped
from leadmagnet.content.published import Published
from leadmagnet.publishing.releases import Live
from leadmagnet.reports import letters, words
from leadmagnet.reports.missed import Group, Missed, missed
from leadmagnet.settings import load

#: So many of each group are named, unless all are asked for.
_NAMED = 10


def tell(site: Path, typed: str, *, everybody: bool, as_json: bool) -> None:
    """Prints who did not get the letter that was typed. Raises LeadmagnetError if there is none."""
    database = published_database(load(site))
    with database.read() as session:
        published = Live().get(session)
        sequence, step = letters.find(published, typed)
        limit = None if everybody or as_json else _NAMED
        found = missed(session, sequence, step, limit=limit, now=clock.now())
    database.close()
    click.echo(json.dumps(found.to_json(), indent=2) if as_json else page(found, published))


def page(found: Missed, published: Published) -> str:
    """All of it, in lines."""
    name = Names(published).letter(found.sequence.slug, found.step.slug)
    if not found.everybody:
        return f"{name}: nobody has asked for {found.sequence.title} yet."
    who = f"{found.got:,} of {words.people(found.everybody)}"
    lines = [f"{click.style(name, bold=True)}: {who} got it."]
    if not found.groups:
        return f"{lines[0][:-1]}: everybody." if found.got else lines[0]
    widest = max(len(f"{one.count:,}") for one in found.groups)
    said = {one: _says(one, found, published) for one in found.groups}
    lines += ["", *(wrapped(said[one], f"  {one.count:>{widest},}  ") for one in found.groups)]
    for one in found.groups:
        lines += [
            "",
            click.style(f"{said[one][0].upper()}{said[one][1:]}", bold=True),
            *(f"  {address}" for address in one.people),
        ]
        if one.count > len(one.people):
            lines.append(f"  … and {one.count - len(one.people):,} more: --all names them")
    if any(one.name in ("maybe_sent", "held") for one in found.groups):
        lines += ["", "`leadmagnet status` names the command that settles what is held or maybe sent."]
    return "\n".join(lines)


def _says(one: Group, found: Missed, published: Published) -> str:
    """What stands behind the count."""
    single = one.count == 1
    match one.name:
        case "before_it_existed":
            since = found.step.since
            day = f", on {words.day(since, published.zone)}" if since is not None else ""
            return f"{'was' if single else 'were'} past it when it came into the series{day}"
        case "not_for_them":
            return f"did not meet its conditions: {one.said}"
        case "left":
            return _LEFT[one.reason or ""]
        case "ended":
            return f"ended early: {one.said}"
        case "held" | "failed":
            return f"{'is held' if single else 'are held'}: {one.said}" if one.name == "held" else f"failed: {one.said}"
        case "maybe_sent":
            return f"{'was' if single else 'were'} maybe sent it: {one.said}"
    return _SAID[one.name][0 if single else 1]


_LEFT = {
    "unsubscribed": "left before it",
    "bounced": "bounced for good before it",
    "complained": "complained before it",
}
_SAID = {
    "draft": ("went past while it was a draft", "went past while it was a draft"),
    "waits": ("waits for it", "wait for it"),
    "paused": ("waits for it, and has paused", "wait for it, and have paused"),
    "not_yet": ("has not come to it yet", "have not come to it yet"),
    "expired": ("was too late for it (not_after)", "were too late for it (not_after)"),
    "finished": ("finished the series without it", "finished the series without it"),
    "not_started": ("has not started the letters", "have not started the letters"),
    "unconfirmed": ("has asked, and not confirmed", "have asked, and not confirmed"),
}
