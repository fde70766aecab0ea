"""The breaker: an outage costs nothing but time."""

import logging
from datetime import UTC, datetime, timedelta

import pytest

from leadmagnet.delivery.throttle import Breaker

NOW = datetime(2026, 3, 5, 12, 30, tzinfo=UTC)


def seconds(count: float) -> timedelta:
    return timedelta(seconds=count)


def test_while_the_server_works_every_letter_may_go() -> None:
    assert Breaker().letters(40, now=NOW) == 40


def test_an_open_breaker_lets_nothing_through_and_then_one_letter_to_probe() -> None:
    breaker = Breaker()
    breaker.failed("away.", now=NOW)
    assert breaker.letters(40, now=NOW) == 0
    assert breaker.letters(40, now=NOW + seconds(29.9)) == 0
    assert breaker.letters(40, now=NOW + seconds(30)) == 1
    assert breaker.letters(0, now=NOW + seconds(30)) == 0


def test_each_failed_probe_doubles_the_wait_up_to_a_quarter_of_an_hour() -> None:
    breaker, now = Breaker(), NOW
    for wait in (30, 60, 120, 240, 480, 900, 900, 900):
        breaker.failed("away.", now=now)
        assert breaker.letters(40, now=now + seconds(wait - 0.1)) == 0
        now += seconds(wait)
        assert breaker.letters(40, now=now) == 1


def test_many_connections_that_fail_together_are_one_failure() -> None:
    breaker = Breaker()
    for _ in range(10):
        breaker.failed("away.", now=NOW)
    assert breaker.letters(40, now=NOW + seconds(30)) == 1


def test_a_connection_that_comes_about_forgets_the_outage() -> None:
    breaker = Breaker()
    breaker.failed("away.", now=NOW)
    breaker.failed("away.", now=NOW + seconds(30))
    breaker.worked()
    assert breaker.letters(40, now=NOW + seconds(31)) == 40
    breaker.failed("away.", now=NOW + seconds(40))
    assert breaker.letters(40, now=NOW + seconds(70)) == 1


def test_the_operator_is_told_when_it_opens_and_when_it_closes(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    breaker = Breaker()
    breaker.worked()
    breaker.failed("Nothing listens at localhost:25.", now=NOW)
    breaker.failed("Nothing listens at localhost:25.", now=NOW)
    breaker.worked()
    assert [record.getMessage() for record in caplog.records] == [
        "no mail can be sent: Nothing listens at localhost:25. Trying again in 30 seconds.",
        "the mail server is back: sending again",
    ]
