"""The log of a rehearsal: as lines, as JSON, beside one that was kept."""

import difflib
from pathlib import Path
from zoneinfo import ZoneInfo

import click

from leadmagnet.errors import LeadmagnetError
from leadmagnet.rehearsal.script import Event, Part


def as_text(part: Part, events: list[Event]) -> str:
    """The log as it can be kept and compared."""
    head = f"{part.sequence.slug}, read by {part.address.text} in {part.zone.key}"
    return "\n".join([head, "", *(line(event, part.zone) for event in events)]) + "\n"


def line(event: Event, zone: ZoneInfo) -> str:
    """One line of the log."""
    at = f"{event.at.astimezone(zone):%a %d %b %Y %H:%M %Z}".ljust(28)
    if event.letter is None or event.what == "clicks":
        return f"{at}{event.why}"
    if event.what == "ends":
        return f"{at}{event.letter} ends: {event.why}"
    words = f"{event.subject} ({event.why})" if event.subject and event.why else event.subject or event.why or ""
    return f"{at}{event.what:<9} {event.letter:<18} {words}".rstrip()


def as_json(part: Part, events: list[Event], mbox: Path | None) -> dict[str, object]:
    """The documented form: all times local, with their offset."""
    zone = part.zone
    return {
        "sequence": part.sequence.slug,
        "person": part.address.text,
        "zone": zone.key,
        "start": part.start.astimezone(zone).isoformat(),
        "events": [
            {
                "at": event.at.astimezone(zone).isoformat(),
                "what": event.what,
                "letter": event.letter,
                "subject": event.subject,
                "why": event.why,
            }
            for event in events
        ],
        "mbox": str(mbox) if mbox is not None else None,
    }


def read(path: Path) -> str:
    """A log that was kept. Raises LeadmagnetError."""
    try:
        return path.read_text()
    except FileNotFoundError:
        raise LeadmagnetError(f"there is no {path} to compare with. --save {path} writes it.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise LeadmagnetError(f"{path} cannot be read: {error}.") from error


def compare(path: Path, expected: str, log: str) -> bool:
    """Says whether the log is the one kept in `path`, and where not."""
    lines = list(
        difflib.unified_diff(expected.splitlines(), log.splitlines(), str(path), "this rehearsal", lineterm="")
    )
    if not lines:
        click.echo(f"As expected: every line is as in {path}.")
        return True
    colours = {"+": "green", "-": "red", "@": "cyan"}
    click.echo("\n".join(click.style(one, fg=colours.get(one[0])) for one in lines))
    click.echo(f"\nNot as expected. If this is what you want now: --save {path} instead of --expect.")
    return False
