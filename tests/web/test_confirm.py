"""The confirm link: opening it changes nothing, tapping its button twice is like tapping it once."""

from flask.testing import FlaskClient

from leadmagnet.content.compiled import Build
from leadmagnet.store.models import Consent
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


def test_a_tap_after_leaving_shows_the_guide_and_brings_nobody_back(world: World, client: FlaskClient) -> None:
    link = asked(world)
    client.post(link)
    world.leaves(ADA)
    before = dump(world.database)
    assert client.post(link).location.startswith("/g/")
    assert dump(world.database) == before
    assert world.subscriber(ADA).status == "unsubscribed"


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
