"""Health: alive whatever happens behind it, ready only when a visitor could be served."""

from pathlib import Path

from flask.testing import FlaskClient

from leadmagnet import clock
from leadmagnet.settings import Settings
from leadmagnet.store.database import Database
from leadmagnet.web.app import create_app
from tests.world import World


def client_of(database: Database, folder: Path) -> FlaskClient:
    settings = Settings(secret_keys="first key", suppression_key="x", data_dir=folder)  # type: ignore[arg-type]
    return create_app(settings, database, clock=clock.now).test_client()


def test_a_published_site_is_alive_and_ready(world: World, client: FlaskClient) -> None:
    for path in ("/healthz", "/readyz"):
        answer = client.get(path)
        assert (answer.status_code, answer.json) == (200, {"ok": True})


def test_a_site_without_content_is_alive_but_not_ready(database: Database, tmp_path: Path) -> None:
    client = client_of(database, tmp_path)
    assert client.get("/healthz").json == {"ok": True}
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json is not None
    assert (answer.json["ok"], "Nothing has been published yet" in answer.json["reason"]) == (False, True)


def test_a_site_without_its_tables_is_alive_but_not_ready(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'empty.db'}")
    client = client_of(database, tmp_path)
    assert client.get("/healthz").status_code == 200
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json is not None and "is empty" in answer.json["reason"]
    database.close()


def test_a_site_whose_database_is_out_of_reach_is_alive_but_not_ready(tmp_path: Path) -> None:
    database = Database("postgresql://leadmagnet:secret@127.0.0.1:1/leadmagnet")
    client = client_of(database, tmp_path)
    assert client.get("/healthz").status_code == 200
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert "secret" not in answer.text
    database.close()


def test_a_load_balancer_may_ask_by_address(client: FlaskClient) -> None:
    assert client.get("/healthz", headers={"Host": "10.0.0.7:8000"}).status_code == 200
    assert client.get("/", headers={"Host": "10.0.0.7:8000"}).status_code == 400
