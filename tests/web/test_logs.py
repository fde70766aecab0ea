"""No address in a log, whatever goes wrong."""

import logging

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text

from leadmagnet.store.database import Database


def test_a_database_error_while_signing_up_does_not_log_the_address(
    client: FlaskClient, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    with database.write() as session:
        session.execute(text("ALTER TABLE subscriber RENAME TO elsewhere"))
    with caplog.at_level(logging.DEBUG):
        answer = client.post("/f/hip-openers", data={"email": "ada@example.com"})
    assert answer.status_code == 500
    assert "subscriber" in caplog.text
    assert "ada@" not in caplog.text
