"""How one process claims ahead of its senders."""

from pathlib import Path

import pytest

from leadmagnet.delivery import dispatcher, isolation
from tests.databases import ON_SQLITE
from tests.delivery.crowd import THURSDAY_MORNING, gather
from tests.delivery.relays import Relay
from tests.delivery.test_outage import by_hand
from tests.world import World


@ON_SQLITE
def test_full_hands_do_not_ask_again(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Five connections take fifty letters in hand: after thirty there is no room for another claim worth its commit."""
    gather(world, 40)
    world.now = THURSDAY_MORNING
    asked: list[str] = []
    claim = isolation.claim

    def noted(*given, lane: str, **more):
        asked.append(lane)
        return claim(*given, lane=lane, **more)

    monkeypatch.setattr(isolation, "claim", noted)
    monkeypatch.setattr(dispatcher, "_LARGEST_CLAIM", 20)
    with by_hand(world, Relay(lambda: world.now), tmp_path) as worker:
        assert worker.parts._claim_more(), "there is room for twenty more, and twenty more are due"
        assert asked == ["transactional", "sequence"]
        monkeypatch.setattr(dispatcher, "_LARGEST_CLAIM", 10)
        assert not worker.parts._claim_more()
        assert asked == ["transactional", "sequence"] * 2
        assert worker.parts._in_hand.within_reach == 30
