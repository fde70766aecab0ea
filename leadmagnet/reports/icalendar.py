"""Writes the course of a made-up person as an iCalendar file (RFC 5545), for any calendar to show."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from leadmagnet.content.sequences import Sequence
from leadmagnet.reports.forecast import Coming

#: Octets of a line, without its end (RFC 5545 §3.1).
_LONGEST = 75
#: TEXT values (§3.3.11); a carriage return has no place in them at all.
_ESCAPES = str.maketrans({"\\": "\\\\", ";": "\\;", ",": "\\,", "\n": "\\n", "\r": None})


def calendar(courses: Iterable[tuple[Sequence, Iterable[Coming]]], start: datetime, domain: str) -> bytes:
    """One event for each letter that comes; the same courses give the same bytes.

    Times are UTC, so that no VTIMEZONE has to repeat what every calendar knows. `domain` makes the UIDs unique
    (§3.8.4.7), and `start` tells one made-up person from another.
    """
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//leadmagnet//calendar//EN", "CALSCALE:GREGORIAN"]
    for sequence, course in courses:
        for one in course:
            if one.skipped is None:
                lines += _event(sequence, one, start, domain)
    lines.append("END:VCALENDAR")
    return b"".join(_folded(line) for line in lines)


def _event(sequence: Sequence, one: Coming, start: datetime, domain: str) -> Iterator[str]:
    yield "BEGIN:VEVENT"
    yield f"UID:{sequence.slug}.{one.step.slug}.{_utc(start)}@{domain}"
    yield f"DTSTAMP:{_utc(start)}"  # when it was written would differ from run to run
    yield f"DTSTART:{_utc(one.due)}"
    yield "DURATION:PT15M"  # what takes no time at all is hardly seen in most calendars
    yield f"SUMMARY:{_text(one.subject)}"
    yield f"DESCRIPTION:{_text(f'{sequence.title}, day {one.step.day}: {one.step.slug}')}\\n{_text(one.why)}"
    yield "TRANSP:TRANSPARENT"
    yield "END:VEVENT"


def _utc(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y%m%dT%H%M%SZ}"


def _text(words: str) -> str:
    return words.translate(_ESCAPES)


def _folded(line: str) -> bytes:
    """The line with its end, folded between characters."""
    pieces, piece = [], b""
    for character in line:
        encoded = character.encode()
        if len(piece) + len(encoded) > _LONGEST:
            pieces.append(piece)
            piece = b" "  # it counts, and is taken away again by whoever unfolds
        piece += encoded
    return b"\r\n".join([*pieces, piece]) + b"\r\n"
