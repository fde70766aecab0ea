"""Subscribers: one row for one address, and a zone that exists."""

from datetime import UTC, datetime, timedelta

import pytest

from leadmagnet.audience import addresses, subscribers
from leadmagnet.content.compiled import Build
from leadmagnet.content.published import Published
from leadmagnet.store.database import Database
from leadmagnet.store.models import Subscriber

NOW = datetime(2026, 3, 4, 2, 12, tzinfo=UTC)
SECRET = b"a secret"


def _add(database: Database, typed: str, **facts: str | None) -> Subscriber:
    address = addresses.parse(typed)
    given = {"first_name": None, "timezone": None} | facts
    with database.write() as session:
        return subscribers.find_or_add(session, address, address.key(SECRET), now=NOW, **given)


def test_somebody_new_is_pending_and_keeps_what_she_typed(database: Database) -> None:
    ada = _add(database, "Ada@Example.com", first_name="Ada", timezone="Europe/Berlin")
    assert (ada.address, ada.status, ada.first_name, ada.timezone) == (
        "Ada@example.com", "pending", "Ada", "Europe/Berlin"
    )  # fmt: skip
    assert (ada.created_at, ada.asked_at, ada.confirmed_at, ada.unsubscribed_at) == (NOW, NOW, None, None)


def test_one_address_is_one_row_and_its_first_facts_stay(database: Database) -> None:
    first = _add(database, "ada@example.com", first_name="Ada")
    again = _add(database, "ADA@EXAMPLE.COM", first_name="WIN NOW")
    assert (again.id, again.address, again.first_name) == (first.id, "ada@example.com", "Ada")


def test_being_active_begins_once_and_the_first_confirmation_stays(database: Database) -> None:
    ada = _add(database, "ada@example.com").id
    with database.write() as session:
        assert subscribers.activate(session, ada, now=NOW)
        assert not subscribers.activate(session, ada, now=NOW + timedelta(days=1))
        found = subscribers.get(session, ada)
        assert found is not None
        assert (found.status, found.confirmed_at) == ("active", NOW)


def test_a_forgotten_row_is_not_found(database: Database) -> None:
    ada = _add(database, "ada@example.com").id
    with database.write() as session:
        assert subscribers.forget_unconfirmed(session, before=NOW, limit=9) == 0
        assert subscribers.forget_unconfirmed(session, before=NOW + timedelta(seconds=1), limit=9) == 1
        assert subscribers.get(session, ada) is None


@pytest.mark.parametrize(
    "typed", ["Europe/Berlin", " America/New_York ", "Asia/Calcutta", "UTC", "America/Argentina/ComodRivadavia"]
)
def test_a_zone_that_exists_is_kept_by_its_name(typed: str) -> None:
    assert subscribers.zone_name(typed) == typed.strip()


@pytest.mark.parametrize(
    "typed",
    [
        "", "  ", "../../etc/passwd", "/etc/passwd", "..", ".", "America", "America/", "America//New_York",
        "America/./New_York", "Nowhere/Land", "x" * 1_000_000, "UTC\x00", "\ud800", "<script>", "zone.tab", "+05:00",
        "right/UTC", "posix/UTC", "localtime", "posixrules", "Factory",
    ],
)  # fmt: skip
def test_what_is_no_zone_is_forgotten(typed: str) -> None:
    assert subscribers.zone_name(typed) is None


@pytest.mark.parametrize("stored", [None, "", "Gone/Away", "../../etc/passwd", "America"])
def test_a_stored_zone_that_is_no_more_falls_back_to_the_sites(example: Build, stored: str | None) -> None:
    assert example.compiled is not None
    assert Published(1, "", example.compiled).zone_of(stored).key == "America/New_York"
