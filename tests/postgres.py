"""A PostgreSQL database that goes back to what it was, for one test after another: a new one takes four times as long."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import sql

#: Whatever a test may do to a database beside changing rows: after any of it the database is thrown away.
_FORM = """
SELECT md5(string_agg(form, ' ' ORDER BY form)) FROM (
    SELECT concat_ws(' ', 'class', oid, relname, relkind, reloptions) FROM pg_class WHERE oid >= 16384
    UNION ALL
    SELECT concat_ws(' ', 'column', attrelid, attname, xmin) FROM pg_attribute WHERE attrelid >= 16384 AND attnum > 0
    UNION ALL SELECT concat_ws(' ', 'constraint', oid, xmin) FROM pg_constraint WHERE oid >= 16384
    UNION ALL SELECT concat_ws(' ', 'trigger', oid, xmin) FROM pg_trigger WHERE oid >= 16384
    UNION ALL SELECT concat_ws(' ', 'function', oid, xmin) FROM pg_proc WHERE oid >= 16384
    UNION ALL
    SELECT concat_ws(' ', 'database', datallowconn, setconfig) FROM pg_database
    LEFT JOIN pg_db_role_setting ON setdatabase = oid WHERE datname = current_database()
) AS forms (form)
"""
_END_OTHERS = """
SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
"""
_REFERENCES = """
SELECT confrelid::regclass::text, conrelid::regclass::text FROM pg_constraint
WHERE contype = 'f' AND connamespace = 'public'::regnamespace
"""
_SEQUENCES = "SELECT sequencename, start_value, last_value FROM pg_sequences WHERE schemaname = 'public'"

Rows = dict[str, str | None]
Counts = dict[str, tuple[int, int | None]]


class Kept:
    """A copy of a template; `restore` gives it the template's rows and numbers again."""

    def __init__(self, server: str, template: str) -> None:
        self._server = server
        self.name = f"t{uuid.uuid4().hex}"
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {self.name} TEMPLATE {template}")
        self.url = sibling(server, self.name)
        self._connection = psycopg.connect(self.url, autocommit=True)
        tables = self._connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        self._tables = [name for (name,) in tables]
        self._references = self._connection.execute(_REFERENCES).fetchall()
        self._rows, self._counts = self._rows_now(), self._counts_now()
        self._filled = {name for name, rows in self._rows.items() if rows}
        self._connection.execute("CREATE SCHEMA before")
        for name in self._filled:
            self._connection.execute(_named("CREATE TABLE before.{0} AS TABLE {0}", name))
        self._form = self._form_now()

    def restore(self) -> bool:
        """Ends whoever is still connected, and puts everything back; False if that cannot be done."""
        try:
            self._connection.execute(_END_OTHERS)
            if self._form_now() != self._form:
                return False
            self._put_back()
        except psycopg.OperationalError:  # a test ended every connection, this one too
            return False
        return True

    def drop(self) -> None:
        self._connection.close()
        with psycopg.connect(self._server, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {self.name} WITH (FORCE)")

    def _put_back(self) -> None:
        rows = self._rows_now()
        changed = self._and_what_refers_to({name for name in self._tables if rows[name] != self._rows[name]})
        with self._connection.transaction():
            if changed:
                every = sql.SQL(", ").join(map(sql.Identifier, sorted(changed)))
                self._connection.execute(sql.SQL("TRUNCATE {}").format(every))
                self._connection.execute("SET LOCAL session_replication_role = replica")  # no order of tables to keep
                for name in changed & self._filled:
                    self._connection.execute(_named("INSERT INTO {0} OVERRIDING SYSTEM VALUE TABLE before.{0}", name))
            for name, (start, last) in self._counts.items() - self._counts_now().items():
                number = (start, False) if last is None else (last, True)
                self._connection.execute("SELECT setval(%s::regclass, %s, %s)", (f'"{name}"', *number))
        if changed & self._filled:
            self._rows = self._rows_now()

    def _and_what_refers_to(self, tables: set[str]) -> set[str]:
        more = {by for to, by in self._references if to in tables} - tables
        return self._and_what_refers_to(tables | more) if more else tables

    def _rows_now(self) -> Rows:
        """Each table's rows, as the database numbers them: None where there never was one since it was emptied."""
        each = "SELECT {1}, CASE WHEN pg_relation_size({1}::regclass) > 0 THEN {2} END"
        rows = "(SELECT coalesce(string_agg(concat(ctid, xmin), ' '), 'none') FROM {0})"
        query = sql.SQL(" UNION ALL ").join(
            sql.SQL(each.replace("{2}", rows)).format(sql.Identifier(name), sql.Literal(name)) for name in self._tables
        )
        return dict(self._connection.execute(query).fetchall())

    def _counts_now(self) -> Counts:
        return {name: (start, last) for name, start, last in self._connection.execute(_SEQUENCES).fetchall()}

    def _form_now(self) -> str:
        found: tuple[str] | None = self._connection.execute(_FORM).fetchone()
        assert found is not None
        return found[0]


class Shelf:
    """The databases of one process that wait for the next test, by what they are copies of."""

    def __init__(self, server: str) -> None:
        self._server = server
        self._waiting: dict[str, Kept] = {}

    @contextmanager
    def copy_of(self, template: str) -> Iterator[str]:
        """The URL of a database that nobody else uses, and that looks as `template` does."""
        kept = self._waiting.pop(template, None) or Kept(self._server, template)
        try:
            yield kept.url
        finally:
            if kept.restore():
                self._waiting[template] = kept
            else:
                kept.drop()

    def clear(self) -> None:
        for kept in self._waiting.values():
            kept.drop()


def sibling(url: str, name: str) -> str:
    """The URL of another database of the same server."""
    head, _, query = url.partition("?")
    return f"{head.rpartition('/')[0]}/{name}{'?' + query if query else ''}"


def _named(words: str, name: str) -> sql.Composed:
    return sql.SQL(words).format(sql.Identifier(name))
