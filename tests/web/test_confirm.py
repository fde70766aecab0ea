"""The confirm link: opening it changes nothing, tapping its button twice is like tapping it once."""

from concurrent.futures import ThreadPoolExecutor

from flask.testing import FlaskClient

from leadmagnet.content.compiled import Build
from leadmagnet.store.models import Consent
from tests.web.conftest import OpenDoor, only_sqlite
from tests.web.mails import path_of
from tests.web.page import page_of
from tests.web.tables import dump
from tests.world import World

ADA = "ada@example.com"


def asked(world: World) -> str:
    """Ada's confirm link, after she asked."""
    world.asks(ADA)
    world.deliver()
    return world.links.confirm(world.enrollment(ADA).id).removeprefix(world.links.base_url)


def test_the_page_has_one_button_and_nothing_that_presses_it(world: World, client: FlaskClient) -> None:
    page = page_of(client.get(asked(world)))
    (form,) = page.every("form")
    (button,) = form.every("button")
    assert button.words == "Yes, send me the guide"
    assert form.every("input") == [] and page.every("script") == []
    assert "the guide and eight short emails over four weeks" in page.one("main").words


def test_a_second_tap_shows_the_guide_again_and_changes_nothing(world: World, client: FlaskClient) -> None:
    link = asked(world)
    first = client.post(link)
    before = dump(world.database)
    world.wait(hours=1)
    second = client.post(link)
    assert (second.status_code, second.location) == (first.status_code, first.location)
    assert dump(world.database) == before
    assert page_of(client.get(link)).one("h1").words == "Ready for your guide?"


def test_a_tap_after_the_week_still_works_for_somebody_who_confirmed_in_time(world: World, client: FlaskClient) -> None:
    link = asked(world)
    client.post(link)
    world.wait(days=30)
    assert client.post(link).status_code == 303


def test_fifty_taps_at_once_start_the_letters_once(world: World, open_door: OpenDoor) -> None:
    link, app = asked(world), open_door().application
    with ThreadPoolExecutor(50) as threads:
        answers = list(threads.map(lambda _: app.test_client().post(link), range(50)))
    assert {(one.status_code, one.location) for one in answers} == {
        (303, world.links.guide_path(world.enrollment(ADA).id))
    }
    assert [proof.event for proof in world.consents(ADA)] == ["requested", "confirmed"]
    assert [row.step for row in world.deliveries(kind="guide")] == ["guide"]


def test_no_look_at_the_page_changes_anything(world: World, client: FlaskClient) -> None:
    link = asked(world)
    before = dump(world.database)
    assert (client.head(link).status_code, client.head(link).data, client.get(link).status_code) == (200, b"", 200)
    assert client.options(link).status_code == 200
    assert dump(world.database) == before


def test_a_tap_after_leaving_shows_the_guide_and_brings_nobody_back(world: World, client: FlaskClient) -> None:
    link = asked(world)
    client.post(link)
    world.leaves(ADA)
    before = dump(world.database)
    words = page_of(client.get(link)).one("main").words
    assert "opens as soon as you say so" in words and "short emails" not in words  # none would come
    assert client.post(link).location.startswith("/g/")
    assert dump(world.database) == before
    assert world.subscriber(ADA).status == "unsubscribed"


def test_who_left_before_confirming_reads_the_guide_and_is_offered_nothing(world: World, client: FlaskClient) -> None:
    link = asked(world)
    world.leaves(ADA)
    before = dump(world.database)
    page = page_of(client.get(client.post(link).location))
    assert page.one("h1").words == "Hip Openers for Runners" and page.every("form") == []
    assert dump(world.database) == before


@only_sqlite
def test_an_old_link_shows_the_form_of_its_own_guide(world: World, client: FlaskClient, two_guides: Build) -> None:
    world.publish(two_guides)
    world.asks(ADA, guide="strong-feet")
    link = world.links.confirm(world.enrollment(ADA, "strong-feet").id).removeprefix(world.links.base_url)
    world.wait(days=7, minutes=1)
    for answer in (client.get(link), client.post(link)):
        page = page_of(answer, 410)
        assert page.one("form")["action"] == "/f/strong-feet" and "another guide" not in page.words
        assert "older than a week" in page.one("p", role="status").words
    assert client.head(link).status_code == 410
    typed = client.post("/f/strong-feet", data={"email": ADA})
    world.deliver()
    assert typed.status_code == 303 and client.post(path_of(world.inbox(ADA)[-1], "/c/")).location.startswith("/g/")
    assert world.enrollment(ADA, "strong-feet").status == "active"


@only_sqlite
def test_a_link_of_somebody_who_is_forgotten_leads_to_all_guides(
    world: World, client: FlaskClient, two_guides: Build
) -> None:
    link = asked(world)
    with world.database.write() as session:
        session.delete(world.subscriber(ADA))
    for build, others in ((None, []), (two_guides, ["Strong Feet for Runners"])):
        if build is not None:
            world.publish(build)
        for answer in (client.get(link), client.post(link)):
            page = page_of(answer, 410)
            assert page.one("form")["action"] == "/f/hip-openers"
            assert "We have forgotten the address" in page.one("p", role="status").words
            assert [one.words for one in page.every("a") if one["href"] == "/f/strong-feet"] == others


def test_the_proof_says_what_was_asked_and_which_mail_was_answered(world: World, client: FlaskClient) -> None:
    link = asked(world)
    client.post(link, headers={"User-Agent": "Ada's telephone"}, environ_base={"REMOTE_ADDR": "192.0.2.44"})
    with world.database.read() as session:
        proof = session.query(Consent).filter_by(event="confirmed").one()
    assert (proof.ip, proof.user_agent, proof.at) == ("192.0.2.44", "Ada's telephone", world.now)
    assert proof.wording == world.published.compiled.guides["hip-openers"].consent
    assert f"<{proof.message_id}>" == world.inbox(ADA)[0]["Message-ID"]


def test_the_link_of_a_guide_that_is_no_more_leads_to_the_page_of_a_wrong_link(
    world: World, client: FlaskClient, example: Build, two_guides: Build
) -> None:
    world.publish(two_guides)
    world.asks(ADA, guide="strong-feet")
    link = world.links.confirm(world.enrollment(ADA, "strong-feet").id).removeprefix(world.links.base_url)
    assert client.get(link).status_code == 200
    world.publish(example)
    page_of(client.get(link), 404)
