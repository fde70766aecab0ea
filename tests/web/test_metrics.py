"""/metrics: the numbers of the site, for a neighbour that asks itself."""

from pathlib import Path

import pytest
from flask.testing import FlaskClient

from leadmagnet.store.database import Database
from tests.web.conftest import OpenDoor, only_sqlite
from tests.web.test_health import client_of
from tests.world import World

PUBLIC = {"base_url": "https://mail.runner.net"}


def scraped(client: FlaskClient, peer: str = "127.0.0.1", host: str = "127.0.0.1:8000", **headers: str) -> int:
    given = {"Host": host, **{name.replace("_", "-"): value for name, value in headers.items()}}
    return client.get("/metrics", headers=given, environ_base={"REMOTE_ADDR": peer}).status_code


def test_a_neighbour_reads_the_numbers_of_this_moment(world: World, client: FlaskClient) -> None:
    world.asks("ada@example.com")
    world.wait(seconds=90)
    answer = client.get("/metrics")
    assert answer.content_type == "text/plain; version=0.0.4; charset=utf-8"
    assert answer.headers["Cache-Control"] == "no-store"
    assert 'leadmagnet_due_mails{lane="transactional"} 1.0' in answer.text
    assert 'leadmagnet_oldest_due_seconds{lane="transactional"} 90.0' in answer.text
    assert "ada" not in answer.text and "@" not in answer.text


@only_sqlite
@pytest.mark.parametrize(
    "peer", ["127.0.0.1", "::1", "10.1.2.3", "172.20.0.4", "192.168.1.9", "fd00::7", "::ffff:10.0.0.1"]
)
def test_this_machine_and_its_private_network_are_neighbours(client: FlaskClient, peer: str) -> None:
    assert scraped(client, peer) == 200


@only_sqlite
@pytest.mark.parametrize("peer", ["192.0.2.7", "2001:db8::7", "172.32.0.1", "100.64.0.1", "169.254.1.1", "nobody", ""])
def test_for_anybody_else_it_is_not_there(client: FlaskClient, peer: str) -> None:
    assert scraped(client, peer) == 404


@only_sqlite
@pytest.mark.parametrize("name", ["X_Forwarded_For", "Forwarded", "X_Real_IP", "X_Forwarded_Proto", "Via"])
def test_through_a_proxy_it_is_not_there(client: FlaskClient, name: str) -> None:
    assert scraped(client, **{name: "127.0.0.1"}) == 404


@only_sqlite
def test_an_open_site_answers_once_its_proxies_are_named(open_door: OpenDoor) -> None:
    """Before, a visitor behind a proxy that says nothing of itself would look like a neighbour."""
    assert scraped(open_door(**PUBLIC)) == 404
    named = open_door(**PUBLIC, trusted_proxies="127.0.0.1")
    assert scraped(named) == 200
    assert scraped(named, X_Forwarded_For="192.0.2.7") == 404


@only_sqlite
@pytest.mark.parametrize(
    ("host", "status"), [("10.0.0.7:8000", 200), ("web:8000", 200), ("[::1]:8000", 200), ("evil.example", 400)]
)
def test_it_may_be_asked_for_by_address_but_not_by_a_name_from_elsewhere(
    client: FlaskClient, host: str, status: int
) -> None:
    """A page elsewhere can point its own name at this machine, and read what the browser gets from it."""
    assert scraped(client, host=host) == status


def test_a_database_out_of_reach_is_an_answer_without_a_traceback(tmp_path: Path) -> None:
    database = Database("postgresql://leadmagnet:secret@127.0.0.1:1/leadmagnet")
    answer = client_of(database, tmp_path).get("/metrics")
    assert (answer.status_code, answer.text) == (503, "the database does not answer\n")
    database.close()


def test_before_the_first_publish_there_are_numbers_already(database: Database, tmp_path: Path) -> None:
    answer = client_of(database, tmp_path).get("/metrics")
    assert answer.status_code == 200 and "\nleadmagnet_release 0.0\n" in answer.text
