"""How fast people are put right after a publish, and whether senders go on meanwhile.

    .venv/bin/python -m benchmarks.replan --people 1000000 --database postgresql
    .venv/bin/python -m benchmarks.replan --people 200000 --database sqlite --edit rename

Fills a database of its own with people in the middle of the example series, publishes an edit, and runs the
re-plan as a worker does, beside a loop that claims due letters. `wording` moves nobody; `delay` moves every letter
by a day; `rename` cancels and plans anew every letter; `removed` ends the series for everybody.
"""

import argparse
import resource
import statistics
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.crowd import SERIES, fill
from benchmarks.databases import ROOT, database_of_its_own
from leadmagnet.content.compiled import Build
from leadmagnet.content.sequences import Step
from leadmagnet.delivery import queue
from leadmagnet.delivery.claim import claim
from leadmagnet.delivery.queue import Lease
from leadmagnet.publishing import drafts, releases
from leadmagnet.publishing.releases import Live
from leadmagnet.publishing.replanner import Replanner
from leadmagnet.store.database import Database
from leadmagnet.worker import CHECKPOINT

EDITS = ("delay", "wording", "rename", "removed")


@dataclass
class _Loops:
    """What the threads have seen: seconds of each transaction, and rows."""

    stopping: threading.Event = field(default_factory=threading.Event)
    replans: list[float] = field(default_factory=list)
    claims: list[float] = field(default_factory=list)
    rows: int = 0
    claimed: int = 0


def main() -> None:
    """Measures and prints one line for each edit."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=100_000)
    parser.add_argument("--due", type=int, default=2_000, help="how many letters are due, for the claims beside it")
    parser.add_argument("--database", default="postgresql", help="sqlite, postgresql (a private server) or a URL")
    parser.add_argument("--edit", choices=EDITS, action="append", help="may be repeated; default: delay, wording")
    parser.add_argument("--loops", type=int, help="default: as a worker, 2 on PostgreSQL and 1 on SQLite")
    options = parser.parse_args()
    build = drafts.check(ROOT)
    with (
        tempfile.TemporaryDirectory(prefix="lmreplan") as folder,
        database_of_its_own(options.database, Path(folder)) as url,
    ):
        database = Database(url)
        began = time.monotonic()
        total = fill(database, build, people=options.people, due=options.due, now=datetime.now(UTC))
        print(f"{options.people} people, {total} deliveries, made in {time.monotonic() - began:.0f} s", flush=True)
        for edit in options.edit or ("delay", "wording"):
            _measure(database, build, edit, options.loops or (1 if database.is_sqlite else 2))
        database.close()


def _measure(database: Database, build: Build, edit: str, loops: int) -> None:
    with database.read() as session:
        live = Live().get(session)
    sequence = live.sequence(SERIES)
    with database.write() as session:
        edited = _edited(build, edit, sequence.steps if sequence is not None else (), live.number)
        releases.publish(session, edited, author="bench", now=datetime.now(UTC))
    seen, shared = _Loops(), Live()
    beside = threading.Thread(target=_claim, args=(database, shared, seen))
    carrying = threading.Thread(target=_carry, args=(database, seen))
    workers = [threading.Thread(target=_replan, args=(database, shared, seen)) for _ in range(loops)]
    memory = _peak_mb()
    began, cpu = time.monotonic(), time.process_time()
    beside.start()
    carrying.start()
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    taken, cpu = time.monotonic() - began, time.process_time() - cpu
    seen.stopping.set()
    beside.join()
    carrying.join()
    each = f"{1e6 * taken / seen.rows:.0f} µs a row ({1e6 * cpu / seen.rows:.0f} our CPU), " if seen.rows else ""
    print(
        f"{edit}: {seen.rows} rows in {taken:.1f} s, {each}"
        f"transactions {_spread(seen.replans)}; beside it {seen.claimed} letters looked at in {len(seen.claims)} "
        f"claims, {_spread(seen.claims)}; "
        f"peak memory {_peak_mb()} MB, {_peak_mb() - memory} of them since the publish",
        flush=True,
    )


def _replan(database: Database, live: Live, seen: _Loops) -> None:
    replanner = Replanner(database, live)
    while True:
        with database.write() as session:
            session.connection()
            began = time.monotonic()
            rows = replanner.chunk(session, datetime.now(UTC))
        seen.replans.append(time.monotonic() - began)
        seen.rows += rows
        if not rows:
            return
        time.sleep(replanner.rest())


def _carry(database: Database, seen: _Loops) -> None:
    """Carries the log over as a worker does."""
    while not seen.stopping.wait(CHECKPOINT.total_seconds()):
        database.checkpoint()


def _claim(database: Database, live: Live, seen: _Loops) -> None:
    """Claims as a dispatcher does, and gives back."""
    lease = Lease("bench", 60)
    while not seen.stopping.wait(0.02):
        began = time.monotonic()
        with database.write() as session:
            published = live.get(session)
            _letters, rows = claim(session, published, lease, lane=queue.SEQUENCE, limit=20, now=datetime.now(UTC))
        seen.claims.append(time.monotonic() - began)
        seen.claimed += rows
    with database.write() as session:
        queue.release(session, lease)


def _edited(build: Build, edit: str, steps: Sequence[Step], number: int) -> Build:
    compiled = build.compiled
    assert compiled is not None
    letters = dict(compiled.letters)
    if edit == "delay":
        steps = [step.model_copy(update={"day": step.day + 1}) if step.day else step for step in steps]
    elif edit == "wording":
        steps = [step.model_copy(update={"watch": not step.watch}) for step in steps]
    elif edit == "rename":
        steps = [
            step.model_copy(update={"slug": f"{step.slug[:30]}-{number}", "was": (*step.was, step.slug)})
            if step.day
            else step
            for step in steps
        ]
    letters |= {f"{SERIES}/{step.slug}": compiled.letters[f"{SERIES}/tight-hips"] for step in steps}
    sequence = compiled.sequences[SERIES].model_copy(update={"steps": tuple(steps)})
    sequences = {} if edit == "removed" else {SERIES: sequence}
    edited = compiled.model_copy(update={"sequences": sequences, "letters": letters})
    return replace(build, compiled=edited, digest=f"{edit} {number}")


def _peak_mb() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def _spread(seconds: list[float]) -> str:
    if not seconds:
        return "none"
    in_order = sorted(1000 * one for one in seconds)
    ninety_nine = in_order[int(0.99 * (len(in_order) - 1))]
    return f"median {statistics.median(in_order):.1f}, p99 {ninety_nine:.1f}, longest {in_order[-1]:.1f} ms"


if __name__ == "__main__":
    main()
