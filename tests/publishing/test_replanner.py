"""A loop that re-plans takes as many people at a time as fit in a short transaction."""

from leadmagnet.content.compiled import Build
from leadmagnet.publishing import replanner
from leadmagnet.publishing.releases import Live
from leadmagnet.publishing.replanner import Replanner
from tests.publishing.crowd import letters_of
from tests.publishing.edits import with_steps
from tests.publishing.rightness import assert_right
from tests.world import World


def test_a_loop_goes_on_until_nobody_is_left(crowd: World, example: Build, monkeypatch) -> None:
    monkeypatch.setattr(replanner, "_FEWEST", 1)
    letters = letters_of(example)
    crowd.publish(with_steps(example, letters.guide, letters.a.model_copy(update={"day": 4}), letters.b, letters.c))
    loop = Replanner(crowd.database, Live())
    loop.rows = 1
    looked_at = []
    while not looked_at or looked_at[-1]:
        with crowd.database.write() as session:
            looked_at.append(loop.chunk(session, crowd.now))
    assert sum(looked_at) == 3
    assert_right(crowd)


def test_slow_chunks_shrink_and_quick_ones_grow_within_bounds(crowd: World, monkeypatch) -> None:
    seconds = iter([0.0, 0.0, 10.0, 10.0 + 1e-9, 20.0, 99.0])
    monkeypatch.setattr(replanner.time, "monotonic", lambda: next(seconds))
    loop = Replanner(crowd.database, Live())
    monkeypatch.setattr(loop._replan, "chunk", lambda *_given, limit, now: limit)
    rows = []
    for _ in range(3):
        with crowd.database.read() as session:
            loop.chunk(session, crowd.now)
        rows.append(loop.rows)
    assert rows == [50, 100, 25]
