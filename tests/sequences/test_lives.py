"""What holds in every life: whatever the letters, the zone, the outages, the pauses and the edits."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from leadmagnet.content.sequences import Sequence, Step
from leadmagnet.sequences import schedule
from leadmagnet.sequences.schedule import Because, Done, Facts, Planned
from tests.sequences.lives import (
    DAY,
    EXAMPLES,
    MANY_EXAMPLES,
    Life,
    at_allowed_time,
    hours,
    identity,
    instants,
    letter,
    live,
    lives,
    local_date,
    on_a_change,
    sequences,
    series,
    steps,
    zones,
)

whole_lives = sequences().flatmap(lambda sequence: st.tuples(st.just(sequence), lives(sequence)))


@EXAMPLES
@given(whole_lives)
def test_nobody_gets_a_letter_twice(both: tuple[Sequence, Life]) -> None:
    sent, _moved = live(*both)
    names = [identity(one.step) for one in sent]
    assert len(names) == len(set(names))


@EXAMPLES
@given(whole_lives)
def test_two_letters_are_never_closer_than_the_gap(both: tuple[Sequence, Life]) -> None:
    sequence, life = both
    sent, _moved = live(sequence, life)
    for earlier, later in pairwise(sent):
        assert later.step.day == 0 or later.at - earlier.at >= sequence.min_gap


@EXAMPLES
@given(whole_lives)
def test_a_letter_is_due_at_its_time_of_day_on_its_weekdays(both: tuple[Sequence, Life]) -> None:
    sequence, life = both
    sent, _moved = live(sequence, life)
    for one in sent:
        assert one.step.day == 0 or at_allowed_time(one.due, one.step, life.zone)


@EXAMPLES
@given(whole_lives)
def test_day_0_is_due_at_once(both: tuple[Sequence, Life]) -> None:
    sent, _moved = live(*both)
    for one in sent:
        assert one.step.day > 0 or one.due in (one.start, one.step.since)


@EXAMPLES
@given(whole_lives)
def test_no_letter_comes_before_its_day(both: tuple[Sequence, Life]) -> None:
    sequence, life = both
    sent, _moved = live(sequence, life)
    for one in sent:
        assert one.at >= one.due
        assert local_date(one.due, life.zone) >= local_date(one.start, life.zone) + one.step.day * DAY


@EXAMPLES
@given(whole_lives)
def test_no_letter_is_due_before_it_was_published(both: tuple[Sequence, Life]) -> None:
    sent, moved = live(*both)
    assert all(one.step.since is None or one.due >= one.step.since for one in [*sent, *moved])


@EXAMPLES
@given(whole_lives)
def test_the_start_moves_by_the_lateness_that_is_over_a_day(both: tuple[Sequence, Life]) -> None:
    sequence, life = both
    sent, moved = live(sequence, life)
    assert all(one.by == one.at - one.due > DAY for one in moved)
    total = sum((one.by for one in moved), timedelta(0))
    assert not sent or sent[-1].start <= life.confirmed + total


@EXAMPLES
@given(
    zones,
    instants,
    st.lists(st.integers(3, 9), min_size=1, max_size=6),
    st.lists(st.tuples(st.integers(0, 40), st.integers(25, 700)), max_size=3),
    st.lists(st.integers(0, 23), max_size=7),
)
def test_the_rhythm_stays_and_nothing_bursts(
    zone: ZoneInfo, confirmed: datetime, apart: list[int], outages: list[tuple[int, int]], delays: list[int]
) -> None:
    """After any outage letters are as far apart as they were written, but for a slow day and a change of clocks."""
    days = [sum(apart[:count]) for count in range(len(apart) + 1)]
    sequence = series(*(letter(f"day-{day}", day) for day in days))
    silences = tuple(
        (confirmed + day * DAY, confirmed + day * DAY + timedelta(hours=lasting)) for day, lasting in outages
    )
    slow = tuple(timedelta(hours=count) for count in delays)
    sent, _moved = live(sequence, Life(zone, confirmed, silences, slow))
    assert [one.step.day for one in sent] == days
    for earlier, later in pairwise(sent[1:]):
        assert later.at - earlier.at >= (later.step.day - earlier.step.day - 1) * DAY - timedelta(hours=1)


@EXAMPLES
@given(
    whole_lives,
    st.lists(st.integers(1, 900), max_size=3),
    st.tuples(st.integers(0, 400), st.integers(1, 700), st.integers(2, 9)),
)
def test_wishes_bring_no_letter_twice_and_two_closer_than_the_gap_only_where_she_asked(
    both: tuple[Sequence, Life], wishes: list[int], slower: tuple[int, int, int]
) -> None:
    sequence, life = both
    after, lasting, days = slower
    begins = life.confirmed + timedelta(hours=after)
    ends = begins + timedelta(hours=lasting)
    wanted = tuple(sorted(life.confirmed + timedelta(hours=count) for count in wishes))
    life = replace(life, wishes=wanted, slower=(begins, ends, days), edits=())
    sent, _moved = live(sequence, life)
    assert [one.step.slug for one in sent] == [one.step.slug for one in live(sequence, replace(life, wishes=()))[0]]
    asked = [one for one in sent if one.reason is Because.WANTED]
    assert len(asked) <= len(wanted)
    for earlier, later in pairwise(sent):
        if later.step.day and later.reason is not Because.WANTED:
            slow = begins <= later.at < ends
            assert later.at - earlier.at >= max(sequence.min_gap, schedule.own_gap(days if slow else None))


@EXAMPLES
@given(zones, instants, st.lists(st.integers(3, 6), min_size=3, max_size=6), st.integers(1, 40), st.integers(7, 14))
def test_after_a_slower_time_nothing_bursts(
    zone: ZoneInfo, confirmed: datetime, apart: list[int], lasting: int, days: int
) -> None:
    """As far apart as they were written, but for a slow day and a change of clocks."""
    on = [sum(apart[:count]) for count in range(len(apart) + 1)]
    sequence = series(*(letter(f"day-{day}", day) for day in on))
    until = confirmed + lasting * DAY
    sent, _moved = live(sequence, Life(zone, confirmed, slower=(confirmed, until, days)))
    assert [one.step.day for one in sent] == on
    for earlier, later in pairwise(sent[1:]):
        assert later.at - earlier.at >= (later.step.day - earlier.step.day - 1) * DAY - timedelta(hours=1)


@EXAMPLES
@given(sequences(), zones, instants, st.integers(0, 400), hours)
def test_a_later_letter_never_makes_the_next_one_earlier(
    sequence: Sequence, zone: ZoneInfo, start: datetime, after: int, more: timedelta
) -> None:
    last = start + timedelta(hours=after)
    earlier = schedule.next_step(sequence, Facts(start, last), zone)
    later = schedule.next_step(sequence, Facts(start, last + more), zone)
    if isinstance(earlier, Done):
        assert isinstance(later, Done)
        return
    assert isinstance(later, Planned)
    assert later.step == earlier.step and later.due >= earlier.due


@EXAMPLES
@given(sequences(), zones, instants, st.one_of(st.none(), st.integers(0, 400)))
def test_the_answer_is_always_the_same(sequence: Sequence, zone: ZoneInfo, start: datetime, after: int | None) -> None:
    last = None if after is None else start + timedelta(hours=after)
    first = schedule.next_step(sequence, Facts(start, last), zone)
    elsewhere = ZoneInfo.no_cache(zone.key)
    told_locally = Facts(start.astimezone(zone), last and last.astimezone(elsewhere))
    again = schedule.next_step(Sequence.model_validate_json(sequence.model_dump_json()), told_locally, elsewhere)
    assert first == again
    assert isinstance(first, Done) or first.due.utcoffset() == timedelta(0)


@MANY_EXAMPLES
@given(
    st.one_of(st.tuples(zones, instants, steps("letter")), on_a_change()),
    hours,
    st.one_of(st.none(), st.integers(0, 24 * 30 * 60)),
)
def test_due_is_what_a_scan_of_every_minute_finds(
    where: tuple[ZoneInfo, datetime, Step], min_gap: timedelta, minutes: int | None
) -> None:
    zone, start, step = where
    step = step.model_copy(update={"day": max(step.day, 1), "draft": False})
    last = None if minutes is None else start + timedelta(minutes=minutes)
    facts = Facts(start, last)
    answer = schedule.next_step(series(step, min_gap=min_gap), facts, zone)
    assert isinstance(answer, Planned)
    not_before = None if last is None else last + min_gap
    assert answer.due == _scan(step, local_date(start, zone) + step.day * DAY, not_before, zone)


def _scan(step: Step, own_day: date, not_before: datetime | None, zone: ZoneInfo) -> datetime:
    """Looks at every minute in turn: is this an allowed one? No arithmetic with offsets at all."""
    minute = datetime(own_day.year, own_day.month, own_day.day, tzinfo=UTC) - timedelta(hours=16)
    if not_before is not None and not_before > minute:
        minute = not_before.replace(second=0, microsecond=0)
        minute += timedelta(minutes=minute < not_before)
    eve = (minute - timedelta(minutes=1)).astimezone(zone).replace(tzinfo=None)
    while True:
        local = minute.astimezone(zone)
        here = local.replace(tzinfo=None)
        if local.fold == 0:
            for day in {here.date(), eve.date()}:
                wanted = datetime.combine(day, step.send_at)
                if day >= own_day and day.weekday() in step.send_on and eve < wanted <= here:
                    return minute
        eve = here
        minute += timedelta(minutes=1)


def test_the_first_reason_names_what_the_letter_waits_for() -> None:
    start = datetime(2026, 3, 4, 2, 12, tzinfo=UTC)
    zone = ZoneInfo("America/New_York")

    def because(step: Step, last: datetime | None = None) -> Because:
        answer = schedule.next_step(series(step), Facts(start, last), zone)
        assert isinstance(answer, Planned)
        return answer.reason

    assert because(letter("a", 0)) is Because.AT_ONCE
    assert because(letter("a", 2)) is Because.DAY
    assert because(letter("a", 2, send_on=frozenset({6}))) is Because.WEEKDAY
    assert because(letter("a", 2), start + timedelta(days=3)) is Because.MIN_GAP
    assert because(letter("a", 1), start) is Because.MIN_GAP  # it ends within her day, too late for its half past seven
    assert because(letter("a", 2, catch_up=True, since=start + timedelta(days=9))) is Because.CATCH_UP
