"""The operator's hands on one person: what is said, what then happens, and what may not be."""

import json
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import select

from leadmagnet import clock
from leadmagnet.audience import suppressions
from leadmagnet.audience.consent import Origin
from leadmagnet.cli import leadmagnet
from leadmagnet.store.models import AuditEvent, Delivery
from tests.conftest import ROOT
from tests.databases import ON_SQLITE
from tests.world import GUIDE, SECRET, World

ADA, BOB = "ada@example.com", "bob@example.com"


class _Terminal:
    """`leadmagnet` on the world's database, at the world's time."""

    def __init__(self, world: World, folder: Path) -> None:
        (folder / "leadmagnet.toml").write_text((ROOT / "leadmagnet.toml").read_text())
        self._folder = folder
        self._settings = {
            "LEADMAGNET_DATABASE_URL": world.database.url,
            "LEADMAGNET_SUPPRESSION_KEY": SECRET.decode(),
            "LEADMAGNET_SECRET_KEYS": "first key",
        }

    def __call__(self, *words: str, code: int = 0) -> str:
        done = CliRunner().invoke(leadmagnet, [*words, "--site", str(self._folder)], env=self._settings)
        said = done.output or str(done.exception)
        assert done.exit_code == code, said
        return said


@pytest.fixture
def terminal(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> _Terminal:
    monkeypatch.setattr(clock, "now", lambda: world.now)
    for door in ("people", "delivery"):
        monkeypatch.setattr(f"leadmagnet.cli.{door}.operator", lambda: "maya")
    return _Terminal(world, tmp_path)


def test_all_that_is_kept_about_one_person_is_printed(world: World, terminal: _Terminal) -> None:
    world.joins(ADA)
    document = json.loads(terminal("export", ADA))
    assert document["person"]["address"] == ADA and len(document["mails"]) == 3
    assert "nobody here has the address" in terminal("export", BOB, code=1)


def test_forgetting_asks_first_and_leaves_nothing(world: World, terminal: _Terminal) -> None:
    world.joins(ADA)
    terminal("forget", ADA, code=1)
    assert world.subscriber(ADA).status == "active"
    assert json.loads(terminal("forget", ADA, "--yes", "--json")) == {"forgotten": True}
    assert ADA not in str(world.everything())
    assert "nobody here has the address" in terminal("forget", ADA, "--yes", code=1)


def _history(world: World) -> list[tuple[str, object]]:
    with world.database.read() as session:
        events = session.scalars(select(AuditEvent).order_by(AuditEvent.id)).all()
        return [(one.event, one.detail and one.detail["by"]) for one in events]


def test_one_person_is_shown_shortly(world: World, terminal: _Terminal) -> None:
    led = {"referrer": "instagram.com", "utm_source": "ig"}
    world.joins(ADA, origin=Origin(page="https://example.com/barre", source=led))
    world.asks(ADA, limits=False, origin=Origin(page="https://example.com/later"))
    world.tagged(ADA, "student")
    assert terminal("person", ADA).splitlines() == [
        "ada@example.com is active, confirmed on Tue 3 Mar 2026, 21:12 EST",
        "  came from instagram.com to https://example.com/barre (utm_source=ig)",
        "  reads hip-openers",
        "  tags: student",
        "Next: 20-tight-hips, Thu 5 Mar 2026, 07:30 EST",
        "The whole story: leadmagnet why ada@example.com",
    ]


def test_a_pause_by_hand_says_the_date_that_then_happens(world: World, terminal: _Terminal) -> None:
    world.joins(ADA)
    said = terminal("person", ADA, "--pause")
    assert "gets no letters until Thu 2 Apr 2026." in said
    assert "moves from Thu 5 Mar 2026, 07:30 EST to Thu 2 Apr 2026, 07:30 EDT." in " ".join(said.split())
    assert "paused already, until Thu 2 Apr 2026." in terminal("person", ADA, "--pause")
    assert "instead of Thu 2 Apr 2026" in " ".join(terminal("person", ADA, "--pause", "--until", "7").split())
    assert "paused until Tue 10 Mar 2026" in terminal("person", ADA)
    world.skip(until=world.now + timedelta(days=7, hours=20))
    assert [row.step for row in world.deliveries(kind="step", state="sent")] == ["tight-hips"]
    assert "is not paused. Her next letter is 30-yoga-for-runners" in terminal("person", ADA, "--resume")
    assert _history(world) == [("paused", "maya"), ("paused", "maya")]


def test_leaving_by_hand_is_her_own_door_with_a_proof(world: World, terminal: _Terminal) -> None:
    world.joins(ADA)
    assert "has left. hip-openers ended, and no letter follows." in terminal("person", ADA, "--leave")
    assert "has left already, on Tue 3 Mar 2026" in terminal("person", ADA, "--leave")
    proof = world.consents(ADA)[-1]
    assert (proof.event, proof.ip) == ("withdrawn", None)
    assert _history(world) == [("left", "maya")]
    assert "has left on Tue 3 Mar 2026" in terminal("person", ADA, "--start", GUIDE, code=1)
    assert "nothing to pause" in terminal("person", ADA, "--pause", code=1)


def test_several_changes_are_all_made_or_none(world: World, terminal: _Terminal) -> None:
    world.joins(ADA)
    before = world.everything()
    said = terminal("person", ADA, "--tag", "student", "--start", "hip-opener", code=1)
    assert "there is no sequence 'hip-opener'. Did you mean hip-openers?" in said
    assert world.everything() == before
    document = json.loads(terminal("person", ADA, "--tag", "student", "--pause", "--start", GUIDE, "--json"))
    assert [(one["change"], one["changed"]) for one in document["changes"]] == [
        ("tag", True), ("start", False), ("pause", True)
    ]  # fmt: skip
    assert (document["person"]["tags"], document["person"]["came_from"]) == (["student"], None)
    assert document["person"]["next"]["due_at"] == "2026-04-02T11:30:00+00:00"
    assert "no longer has the tag student" in terminal("person", ADA, "--untag", "student")
    assert "has no tag studnt. She has no tags." in terminal("person", ADA, "--untag", "studnt")


def test_nobody_is_written_to_who_has_not_confirmed_or_is_blocked(world: World, terminal: _Terminal) -> None:
    world.asks(BOB)
    assert "nobody is written to who has not confirmed" in terminal("person", BOB, "--start", GUIDE, code=1)
    assert "has not confirmed, asked on" in terminal("person", BOB)
    world.joins(ADA)
    with world.database.write() as session:
        suppressions.add(session, world.subscriber(ADA).address_key, "all", "complained", now=world.now)
    assert "blocked address (complained)" in terminal("person", ADA, "--start", GUIDE, code=1)
    assert "nobody here has the address carol@example.com" in terminal("person", "carol@example.com", code=1)


@ON_SQLITE  # what is typed is the same everywhere
def test_what_cannot_be_meant_is_misuse(terminal: _Terminal, world: World) -> None:
    world.joins(ADA)
    for words, answer in {
        "--until 2026-04-01": "goes with --pause",
        "--pause --resume": "say the opposite",
        f"--leave --start {GUIDE}": "can do nothing",
        "--tag one --untag one": "say the opposite",
        "--tag tag:one": "is no tag",
        "--pause --until yesterday": "is no date",
        "--pause --until 2026-03-01": "is over",
        "--pause --until 0": "are no pause",
    }.items():
        assert answer in terminal("person", ADA, *words.split(), code=2)
    assert "missing its @" in terminal("person", "ada", code=2)


def test_resend_says_for_each_mail_what_becomes_of_it(world: World, terminal: _Terminal) -> None:
    world.joins(ADA)
    world.joins(BOB)
    confirmation, guide, hers = world.deliveries(subscriber_id=world.subscriber(ADA).id)
    his = world.deliveries(subscriber_id=world.subscriber(BOB).id)[-1]
    lines = terminal("resend", str(confirmation.id), str(hers.id), "4711", code=1).splitlines()
    assert lines == [
        f"{confirmation.id}: was sent on Tue 3 Mar 2026, 21:12 EST, and nobody gets a letter twice.",
        f"{hers.id}: waits already, and is due Thu 5 Mar 2026, 07:30 EST: nothing to decide.",
        "4711: there is no such mail. `leadmagnet status` names those that wait for you.",
    ]
    for one in (hers, his):
        world.changes(Delivery, one.id, state="held", reason="poison", ended_at=world.now)
    world.leaves(BOB)
    terminal("person", ADA, "--pause")
    lines = terminal("resend", str(hers.id), str(his.id)).splitlines()
    assert lines == [
        f"{hers.id}: goes out as soon as her own pause is over",
        f"{his.id}: is not sent, because she has left. It no longer waits for you.",
    ]
    assert _history(world)[1:] == [("released by operator", "maya")] * 2
    world.changes(Delivery, guide.id, state="uncertain", sent_at=None, ended_at=world.now, reason="?")
    world.changes(Delivery, hers.id, state="sent", sent_at=world.now)
    words = "is not sent, because she has had a later letter since, and letters do not go backwards."
    assert words in terminal("resend", str(guide.id), code=1)
