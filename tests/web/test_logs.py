"""No address in a log, whatever goes wrong."""

import io
import json
import logging
from datetime import timedelta
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text

from leadmagnet.store.database import Database
from leadmagnet.web import confirm
from tests.databases import ON_POSTGRESQL, ON_SQLITE
from tests.mail.clients import connect
from tests.mail.servers import Act, ScriptedServer
from tests.waiting import until
from tests.web.mails import path_of
from tests.workers import running
from tests.world import World

ADA = "ada@example.com"
FORM = "/f/hip-openers"


def free_of_addresses(log_output: io.StringIO, *expected: str) -> str:
    """What was written; it must hold the expected words, and nothing with an address in it."""
    written = log_output.getvalue()
    for words in expected:
        assert words in written, (words, written)
    assert "@" not in written and "%40" not in written and "example.com" not in written, written
    for line in written.splitlines() if written.startswith("{") else ():
        assert json.loads(line)["level"] in ("debug", "info", "warning", "error", "critical")
    return written


def test_a_database_error_while_signing_up_does_not_log_the_address(
    client: FlaskClient, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    with database.write() as session:
        session.execute(text("ALTER TABLE subscriber RENAME TO elsewhere"))
    with caplog.at_level(logging.DEBUG):
        answer = client.post(FORM, data={"email": ADA})
    assert answer.status_code == 500
    assert "subscriber" in caplog.text
    assert "ada@" not in caplog.text


@pytest.mark.parametrize(
    "email", ["ada@", "ada@example", "ada@example.com, bob@example.com", f"<{ADA}>", "ada@exa mple.com"]
)
@ON_SQLITE
def test_an_address_that_cannot_be_read_is_not_logged(client: FlaskClient, log_output: io.StringIO, email: str) -> None:
    assert client.post(FORM, data={"email": email}).status_code == 422
    free_of_addresses(log_output)


def test_the_road_from_the_form_to_the_guide_logs_no_address(
    world: World, client: FlaskClient, log_output: io.StringIO
) -> None:
    assert client.post(FORM, data={"email": ADA}).status_code == 303
    world.deliver()
    (mail,) = world.inbox(ADA)
    client.post(path_of(mail, "/c/"))
    world.deliver()
    free_of_addresses(log_output, "delivery 1: sent", "delivery 2: sent")


@ON_SQLITE
def test_a_server_that_quotes_the_address_it_refuses_is_quoted_without_it(
    world: World, tmp_path: Path, log_output: io.StringIO
) -> None:
    script: dict[str, str | Act] = {"RCPT": f"451 4.2.1 <{ADA}> is busy, ada={ADA} later"}
    with ScriptedServer(script) as server, running(world, tmp_path / "var", lambda: connect(server)) as worker:
        world.asks(ADA)
        worker.dispatcher.wake()
        until(lambda: bool(world.deliveries(attempts=1)))
        server.script["RCPT"] = f'550 5.1.1 "{ADA}": no such person'
        world.wait(minutes=5)
        worker.dispatcher.wake()
        until(lambda: bool(world.deliveries(state="failed")))
    written = free_of_addresses(log_output, "451 4.2.1", "550 5.1.1", "bad_address")
    if written.startswith("{"):
        told = [json.loads(line) for line in written.splitlines()]
        assert [(one["level"], one["delivery"], one["class"]) for one in told if "refused" in one["message"]] == [
            ("info", 1, "mailbox"),
            ("warning", 1, "bad_address"),
        ]


@ON_SQLITE
def test_a_view_that_fails_with_an_address_logs_neither_it_nor_the_personal_link(
    world: World, client: FlaskClient, log_output: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise RuntimeError(f"cannot greet {ADA}")

    client.post(FORM, data={"email": ADA})
    path = world.links.confirm(world.enrollment(ADA).id).removeprefix(world.links.base_url)
    monkeypatch.setattr(confirm, "row_of", fails)
    assert client.get(path).status_code == 500
    written = free_of_addresses(log_output, "a defect at GET /c/<token>", "RuntimeError: cannot greet [address]")
    assert path.removeprefix("/c/") not in written


@ON_POSTGRESQL
def test_a_row_that_the_database_refuses_is_not_repeated(
    world: World, client: FlaskClient, log_output: io.StringIO
) -> None:
    with world.database.write() as session:
        session.execute(text("ALTER TABLE subscriber ADD CONSTRAINT nobody CHECK (id < 0)"))
    assert client.post(FORM, data={"email": ADA}).status_code == 500
    free_of_addresses(log_output, "CheckViolation", "Failing row contains (…)")


@ON_SQLITE
def test_what_is_sent_is_told_only_at_the_most_talkative_level(world: World, log_output: io.StringIO) -> None:
    logging.getLogger("leadmagnet").setLevel(logging.INFO)
    world.joins(ADA)
    world.live(until=world.now + timedelta(days=6))
    assert len(world.inbox(ADA)) > 3
    assert log_output.getvalue() == ""
