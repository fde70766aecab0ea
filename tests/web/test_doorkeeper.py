"""Who is let in to sign up: bots are met with silence, crowds with a kind word, and nobody learns about an address."""

from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from leadmagnet.audience import list_bombing
from leadmagnet.links import Keys, Purpose, mint
from leadmagnet.settings import Settings
from leadmagnet.store.models import Tally
from leadmagnet.web.doorkeeper import Doorkeeper, Welcome, started
from leadmagnet.worker import Worker
from tests.web.conftest import OpenDoor, only_sqlite
from tests.web.page import page_of
from tests.web.tables import dump
from tests.web.test_signup import BOT, FORM, JSON, VISITORS, answer, populate
from tests.world import World

KEYS = Keys.of(("first key",))
HERE, THERE = "192.0.2.7", "198.51.100.7"


def sends(client: FlaskClient, email: str, *, peer: str = HERE, **given: Any) -> TestResponse:
    data = {"email": email, **given.pop("data", {})}
    return client.post(FORM, data=data, environ_base={"REMOTE_ADDR": peer}, **given)


def bombed(world: World) -> None:
    """Half an hour ago two hundred confirmations went out, and nobody answers."""
    with world.database.write() as session:
        list_bombing.sent(session, 200, now=world.now - timedelta(minutes=30))


class TestNetworks:
    """Too many from one place."""

    def test_a_crowd_on_one_network_is_let_in_and_then_asked_to_wait(self, world: World, open_door: OpenDoor) -> None:
        client = open_door(signups_per_network=12)
        for number in range(12):
            assert sends(client, f"runner{number}@example.com").status_code == 303
        before = dump(world.database)
        refused = sends(client, "late@example.com", data={"first_name": "Lea"})
        page = page_of(refused, 429)
        assert refused.headers["Retry-After"] == "300"
        assert page.one("input", name="email")["value"] == "late@example.com"
        assert "Many people signed up from your network just now. Please try again in 5 minutes." in page.words
        assert dump(world.database) == before
        assert sends(client, "elsewhere@example.com", peer=THERE).status_code == 303
        world.wait(minutes=5)
        assert sends(client, "late@example.com").status_code == 303

    @only_sqlite
    def test_a_program_is_told_in_its_own_words(self, world: World, open_door: OpenDoor) -> None:
        client = open_door(signups_per_network=1)
        sends(client, "ada@example.com")
        refused = sends(client, "bob@example.com", headers=JSON)
        message = "Many people signed up from your network just now. Please try again in an hour."
        assert (refused.status_code, refused.json) == (429, {"error": {"field": None, "message": message}})

    @only_sqlite
    @pytest.mark.parametrize("limits", [{"signups_per_network": 1}, {"signups_per_hour": 1}, {}], ids=str)
    def test_whoever_is_turned_away_learns_nothing_about_an_address(
        self, world: World, open_door: OpenDoor, limits: dict[str, int]
    ) -> None:
        populate(world)
        client = open_door(bounce_domain="example.net", **limits)
        if not limits:
            bombed(world)
        for number in range(20):
            sends(client, f"first{number}@example.com")
        before = dump(world.database)
        answers = {
            who: answer(sends(client, address, headers=JSON), address) for who, (address, _kind) in VISITORS.items()
        }
        answers["a bot"] = answer(sends(client, BOT, headers=JSON, data={"website": "x"}), BOT)
        answers["our own bounces"] = answer(
            sends(client, "bouncer-1@example.net", headers=JSON), "bouncer-1@example.net"
        )
        assert answers["somebody new"][0] in (429, 503)
        assert {who for who, given in answers.items() if given != answers["somebody new"]} == set()
        assert dump(world.database) == before

    @only_sqlite
    def test_behind_a_proxy_that_is_not_named_nobody_locks_the_others_out(
        self, world: World, open_door: OpenDoor
    ) -> None:
        client = open_door(signups_per_network=1)
        for number, peer in enumerate(("127.0.0.1", "::1", "172.17.0.1", "10.0.0.1", "100.64.0.1") * 2):
            forwarded = {"X-Forwarded-For": f"192.0.2.{number}"}
            assert sends(client, f"a{number}@example.com", peer=peer, headers=forwarded).status_code == 303

    @only_sqlite
    def test_behind_a_named_proxy_visitors_count_by_their_own_networks(self, world: World, open_door: OpenDoor) -> None:
        client = open_door(signups_per_network=1, trusted_proxies="10.0.0.1")

        def status(forwarded: str, peer: str = "10.0.0.1") -> int:
            address = f"a{len(world.deliveries())}@example.com"
            return sends(client, address, peer=peer, headers={"X-Forwarded-For": forwarded}).status_code

        assert (status("192.0.2.1"), status("192.0.2.1"), status("192.0.2.2")) == (303, 429, 303)
        assert (status("203.0.113.5, 192.0.2.1"), status("203.0.113.5", peer="192.0.2.1")) == (429, 429)
        assert (status("2001:db8::1"), status("2001:db8::2"), status("2001:db8:0:1::2")) == (303, 429, 303)


class TestEverybody:
    """Too many from everywhere together."""

    def test_processes_share_what_an_hour_takes_in(self, world: World, open_door: OpenDoor) -> None:
        settings, keepers, count = Settings(signups_per_hour=149), [Doorkeeper(), Doorkeeper()], 0
        while isinstance(keepers[count % 2].let_in(world.database, settings, now=world.now), Welcome):
            count += 1
        assert 148 <= count <= 149  # one place may wait in the other process's hand
        refused = sends(open_door(signups_per_hour=149), "late@example.com", headers=JSON)
        assert (refused.status_code, refused.headers["Retry-After"]) == (503, "25")
        assert "Please try again in a minute." in refused.text

    @only_sqlite
    def test_limits_can_be_switched_off(self, world: World, open_door: OpenDoor) -> None:
        bombed(world)
        client = open_door(signup_limits="off", signups_per_hour=1, signups_per_network=1)
        assert {sends(client, f"a{number}@example.com").status_code for number in range(30)} == {303}
        assert not [rows for name, rows in dump(world.database).items() if name == "signup_bucket" and rows]

    @only_sqlite
    def test_a_network_that_has_to_wait_takes_no_place_from_others(self, world: World, open_door: OpenDoor) -> None:
        client = open_door(signups_per_hour=2, signups_per_network=1)
        statuses = [sends(client, f"a{number}@example.com").status_code for number in range(9)]
        assert statuses == [303] + [429] * 8
        assert sends(client, "other@example.com", peer=THERE).status_code == 303


class TestBombed:
    """While hardly anybody confirms, a few an hour are let in."""

    def test_a_trickle_is_let_in_and_each_address_once_a_day(self, world: World, open_door: OpenDoor) -> None:
        sends(open_door(), "known@example.com")
        world.wait(hours=1)
        bombed(world)
        client = open_door()
        asked = ["known@example.com", *(f"a{number}@example.com" for number in range(25))]
        statuses = [sends(client, one, peer=f"192.0.2.{n}", headers=JSON).status_code for n, one in enumerate(asked)]
        assert statuses == [200] * 20 + [503] * 6
        assert len(world.deliveries(subscriber_id=world.subscriber("known@example.com").id)) == 1
        refused = sends(client, "late@example.com", headers=JSON)
        assert refused.headers["Retry-After"] == "3600"
        assert "Please try again in an hour." in refused.text
        assert len(world.deliveries(kind="confirm")) == 20

    def test_one_network_does_not_use_the_trickle_up(self, world: World, open_door: OpenDoor) -> None:
        bombed(world)
        attacker, client = open_door(), open_door()
        statuses = [sends(attacker, f"a{number}@example.com").status_code for number in range(40)]
        assert statuses == [303] * 2 + [503] * 38
        assert [sends(client, f"b{n}@example.com", peer=f"192.0.2.{n + 10}").status_code for n in range(18)] == [
            303
        ] * 18
        assert sends(client, "late@example.com", peer=THERE).status_code == 503
        world.wait(minutes=30)
        assert sends(attacker, "once-more@example.com").status_code == 303

    @only_sqlite
    def test_a_network_that_sent_the_hundreds_is_shut_out_first(self, world: World, open_door: OpenDoor) -> None:
        client = open_door()
        for number in range(100):
            sends(client, f"a{number}@example.com")
        bombed(world)
        late = open_door()
        assert sends(late, "b@example.com").status_code == 503
        assert sends(late, "b@example.com", peer=THERE).status_code == 303

    @only_sqlite
    def test_nobody_is_told_that_a_mail_goes_once_more_when_none_would(self, world: World, open_door: OpenDoor) -> None:
        client = open_door()
        sends(client, "ada@example.com")
        bombed(world)
        world.wait(minutes=1)
        again = client.post(f"{FORM}/sent", environ_base={"REMOTE_ADDR": HERE})
        assert "Please try again in an hour." in page_of(again, 503).words
        scripted = sends(client, "ada@example.com", data={"again": "1"}, headers=JSON)
        assert scripted.status_code == 503
        for number in range(20):  # and it took nobody's place
            assert sends(open_door(), f"b{number}@example.com", peer=f"192.0.2.{number + 10}").status_code == 303

    @only_sqlite
    def test_the_operator_is_told_once_a_day(self, world: World, open_door: OpenDoor, tmp_path: Any) -> None:
        bombed(world)
        connect, settings = world.mailbox.connect, Settings(data_dir=tmp_path)
        worker = Worker(settings, world.database, connect, world.links, clock=lambda: world.now)
        worker.keep_house()
        worker.keep_house()
        world.deliver()
        (mail,) = world.inbox()
        assert mail["Subject"] == "Slowed down: too few of your new readers confirm"
        metrics = open_door().get("/metrics").text
        assert "leadmagnet_signups_slowed 1.0" in metrics


class TestBots:
    """A stamp of when the form was shown, judged only where there is one."""

    @only_sqlite
    def test_bots_take_no_places_from_people(self, world: World, open_door: OpenDoor) -> None:
        client = open_door(signups_per_network=1, signups_per_hour=1)
        for _ in range(9):
            assert sends(client, "bot@example.com", data={"website": "x"}).status_code == 303
        assert sends(client, "ada@example.com").status_code == 303
        assert sends(client, "bot@example.com", data={"website": "x"}).status_code == 503

    @only_sqlite
    def test_a_person_who_was_taken_for_a_bot_is_sent_the_mail_when_she_asks_again(
        self, world: World, open_door: OpenDoor
    ) -> None:
        """Her password manager filled in the field that nobody sees; a program does not come back after a minute."""
        client = open_door()
        sends(client, "ada@example.com", data={"website": "https://ada.example"})
        assert world.deliveries() == []
        world.wait(minutes=1)
        assert client.post(f"{FORM}/sent").status_code == 303
        assert [row.kind for row in world.deliveries()] == ["confirm"]

    @only_sqlite
    @pytest.mark.parametrize(
        ("stamp", "caught"),
        [
            pytest.param("", False, id="no script ran"),
            pytest.param(("first key", Purpose.STARTED, 0.4), True, id="faster than any hand"),
            pytest.param(("first key", Purpose.STARTED, 0.6), False, id="autofill and a quick hand"),
            pytest.param(("first key", Purpose.STARTED, 3600), False, id="an hour of thinking"),
            pytest.param(("first key", Purpose.STARTED, 3 * 86400), False, id="a tab from days ago"),
            pytest.param(("first key", Purpose.STARTED, -1), False, id="a machine whose clock is ahead"),
            pytest.param(("another key", Purpose.STARTED, 60), True, id="signed by somebody else"),
            pytest.param(("first key", Purpose.GUIDE, 60), True, id="meant for something else"),
            pytest.param("1700000000", True, id="made up"),
            pytest.param("ö" * 30, True, id="rubbish"),
            pytest.param("x" * 9000, True, id="much rubbish"),
        ],
    )
    def test_only_what_no_person_does_is_caught(
        self, world: World, open_door: OpenDoor, stamp: str | tuple[str, Purpose, float], caught: bool
    ) -> None:
        if not isinstance(stamp, str):
            key, purpose, age = stamp
            stamp = mint(purpose, int((world.now.timestamp() - age) * 1000), Keys.of((key,)))
        given = answer(sends(open_door(), "ada@example.com", data={"started": stamp}), "ada@example.com")
        rows = dump(world.database)
        assert (rows["subscriber"] == rows["delivery"] == rows["consent"] == []) is caught
        assert given == answer(sends(open_door(), "bob@example.com"), "bob@example.com")

    @only_sqlite
    def test_the_form_and_the_script_of_a_blog_get_the_same_stamp(self, world: World, client: FlaskClient) -> None:
        stamp = started(KEYS, now=world.now)
        assert page_of(client.get(FORM)).one("form")["data-started"] == stamp
        fetched = client.get(f"{FORM}/started")
        assert fetched.json == {"started": stamp} and fetched.headers["Cache-Control"] == "no-store"
        assert client.get("/f/no-such-guide/started").status_code == 404

    def test_what_became_of_sign_ups_is_counted_without_a_trace_of_them(
        self, world: World, open_door: OpenDoor
    ) -> None:
        client = open_door(signups_per_network=2)
        for email in ("ada@example.com", "postmaster@example.com", "late@example.com"):
            sends(client, email)
        sends(client, "bot@example.com", peer=THERE, data={"website": "x"})
        with world.database.read() as session:
            assert session.scalars(select(Tally)).all() == []
        world.wait(minutes=1)
        sends(client, "bot@example.com", peer=THERE, data={"started": "x"})
        metrics = client.get("/metrics").text
        for counted in (
            'outcome="let in",reason="confirmation"} 1.0',
            'outcome="let in",reason="not_a_person"} 1.0',
            'outcome="turned away",reason="network"} 1.0',
            'outcome="caught",reason=""} 2.0',
            "leadmagnet_signups_slowed 0.0",
        ):
            assert counted in metrics
        assert "@" not in metrics and HERE not in metrics
