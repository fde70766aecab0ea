"""Sign-ups over HTTP that come at once, and what a stranger with a clock could learn from them."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest
from sqlalchemy.exc import OperationalError

from leadmagnet.content.compiled import Build
from leadmagnet.publishing.releases import Live
from leadmagnet.settings import Settings
from leadmagnet.store.database import Session
from leadmagnet.web.app import create_app
from leadmagnet.web.server import Server
from tests.databases import ON_SQLITE
from tests.sql import overheard
from tests.waiting import until
from tests.web.conftest import OpenDoor
from tests.web.page import page_of
from tests.web.test_server import asked as asked_over_http
from tests.web.test_signup import FORM, VISITORS, populate
from tests.world import SECRET, World

_FORM_TYPE = {"Content_Type": "application/x-www-form-urlencoded"}


def test_a_hundred_parallel_sign_ups_of_one_address_are_one_person_with_one_confirmation(
    world: World, open_door: OpenDoor
) -> None:
    client, start = open_door(), Barrier(100)
    app = client.application

    def ask(number: int) -> int:
        start.wait()
        typed = "ada@example.com" if number % 2 else f"reader{number}@example.com"
        return app.test_client().post(FORM, data={"email": typed}).status_code

    with ThreadPoolExecutor(100) as pool:
        assert Counter(pool.map(ask, range(100))) == {303: 100}
    assert len(world.everything()["subscriber"]) == 51
    assert len(world.deliveries(kind="confirm")) == len(world.everything()["consent"]) == 51


def everybody() -> dict[str, dict[str, str]]:
    """What each kind of visitor sends, by what she is."""
    forms = {who: {"email": address} for who, (address, _kind) in VISITORS.items()}
    return forms | {"a bot": {"email": "bot@example.com", "website": "https://spam.example"}}


def test_whoever_asks_costs_the_same_statements_and_one_commit_that_writes(world: World, open_door: OpenDoor) -> None:
    populate(world)
    forms = everybody()
    open_door().post(FORM, data={"email": "first@example.com"})  # what is looked up once is no part of it
    client = open_door(signups_per_hour=5000)  # places are fetched by the hundred: all here are within one
    client.get(FORM)
    client.post(FORM, data={"email": "second@example.com"})
    costs = {}
    for who, form in forms.items():
        before = world.everything()
        world.wait(seconds=1)
        with overheard(world.database.writing_engine) as seen:
            assert client.post(FORM, data=form).status_code == 303
        assert seen.count("COMMIT") == 1, who
        assert len(seen) > 8, who
        assert world.everything() != before, who
        costs[who] = seen
    assert {who: cost for who, cost in costs.items() if cost != costs["somebody new"]} == {}


class SlowWork:
    """A clock that moves while something sleeps, and by `each` seconds whenever it is asked."""

    def __init__(self, each: float) -> None:
        self.each = each
        self.seconds = 0.0
        self.slept: list[float] = []

    def monotonic(self) -> float:
        self.seconds += self.each
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.seconds += seconds


@ON_SQLITE
def test_no_answer_comes_sooner_than_the_slowest(
    world: World, open_door: OpenDoor, monkeypatch: pytest.MonkeyPatch
) -> None:
    populate(world)
    client = open_door()
    for who, form in everybody().items():
        for work, slept in (0.002, [0.008]), (0.011, []):
            world.wait(seconds=1)
            clock = SlowWork(work)
            monkeypatch.setattr("leadmagnet.web.intake.time", clock)
            assert client.post(FORM, data=form).status_code == 303
            assert clock.slept == pytest.approx(slept), who


@ON_SQLITE
def test_a_guide_that_was_just_taken_away_brings_nothing(
    world: World, open_door: OpenDoor, example: Build, two_guides: Build
) -> None:
    world.publish(two_guides)
    client = open_door()
    assert client.post("/f/strong-feet", data={"email": "ada@example.com"}).status_code == 303
    world.publish(example)
    for _ in range(2):
        page_of(client.post("/f/strong-feet", data={"email": "bob@example.com"}), 404)
    assert len(world.deliveries()) == 1


@ON_SQLITE
def test_while_the_database_is_away_visitors_are_asked_to_come_back(
    world: World, open_door: OpenDoor, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    client = open_door()
    client.post(FORM, data={"email": "ada@example.com"})

    def away(_self: Live, _session: Session) -> None:
        raise OperationalError("SELECT", {}, Exception("the server closed the connection"), connection_invalidated=True)

    with monkeypatch.context() as broken:
        broken.setattr(Live, "get", away)
        page_of(client.post(FORM, data={"email": "bob@example.com"}), 503)
        page_of(client.get(FORM), 503)
    assert "a defect" not in caplog.text
    assert client.post(FORM, data={"email": "bob@example.com"}).status_code == 303
    assert len(world.deliveries()) == 2


@ON_SQLITE
def test_a_stop_answers_those_who_wait_for_their_commit(world: World, tmp_path: Path) -> None:
    settings = Settings(secret_keys="first key", suppression_key=SECRET.decode(), data_dir=tmp_path)  # type: ignore[arg-type]
    server = Server(create_app(settings, world.database, clock=lambda: world.now), "127.0.0.1", 0)
    server.start()
    with ThreadPoolExecutor(9) as pool:
        with world.database.write():  # somebody else writes: all have to wait
            answers = [
                pool.submit(asked_over_http, server, "POST", FORM, f"email=reader{n}%40example.com", **_FORM_TYPE)
                for n in range(8)
            ]
            until(lambda: server._server.task_dispatcher.active_count == 8)
            stopped = pool.submit(server.stop)
        assert {answer.result(30)[0] for answer in answers} == {303}
        stopped.result(30)
    assert len(world.deliveries()) == 8
