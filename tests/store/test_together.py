"""What many threads want written is written in few transactions, and each learns what came of its own part."""

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event

import pytest
from sqlalchemy import text

from leadmagnet.store.database import Database, Session
from leadmagnet.store.together import Together
from tests.databases import ON_SQLITE
from tests.waiting import until


class Desk:
    """Writes numbers as tags into the database, and keeps the first group until it is told to go on."""

    def __init__(self, database: Database) -> None:
        self.go = Event()
        self.sizes: list[int] = []
        self.refused: set[int] = set()
        self.away: Exception | None = None
        self.together: Together[int, int] = Together(database, self.work, largest=50)

    def work(self, session: Session, numbers: Sequence[int]) -> list[int]:
        self.sizes.append(len(numbers))
        if len(self.sizes) == 1:
            assert self.go.wait(30)
        if self.away is not None:
            raise self.away
        for number in numbers:
            session.execute(text("INSERT INTO brake (scope, reason, set_by, set_at) VALUES (:n, '', '', '2026-01-01')"),
                            {"n": str(number)})  # fmt: skip
            if number in self.refused:
                raise ValueError(f"{number} is not wanted")
        return [number * 2 for number in numbers]


@contextmanager
def asked(desk: Desk, count: int) -> Iterator[list[Future[int]]]:
    """The first alone; all others come while it is under way."""
    with ThreadPoolExecutor(count) as pool:
        futures = [pool.submit(desk.together.do, 0)]
        until(lambda: desk.sizes == [1])
        futures += [pool.submit(desk.together.do, number) for number in range(1, count)]
        until(lambda: len(desk.together._waiting) == count - 1)
        desk.go.set()
        yield futures


def written(database: Database) -> int:
    with database.read() as session:
        return int(session.scalar(text("SELECT count(*) FROM brake")) or 0)


def test_what_comes_during_one_commit_shares_the_next(database: Database) -> None:
    desk = Desk(database)
    with asked(desk, 81) as futures:
        assert [future.result(30) for future in futures] == [number * 2 for number in range(81)]
    assert desk.sizes == [1, 50, 30]
    assert written(database) == 81


def test_one_that_fails_does_not_fail_its_neighbours(database: Database) -> None:
    desk = Desk(database)
    desk.refused = {3, 5}
    with asked(desk, 8) as futures:
        for number, future in enumerate(futures):
            if number in desk.refused:
                with pytest.raises(ValueError, match=f"{number} is not wanted"):
                    future.result(30)
            else:
                assert future.result(30) == number * 2
    assert written(database) == 6
    assert desk.together.do(100) == 200


@ON_SQLITE
def test_a_database_that_is_away_is_asked_once_for_all_who_wait(database: Database) -> None:
    import psycopg

    desk = Desk(database)
    desk.away = psycopg.OperationalError("connection refused")
    with asked(desk, 8) as futures:
        for future in futures:
            with pytest.raises(psycopg.OperationalError):
                future.result(30)
    assert desk.sizes == [1, 7]
    desk.away = None
    assert desk.together.do(1) == 2
