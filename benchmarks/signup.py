"""Measures how fast visitors are taken in: POST of the form → validated → all of it committed → answered.

    .venv/bin/python -m benchmarks.signup --database sqlite --clients 16 --seconds 3
    .venv/bin/python -m benchmarks.signup --database postgresql --rounds 5
    .venv/bin/python -m benchmarks.signup --strangers 400

`leadmagnet web` runs as an operator starts it; visitors with kept connections and new addresses ask from another
process. In turns with it a Flask view that does nothing is asked the same in the same server: the ratio of the two is
the figure to quote, because machines differ. Then sign-ups come at half the speed just measured, for how long one waits
while the server is not full; and 50 a second come to `leadmagnet run`, until the mail server has each confirmation.

`--strangers` asks, one request at a time, with addresses of every kind in turns: how long an answer takes must not tell
whether somebody is known here.
"""

import argparse
import contextlib
import json
import os
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import insert

from benchmarks.databases import ROOT, database_of_its_own
from leadmagnet.audience import addresses
from leadmagnet.cli.example import copy_to
from leadmagnet.publishing import drafts, releases
from leadmagnet.store.database import Database
from leadmagnet.store.migrate import upgrade
from leadmagnet.store.models import Enrollment, Subscriber, Suppression

FORM = "/f/hip-openers"
SECRET = "a key for benchmarks"
NEW = "email=visitor{n}%40bench.example&timezone=Europe%2FBerlin&website="
#: Sign-ups a second of the run that waits for the mail.
MAILED_RATE = 50
#: Before each measured run; what is loaded on the first request is no part of any.
WARM_UP = 0.5


@dataclass(frozen=True)
class Run:
    """One run of visitors against one server: answers a second, milliseconds, our CPU milliseconds an answer."""

    rate: float
    p50: float
    p99: float
    cpu: float
    failed: int


def main() -> None:
    """Measures and prints; each round is a line, medians and the paced runs come last."""
    options = _options()
    with tempfile.TemporaryDirectory(prefix="lmbench") as name, _site(options, Path(name)) as (folder, environment):
        if options.strangers:
            _strangers(options, folder, environment)
        else:
            _speed(options, folder, environment)
            _until_mailed(options, folder, environment)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--database", default="sqlite", help="sqlite, postgresql (a private server) or a URL")
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=2.0, help="of each run")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--strangers", type=int, default=0, help="requests for each kind of address, instead")
    return parser.parse_args()


@contextlib.contextmanager
def _site(options: argparse.Namespace, folder: Path) -> Iterator[tuple[Path, dict[str, str]]]:
    """A published site, with the environment that its processes run in."""
    site = folder / "site"
    copy_to(site)
    with database_of_its_own(options.database, folder) as url:
        database = Database(url)
        upgrade(database)
        build = drafts.check(site)
        with database.write() as session:
            releases.publish(session, build, author="bench", now=datetime.now(UTC))
        if options.strangers:
            _populate(database, options.strangers)
        database.close()
        yield site, os.environ | {
            "LEADMAGNET_DATABASE_URL": url, "LEADMAGNET_SECRET_KEYS": SECRET, "LEADMAGNET_SUPPRESSION_KEY": SECRET,
            "LEADMAGNET_SIGNUPS_PER_HOUR": str(10**9), "LEADMAGNET_TRUSTED_PROXIES": "127.0.0.1",
        }  # fmt: skip


def _speed(options: argparse.Namespace, site: Path, environment: dict[str, str]) -> None:
    with _web(options, site, environment) as signups, _noop(options) as nothing:
        for server in (nothing, signups):
            server.run(seconds=1)
        rounds = []
        for _ in range(options.rounds):
            base, ours = nothing.run(options.seconds), signups.run(options.seconds)
            rounds.append((base, ours))
            print(f"{_line(ours)}; nothing {_line(base)}; ratio {ours.rate / base.rate:.2f}", flush=True)
        base_rate, rate, cpu = (
            statistics.median(values)
            for values in zip(*((base.rate, ours.rate, ours.cpu) for base, ours in rounds), strict=True)
        )
        ratio = statistics.median(ours.rate / base.rate for base, ours in rounds)
        print(f"median: {rate:.0f} sign-ups/s of {base_rate:.0f}/s, {cpu:.2f} ms CPU, ratio {ratio:.2f}", flush=True)
        paced = signups.run(options.seconds * 2, rate=rate / 2)
        print(f"at half of that: {_line(paced)}", flush=True)


def _line(run: Run) -> str:
    failed = f", {run.failed} FAILED" if run.failed else ""
    return f"{run.rate:.0f}/s, p50 {run.p50:.1f} ms, p99 {run.p99:.1f} ms, {run.cpu:.2f} ms CPU{failed}"


def _until_mailed(options: argparse.Namespace, site: Path, environment: dict[str, str]) -> None:
    """Sign-ups at an even pace, until a mail server has accepted each one's confirmation."""
    notes = site / "accepted"
    with _sink(notes) as port:
        mailed = environment | {"LEADMAGNET_SMTP_URL": f"smtp://127.0.0.1:{port}?tls=off"}
        with _started("run", site, mailed) as (process, web_port), _visitors(web_port, FORM, options.clients) as crowd:
            _wait_until_all_is_sent(notes)
            server = Server(process, crowd)
            server.ask(MAILED_RATE, 1, NEW.replace("visitor", "early"))
            result = server.ask(MAILED_RATE, options.seconds * 5, NEW.replace("visitor", "mailed"))
            _wait_until_all_is_sent(notes)
    accepted = dict(reversed(line.split()) for line in notes.read_text().splitlines())
    waits = [
        float(accepted.get(f"mailed{number}@bench.example", "inf")) - begun for number, begun in result["begun"].items()
    ]
    print(
        f"{MAILED_RATE} a second, until the confirmation is accepted: p50 {1000 * _share(waits, 0.5):.0f} ms, "
        f"p99 {1000 * _share(waits, 0.99):.0f} ms, longest {1000 * max(waits):.0f} ms of {len(waits)}"
    )


def _wait_until_all_is_sent(notes: Path) -> None:
    """Returns when the mail server has heard nothing for two seconds."""
    size = -1
    while notes.stat().st_size != size:
        size = notes.stat().st_size
        time.sleep(2)


#: What strangers type; {n} is a number that no other request has. All but the first have rows, or a reason to get none.
STRANGERS = {
    "somebody new": NEW,
    "a reader": "email=reader{n}%40bench.example&timezone=&website=",
    "somebody who asked": "email=asked{n}%40bench.example&timezone=&website=",
    "somebody who left": "email=left{n}%40bench.example&timezone=&website=",
    "left unconfirmed": "email=gone{n}%40bench.example&timezone=&website=",
    "blocked": "email=blocked{n}%40bench.example&timezone=&website=",
    "a mail system": "email=postmaster%40bench{n}.example&timezone=&website=",
    "throw-away": "email=visitor{n}%40mailinator.com&timezone=&website=",
    "a bot": "email=bot{n}%40bench.example&timezone=&website=spam",
}


def _strangers(options: argparse.Namespace, site: Path, environment: dict[str, str]) -> None:
    waits: dict[str, list[float]] = {kind: [] for kind in STRANGERS}
    with _started("web", site, environment) as (process, port), _visitors(port, FORM, 1) as crowd:
        server = Server(process, crowd)
        server.ask(None, 1, NEW.replace("visitor", "early"))
        for turn in range(options.strangers):
            kinds = list(STRANGERS)
            random.Random(turn).shuffle(kinds)
            for kind in kinds:
                result = server.ask(1000, 0.001, STRANGERS[kind].replace("{n}", str(turn)))
                waits[kind] += result["waits"]
    new = waits["somebody new"]
    for kind, found in waits.items():
        median, spread = (1000 * _share(found, 0.5), 1000 * (_share(found, 0.75) - _share(found, 0.25)))
        told = _can_be_told(new, found)
        print(f"{kind:20} median {median:.2f} ms, middle half {spread:.2f} ms, told from somebody new {told:.0%}")


def _can_be_told(one: list[float], other: list[float]) -> float:
    """How often the slower of two answers is of the same kind: a half means that time tells nothing."""
    ahead = sum((a < b) + (a == b) / 2 for a in one for b in other) / (len(one) * len(other))
    return max(ahead, 1 - ahead)


def _populate(database: Database, each: int) -> None:
    """`each` people of every kind that has rows."""
    now = datetime.now(UTC)
    long_ago = now - timedelta(days=30)
    kinds = {
        "reader": ("active", long_ago, None, "active"),
        "asked": ("pending", None, None, "pending"),
        "left": ("unsubscribed", long_ago, now, "exited"),
        "gone": ("unsubscribed", None, now, "exited"),
    }
    with database.write() as session:
        for kind, (status, confirmed, left, enrolled) in kinds.items():
            rows = [
                {"address": f"{kind}{n}@bench.example", "address_key": _key(f"{kind}{n}@bench.example"),
                 "domain_group": "bench.example", "status": status, "created_at": long_ago, "asked_at": now,
                 "confirmed_at": confirmed, "unsubscribed_at": left} for n in range(each)
            ]  # fmt: skip
            ids = session.scalars(insert(Subscriber).returning(Subscriber.id), rows).all()
            reason = "left" if enrolled == "exited" else None
            session.execute(insert(Enrollment), [
                {"subscriber_id": one, "sequence": "hip-openers", "guide": "hip-openers", "status": enrolled,
                 "exit_reason": reason, "created_at": long_ago, "start_at": confirmed} for one in ids
            ])  # fmt: skip
        session.execute(insert(Suppression), [
            {"address_key": _key(f"blocked{n}@bench.example"), "scope": "all", "reason": "complained", "at": now}
            for n in range(each)
        ])  # fmt: skip


def _key(address: str) -> str:
    return addresses.parse(address).key(SECRET.encode())


class Server:
    """A running server, and the visitors that ask it."""

    def __init__(self, process: subprocess.Popen[Any], crowd: subprocess.Popen[str]) -> None:
        self._process = process
        self._crowd = crowd

    def run(self, seconds: float, *, rate: float | None = None) -> Run:
        """Asks for so long, after a warm-up."""
        self.ask(rate, WARM_UP, NEW)
        cpu = self._cpu_seconds()
        result = self.ask(rate, seconds, NEW)
        answers, waits = result["answers"], result["waits"]
        return Run(
            answers / result["seconds"],
            1000 * _share(waits, 0.5),
            1000 * _share(waits, 0.99),
            1000 * (self._cpu_seconds() - cpu) / answers,
            result["failed"],
        )

    def ask(self, rate: float | None, seconds: float, typed: str) -> dict[str, Any]:
        """Gives the visitors one task; see `benchmarks.visitors`."""
        assert self._crowd.stdin is not None
        assert self._crowd.stdout is not None
        self._crowd.stdin.write(json.dumps({"rate": rate, "seconds": seconds, "typed": typed}) + "\n")
        self._crowd.stdin.flush()
        answer: dict[str, Any] = json.loads(self._crowd.stdout.readline())
        return answer

    def _cpu_seconds(self) -> float:
        """What the server has used of the processor; not a number where the system does not tell it so."""
        try:
            fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return float("nan")
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _share(values: list[float], share: float) -> float:
    return sorted(values)[min(int(len(values) * share), len(values) - 1)]


@contextlib.contextmanager
def _web(options: argparse.Namespace, site: Path, environment: dict[str, str]) -> Iterator[Server]:
    with _started("web", site, environment) as (process, port), _visitors(port, FORM, options.clients) as crowd:
        yield Server(process, crowd)


@contextlib.contextmanager
def _noop(options: argparse.Namespace) -> Iterator[Server]:
    port = _free_port()
    command = [sys.executable, "-m", "benchmarks.noop", str(port)]
    with _running(command, ROOT, port) as process, _visitors(port, FORM, options.clients) as crowd:
        yield Server(process, crowd)


@contextlib.contextmanager
def _started(command: str, site: Path, environment: dict[str, str]) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """`leadmagnet run` or `web`, ready to answer; ended as Ctrl-C ends it."""
    port = _free_port()
    here = environment | {
        "LEADMAGNET_PORT": str(port),
        "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
    }
    with _running([sys.executable, "-m", "leadmagnet", command, "--site", str(site)], site, port, here) as process:
        yield process, port


@contextlib.contextmanager
def _sink(notes: Path) -> Iterator[int]:
    port = _free_port()
    notes.touch()
    with _running([sys.executable, "-m", "benchmarks.sink", str(port), str(notes)], ROOT, port):
        yield port


@contextlib.contextmanager
def _running(
    command: list[str], folder: Path, port: int, environment: dict[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    with open(os.devnull, "wb") as nowhere, subprocess.Popen(
        command, cwd=folder, env=environment, stdin=subprocess.PIPE, stdout=nowhere
    ) as process:  # fmt: skip
        try:
            _wait_for(port, process)
            yield process
        finally:
            process.terminate()


@contextlib.contextmanager
def _visitors(port: int, path: str, clients: int) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "benchmarks.visitors", str(port), path, str(clients)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.terminate()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        if process.poll() is not None:
            break
        time.sleep(0.05)
    raise SystemExit("a server of the benchmark does not listen: see above.")


if __name__ == "__main__":
    main()
