"""The course of a made-up person: the calendar of the example site, and each reason in words."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from leadmagnet.content.compiled import Build
from leadmagnet.content.published import Published
from leadmagnet.content.sequences import Condition, Sequence
from leadmagnet.reports import forecast
from leadmagnet.reports.forecast import Coming
from tests.world import TUESDAY_EVENING

NEW_YORK = ZoneInfo("America/New_York")
NO_FRIDAYS = frozenset({0, 1, 2, 3, 5})


def with_steps(build: Build, changes: dict[str, dict[str, object]], **more: object) -> tuple[Published, Sequence]:
    """The example sequence with some of its letters changed."""
    assert build.compiled is not None
    sequence = build.compiled.sequences["hip-openers"]
    steps = tuple(step.model_copy(update=changes.get(step.slug, {})) for step in sequence.steps)
    return Published(0, "", build.compiled), sequence.model_copy(update={"steps": steps, **more})


def shown(course: tuple[Coming, ...], zone: ZoneInfo = NEW_YORK) -> dict[str, tuple[str, str]]:
    """By slug: the local time, and why; of what does not come, why not."""
    return {one.step.slug: (f"{one.due.astimezone(zone):%a %d %b %H:%M %Z}", one.skipped or one.why) for one in course}


def test_the_course_of_the_example_site(example: Build) -> None:
    course = forecast.course(*with_steps(example, {}), TUESDAY_EVENING, NEW_YORK)
    assert list(shown(course).items()) == [
        ("guide", ("Tue 03 Mar 21:12 EST", "at once")),
        ("tight-hips", ("Thu 05 Mar 07:30 EST", "its day")),
        ("yoga-for-runners", ("Sun 08 Mar 07:30 EDT", "its day; the clocks went forward: EST → EDT")),
        ("what-is-barre", ("Thu 12 Mar 07:30 EDT", "its day")),
        ("strong-hips", ("Sun 15 Mar 07:30 EDT", "its day")),
        ("embrace-the-shake", ("Thu 19 Mar 07:30 EDT", "its day")),
        ("never-tried-barre", ("Mon 23 Mar 07:30 EDT", "its day")),
        ("your-week", ("Fri 27 Mar 07:30 EDT", "its day")),
        ("come-move-with-me", ("Tue 31 Mar 07:30 EDT", "its day")),
    ]
    assert [one.subject for one in course][:2] == ["Your hip openers guide is here", "Tight isn't always short"]


@pytest.mark.parametrize(
    ("slug", "change", "more", "expected"),
    [
        ("tight-hips", {"day": 1, "send_at": time(7, 30)}, {},
         ("Thu 05 Mar 07:30 EST", "20 hours after the last letter")),
        ("tight-hips", {"send_on": NO_FRIDAYS}, {"min_gap": timedelta(hours=40)},
         ("Sat 07 Mar 07:30 EST", "40 hours after the last letter; Fri not in send_on → Sat")),
        ("strong-hips", {"send_on": frozenset(range(5))}, {}, ("Mon 16 Mar 07:30 EDT", "Sun not in send_on → Mon")),
        ("what-is-barre", {"send_on": frozenset({1})}, {},
         ("Tue 17 Mar 07:30 EDT", "Thu, Fri, Sat, Sun, Mon not in send_on → Tue")),
        ("yoga-for-runners", {"send_at": time(2, 30)}, {},
         ("Sun 08 Mar 03:00 EDT",
          "its day; the clocks went forward: EST → EDT; 02:30 does not exist that day")),
        ("tight-hips", {"draft": True}, {}, ("Thu 05 Mar 07:30 EST", "draft")),
        ("come-move-with-me", {"draft": True}, {}, ("Tue 31 Mar 07:30 EDT", "draft")),
        ("tight-hips", {"expires_on": date(2026, 3, 4)}, {}, ("Thu 05 Mar 07:30 EST", "not_after has passed")),
        ("tight-hips", {"only_if": (Condition(kind="tag", name="vip", negated=False),)}, {},
         ("Thu 05 Mar 07:30 EST", "only if tag:vip")),
        ("tight-hips", {"since": datetime(2026, 3, 6, tzinfo=UTC)}, {},
         ("Thu 05 Mar 07:30 EST", "added after her turn")),
        ("tight-hips", {"since": datetime(2026, 3, 20, tzinfo=UTC), "catch_up": True}, {},
         ("Fri 20 Mar 07:30 EDT", "added later, and catches up; the clocks went forward: EST → EDT")),
    ],
)  # fmt: skip
def test_each_reason_is_said(
    example: Build, slug: str, change: dict[str, object], more: dict[str, object], expected: tuple[str, str]
) -> None:
    course = forecast.course(*with_steps(example, {slug: change}, **more), TUESDAY_EVENING, NEW_YORK)
    assert shown(course)[slug] == expected
    assert sorted(one.step.slug for one in course) == sorted(step.slug for step in course_steps(example))


def course_steps(build: Build) -> tuple[forecast.Step, ...]:
    assert build.compiled is not None
    return build.compiled.sequences["hip-openers"].steps


def test_tags_and_clicks_decide_from_the_letter_on_that_brings_them(example: Build) -> None:
    clicked = Condition(kind="clicked", name="tight-hips", negated=False)
    changes = {
        "tight-hips": {"tag": "tried-barre"},
        "guide": {"skip_if": (clicked,)},  # nobody has clicked in a letter still to come
        "what-is-barre": {"skip_if": (clicked,)},
    }
    course = forecast.course(
        *with_steps(example, changes), TUESDAY_EVENING, NEW_YORK, clicked=frozenset({"tight-hips"})
    )
    assert {one.step.slug: one.skipped for one in course if one.skipped} == {
        "what-is-barre": "skipped if clicked:tight-hips",
        "never-tried-barre": "only if not tag:tried-barre",
    }


def test_a_tag_ends_the_series(example: Build) -> None:
    stops = {"stop_when": ("tag:student",)}
    course = forecast.course(
        *with_steps(example, {"tight-hips": {"tag": "student"}}, **stops), TUESDAY_EVENING, NEW_YORK
    )
    assert [one.skipped for one in course] == [None, None, *["the series stops at tag:student"] * 7]
