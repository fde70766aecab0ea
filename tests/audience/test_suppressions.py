"""Blocked addresses: what is blocked, what a return lifts, what stays for ever."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from leadmagnet.audience import suppressions
from leadmagnet.store.database import Database
from leadmagnet.store.models import Suppression

NOW = datetime(2026, 3, 4, 2, 12, tzinfo=UTC)
ADA, BOB = "a" * 32, "b" * 32


def test_an_address_nobody_blocked_has_no_scopes(database: Database) -> None:
    with database.write() as session:
        suppressions.add(session, BOB, "all", "complained", now=NOW)
        assert suppressions.scopes(session, ADA) == frozenset()


def test_the_first_reason_stays(database: Database) -> None:
    with database.write() as session:
        suppressions.add(session, ADA, "all", "bounced", now=NOW)
        suppressions.add(session, ADA, "all", "complained", now=NOW + timedelta(days=1))
        row = session.scalars(select(Suppression)).one()
    assert (row.reason, row.at) == ("bounced", NOW)


@pytest.mark.parametrize(
    ("blocked", "left"), [(["letters"], set()), (["all"], {"all"}), (["letters", "all"], {"all"}), ([], set())]
)
def test_a_return_lifts_the_block_on_letters_alone(
    database: Database, blocked: list[suppressions.Scope], left: set[str]
) -> None:
    with database.write() as session:
        for scope in blocked:
            suppressions.add(session, ADA, scope, "a reason", now=NOW)
        suppressions.add(session, BOB, "letters", "unsubscribed", now=NOW)
        suppressions.lift(session, ADA)
        assert suppressions.scopes(session, ADA) == left
        assert suppressions.scopes(session, BOB) == {"letters"}
