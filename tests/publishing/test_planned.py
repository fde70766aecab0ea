"""A plan in words: each sentence counts the people it is about, the worst comes first."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import time, timedelta
from pathlib import Path

import pytest

from leadmagnet.content.compiled import Build
from leadmagnet.content.sequences import Step
from leadmagnet.publishing import releases
from leadmagnet.publishing.plan import Plan, Survey
from leadmagnet.reports import planned, storyboard
from tests.publishing.conftest import opened
from tests.publishing.crowd import Letters, letters_of
from tests.publishing.edits import with_steps, without_sequence
from tests.world import GUIDE, World


@pytest.fixture
def sqlite_world(example: Build, tmp_path: Path, sqlite_crowd: Path) -> Iterator[World]:
    """The crowd, in SQLite alone: words are the same on both."""
    shutil.copy(sqlite_crowd, tmp_path / "leadmagnet.db")
    yield from opened(f"sqlite:///{tmp_path}/leadmagnet.db", example, tmp_path)


def plan_of(world: World, build: Build, letters_a_day: int | None = None) -> Plan:
    """What publishing the build now would do."""
    with world.database.read() as session:
        live = releases.Live().get(session)
        survey = Survey(live, build, releases.files(session, live.number), world.now, letters_a_day)
        while survey.chunk(session) is not None:
            pass
        return survey.plan(session)


def said(world: World, build: Build) -> list[str]:
    return [line.words for line in planned.lines(plan_of(world, build))]


def _changed(step: Step, **values: object) -> Step:
    return step.model_copy(update=values)


def _new(like: Step, day: int, **values: object) -> Step:
    return _changed(like, slug="new", day=day, **values)


Edit = Callable[[Letters], tuple[Step, ...]]


# had-b stands at day 7, had-a at day 3, had-guide at day 1, new at day 0, done has finished.
@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (
            lambda x: (x.guide, _changed(x.a, day=3), x.b, x.c),
            ["moves from day 2 to day 3: 2 people get it a day later, first on Sunday 15 March."],
        ),
        (lambda x: (x.guide, x.a, x.b, _new(x.b, 7), x.c), ["new 20-tight-hips: 3 people will get it"]),
        (
            lambda x: (x.guide, x.a, _new(x.b, 4), x.b, x.c),
            ["1 is further on and will not (catch_up = true in its head sends it to them)."],
        ),
        (
            lambda x: (x.guide, x.a, _new(x.b, 4, catch_up=True), x.b, x.c),
            ["5 people will get it", "1 of them had finished, and are continued"],
        ),
        (
            lambda x: (x.guide, x.a, x.b),
            ["is removed: 4 people will not get it", "4 people finish hip-openers earlier, 1 of them at once."],
        ),
        (lambda x: (x.guide, x.a, _changed(x.b, draft=True), x.c), ["becomes a draft: 3 people will not get it"]),
        (lambda x: (x.guide, x.b, x.a, x.c), ["1 person will miss"]),
        (
            lambda x: (x.guide, x.a, _changed(x.b, slug="bee", was=("b",)), x.c),
            ["was called b: whoever had it does not get it again."],
        ),
        (
            lambda x: (x.guide, _changed(x.a, send_at=time(9)), x.b, x.c),
            ["goes at 09:00 instead of 07:30: 2 people get it some hours later"],
        ),
    ],
    ids=["moved", "inserted", "inserted behind", "catching up", "last removed", "draft", "order", "renamed", "hour"],
)
def test_each_edit_is_said_in_people(sqlite_world: World, example: Build, edit: Edit, words: list[str]) -> None:
    build = with_steps(example, *edit(letters_of(example)))
    text = "\n".join(said(sqlite_world, build))
    for one in words:
        assert one in text
    assert "Nobody gets anything twice." in planned.summary(plan_of(sqlite_world, build))


def test_a_removed_sequence_comes_first(sqlite_world: World, example: Build) -> None:
    lines = planned.lines(plan_of(sqlite_world, without_sequence(example)))
    assert lines[0].words == "the sequence hip-openers is removed: the letters of 4 people end at once."
    assert "the links of 5 people lead nowhere" in lines[1].words


def test_a_renamed_folder_is_a_warning(sqlite_world: World, example: Build) -> None:
    build = with_steps(example, *letters_of(example).in_order)
    compiled = build.compiled
    assert compiled is not None
    sequence = compiled.sequences[GUIDE].model_copy(update={"slug": "hips"})
    letters = {f"hips/{step.slug}": compiled.letters[f"{GUIDE}/{step.slug}"] for step in sequence.steps}
    renamed = compiled.model_copy(update={"sequences": {"hips": sequence}, "letters": {**compiled.letters, **letters}})
    plan = plan_of(sqlite_world, replace(build, compiled=renamed, digest="renamed"))
    assert plan.warns
    assert planned.lines(plan)[0].words.startswith(
        "the folder hip-openers looks renamed to hips: the letters of 4 people would end"
    )


def _with_letter(build: Build, slug: str, **values: object) -> Build:
    compiled = build.compiled
    assert compiled is not None
    key = f"{GUIDE}/{slug}"
    letter = compiled.letters[key].model_copy(update={"path": f"email_templates/{GUIDE}/30-{slug}.md", **values})
    letters = {**compiled.letters, key: letter}
    files = {**build.files, letter.path: repr(values).encode()}
    return replace(
        build, compiled=compiled.model_copy(update={"letters": letters}), files=files, digest=repr(values)[:60]
    )


def test_new_words_say_who_still_gets_them_and_who_has_the_old(sqlite_world: World, example: Build) -> None:
    build = _with_letter(with_steps(example, *letters_of(example).in_order), "b", subject="Another subject")
    assert said(sqlite_world, build) == [
        "30-b has a new subject: 3 people are still to get it, 2 already have the old one."
    ]


def test_a_wrong_link_comes_with_the_line_that_mends_it(sqlite_world: World, example: Build) -> None:
    whole = with_steps(example, *letters_of(example).in_order)
    sqlite_world.publish(_with_letter(whole, "a", links=("https://example.com/clases",)))
    (line,) = said(sqlite_world, _with_letter(whole, "a", links=("https://example.com/classes",)))
    assert "3 mails have the old link already" in line
    assert line.endswith(
        '[link_fixes] in leadmagnet.toml:  "https://example.com/clases" = "https://example.com/classes"'
    )


def test_a_day_with_more_letters_than_the_cap_leaves_is_named(sqlite_world: World, example: Build) -> None:
    x = letters_of(example)
    build = with_steps(example, x.guide, x.a, x.b, x.c, _new(x.c, 12, catch_up=True))
    assert not plan_of(sqlite_world, build).warns
    plan = plan_of(sqlite_world, build, letters_a_day=1)
    assert plan.warns
    assert any("daily_cap leaves 1 for letters" in line.words for line in planned.lines(plan))


def test_two_letters_within_one_day_are_a_warning(sqlite_world: World, example: Build) -> None:
    x = letters_of(example)
    build = with_steps(example, x.guide, x.a, x.b, x.c, _new(x.c, 9, send_at=time(20)))
    compiled = build.compiled
    assert compiled is not None
    close = compiled.sequences[GUIDE].model_copy(update={"min_gap": timedelta(hours=4)})
    plan = plan_of(sqlite_world, replace(build, compiled=compiled.model_copy(update={"sequences": {GUIDE: close}})))
    assert plan.effects.too_close == {}
    assert sum(plan.effects.same_day.values()) == 4
    assert plan.warns


def test_a_site_setting_is_counted_in_letters(sqlite_world: World, example: Build) -> None:
    build = with_steps(example, *letters_of(example).in_order)
    compiled = build.compiled
    assert compiled is not None
    site = compiled.settings.site.model_copy(update={"postal_address": "2 New Street"})
    settings = compiled.settings.model_copy(update={"site": site})
    build = replace(build, compiled=compiled.model_copy(update={"settings": settings}), digest="moved house")
    assert said(sqlite_world, build) == [
        '[site] postal_address is "2 New Street", and was "1 Example Street, Springfield": '
        "in all 10 letters that are still to go."
    ]


def test_the_storyboard_needs_nothing_from_elsewhere(sqlite_world: World, example: Build) -> None:
    build = _with_letter(with_steps(example, *letters_of(example).in_order), "b", subject="<b>Another</b> subject")
    plan = plan_of(sqlite_world, build)
    with sqlite_world.database.read() as session:
        shown = storyboard.pictures(session, plan)
    page = storyboard.page(plan, shown, base_url="https://mail.example.com")
    assert "&lt;b&gt;Another&lt;/b&gt; subject" in page
    assert "<b>Another</b>" not in page
    assert 'sandbox=""' in page
    assert "data:image/png;base64," in page
    assert "<script" not in page
    assert "src=&#34;https://" not in page
