"""Everything a database holds, to compare before and after."""

from sqlalchemy import select

from leadmagnet.store.database import Database
from leadmagnet.store.models import Model


def dump(database: Database) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table, without what a sign-up leaves whoever asks: marks, the places that processes hold."""
    with database.read() as session:
        rows = {
            table.name: [tuple(row) for row in session.execute(select(table).order_by(*table.primary_key))]
            for table in Model.metadata.sorted_tables
        }
    rows["signup_bucket"] = [row for row in rows["signup_bucket"] if not row[0].startswith(("mark:", "all"))]
    return rows
