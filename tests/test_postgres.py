"""What one test leaves in a database, the next never sees."""

from collections.abc import Iterator

import psycopg
import pytest

from tests.postgres import Kept, Shelf, sibling


@pytest.fixture(scope="module")
def template(postgres_server: str) -> Iterator[str]:
    """A database with two tables: one is filled, the other refers to it."""
    with psycopg.connect(postgres_server, autocommit=True) as server:
        server.execute("CREATE DATABASE small_template")
        with psycopg.connect(sibling(postgres_server, "small_template"), autocommit=True) as small:
            small.execute("CREATE TABLE guide (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text)")
            small.execute("CREATE TABLE reader (id bigserial PRIMARY KEY, guide bigint REFERENCES guide)")
            small.execute("INSERT INTO guide (name) VALUES ('hips'), ('feet')")
        yield "small_template"
        server.execute("DROP DATABASE small_template")


@pytest.fixture
def kept(postgres_server: str, template: str) -> Iterator[Kept]:
    made = Kept(postgres_server, template)
    yield made
    made.drop()


def all_of(url: str) -> object:
    """All rows, and the numbers that the next ones would get."""
    with psycopg.connect(url) as connection:
        rows = [connection.execute(f"SELECT * FROM {name} ORDER BY id").fetchall() for name in ("guide", "reader")]
        new = "INSERT INTO {} DEFAULT VALUES RETURNING id"
        numbers = [connection.execute(new.format(name)).fetchone() for name in ("guide", "reader")]
        return rows, numbers


@pytest.mark.parametrize(
    "done",
    [
        "SELECT 1",
        "INSERT INTO reader (guide) VALUES (1), (2)",
        "UPDATE guide SET name = 'knees' WHERE id = 1",
        "DELETE FROM guide",
        "INSERT INTO guide (name) VALUES ('knees'); INSERT INTO reader (guide) VALUES (3); DELETE FROM reader",
        "BEGIN; INSERT INTO reader DEFAULT VALUES; ROLLBACK",
        "SELECT nextval('reader_id_seq')",
        "TRUNCATE reader, guide RESTART IDENTITY",
    ],
)
def test_rows_and_numbers_are_as_before(kept: Kept, done: str) -> None:
    before = all_of(kept.url)
    for _twice in range(2):
        with psycopg.connect(kept.url, autocommit=True) as connection:
            connection.execute(done)
        assert kept.restore()
        assert all_of(kept.url) == before
        assert kept.restore()


@pytest.mark.parametrize(
    "done",
    [
        "ALTER TABLE reader RENAME TO elsewhere",
        "ALTER TABLE reader ADD COLUMN more text",
        "ALTER TABLE reader ALTER COLUMN guide SET NOT NULL",
        "ALTER TABLE reader ADD CONSTRAINT nobody CHECK (id < 0)",
        "DROP TABLE reader",
        "CREATE INDEX more ON reader (guide)",
        "CREATE TABLE more (id bigint)",
        "CREATE FUNCTION one() RETURNS int LANGUAGE sql RETURN 1",
        "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET timezone = ''Asia/Tokyo''', current_database()); END $$",
    ],
)
def test_what_changed_its_form_is_used_by_nobody_else(kept: Kept, done: str) -> None:
    with psycopg.connect(kept.url, autocommit=True) as connection:
        connection.execute(done)
    assert not kept.restore()


@pytest.mark.parametrize("own", [True, False])
def test_whoever_is_still_connected_is_sent_away(kept: Kept, own: bool) -> None:
    with psycopg.connect(kept.url) as left_open:
        left_open.execute("INSERT INTO reader (guide) VALUES (1)")
        if own:
            everybody = (
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = %s"
            )
            left_open.execute(everybody, [kept.name])
        assert kept.restore() is not own
        if not own:
            with pytest.raises(psycopg.OperationalError):
                left_open.execute("SELECT 1")


def test_a_test_gets_what_the_one_before_has_left_in_its_form(postgres_server: str, template: str) -> None:
    shelf = Shelf(postgres_server)
    urls = []
    for done in ("INSERT INTO guide DEFAULT VALUES", "DROP TABLE reader", "SELECT 1"):
        with shelf.copy_of(template) as url, psycopg.connect(url, autocommit=True) as connection:
            urls.append(url)
            connection.execute(done)
    assert urls[0] == urls[1] != urls[2]
    shelf.clear()
