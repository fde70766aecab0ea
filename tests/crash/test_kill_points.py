"""A worker process is killed at every named point; what it leaves behind is exactly what was promised."""

import os
import shutil
import signal
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from leadmagnet.delivery import begun, recovery
from leadmagnet.delivery.journal import left_behind
from leadmagnet.failpoints import POINTS
from leadmagnet.store.models import Delivery
from tests.forked import Forked
from tests.mail.servers import ScriptedServer
from tests.waiting import PATIENCE
from tests.world import World

ROOT = Path(__file__).resolve().parents[2]
ADA, BOB = "ada@example.com", "bob@example.com"


@dataclass(frozen=True)
class Left:
    """What a crash leaves: the row's state, the state it ends in, and how often the server took the letter."""

    state: str
    settled: str
    accepted: int


UNSENT = Left("claimed", "sent", 1)
#: Before the gate the protocol proves that nothing was sent; after it only the journal can prove that it was.
PROMISES = {
    "before_claim_commit": Left("pending", "sent", 1),
    "after_claim": UNSENT,
    "after_begin": UNSENT,
    "after_mail": UNSENT,
    "after_rcpt": UNSENT,
    "after_data": UNSENT,
    "after_body": UNSENT,
    "after_gate": Left("handing_off", "uncertain", 0),
    "after_dot": Left("handing_off", "uncertain", 1),
    "after_250": Left("handing_off", "uncertain", 1),
    "after_journal": Left("handing_off", "sent", 1),
    "after_record": Left("sent", "sent", 1),
}


def test_every_failpoint_has_its_promise() -> None:
    assert tuple(PROMISES) == POINTS


def zone_where_it_is_nine() -> str:
    """A zone in which a letter of half past seven is due since an hour and a half."""
    offset = (9 - datetime.now(UTC).hour + 12) % 24 - 12
    return f"Etc/GMT{-offset:+d}" if offset else "Etc/GMT"


def kill_a_worker(
    point: str | None,
    database_url: str,
    site: Path,
    server: ScriptedServer,
    *,
    program: str | None = None,
    connections: int = 1,
) -> None:
    """Runs a real worker until it kills itself at `point`, or somewhere in a `program` of its own."""
    shutil.copy(ROOT / "leadmagnet.toml", site / "leadmagnet.toml")
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "LEADMAGNET_DATABASE_URL": database_url,
        "LEADMAGNET_SMTP_URL": f"smtp://127.0.0.1:{server.port}?tls=off",
        "LEADMAGNET_SECRET_KEYS": "first key",
        "LEADMAGNET_SUPPRESSION_KEY": "a secret for address hashes",
        "LEADMAGNET_DATA_DIR": str(site / "var"),
        "LEADMAGNET_WORKER_CONNECTIONS": str(connections),
        "LEADMAGNET_FAILPOINT": point or "",
    }
    log = site / "worker.log"
    worker = Forked(["worker", "--site", str(site)], cwd=site, env=environment, out=log, program=program)
    assert worker.wait(PATIENCE) == -signal.SIGKILL, log.read_text()


def recover(world: World, site: Path) -> None:
    """What the next worker does before it claims: reads what dead ones left in their journals."""
    world.now = datetime.now(UTC)
    for path, lines in left_behind(site / "var" / "journal"):
        with world.database.write() as session:
            recovery.replay(session, world.published, path, lines, now=world.now)
            recovery.blame(session, world.published, begun.left_by(path), now=world.now)


def settle(world: World, site: Path) -> None:
    """What the next worker does: replay journals, take rows from dead leases, send what is due."""
    recover(world, site)
    with world.database.write() as session:
        session.execute(update(Delivery).where(Delivery.lease_until.is_not(None)).values(lease_until=world.now - YEAR))
    with world.database.write() as session:
        recovery.sweep(session, world.published, limit=100, now=world.now)
    world.deliver()


YEAR = timedelta(days=365)


@pytest.mark.parametrize("point", POINTS)
def test_a_worker_killed_while_it_sends_a_letter(
    point: str, living: World, database_url: str, server: ScriptedServer, tmp_path: Path
) -> None:
    promise = PROMISES[point]
    living.now = datetime.now(UTC) - timedelta(days=2)
    living.joins(ADA, timezone=zone_where_it_is_nine())
    server.arrived.clear()

    kill_a_worker(point, database_url, tmp_path, server)
    (letter,) = living.deliveries(step="tight-hips")
    assert letter.state == promise.state

    settle(living, tmp_path)
    (letter,) = living.deliveries(step="tight-hips")
    assert letter.state == promise.settled
    assert letter.reason is not None or letter.state == "sent"
    assert [mail.recipient for mail in server.arrived] == [ADA] * promise.accepted
    # Sent or maybe sent, the series goes on, once.
    assert [row.state for row in living.deliveries(step="yoga-for-runners")] == ["pending"]


@pytest.mark.parametrize(
    ("point", "first", "ahead_is_sent"),
    [
        ("after_begin:2", PROMISES["after_begin"], False),
        ("after_dot", PROMISES["after_dot"], False),
        ("after_250", PROMISES["after_250"], False),
        ("after_journal", PROMISES["after_journal"], False),
        ("after_data:2", Left("handing_off, or sent already", "sent", 1), False),
        ("after_dot:2", Left("sent", "sent", 1), True),
    ],
)
def test_a_worker_killed_between_two_letters_of_one_connection(
    point: str,
    first: Left,
    ahead_is_sent: bool,
    living: World,
    database_url: str,
    server: ScriptedServer,
    tmp_path: Path,
) -> None:
    """The envelope of the second goes with the dot of the first: until its own dot it is certainly unsent."""
    living.now = datetime.now(UTC) - timedelta(days=2)
    for address in (ADA, BOB):
        living.joins(address, timezone=zone_where_it_is_nine())
    server.arrived.clear()

    kill_a_worker(point, database_url, tmp_path, server)
    states = [letter.state for letter in living.deliveries(step="tight-hips")]
    assert states[0] in first.state
    assert states[1] == ("handing_off" if ahead_is_sent else "claimed")

    settle(living, tmp_path)
    states = [letter.state for letter in living.deliveries(step="tight-hips")]
    assert states == [first.settled, "uncertain" if ahead_is_sent else "sent"]
    assert sorted(mail.recipient for mail in server.arrived) == [ADA] * first.accepted + [BOB]


@pytest.mark.parametrize(("point", "accepted"), [("after_gate", 1), ("after_dot", 2)])
def test_a_confirmation_that_was_maybe_sent_is_repeated_once(
    point: str, accepted: int, living: World, database_url: str, server: ScriptedServer, tmp_path: Path
) -> None:
    living.now = datetime.now(UTC)
    living.asks(ADA)
    kill_a_worker(point, database_url, tmp_path, server)
    settle(living, tmp_path)
    assert [row.state for row in living.deliveries(kind="confirm")] == ["uncertain"]
    for _twice in range(2):
        living.now += timedelta(minutes=3)
        with living.database.write() as session:
            recovery.resend_once(session, now=living.now)
        living.deliver()
    assert [row.state for row in living.deliveries(kind="confirm")] == ["sent"]
    ids = [next(line for line in mail.raw.split(b"\r\n") if line.startswith(b"Message-ID")) for mail in server.arrived]
    assert len(ids) == accepted
    assert len(set(ids)) == 1
