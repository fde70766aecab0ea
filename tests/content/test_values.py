"""Durations, times, weekdays and addresses: what reads, and what never becomes a default."""

from collections.abc import Callable
from datetime import date, time, timedelta

import pytest

from leadmagnet.content import values


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("3 days", timedelta(days=3)),
        ("20 hours", timedelta(hours=20)),
        ("1d 6h", timedelta(days=1, hours=6)),
        ("1 day, 6 hours", timedelta(days=1, hours=6)),
        ("2 Weeks", timedelta(weeks=2)),
        ("90min", timedelta(minutes=90)),
    ],
)
def test_a_duration_in_words_reads(written: str, meant: timedelta) -> None:
    assert values.duration(written) == meant


@pytest.mark.parametrize(
    "written",
    ["", "3", 3, 3.5, True, None, "-2 days", "0 days", "0", "1d 0h", "1 month", "1 fortnight", "days", "3 days ago", "9" * 9 + "d"],
)  # fmt: skip
def test_a_length_of_time_that_is_none_is_an_error(written: object) -> None:
    with pytest.raises(values.Unreadable):
        values.duration(written)


@pytest.mark.parametrize(
    ("written", "meant"),
    [("7:30", time(7, 30)), ("07:30", time(7, 30)), ("23:59", time(23, 59)), ("0:00", time()), (time(7, 30), time(7, 30))],
)  # fmt: skip
def test_a_time_of_day_reads(written: object, meant: time) -> None:
    assert values.wall_time(written) == meant


@pytest.mark.parametrize("written", ["24:00", "7.30", "7", "7:5", "7:60", "am", 730, 7.3, None, ""])
def test_a_time_that_is_none_is_an_error(written: object) -> None:
    with pytest.raises(values.Unreadable):
        values.wall_time(written)


@pytest.mark.parametrize(
    ("written", "meant"),
    [(["mon", "sat"], {0, 5}), (["Monday", "SUN", " wed "], {0, 6, 2}), (["tue", "tue"], {1})],
)
def test_weekdays_read(written: list[str], meant: set[int]) -> None:
    assert values.weekdays(written) == meant


@pytest.mark.parametrize("written", [[], "mon", ["moon"], [1], None, ["mon", ""]])
def test_a_weekday_that_is_none_is_an_error(written: object) -> None:
    with pytest.raises(values.Unreadable):
        values.weekdays(written)


@pytest.mark.parametrize(
    ("written", "meant"),
    [("2 weeks", timedelta(weeks=2)), ("2026-04-01", date(2026, 4, 1)), (date(2026, 4, 1), date(2026, 4, 1))],
)
def test_an_expiry_is_an_age_or_a_date(written: object, meant: object) -> None:
    assert values.expiry(written) == meant


@pytest.mark.parametrize("written", ["2026-02-30", "soon", "-1 day", 7])
def test_an_expiry_that_is_neither_is_an_error(written: object) -> None:
    with pytest.raises(values.Unreadable):
        values.expiry(written)


@pytest.mark.parametrize(
    "written",
    ["maya@example.com", "Maya <maya@mail.example.com>", '"Maya, of Barre" <m@example.com>', "Zoë <zoe@example.com>"],
)
def test_one_mailbox_reads(written: str) -> None:
    assert values.mailbox(written) == written


@pytest.mark.parametrize(
    "written",
    ["Maya", "a@example.com, b@example.com", "Maya <maya@exämple.com>", "<maya@example.com", "Maya <a@b.com> x",
     "Maya\n<a@b.com>", "", "a@@b.com", "Maya, of Barre <m@example.com>", "a@b.com\r\nBcc: c@d.com", 3],
)  # fmt: skip
def test_a_mailbox_that_is_not_exactly_one_is_an_error(written: object) -> None:
    with pytest.raises(values.Unreadable):
        values.mailbox(written)


@pytest.mark.parametrize("written", ["https://example.com", "http://127.0.0.1:8000/x?a=1&b=2#c", "https://[::1]/"])
def test_a_web_address_reads(written: str) -> None:
    assert values.web_address(written) == written


@pytest.mark.parametrize(
    "written",
    ["example.com", "//example.com", "ftp://example.com", "https://", "javascript:alert(1)", "https://e.com/a b",
     "https://e.com/{{ config }}", 'https://e.com/"onclick=x', "https://e.com:x/", "https://[::1"],
)  # fmt: skip
def test_a_web_address_that_is_none_is_an_error(written: str) -> None:
    with pytest.raises(values.Unreadable):
        values.web_address(written)


@pytest.mark.parametrize(
    ("parse", "written"),
    [
        (values.flag, "true"),
        (values.flag, 1),
        (values.days, "2"),
        (values.days, -1),
        (values.days, 2.0),
        (values.days, True),
        (values.name, "a b"),
        (values.name, "-a"),
        (values.name, ""),
        (values.name, "../x"),
        (values.tag_rule, "student"),
        (values.text, " "),
        (values.text, "a\nb"),
        (values.text, "a\x07b"),
        (values.text, "a \ud83d b"),
        (values.text, "a \ufffe b"),
        (values.origin, "https://example.com/"),
    ],
)
def test_what_merely_looks_right_is_an_error(parse: Callable[[object], object], written: object) -> None:
    with pytest.raises(values.Unreadable):
        parse(written)
