"""How many sign-ups one network may make, and all together: kept in the database, so that every process agrees."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from leadmagnet.audience import limits
from leadmagnet.audience.limits import TAKEN, Full, Limit, Taken
from leadmagnet.store.database import Database
from leadmagnet.store.models import SignupBucket
from tests.databases import ON_SQLITE
from tests.forked import Forked
from tests.sql import overheard

NOON = datetime(2026, 3, 3, 12, tzinfo=UTC)
SECRET = b"a secret"
TWELVE = Limit("all", 12)  # one in five minutes

#: What each of several processes does at once: forty tries for the same dozen places.
_GREEDY = """
import os
from datetime import datetime
from leadmagnet.audience import limits
from leadmagnet.store.database import Database
database, taken = Database(os.environ["URL"]), 0
for _ in range(40):
    with database.write() as session:
        found = limits.take(session, limits.Limit("all", 12), now=datetime.fromisoformat(os.environ["NOW"]))
        taken += found == limits.TAKEN
print(taken)
"""


def take(database: Database, limit: Limit = TWELVE, count: int = 1, *, now: datetime = NOON) -> Taken | Full:
    with database.write() as session:
        return limits.take(session, limit, count, now=now)


def scopes(database: Database) -> list[str]:
    with database.read() as session:
        return sorted(session.scalars(select(SignupBucket.scope)))


def test_an_hours_sign_ups_may_come_at_once_and_then_one_after_the_other(database: Database) -> None:
    assert [take(database) for _ in range(12)] == [TAKEN] * 12
    assert take(database) == Full(pytest.approx(300, abs=0.01))
    assert take(database, now=NOON + timedelta(minutes=4)) == Full(pytest.approx(60, abs=0.01))
    assert take(database, now=NOON + timedelta(minutes=5)) == TAKEN
    assert isinstance(take(database, now=NOON + timedelta(minutes=5)), Full)
    assert take(database, Limit("elsewhere", 12)) == TAKEN


@ON_SQLITE
def test_places_are_taken_together_or_not_at_all(database: Database) -> None:
    assert take(database, count=10) == TAKEN
    assert take(database, count=3) == Full(pytest.approx(300, abs=0.01))
    assert take(database, count=2) == TAKEN


def test_many_are_judged_together_as_if_each_had_come_alone(database: Database) -> None:
    few = Limit("few", 2)
    look = replace(few, is_spent=False)
    wanted = [few, TWELVE, look, few, few, look, Limit("many", 12)]
    with database.write() as session:
        found = limits.take_each(session, wanted, now=NOON)
    full = Full(pytest.approx(1800, abs=0.01))
    assert found == [TAKEN, TAKEN, full, TAKEN, full, full, TAKEN]
    assert scopes(database) == ["all", "few", "many"]
    assert [take(database, few), take(database, look)] == [full, full]
    assert take(database, Limit("few", 2), now=NOON + timedelta(minutes=30)) == TAKEN


def test_however_many_are_judged_with_one_statement(database: Database) -> None:
    with overheard(database.writing_engine) as statements, database.write() as session:
        limits.take_each(session, [Limit(f"home {number}", 12) for number in range(50)], now=NOON)
    assert len([one for one in statements if "signup_bucket" in one]) == 1
    assert len(scopes(database)) == 50


@ON_SQLITE
def test_quiet_hours_are_not_saved_up(database: Database) -> None:
    take(database)
    later = NOON + timedelta(days=2)
    assert [isinstance(take(database, now=later), Full) for _ in range(14)] == [False] * 12 + [True] * 2


@ON_SQLITE
def test_a_clock_that_was_wrong_locks_nobody_out(database: Database) -> None:
    for _ in range(12):
        take(database, now=NOON + timedelta(days=400))
    assert take(database) == TAKEN


@ON_SQLITE
def test_a_bucket_that_is_full_again_is_deleted(database: Database) -> None:
    take(database)
    take(database, Limit("busy", 12), 12)
    for after, left in ((timedelta(minutes=4), ["all", "busy"]), (timedelta(minutes=5), ["busy"]), (timedelta(1), [])):
        with database.write() as session:
            limits.forget_unused(session, limit=10, now=NOON + after)
        assert scopes(database) == left


def test_several_processes_share_the_places_exactly(database: Database, database_url: str, tmp_path: Path) -> None:
    environment = {"URL": database_url, "NOW": NOON.isoformat()}
    outputs = [tmp_path / f"{number}.txt" for number in range(3)]
    greedy = [Forked([], cwd=tmp_path, env=environment, out=out, program=_GREEDY) for out in outputs]
    assert [one.wait(60) for one in greedy] == [0, 0, 0]
    assert sum(int(out.read_text()) for out in outputs) == 12


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.7", "192.0.2.7", True),
        ("192.0.2.7", "192.0.2.8", False),
        ("2001:db8:1:2::7", "2001:db8:1:2:ffff:ffff:ffff:ffff", True),
        ("2001:db8:1:2::7", "2001:db8:1:3::7", False),
    ],
)
def test_a_network_is_one_address_or_one_home_on_ipv6(one: str, other: str, same: bool) -> None:
    scope, other_scope = (limits.of_network(address, SECRET, 100).scope for address in (one, other))
    assert (scope == other_scope) is same
    assert one not in scope and limits.of_network(one, b"another secret", 100).scope != scope
    assert len(scope) <= 64
