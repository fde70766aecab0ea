"""A calendar file by the grammar of RFC 5545, read back by a parser that knows nothing of the writer."""

import re
from dataclasses import replace

from leadmagnet.content.compiled import Build
from leadmagnet.reports import forecast, icalendar
from tests.reports.test_forecast import NEW_YORK, with_steps
from tests.world import TUESDAY_EVENING

ODD = "#1 [new] *tip*; a, b: \\n and 🧘🧘🧘🧘🧘🧘🧘🧘🧘🧘🧘🧘🧘🧘🧘🧘🧘🧘🧘🧘🧘🧘🧘🧘🧘🧘🧘🧘🧘🧘"
_LINE = re.compile(r"([A-Z-]+)(?:;[A-Z]+=[^:;]+)*:(.*)")


def written(build: Build, subject: str | None = None) -> bytes:
    published, sequence = with_steps(build, {"tight-hips": {"draft": True}})
    course = list(forecast.course(published, sequence, TUESDAY_EVENING, NEW_YORK))
    if subject is not None:
        course[0] = replace(course[0], subject=subject)
    return icalendar.calendar([(sequence, course)], TUESDAY_EVENING, "mail.example.com")


def read(content: bytes) -> list[dict[str, str]]:
    """The events of a calendar: unfolded, split, unescaped."""
    assert content.endswith(b"\r\n")
    assert b"\n" not in content.replace(b"\r\n", b"")
    lines = content.decode().replace("\r\n ", "").split("\r\n")[:-1]
    found = [_LINE.fullmatch(line) for line in lines]
    pairs = [(one[1], one[2]) for one in found if one is not None]
    assert len(pairs) == len(lines)
    assert pairs[0] == ("BEGIN", "VCALENDAR")
    assert pairs[-1] == ("END", "VCALENDAR")
    assert {"VERSION", "PRODID"} <= {name for name, _value in pairs}
    events: list[dict[str, str]] = []
    for name, value in pairs:
        if (name, value) == ("BEGIN", "VEVENT"):
            events.append({})
        elif events and name not in ("BEGIN", "END"):
            assert name not in events[-1]
            events[-1][name] = re.sub(r"\\(.)", lambda one: "\n" if one[1] in "nN" else one[1], value)
    return events


def test_each_letter_that_comes_is_an_event_at_its_instant(example: Build) -> None:
    events = read(written(example))
    assert len(events) == 8
    assert all({"UID", "DTSTAMP", "DTSTART", "SUMMARY"} <= set(one) for one in events)
    assert [one["DTSTART"] for one in events][:2] == ["20260304T021200Z", "20260308T113000Z"]
    assert len({one["UID"] for one in events}) == 8
    assert events[1]["DESCRIPTION"] == (
        "Hip openers for runners, day 5: yoga-for-runners\nits day; the clocks went forward: EST → EDT"
    )


def test_an_odd_subject_comes_out_as_typed_and_no_line_is_too_long(example: Build) -> None:
    content = written(example, ODD)
    assert read(content)[0]["SUMMARY"] == ODD
    assert max(len(line) for line in content.split(b"\r\n")) <= 75
    for line in content.split(b"\r\n"):
        line.decode()  # never folded within a character


def test_the_same_course_gives_the_same_file(example: Build) -> None:
    assert written(example) == written(example)
