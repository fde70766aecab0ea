"""The one question on a guide's page: buttons that give tags, and letters that know them."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import pairwise

import pytest
from flask.testing import FlaskClient

from leadmagnet.cli.diary import diary
from leadmagnet.content.compiled import Build, Compiled
from leadmagnet.content.questions import Answer, Question
from leadmagnet.reports.why import Why, why
from leadmagnet.sequences import facts
from tests.web.conftest import OpenDoor, only_sqlite
from tests.web.page import Element, page_of
from tests.web.tables import dump
from tests.world import GUIDE, World

ADA, BOB = "ada@example.com", "bob@example.com"
BARRE = Question(
    ask="Tried barre before?",
    answers=(
        Answer(words="Yes", tag="tried-barre"),
        Answer(words="No"),
        Answer(words="What's barre?", tag="curious-about-barre"),
    ),
)


def path(world: World, address: str = ADA, sequence: str = GUIDE) -> str:
    return world.links.guide_path(world.enrollment(address, sequence).id)


def taps(world: World, client: FlaskClient, words: str, address: str = ADA) -> None:
    page = path(world, address)
    answer = client.post(page, data={"answer": words})
    assert (answer.status_code, answer.location) == (303, page)


def tags(world: World, address: str = ADA) -> set[str]:
    with world.database.read() as session:
        person = world.subscriber(address).id
        return set(facts.tags(session, [person])[person])


def told(world: World, address: str) -> Why:
    with world.database.read() as session:
        found = why(session, world.published, world.subscriber(address).address_key, now=world.now)
    assert found is not None
    return found


def asked(page: Element) -> list[str]:
    """The words on the buttons of the question."""
    return [button["value"] for button in page.every("button") if button.get("name") == "answer"]


def changed(build: Build, question: Question | None, **sequence: object) -> Build:
    """The build as it would be with another question, and other rules of its sequence."""
    assert build.compiled is not None
    guide = build.compiled.guides[GUIDE].model_copy(update={"question": question})
    series = build.compiled.sequences[GUIDE].model_copy(update=sequence)
    compiled = build.compiled.model_copy(
        update={"guides": {GUIDE: guide}, "sequences": {**build.compiled.sequences, GUIDE: series}}
    )
    return Build(build.findings, compiled, build.files, f"{build.digest[:-4]}{len(repr((question, sequence))):04}")


def test_adas_yes_is_known_to_her_letters_and_bobs_no_to_his(world: World, client: FlaskClient) -> None:
    world.joins(ADA)
    world.joins(BOB)
    page = page_of(client.get(path(world)))
    form = next(form for form in page.every("form") if form["class"] == "ask")
    assert form.one("legend").words == "Tried barre before?"
    assert asked(page) == [answer.words for answer in BARRE.answers]
    assert form.every("input") == [] and not [one for one in page.every() if one.has("autofocus")]
    taps(world, client, "Yes")
    taps(world, client, "No", BOB)
    assert (tags(world), tags(world, BOB)) == ({"tried-barre"}, set())

    world.skip(until=world.now + timedelta(days=30))
    hers, his = ({str(mail["Subject"]): mail for mail in world.inbox(one)} for one in (ADA, BOB))
    line = "You told me you've tried barre"
    ours, theirs = (
        letters["What barre actually is"].get_body(("plain",)).get_content()  # type: ignore[union-attr]
        for letters in (hers, his)
    )
    assert line in ours and line not in theirs
    worries = '"I\'ve never tried barre"'
    assert worries in his and worries not in hers
    (skipped,) = [mail for mail in told(world, ADA).not_sent if mail.letter == "never-tried-barre"]
    assert (skipped.state, skipped.reason) == ("skipped", "only if not tag:tried-barre")
    past = list(diary(told(world, ADA).timeline, world.published, now=world.now))
    assert any("“Tried barre before?” was answered with “Yes” by reader" in entry for entry in past)


def test_she_may_change_her_mind_and_the_same_tap_twice_is_one(world: World, client: FlaskClient) -> None:
    world.joins(ADA)
    taps(world, client, "What's barre?")
    page = page_of(client.get(path(world)))
    assert "Thank you. You said “What's barre?”." in page.words
    assert page.one("summary").words == "Change"
    assert asked(page) == ["Yes", "No"]
    taps(world, client, "Yes")
    assert tags(world) == {"tried-barre"}
    before = dump(world.database)
    taps(world, client, "Yes")
    assert dump(world.database) == before
    taps(world, client, "No")
    assert tags(world) == set()
    history = [event.detail["answer"] for event in told(world, ADA).timeline if event.detail.get("event") == "answered"]
    assert history == ["What's barre?", "Yes", "No"]
    world.wait(minutes=11)
    assert asked(page_of(client.get(path(world)))) == []  # answered: the page is the guide's again


@only_sqlite
def test_the_question_stands_until_it_is_answered_and_no_get_answers_it(world: World, client: FlaskClient) -> None:
    world.joins(ADA)
    before = dump(world.database)
    assert "Your next email comes on Thursday" in page_of(client.get(path(world))).words
    assert client.get(f"{path(world)}?answer=Yes").status_code == 200
    assert client.head(path(world)).status_code == 200
    world.wait(days=9)
    page = page_of(client.get(path(world)))
    assert asked(page) == ["Yes", "No", "What's barre?"] and "It's open." not in page.words
    assert page_of(client.get(path(world))).one("section", **{"aria-label": "A question"})
    for wrong in ("yes", "", "Maybe", "0"):
        assert client.post(path(world), data={"answer": wrong}).status_code == 400
    assert dump(world.database) == before


@pytest.mark.parametrize("state", ["left", "never confirmed", "has had all letters", "forgotten", "nobody"])
@only_sqlite
def test_only_somebody_whose_letters_run_is_asked(world: World, client: FlaskClient, state: str) -> None:
    if state == "never confirmed":
        world.asks(ADA)
    else:
        world.joins(ADA)
    page, known = path(world), world.enrollment(ADA)
    if state == "left":
        world.leaves(ADA)
    elif state == "has had all letters":
        world.skip(until=world.now + timedelta(days=40))
    elif state == "forgotten":
        with world.database.write() as session:
            session.delete(world.subscriber(ADA))
    elif state == "nobody":
        page = world.links.guide_path(known.id + 4711)
    before = dump(world.database)
    shown = client.get(page)
    assert 'name="answer"' not in shown.text and (shown.status_code == 200) == (state not in ("forgotten", "nobody"))
    assert client.post(page, data={"answer": "Yes"}).status_code == 303
    assert dump(world.database) == before


@only_sqlite
def test_what_her_tags_say_already_is_not_asked_and_a_new_question_is(
    world: World, client: FlaskClient, example: Build
) -> None:
    world.joins(ADA)
    world.joins(BOB)
    world.tagged(ADA, "tried-barre")
    assert asked(page_of(client.get(path(world)))) == []
    taps(world, client, "No", BOB)
    other = Question(ask="Where do you run?", answers=(Answer(words="Road", tag="road"), Answer(words="No")))
    world.publish(changed(example, other))
    assert asked(page_of(client.get(path(world, BOB)))) == ["Road", "No"]
    assert client.post(path(world, BOB), data={"answer": "What's barre?"}).status_code == 400  # a page of yesterday
    world.publish(changed(example, None))
    assert asked(page_of(client.get(path(world, BOB)))) == []


@only_sqlite
def test_a_tag_that_starts_a_series_starts_it_and_one_that_ends_hers_ends_it(
    world: World, client: FlaskClient, example: Build
) -> None:
    assert example.compiled is not None
    build = changed(example, BARRE, stop_when=("tag:curious-about-barre",))
    assert build.compiled is not None
    world.publish(with_barre_series(build))
    world.joins(ADA)
    taps(world, client, "Yes")
    assert world.enrollment(ADA, "barre").status == "active"
    taps(world, client, "What's barre?")
    taps(world, client, "Yes")
    assert len(world.deliveries(sequence="barre")) == 1
    taps(world, client, "What's barre?")
    world.live(until=world.now + timedelta(days=3))
    assert (world.enrollment(ADA).status, world.enrollment(ADA).exit_reason) == ("exited", "tag:curious-about-barre")


def with_barre_series(build: Build) -> Build:
    """The build with one more series, of one letter, for those with a tag."""
    compiled = build.compiled
    assert compiled is not None
    (step,) = [step for step in compiled.sequences[GUIDE].steps if step.slug == "strong-hips"]
    one = compiled.sequences[GUIDE].model_copy(
        update={
            "slug": "barre",
            "guide": None,
            "starts": "tag:tried-barre",
            "steps": (step,),
            "then": None,
            "stop_when": (),
        }
    )
    letters = {**compiled.letters, "barre/strong-hips": compiled.letters[f"{GUIDE}/strong-hips"]}
    more = Compiled(
        settings=compiled.settings,
        guides=compiled.guides,
        sequences={**compiled.sequences, "barre": one},
        letters=letters,
    )
    return Build(build.findings, more, build.files, f"{build.digest[:-4]}ba55")


def test_taps_at_the_same_time_leave_one_answer_and_its_tag(world: World, open_door: OpenDoor) -> None:
    world.joins(ADA)
    app = open_door().application
    with ThreadPoolExecutor(8) as threads:
        for _ in threads.map(lambda n: taps(world, app.test_client(), ("Yes", "What's barre?")[n % 2]), range(16)):
            pass
    history = [event.detail["answer"] for event in told(world, ADA).timeline if event.detail.get("event") == "answered"]
    assert all(one != other for one, other in pairwise(history))
    assert tags(world) == {"tried-barre" if history[-1] == "Yes" else "curious-about-barre"}
