"""Measures how fast letters go out: due row → rendered → gate committed → accepted → recorded → next letter planned.

    .venv/bin/python -m benchmarks.send --letters 20000 --database sqlite
    .venv/bin/python -m benchmarks.send --letters 20000 --database postgresql --dkim --processes 2

Personalised letters of 15 KB of HTML, with a text part and list headers, go into Postfix's smtp-sink where it is
installed, else into a sink of our own. In the same round Postfix's smtp-source drives messages of the same size, as
they are on the wire, into the same sink: the ratio of the two is the figure to quote, because machines differ.
"""

import argparse
import contextlib
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import insert, select, text

from benchmarks.databases import ROOT, database_of_its_own
from leadmagnet.cli.example import copy_to
from leadmagnet.content.compiled import Build
from leadmagnet.content.published import Published
from leadmagnet.delivery import message
from leadmagnet.delivery.letters import Claimed
from leadmagnet.links import Keys, Links
from leadmagnet.mail.facts import MailFacts
from leadmagnet.publishing import drafts, releases
from leadmagnet.store.database import Database
from leadmagnet.store.migrate import upgrade
from leadmagnet.store.models import Delivery, Enrollment, Subscriber

LETTER = "email_templates/hip-openers/20-tight-hips.md"
HTML_SIZE = 15_000
HELLO = "\n{% if first_name %}Dear {{ first_name }}, {% endif %}easy miles first, then the hips.\n"
FILLER = "\nThe towel goes under the back knee, the ribs stay down, and the breath out is longer than the one in.\n"


@dataclass(frozen=True)
class Pace:
    """Messages a second, and the sender's CPU milliseconds a message."""

    rate: float
    cpu: float


@dataclass(frozen=True)
class Round:
    """One measured round: ours, and smtp-source's where it is installed."""

    ours: Pace
    source: Pace | None

    def told(self) -> str:
        if self.source is None:
            return "no smtp-source to compare with"
        rate, cpu = self.ours.rate / self.source.rate, self.ours.cpu / self.source.cpu
        return f"{rate:.2f} of smtp-source's {self.source.rate:.0f}/s, {cpu:.1f} times its {self.source.cpu:.3f} ms"


def main() -> None:
    """Measures and prints; each round is a line, the last line the medians."""
    options = _options()
    with tempfile.TemporaryDirectory(prefix="lmbench") as name:
        folder = Path(name)
        build = _letter_of_15_kb(folder / "site")
        print(f"{_size_on_the_wire(build)} bytes a message", flush=True)
        with _sink() as port, database_of_its_own(options.database, folder) as url:
            rounds = [_round(options, url, folder, build, port) for _ in range(options.rounds)]
    rate = statistics.median(one.ours.rate for one in rounds)
    cpu = statistics.median(one.ours.cpu for one in rounds)
    compared = [(one.ours, one.source) for one in rounds if one.source is not None]
    ratio = "no smtp-source to compare with"
    if compared:
        rates = statistics.median(ours.rate / source.rate for ours, source in compared)
        cpus = statistics.median(ours.cpu / source.cpu for ours, source in compared)
        ratio = f"ratio {rates:.2f}, CPU {cpus:.1f} times smtp-source's"
    print(f"median: {rate:.0f} letters/s, {cpu:.3f} ms CPU a letter, {ratio}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--letters", type=int, default=10_000)
    parser.add_argument("--database", default="sqlite", help="sqlite, postgresql (a private server) or a URL")
    parser.add_argument("--connections", type=int, default=20)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--dkim", action="store_true", help="sign each letter with RSA-2048")
    parser.add_argument("--rounds", type=int, default=3)
    return parser.parse_args()


def _letter_of_15_kb(site: Path) -> Build:
    copy_to(site)
    path = site / LETTER
    head = path.read_text()
    for paragraphs in range(0, 200, 5):
        path.write_text(head + HELLO * 3 + FILLER * paragraphs)
        build = drafts.check(site)
        assert build.compiled is not None, build.findings
        if len(build.compiled.letters["hip-openers/tight-hips"].html) >= HTML_SIZE:
            return build
    raise AssertionError("the letter does not grow")


def _size_on_the_wire(build: Build) -> int:
    """Bytes of the letter as it is sent to the reader numbered 1000."""
    assert build.compiled is not None
    published = Published(1, build.digest, build.compiled)
    reader = _subscriber(1000, datetime.now(UTC), "UTC")
    letter = Claimed(
        id=1000,
        token=1,
        kind="step",
        lane="sequence",
        domain_group="bench",
        message_id=f"{uuid.uuid4().hex}@{published.sender_domain}",
        recipient=str(reader["address"]),
        attempts=0,
        first_attempt_at=None,
        subscriber_id=1000,
        enrollment_id=1000,
        published=published,
        letter=published.letter("hip-openers", "tight-hips"),
        facts=MailFacts("2026-03-03", str(reader["first_name"]), "hip-openers"),
        course=None,
    )
    links = Links("https://mail.example.com", Keys.of(("a key for benchmarks",)))
    return len(message.build(letter, links, now=datetime.now(UTC)))


@contextlib.contextmanager
def _sink() -> Iterator[int]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    postfix = shutil.which("smtp-sink", path=os.environ["PATH"] + ":/usr/sbin")
    as_nobody = ["-u", "nobody"] if os.getuid() == 0 else []
    command = [postfix, *as_nobody, f"127.0.0.1:{port}", "1000"] if postfix else [
        sys.executable, "-m", "benchmarks.sink", str(port)
    ]  # fmt: skip
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        try:
            _wait_for(port)
            yield port
        finally:
            process.terminate()


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.02)
    raise AssertionError("the sink does not listen")


def _round(options: argparse.Namespace, url: str, folder: Path, build: Build, port: int) -> Round:
    database = Database(url)
    upgrade(database)
    _fill(database, build, options.letters)
    source = _smtp_source(port, options.letters * 2, _size_on_the_wire(build))
    with _senders(options, url, folder, port) as senders:
        for sender in senders:
            _say(sender)
        started = time.monotonic()
        while _left(database):
            time.sleep(0.1)
        taken = time.monotonic() - started
        for sender in senders:
            _say(sender)
        cpu = sum(float(_hear(sender)) for sender in senders)
    database.close()
    done = Round(Pace(options.letters / taken, 1000 * cpu / options.letters), source)
    print(f"{done.ours.rate:.0f} letters/s, {done.ours.cpu:.3f} ms CPU a letter, {done.told()}", flush=True)
    return done


Sending = subprocess.Popen[str]


@contextlib.contextmanager
def _senders(options: argparse.Namespace, url: str, folder: Path, port: int) -> Iterator[list[Sending]]:
    """The sending processes, ready to begin."""
    command = [sys.executable, "-m", "benchmarks.sending", url, str(port), str(options.connections), str(folder)]
    command += ["--dkim"] if options.dkim else []
    with contextlib.ExitStack() as stack:
        senders = [
            stack.enter_context(
                subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            )
            for _ in range(options.processes)
        ]
        for sender in senders:
            assert _hear(sender) == "ready"
        yield senders


def _say(sender: Sending) -> None:
    assert sender.stdin is not None
    sender.stdin.write("\n")
    sender.stdin.flush()


def _hear(sender: Sending) -> str:
    assert sender.stdout is not None
    return sender.stdout.readline().strip()


def _left(database: Database) -> bool:
    """Whether a letter still waits or is under way; both looks are at the head of an index."""
    waiting = select(Delivery.id).where(
        Delivery.state == "pending", Delivery.lane == "sequence", Delivery.ready_at <= datetime.now(UTC)
    )
    under_way = select(Delivery.id).where(Delivery.state.in_(["claimed", "handing_off"]))
    with database.read() as session:
        return any(session.scalar(query.limit(1)) is not None for query in (waiting, under_way))


def _fill(database: Database, build: Build, letters: int) -> None:
    """`letters` people, each with the second letter due since this morning."""
    now = datetime.now(UTC)
    start = now - timedelta(days=2)
    zone = f"Etc/GMT{-((9 - now.hour + 12) % 24 - 12):+d}"  # where it is nine: due at half past seven
    with database.write() as session:
        for table in ("audit_event", "delivery", "enrollment", "consent", "subscriber", "release"):
            session.execute(text(f"DELETE FROM {table}"))
        number = releases.publish(session, build, author="bench", now=start)
        ids = range(1, letters + 1)
        session.execute(insert(Subscriber), [_subscriber(i, start, zone) for i in ids])
        enrolled = [
            {"id": i, "subscriber_id": i, "sequence": "hip-openers", "guide": "hip-openers", "status": "active",
             "created_at": start, "start_at": start} for i in ids
        ]  # fmt: skip
        session.execute(insert(Enrollment), enrolled)
        for slug, state, at in (("guide", "sent", start), ("tight-hips", "pending", now - timedelta(hours=1))):
            rows = [
                {"kind": "step", "lane": "sequence", "state": state, "subscriber_id": i, "enrollment_id": i,
                 "sequence": "hip-openers", "step": slug, "due_at": at, "ready_at": at,
                 "sent_at": start if state == "sent" else None, "message_id": f"{uuid.uuid4().hex}@bench.example",
                 "domain_group": f"bench{i % 50}.example", "dedupe_key": f"step:{i}:{slug}", "release_id": number}
                for i in ids
            ]  # fmt: skip
            session.execute(insert(Delivery), rows)


def _subscriber(number: int, start: datetime, zone: str) -> dict[str, object]:
    return {
        "id": number, "address": f"reader{number}@bench{number % 50}.example", "address_key": f"{number:032d}",
        "domain_group": f"bench{number % 50}.example", "status": "active", "first_name": f"Ada {number}",
        "timezone": zone, "created_at": start, "asked_at": start, "confirmed_at": start,
    }  # fmt: skip


def _smtp_source(port: int, messages: int, size: int) -> Pace | None:
    found = shutil.which("smtp-source", path=os.environ["PATH"] + ":/usr/sbin")
    if found is None:
        return None
    started, before = time.monotonic(), os.times()
    command = [found, "-s", "10", "-l", str(size), "-m", str(messages), f"127.0.0.1:{port}"]
    subprocess.run(command, check=True, capture_output=True)
    after = os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return Pace(messages / (time.monotonic() - started), 1000 * cpu / messages)


if __name__ == "__main__":
    main()
