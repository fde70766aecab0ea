"""What next, and when: the tables of the due rule."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from leadmagnet.content.compiled import Build
from leadmagnet.content.sequences import Condition, Sequence, Step
from leadmagnet.sequences import schedule
from leadmagnet.sequences.schedule import Done, Facts, PassedOver, Planned
from tests.sequences.lives import DAY, Life, letter, live, series

NEW_YORK = ZoneInfo("America/New_York")
#: Tuesday 3 March 2026, 21:12 in New York; the clocks go forward on Sunday the 8th.
START = datetime(2026, 3, 4, 2, 12, tzinfo=UTC)


def _next(sequence: Sequence, facts: Facts, zone: ZoneInfo = NEW_YORK) -> str | None:
    """The next letter and its local time, such as `a Thu 05 Mar 07:30`."""
    answer = schedule.next_step(sequence, facts, zone)
    if isinstance(answer, Done):
        return None
    return f"{answer.step.slug} {answer.due.astimezone(zone):%a %d %b %H:%M}"


def _calendar(sequence: Sequence, life: Life) -> list[tuple[str, str]]:
    sent, _moved = live(sequence, life)
    return [(f"{one.at.astimezone(life.zone):%a %d %b %H:%M %Z}", one.step.slug) for one in sent]


def test_the_calendar_of_the_example_site(example: Build) -> None:
    assert example.compiled is not None
    assert _calendar(example.compiled.sequences["hip-openers"], Life(NEW_YORK, START)) == [
        ("Tue 03 Mar 21:12 EST", "guide"),
        ("Thu 05 Mar 07:30 EST", "tight-hips"),
        ("Sun 08 Mar 07:30 EDT", "yoga-for-runners"),
        ("Thu 12 Mar 07:30 EDT", "what-is-barre"),
        ("Sun 15 Mar 07:30 EDT", "strong-hips"),
        ("Thu 19 Mar 07:30 EDT", "embrace-the-shake"),
        ("Mon 23 Mar 07:30 EDT", "never-tried-barre"),
        ("Fri 27 Mar 07:30 EDT", "your-week"),
        ("Tue 31 Mar 07:30 EDT", "come-move-with-me"),
    ]


def test_a_wide_gap_and_forbidden_weekdays_push_a_letter_to_the_next_day_that_satisfies_both() -> None:
    """34 hours to Thursday are under 40, Friday is not allowed: the letter of day 2 comes on day 4, Saturday."""
    allowed = frozenset({0, 1, 2, 3, 5})
    steps = (letter("guide", 0), letter("two", 2, send_on=allowed), letter("five", 5, send_on=allowed))
    assert _calendar(series(*steps, min_gap=timedelta(hours=40)), Life(NEW_YORK, START)) == [
        ("Tue 03 Mar 21:12 EST", "guide"),
        ("Sat 07 Mar 07:30 EST", "two"),
        ("Mon 09 Mar 07:30 EDT", "five"),
    ]


@pytest.mark.parametrize(
    ("zone", "start", "step", "due"),
    [
        # Midnight belongs to the day that begins: a start at 00:00 has its day 1 tomorrow.
        ("America/New_York", "2026-03-04T05:00Z", letter("a", 1), "2026-03-05T12:30Z"),
        # One person's Tuesday evening is another's Wednesday.
        ("Pacific/Auckland", "2026-03-04T02:12Z", letter("a", 1), "2026-03-04T18:30Z"),
        # 02:30 does not exist on 8 March: the first instant that does is 03:00 EDT.
        ("America/New_York", "2026-03-07T12:00Z", letter("a", 1, send_at=time(2, 30)), "2026-03-08T07:00Z"),
        # 01:30 exists twice on 1 November: the first counts.
        ("America/New_York", "2026-10-31T12:00Z", letter("a", 1, send_at=time(1, 30)), "2026-11-01T05:30Z"),
        # Lord Howe moves its clocks by half an hour.
        ("Australia/Lord_Howe", "2026-10-03T00:00Z", letter("a", 1, send_at=time(2, 15)), "2026-10-03T15:30Z"),
        # Midnight itself is skipped in Beirut.
        ("Asia/Beirut", "2026-03-28T10:00Z", letter("a", 1, send_at=time(0, 0)), "2026-03-28T22:00Z"),
        # 29 February.
        ("UTC", "2028-02-27T12:00Z", letter("a", 2), "2028-02-29T07:30Z"),
        # One weekday only.
        ("UTC", "2026-03-04T12:00Z", letter("a", 1, send_on=frozenset({2})), "2026-03-11T07:30Z"),
    ],
)
def test_due_of_a_single_letter(zone: str, start: str, step: Step, due: str) -> None:
    answer = schedule.next_step(series(step), Facts(datetime.fromisoformat(start)), ZoneInfo(zone))
    assert isinstance(answer, Planned)
    assert answer.due == datetime.fromisoformat(due)


def test_day_0_asks_neither_time_nor_weekday_nor_gap() -> None:
    step = letter("guide", 0, send_on=frozenset({6}), send_at=time(3, 0))
    answer = schedule.next_step(series(step), Facts(START, last_letter_at=START), NEW_YORK)
    assert isinstance(answer, Planned)
    assert answer.due == START


A, B, C = letter("a", 2), letter("b", 5), letter("c", 9)
ABC = series(A, B, C)


@pytest.mark.parametrize(
    ("handled", "following"),
    [
        ((), "a Thu 05 Mar 07:30"),
        (("a",), "b Sun 08 Mar 07:30"),
        (("b",), "c Thu 12 Mar 07:30"),  # past a: she has handled a later letter
        (("a", "b"), "c Thu 12 Mar 07:30"),
        (("c",), None),
        (("gone",), "a Thu 05 Mar 07:30"),
        (("gone", "a", "b", "c"), None),
    ],
)
def test_the_next_letter_is_the_first_after_the_last_handled(handled: tuple[str, ...], following: str | None) -> None:
    assert _next(ABC, Facts(START, handled=frozenset(handled))) == following


@pytest.mark.parametrize(
    ("steps", "handled", "following"),
    [
        ((A, B.model_copy(update={"draft": True}), C), ("a",), "c Thu 12 Mar 07:30"),
        ((A, letter("bee", 5, was=("b",)), C), ("a", "b"), "c Thu 12 Mar 07:30"),
        ((A, letter("bee", 5, was=("b", "be")), C), ("a", "be"), "c Thu 12 Mar 07:30"),
        ((A, letter("bee", 5, was=("b",)), C), ("a",), "bee Sun 08 Mar 07:30"),
        ((A, letter("bee", 5), C), ("a", "b"), "bee Sun 08 Mar 07:30"),  # without `was` it is new
        ((B, A, C), ("b",), "a Thu 05 Mar 07:30"),  # moved ahead of her
        ((A, C, B), ("a", "c"), "b Sun 08 Mar 07:30"),
        ((B, C, A), ("a",), None),  # the number order decides who is past a letter
    ],
)
def test_an_edit_decides_what_is_next(steps: tuple[Step, ...], handled: tuple[str, ...], following: str | None) -> None:
    assert _next(series(*steps), Facts(START, handled=frozenset(handled))) == following


@pytest.mark.parametrize(
    ("since_day", "catch_up", "handled", "following"),
    [
        (3, False, ("a",), "new Sat 07 Mar 07:30"),  # ahead of her: on its day
        (6, False, ("a",), "c Thu 12 Mar 07:30"),  # her day 4 was over when it was published
        (6, True, ("a",), "new Tue 10 Mar 07:30"),  # and still it comes, at the next allowed time
        (6, False, ("a", "c"), None),  # behind her
        (6, True, ("a", "c"), "new Tue 10 Mar 07:30"),
        (None, False, ("a",), "new Sat 07 Mar 07:30"),  # in the series from its beginning, merely late
    ],
)
def test_a_letter_added_later(
    since_day: int | None, catch_up: bool, handled: tuple[str, ...], following: str | None
) -> None:
    since = None if since_day is None else START + since_day * DAY
    new = letter("new", 4, catch_up=catch_up, since=since)
    assert _next(series(A, new, C), Facts(START, handled=frozenset(handled))) == following


def test_a_letter_published_at_the_very_moment_it_is_due_is_sent() -> None:
    new = letter("new", 4, since=datetime(2026, 3, 7, 12, 30, tzinfo=UTC))
    assert _next(series(A, new, C), Facts(START, handled=frozenset({"a"}))) == "new Sat 07 Mar 07:30"


def test_a_letter_that_catches_up_keeps_the_gap_to_the_last_one() -> None:
    new = letter("new", 4, catch_up=True, since=START + 6 * DAY)
    facts = Facts(START, last_letter_at=START + 7 * DAY, handled=frozenset({"a"}))
    assert _next(series(A, new, C), facts) == "new Thu 12 Mar 07:30"


def test_a_day_0_letter_that_catches_up_goes_when_it_is_published() -> None:
    new = letter("new", 0, catch_up=True, since=START + 6 * DAY)
    assert schedule.due(series(new), new, Facts(START), NEW_YORK).due == START + 6 * DAY


@pytest.mark.parametrize(
    ("steps", "handled", "sent", "passed"),
    [
        ((A, B, C), ("a",), B, ()),
        ((A, B.model_copy(update={"draft": True}), C), ("a",), C, (PassedOver("b", "draft"),)),
        ((A, letter("new", 4, since=START), C), ("a",), C, (PassedOver("new", "added after her turn"),)),
        # Far behind her: `why` must be able to tell about that letter too.
        ((letter("new", 1, since=START), A, B, C), ("a", "b"), C, (PassedOver("new", "added after her turn"),)),
        ((letter("bee", 5, was=("b",)), C), ("b",), C, ()),
        # What catches up from behind goes past nothing: c comes later.
        ((A, letter("new", 4, catch_up=True, since=START), B, C), ("a", "b"), letter("new", 4), ()),
        # A draft that is to catch up has only been postponed.
        ((A, B.model_copy(update={"draft": True, "catch_up": True}), C), ("a",), C, ()),
    ],
)
def test_letters_that_a_person_goes_past(
    steps: tuple[Step, ...], handled: tuple[str, ...], sent: Step, passed: tuple[PassedOver, ...]
) -> None:
    assert schedule.passed_over(series(*steps), Facts(START, handled=frozenset(handled)), sent) == passed


def _condition(text: str) -> Condition:
    kind, name = text.removeprefix("not ").split(":")
    return Condition(kind=kind, name=name, negated=text.startswith("not "))


@pytest.mark.parametrize(
    ("only_if", "skip_if", "reason"),
    [
        ((), (), None),
        (("tag:runner",), (), None),
        (("tag:dancer",), (), "only if tag:dancer"),
        (("not tag:runner",), (), "only if not tag:runner"),
        (("tag:runner", "not tag:dancer"), (), None),
        (("tag:runner", "tag:dancer"), (), "only if tag:dancer"),
        (("clicked:a",), (), None),
        (("clicked:runner",), (), "only if clicked:runner"),
        (("tag:a",), (), "only if tag:a"),
        ((), ("tag:runner",), "skipped if tag:runner"),
        ((), ("tag:dancer",), None),
        ((), ("tag:runner", "tag:dancer"), None),  # all must hold
        ((), ("tag:runner", "not tag:dancer"), "skipped if tag:runner and not tag:dancer"),
        ((), ("not clicked:a",), None),
        (("tag:runner",), ("clicked:a",), "skipped if clicked:a"),
    ],
)
def test_conditions(only_if: tuple[str, ...], skip_if: tuple[str, ...], reason: str | None) -> None:
    """She is tagged as a runner, and has followed a link in the letter `a`."""
    step = letter("b", 5, only_if=tuple(map(_condition, only_if)), skip_if=tuple(map(_condition, skip_if)))
    facts = Facts(START, tags=frozenset({"runner"}), clicked=frozenset({"a"}))
    assert schedule.skip_reason(step, facts) == reason


@pytest.mark.parametrize(
    ("stop_when", "tags", "reason"),
    [
        ((), {"student"}, None),
        (("tag:student",), set(), None),
        (("unsubscribed", "tag:student"), {"student", "runner"}, "tag:student"),
        (("unsubscribed",), {"unsubscribed"}, None),
    ],
)
def test_tags_that_stop_a_series(stop_when: tuple[str, ...], tags: set[str], reason: str | None) -> None:
    assert schedule.stop_reason(series(A, stop_when=stop_when), Facts(START, tags=frozenset(tags))) == reason


@pytest.mark.parametrize(
    ("not_after", "late", "expired"),
    [
        ({}, 400 * DAY, False),
        ({"expires_after": 3 * DAY}, 3 * DAY, False),
        ({"expires_after": 3 * DAY}, 3 * DAY + timedelta(seconds=1), True),
        ({"expires_on": date(2026, 3, 8)}, 3 * DAY, False),
        ({"expires_on": date(2026, 3, 8)}, timedelta(days=3, hours=15, minutes=29), False),  # 23:59 with her
        ({"expires_on": date(2026, 3, 8)}, timedelta(days=3, hours=15, minutes=30), True),
        ({"expires_after": 9 * DAY, "expires_on": date(2026, 3, 4)}, timedelta(0), True),
    ],
)
def test_letters_that_are_too_old(not_after: dict[str, object], late: timedelta, expired: bool) -> None:
    step = letter("a", 2, **not_after)
    planned = schedule.next_step(series(step), Facts(START), NEW_YORK)
    assert isinstance(planned, Planned)
    assert schedule.expired(planned, planned.due + late, NEW_YORK) is expired


@pytest.mark.parametrize(
    ("late", "moves"), [(timedelta(0), False), (DAY, False), (DAY + timedelta(seconds=1), True), (-DAY, False)]
)
def test_lateness_counts_from_a_day_on(late: timedelta, moves: bool) -> None:
    planned = schedule.next_step(ABC, Facts(START), NEW_YORK)
    assert isinstance(planned, Planned)
    assert schedule.lateness(planned, planned.due + late) == (late if moves else timedelta(0))


def test_three_days_of_outage_move_the_whole_series_by_three_days() -> None:
    down = (START + DAY, datetime(2026, 3, 8, 12, 0, tzinfo=UTC))
    assert _calendar(ABC, Life(NEW_YORK, START, silences=(down,))) == [
        ("Sun 08 Mar 08:00 EDT", "a"),
        ("Wed 11 Mar 07:30 EDT", "b"),
        ("Sun 15 Mar 07:30 EDT", "c"),
    ]


def test_a_letter_that_something_else_holds_back_moves_the_start_no_further_than_to_today() -> None:
    sequence = series(letter("a", 1), min_gap=timedelta(days=5))
    facts = Facts(START, last_letter_at=START)
    planned = schedule.due(sequence, sequence.steps[0], facts, NEW_YORK)
    now = planned.due + timedelta(days=3)
    starts = []
    for _retry in range(9):
        facts = Facts(schedule.moved_start(planned, facts, NEW_YORK, now=now), last_letter_at=START)
        planned = schedule.due(sequence, sequence.steps[0], facts, NEW_YORK)
        starts.append(facts.start)
    today = now.astimezone(NEW_YORK).date()
    assert starts[0] == START + timedelta(days=3)
    assert starts[-1] == starts[-2]
    assert starts[-1].astimezone(NEW_YORK).date() + DAY == today
