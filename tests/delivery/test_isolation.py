"""One row that raises is held, and holds nobody up."""

import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from leadmagnet.delivery import claim as claiming_room
from leadmagnet.delivery import isolation, recovery
from leadmagnet.delivery.claim import Batch
from leadmagnet.delivery.gate import Gate
from leadmagnet.delivery.journal import AcceptedLine
from leadmagnet.delivery.letters import Claimed
from leadmagnet.delivery.quota import UNLIMITED
from leadmagnet.publishing.releases import Live
from leadmagnet.store.database import Session
from leadmagnet.store.models import AuditEvent
from tests.delivery.crowd import THURSDAY_MORNING, gather
from tests.world import World


def claim(world: World, *, limit: int = 10) -> tuple[list[Claimed], bool]:
    """What was claimed, and whether there may be more."""

    def claiming(session: Session, limit: int, only: int | None) -> Batch:
        return claiming_room.claim_within(
            session, Live().get(session), world.lease, UNLIMITED, lane="sequence", limit=limit, only=only, now=world.now
        )

    batch = isolation.claim(world.database, claiming, lane="sequence", limit=limit, now=world.now)
    return batch.letters, batch.is_full


def raising(monkeypatch: pytest.MonkeyPatch, room: object, name: str, bad: set[int], *, argument: int, at: str) -> None:
    """Lets a function raise for some rows: those whose `at` of its n-th argument is among them."""
    really = getattr(room, name)

    def checked(*given, **named):
        found = given[argument]
        if (getattr(found, at) if at else found) in bad:
            raise KeyError("a defect")
        return really(*given, **named)

    monkeypatch.setattr(room, name, checked)


def cannot_be_claimed(monkeypatch: pytest.MonkeyPatch, *bad: int) -> None:
    raising(monkeypatch, claiming_room, "_settle", set(bad), argument=2, at="id")


def states(world: World) -> list[str]:
    return [row.state for row in world.deliveries(step="tight-hips")]


def reasons(world: World, event: str) -> list[str]:
    with world.database.read() as session:
        found = session.scalars(select(AuditEvent).where(AuditEvent.event == event))
        return [row.detail["reason"] for row in found if row.detail]


def test_a_row_that_cannot_be_claimed_is_held_and_the_others_go(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = gather(world, 4)
    world.now = THURSDAY_MORNING
    cannot_be_claimed(monkeypatch, ids[1])
    letters, is_full = claim(world, limit=4)
    assert ([letter.id for letter in letters], is_full) == ([ids[0], *ids[2:]], True)
    assert states(world) == ["claimed", "held", "claimed", "claimed"]
    (held,) = world.deliveries(state="held")
    assert (held.reason, held.ended_at) == ("cannot be claimed: KeyError", world.now)
    assert reasons(world, "held") == ["cannot be claimed: KeyError"]
    assert claim(world) == ([], 0)


def test_a_row_that_is_alone_and_cannot_be_claimed_is_held(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = gather(world, 1)
    world.now = THURSDAY_MORNING
    cannot_be_claimed(monkeypatch, *ids)
    assert claim(world, limit=1) == ([], True)
    assert states(world) == ["held"]


def test_when_nothing_can_be_claimed_the_fault_is_not_the_rows(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = gather(world, 3)
    world.now = THURSDAY_MORNING
    cannot_be_claimed(monkeypatch, *ids)
    with pytest.raises(KeyError):
        claim(world)
    assert states(world) == ["pending"] * 3


def test_a_database_that_is_full_blames_no_row(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    gather(world, 3)
    world.now = THURSDAY_MORNING
    full = sqlite3.OperationalError("database or disk is full")
    full.sqlite_errorcode = sqlite3.SQLITE_FULL
    tries = []

    def fail(*_given, **_named) -> None:
        tries.append(1)
        raise OperationalError("UPDATE", {}, full)

    monkeypatch.setattr(claiming_room, "claim", fail)
    with pytest.raises(OperationalError):
        claim(world)
    assert len(tries) == 1, "it is not asked again for each row"
    assert states(world) == ["pending"] * 3


def test_letters_claimed_before_the_database_went_away_are_still_sent(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = gather(world, 3)
    world.now = THURSDAY_MORNING
    cannot_be_claimed(monkeypatch, ids[1])
    really = claiming_room.claim

    def away(session, *given, only=None, **named):
        if only == ids[2]:
            raise OperationalError("UPDATE", {}, sqlite3.OperationalError("gone"))
        return really(session, *given, only=only, **named)

    monkeypatch.setattr(claiming_room, "claim", away)
    letters, _seen = claim(world)
    assert [letter.id for letter in letters] == [ids[0]]
    assert states(world) == ["claimed", "pending", "pending"], "nobody is blamed in an outage"


def what_follows_cannot_be_planned(world: World, monkeypatch: pytest.MonkeyPatch, letter: Claimed) -> None:
    assert letter.enrollment_id is not None
    raising(monkeypatch, recovery, "go_on", {letter.enrollment_id}, argument=2, at="")


def at_the_dot(world: World, count: int) -> list[Claimed]:
    gather(world, count)
    world.now = THURSDAY_MORNING
    letters = world.claim()
    assert {world.commits.gate(letter) for letter in letters} == {Gate.OPEN}
    return letters


def test_a_row_that_cannot_be_swept_is_held_and_the_others_are(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    letters = at_the_dot(world, 3)
    world.leases_run_out()
    what_follows_cannot_be_planned(world, monkeypatch, letters[1])
    with pytest.raises(KeyError):
        world.sweeps()
    isolation.sweep(world.database, Live(), limit=10, now=world.now)
    assert states(world) == ["uncertain", "held", "uncertain"]
    (held,) = world.deliveries(state="held")
    assert held.reason == "maybe sent, and what follows cannot be planned: KeyError"
    assert reasons(world, "held") == [held.reason]
    assert len(world.deliveries(state="pending", step="yoga-for-runners")) == 2


def test_an_accepted_mail_is_sent_even_if_what_follows_cannot_be_planned(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    letters = at_the_dot(world, 3)
    lines = [AcceptedLine(letter.id, letter.message_id, world.now) for letter in letters]
    what_follows_cannot_be_planned(world, monkeypatch, letters[1])
    isolation.replay(world.database, Live(), Path("dead.journal"), lines, now=world.now)
    assert states(world) == ["sent"] * 3
    assert reasons(world, "sent by journal") == ["what follows cannot be planned: KeyError"]
    assert len(world.deliveries(state="pending", step="yoga-for-runners")) == 2
