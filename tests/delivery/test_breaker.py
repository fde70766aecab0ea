"""The breaker: an outage costs nothing but time, and all workers share what one of them found."""

import logging
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest

from leadmagnet.delivery import breaker as rows
from leadmagnet.delivery.breaker import Breaker, Open, relay_of
from leadmagnet.mail.server import Server
from leadmagnet.store.database import Database
from tests.sql import overheard
from tests.world import TUESDAY_EVENING

RELAY = "mail.example:587"
NOW = TUESDAY_EVENING


def seconds(count: float) -> timedelta:
    return timedelta(seconds=count)


class Process:
    """One process's breaker, and the database that it shares with the others."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.breaker = Breaker(RELAY)
        self.letter = 0

    def may_claim(self, at: datetime, *, found: int = 40) -> int:
        """How many of forty letters a claim would get; `found`: how many there are."""
        with self.database.write() as session:
            wanted = self.breaker.letters(session, 40, now=at)
            if wanted:
                self.breaker.claimed(session, list(range(1, min(wanted, found) + 1)))
        return wanted

    def fails(self, at: datetime, *, times: int = 1, letter: int | None = None, **how: bool) -> None:
        for _ in range(times):
            self.letter += 1
            self.breaker.failed(self.letter if letter is None else letter, "away.", now=at, **how)


@pytest.fixture
def one(database: Database) -> Process:
    return Process(database)


@pytest.fixture
def two(database: Database) -> Iterator[Process]:
    """Another process on the same database."""
    other = Database(database.url)
    yield Process(other)
    other.close()


def row(database: Database) -> Open | None:
    with database.read() as session:
        return rows.read(session, RELAY)


#: (what happens, one after the other: "." works, "x" fails) → whether it opens.
TRIES = [
    ("xxxx", False),
    ("xxxxx", True),
    ("xxxx.xxxx", False),
    (".x" * 9 + ".", False),
    (".x" * 10, True),
    (".." + ".x" * 9, False),
    ("." * 40 + ".x" * 9, False),
    ("." * 40 + ".x" * 10, True),
]


@pytest.mark.parametrize(("tries", "opens"), TRIES, ids=[tries for tries, _ in TRIES])
def test_five_failures_in_a_row_or_half_of_twenty_tries_open_it(tries: str, opens: bool) -> None:
    breaker = Breaker(RELAY)
    for number, what in enumerate(tries):
        if what == ".":
            breaker.answered(number)
        else:
            breaker.failed(number, "away.", now=NOW)
    assert breaker.may_try(1) is not opens


def test_a_refused_login_opens_it_at_once() -> None:
    breaker = Breaker(RELAY)
    breaker.failed(1, "535 wrong password", now=NOW, at_once=True)
    assert not breaker.may_try(1)


def test_one_letter_that_breaks_its_connections_never_stops_the_others() -> None:
    breaker = Breaker(RELAY)
    for _ in range(30):
        breaker.failed(7, "closed in the body", now=NOW, alone=True)
    assert breaker.may_try(8)
    for letter in range(4):
        breaker.failed(letter, "closed in the body", now=NOW, alone=True)
    assert not breaker.may_try(8), "five letters are not alone"


def test_a_letter_that_broke_off_as_the_probe_is_not_the_next_one(one: Process) -> None:
    one.fails(NOW, times=5)
    one.may_claim(NOW)
    at = NOW + seconds(30)
    assert one.may_claim(at) == 1
    one.fails(at, letter=1, alone=True)
    assert one.breaker.behind(at + seconds(30)) > at + seconds(60)


def test_while_the_server_works_the_row_is_looked_at_once_a_second_at_most(one: Process) -> None:
    assert one.may_claim(NOW) == 40
    with overheard(one.database.writing_engine) as seen:
        assert one.may_claim(NOW + seconds(0.9)) == 40
        assert [statement for statement in seen if "breaker" in statement] == []
        assert one.may_claim(NOW + seconds(1)) == 40
        assert len([statement for statement in seen if "breaker" in statement]) == 1


def test_an_open_breaker_lets_nothing_through_and_then_one_letter_to_probe(one: Process) -> None:
    one.fails(NOW, times=5)
    assert one.may_claim(NOW) == 0
    assert one.may_claim(NOW + seconds(29.9)) == 0
    assert one.may_claim(NOW + seconds(30)) == 1
    assert one.breaker.may_try(1) and not one.breaker.may_try(2)
    assert one.may_claim(NOW + seconds(30)) == 0


def test_each_failed_probe_doubles_the_wait_up_to_a_quarter_of_an_hour(one: Process) -> None:
    one.fails(NOW, times=5)
    now = NOW
    assert one.may_claim(now) == 0
    for wait in (30, 60, 120, 240, 480, 900, 900, 900):
        assert one.may_claim(now + seconds(wait - 0.1)) == 0
        now += seconds(wait)
        assert one.may_claim(now) == 1
        one.fails(now, letter=1)


def test_all_workers_stop_and_one_of_them_probes(one: Process, two: Process) -> None:
    assert two.may_claim(NOW - seconds(1)) == 40
    one.fails(NOW, times=5)
    assert one.may_claim(NOW) == 0
    assert two.may_claim(NOW) == 0
    assert not two.breaker.may_try(1)
    later = NOW + seconds(30)
    assert (two.may_claim(later), one.may_claim(later)) == (1, 0)
    assert (two.may_claim(NOW + seconds(89)), one.may_claim(NOW + seconds(89))) == (0, 0)
    assert (one.may_claim(NOW + seconds(90)), two.may_claim(NOW + seconds(90))) == (1, 0)


def test_two_workers_that_look_at_the_same_moment_do_not_both_probe(one: Process, two: Process) -> None:
    one.fails(NOW, times=5)
    one.may_claim(NOW)
    later = NOW + seconds(30)
    with two.database.read() as session:
        seen = rows.read(session, RELAY)
    assert seen is not None
    assert one.may_claim(later) == 1
    with two.database.write() as session:
        assert not rows._move(session, seen, seen), "what it saw is not so any more"


def test_when_the_probe_succeeds_all_workers_go_on_within_a_look(one: Process, two: Process) -> None:
    one.fails(NOW, times=5)
    assert (one.may_claim(NOW), two.may_claim(NOW)) == (0, 0)
    later = NOW + seconds(30)
    assert one.may_claim(later) == 1
    one.breaker.answered(1)
    assert one.may_claim(later) == 40
    assert row(one.database) is None
    assert two.may_claim(later) == 40
    two.fails(later, times=4)
    assert two.may_claim(later + seconds(2)) == 40, "the count began anew"


def test_a_success_takes_nothing_back_that_another_worker_found_since(one: Process, two: Process) -> None:
    one.fails(NOW, times=5)
    one.may_claim(NOW)
    later = NOW + seconds(30)
    assert one.may_claim(later) == 1
    with two.database.write() as session:
        rows.forget(session, now=later + timedelta(days=2))
    assert two.may_claim(later) == 40
    two.fails(later, times=5)
    assert two.may_claim(later) == 0
    one.breaker.answered(1)
    assert one.may_claim(later + seconds(1)) == 0


def test_a_letter_on_an_older_connection_proves_nothing(one: Process) -> None:
    """With two connections logged in and a password that is refused since, one answer must not knock again."""
    one.fails(NOW, at_once=True)
    one.breaker.answered(99)
    assert one.may_claim(NOW) == 0


def test_without_a_letter_the_turn_to_probe_is_not_spent(one: Process) -> None:
    one.fails(NOW, times=5)
    one.may_claim(NOW)
    before = row(one.database)
    assert one.may_claim(NOW + seconds(40), found=0) == 1
    assert row(one.database) == before
    assert one.may_claim(NOW + seconds(40)) == 1


def test_a_probe_that_never_came_to_the_server_leaves_its_turn_to_the_next(one: Process) -> None:
    one.fails(NOW, times=5)
    one.may_claim(NOW)
    assert one.may_claim(NOW + seconds(30)) == 1
    one.breaker.done(1)
    assert one.may_claim(NOW + seconds(31)) == 1
    assert row(one.database) == Open(RELAY, "away.", seconds(60), NOW, NOW + seconds(91)), "not doubled again"


def test_a_worker_that_dies_with_the_probe_costs_one_wait(one: Process, two: Process) -> None:
    one.fails(NOW, times=5)
    one.may_claim(NOW)
    assert one.may_claim(NOW + seconds(30)) == 1
    assert two.may_claim(NOW + seconds(90)) == 1


def test_a_clock_that_was_set_back_does_not_stop_mail_for_good(one: Process, two: Process) -> None:
    one.fails(NOW, times=5)
    one.may_claim(NOW)
    assert two.may_claim(NOW - seconds(60)) == 0, "clocks that differ a little are honest"
    assert two.may_claim(NOW - timedelta(hours=2)) == 1


def test_while_the_database_is_away_too_the_process_still_brakes(one: Process) -> None:
    one.fails(NOW, times=5)
    assert not one.breaker.may_try(1)
    with pytest.raises(RuntimeError), one.database.write():
        raise RuntimeError("the database is away")
    assert not one.breaker.may_try(1)
    assert one.may_claim(NOW) == 0
    assert row(one.database) is not None


def test_the_operator_is_told_once_when_it_opens_and_once_when_it_closes(
    one: Process, two: Process, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    one.fails(NOW, times=12)
    assert (one.may_claim(NOW), two.may_claim(NOW), two.may_claim(NOW)) == (0, 0, 0)
    one.may_claim(NOW + seconds(30))
    one.breaker.answered(1)
    assert (one.may_claim(NOW + seconds(30)), two.may_claim(NOW + seconds(30))) == (40, 40)
    assert [record.getMessage() for record in caplog.records] == [
        "no mail can be sent: away. Trying again in 30 seconds.",
        "no mail is sent: another worker found: away.",
        "the mail server is back: sending again",
        "the mail server is back: sending again",
    ]


def test_the_row_says_what_the_last_probe_was_told(one: Process) -> None:
    one.fails(NOW, times=5)
    one.may_claim(NOW)
    one.may_claim(NOW + seconds(30))
    one.breaker.failed(1, "535 wrong password", now=NOW + seconds(31))
    one.may_claim(NOW + seconds(32))
    found = row(one.database)
    assert found is not None
    assert (found.reason, found.since, found.until) == ("535 wrong password", NOW, NOW + seconds(90))


def test_a_breaker_for_one_test_mail_shares_nothing(one: Process, two: Process) -> None:
    two.fails(NOW, times=5)
    two.may_claim(NOW)
    alone = Breaker(RELAY, shared=False)
    assert alone.may_try(1), "whatever the others found"
    alone.failed(1, "away.", now=NOW)
    assert not alone.may_try(2)


def test_a_server_that_nobody_uses_any_more_is_forgotten_after_a_day(one: Process) -> None:
    one.fails(NOW, times=5)
    one.may_claim(NOW)
    for hours, kept in ((23, True), (25, False)):
        with one.database.write() as session:
            rows.forget(session, now=NOW + timedelta(hours=hours))
        assert (row(one.database) is not None) is kept


def test_a_server_on_loopback_is_another_one_on_every_machine() -> None:
    assert relay_of(Server("smtp.example.com", 587, "required")) == "smtp.example.com:587"
    assert not relay_of(Server("127.0.0.1", 25, "off")).startswith("127.")
