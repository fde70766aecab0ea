"""The command `calendar`: when which letter comes, for a made-up person."""

import json
import shutil
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import click

from leadmagnet.cli import made_up
from leadmagnet.cli.site import json_option, site_option
from leadmagnet.content.published import Published
from leadmagnet.content.sequences import Sequence
from leadmagnet.errors import LeadmagnetError
from leadmagnet.reports import forecast, icalendar, words
from leadmagnet.reports.forecast import Coming
from leadmagnet.reports.words import moment

#: What the day alone says already.
_PLAIN = ("its day", "at once")


@dataclass(frozen=True, slots=True)
class _Course:
    """What one sequence sends to her."""

    sequence: Sequence
    letters: tuple[Coming, ...]


@click.command()
@click.argument("sequence", required=False)
@made_up.options
@click.option("--ics", type=click.Path(path_type=Path), metavar="FILE", help="Write a calendar file; - prints it.")
@site_option
@json_option
def calendar(
    sequence: str | None,
    start: str | None,
    zone: str | None,
    tags: tuple[str, ...],
    ics: Path | None,
    site: Path,
    as_json: bool,
) -> None:
    """Show when which letter comes, and why, for somebody who confirms at --start.

    Reads the files as they are now. Without SEQUENCE it shows all of them. A date alone means its noon.

    Example: leadmagnet calendar --start 2026-03-03T21:12 --zone Europe/Berlin
    """
    _build, content = made_up.compiled(site)
    where = made_up.zone(content, zone)
    begins = made_up.start(start, where)
    published = Published(0, "", content)
    chosen = [made_up.sequence(content, sequence)] if sequence is not None else list(content.sequences.values())
    carried = made_up.tags(tags)
    courses = [_Course(one, forecast.course(published, one, begins, where, tags=carried)) for one in chosen]
    if ics is not None:
        _write(ics, icalendar.calendar(((c.sequence, c.letters) for c in courses), begins, published.sender_domain))
    if as_json:
        click.echo(json.dumps(_json(courses, begins, where), indent=2, ensure_ascii=False))
    elif ics is None:
        click.echo("\n\n".join(_table(one, begins, where) for one in courses))
    elif str(ics) != "-":
        sent = sum(letter.skipped is None for one in courses for letter in one.letters)
        click.echo(f"{words.count(sent, 'letter is', 'letters are')} in {ics}.")


def _write(path: Path, content: bytes) -> None:
    try:
        with click.open_file(str(path), "wb") as file:
            file.write(content)
    except OSError as error:
        raise LeadmagnetError(f"cannot write {path}: {error.strerror}.") from error


def _json(courses: list[_Course], start: datetime, zone: ZoneInfo) -> dict[str, object]:
    """The documented form: all times local, with their offset."""
    return {
        "start": start.astimezone(zone).isoformat(),
        "zone": zone.key,
        "sequences": [
            {
                "sequence": one.sequence.slug,
                "letters": [
                    {
                        "letter": letter.step.slug,
                        "day": letter.step.day,
                        "due": letter.due.astimezone(zone).isoformat(),
                        "subject": letter.subject,
                        "why": letter.why,
                        "skipped": letter.skipped,
                    }
                    for letter in one.letters
                ],
            }
            for one in courses
        ],
    }


def _table(course: _Course, start: datetime, zone: ZoneInfo) -> str:
    begins = {"confirmed": "confirms", "manual": "is put in"}.get(course.sequence.starts, "gets the tag")
    head = click.style(course.sequence.title, bold=True)
    lines = [head, f"for somebody in {zone.key} who {begins} on {moment(start, zone)}", ""]
    slugs = max((len(letter.step.slug) for letter in course.letters), default=0)
    subjects = max((len(letter.subject) for letter in course.letters), default=0)
    for letter in course.letters:
        lines += _row(letter, zone, slugs, subjects)
    sent = sum(letter.skipped is None for letter in course.letters)
    not_sent = len(course.letters) - sent
    lines += ["", words.count(sent, "letter") + (f", {not_sent} not sent" if not_sent else "")]
    return "\n".join(lines)


def _row(letter: Coming, zone: ZoneInfo, slugs: int, subjects: int) -> list[str]:
    row = f"  {letter.due.astimezone(zone):%a %d %b %H:%M %Z}".ljust(24)
    row += f" day {letter.step.day:<3} {letter.step.slug:<{slugs}}  {letter.subject}"
    note = f"not sent: {letter.skipped}" if letter.skipped is not None else letter.why
    shown = click.style(note, fg="yellow" if letter.skipped is not None else None, dim=letter.skipped is None)
    room = shutil.get_terminal_size((1000, 24)).columns
    wide = row.ljust(33 + slugs + 2 + subjects)
    if len(wide) + 2 + len(note) <= room:
        return [f"{wide}  {shown}"]
    return [row] if note in _PLAIN else [row, f"{'':<25}{shown}"]
