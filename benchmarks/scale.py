"""What claim, gate and record cost for each letter, from a small table of deliveries to a large one.

    .venv/bin/python -m benchmarks.scale --rows 10000 --rows 1000000
    .venv/bin/python -m benchmarks.scale --rows 10000 --rows 5000000 --explain

No mail is sent: due letters go through the very functions that senders use, in the batches that senders make
(claims of 100; gates and results of 20 letters in one durable transaction). For each size a fresh database is
filled: 95 % history, the rest pending, some thousands of it due. The last line is the ratio to quote.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import text

from benchmarks.crowd import fill
from benchmarks.databases import ROOT, database_of_its_own
from leadmagnet.delivery import gate, queue, record
from leadmagnet.delivery.claim import claim
from leadmagnet.delivery.gate import Gate
from leadmagnet.delivery.letters import Claimed
from leadmagnet.delivery.outcomes import Accepted
from leadmagnet.delivery.queue import Lease
from leadmagnet.publishing import drafts
from leadmagnet.publishing.releases import Live
from leadmagnet.store.database import Database, Session

#: Rows per reader in a crowd of whom six of ten have had everything.
_ROWS_A_READER = 7.55
_CLAIM, _GROUP = 100, 20


@dataclass(frozen=True)
class _Costs:
    """Microseconds a letter; medians over claims and groups."""

    claim: float
    commit: float

    @property
    def together(self) -> float:
        return self.claim + self.commit


def main() -> None:
    """Measures each size and prints a line for it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, action="append", help="deliveries; may be repeated")
    parser.add_argument("--database", default="postgresql", help="sqlite, postgresql (a private server)")
    parser.add_argument("--letters", type=int, default=4_000, help="how many go through; at most half of the readers")
    parser.add_argument("--explain", action="store_true", help="print the plan of each statement once, at each size")
    options = parser.parse_args()
    measured = []
    for rows in options.rows or (10_000, 1_000_000):
        with (
            tempfile.TemporaryDirectory(prefix="lmscale") as folder,
            database_of_its_own(options.database, Path(folder)) as url,
        ):
            measured.append(_measure(Database(url), rows, options))
    ratios = ", ".join(f"{one.together / measured[0].together:.2f}" for one in measured)
    print(f"claim + gate + record, as a ratio to the smallest: {ratios}")


def _measure(database: Database, rows: int, options: argparse.Namespace) -> _Costs:
    people = int(rows / _ROWS_A_READER)
    due = min(options.letters, people // 2)
    began = time.monotonic()
    total = fill(database, drafts.check(ROOT), people=people, due=due, finished=0.6, now=datetime.now(UTC))
    filled = time.monotonic() - began
    plans = _Plans(database) if options.explain else None
    costs = _letters(database, due)
    print(
        f"{total} deliveries (made in {filled:.0f} s), {due} letters: {costs.together:.0f} µs a letter: "
        f"claim {costs.claim:.0f}, gate and record {costs.commit:.0f}",
        flush=True,
    )
    if plans is not None:
        plans.show()
    database.close()
    return costs


def _letters(database: Database, due: int) -> _Costs:
    live, lease = Live(), Lease("bench", 600)
    claims: list[float] = []
    commits: list[float] = []
    done = 0
    while done < due:
        began = time.monotonic()
        with database.write() as session:
            letters, _seen = claim(
                session, live.get(session), lease, lane=queue.SEQUENCE, limit=_CLAIM, now=datetime.now(UTC)
            )
        claims.append((time.monotonic() - began) / max(len(letters), 1))
        assert letters, "not everything that was due was claimed"
        done += len(letters)
        through: Sequence[Claimed] = ()
        for start in range(0, len(letters) + _GROUP, _GROUP):
            group = letters[start : start + _GROUP]
            began = time.monotonic()
            with database.write() as session:
                _commit(session, through, group)
            if group and through:
                commits.append((time.monotonic() - began) / _GROUP)
            through = group
    warm = len(claims) // 4, len(commits) // 4
    return _Costs(1e6 * statistics.median(claims[warm[0] :]), 1e6 * statistics.median(commits[warm[1] :]))


def _commit(session: Session, accepted: Sequence[Claimed], asked: Sequence[Claimed]) -> None:
    """As the group commit does: results first, then gates."""
    now = datetime.now(UTC)
    record.apply(session, [(letter, Accepted(now)) for letter in accepted], now=now)
    if asked:
        answers = gate.open_gates(session, asked, now=now)
        assert set(answers.values()) == {Gate.OPEN}


class _Plans:
    """The plan of each statement, as PostgreSQL makes it for the values it was run with."""

    def __init__(self, database: Database) -> None:
        self._engine = database.writing_engine
        self._seen: dict[str, tuple[str, Any]] = {}
        self._execute = self._engine.dialect.do_execute
        self._engine.dialect.do_execute = self._note  # type: ignore[method-assign]  # what no event tells of, too

    def _note(self, cursor: Any, statement: str, parameters: Any, context: Any = None) -> None:
        word = statement.lstrip().split(" ", 1)[0].upper()
        if word in ("SELECT", "UPDATE", "INSERT", "WITH") and "set_config" not in statement:
            self._seen[_shape(statement)] = (statement, parameters)
        self._execute(cursor, statement, parameters, context)

    def show(self) -> None:
        self._engine.dialect.do_execute = self._execute  # type: ignore[method-assign]
        with self._engine.connect() as connection:
            for statement, parameters in self._seen.values():
                found = connection.exec_driver_sql(f"EXPLAIN {statement}", parameters).scalars().all()
                scans = [line for line in found if "Scan" in line or "Join" in line or "Nested" in line]
                print(f"--- {' '.join(statement.split())[:110]}")
                for line in scans:
                    print("   ", line.strip()[:150], "   <-- reads it all" if "Seq Scan" in line else "")
            connection.execute(text("SELECT 1"))


def _shape(statement: str) -> str:
    """A statement without the number of its values."""
    return "".join(character for character in statement if character.isalpha())[:400]


if __name__ == "__main__":
    main()
