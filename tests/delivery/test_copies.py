"""A watched letter's first five sends are shown to the operator, with nobody's personal links in them."""

import re
from dataclasses import replace

from leadmagnet.content.compiled import Build
from leadmagnet.links import Purpose, mint
from tests.delivery.crowd import THURSDAY_MORNING, gather
from tests.world import GUIDE, World

OPERATOR = "maya@example.com"


def _watching(example: Build) -> Build:
    assert example.compiled is not None
    sequence = example.compiled.sequences[GUIDE]
    steps = tuple(one.model_copy(update={"watch": True}) if one.slug == "tight-hips" else one for one in sequence.steps)
    watched = {GUIDE: sequence.model_copy(update={"steps": steps})}
    compiled = example.compiled.model_copy(update={"sequences": watched})
    return replace(example, compiled=compiled, digest="f" * 64)


def _without_links(text: str) -> str:
    return re.sub(r"http\S+", "…", text)


def test_the_operator_gets_the_first_five_and_no_more(world: World, example: Build) -> None:
    world.publish(_watching(example))
    gather(world, 7)
    world.now = THURSDAY_MORNING
    world.deliver(limit=3)
    copies = world.inbox(OPERATOR)
    assert [copy["Subject"] for copy in copies] == [
        f"[copy {number} of 5] {world.inbox()[0]['Subject']}" for number in range(1, 6)
    ]
    keys = {row.dedupe_key for row in world.deliveries(kind="notice")}
    assert keys == {f"watch:{GUIDE}/tight-hips:{number}" for number in range(1, 6)}


def test_a_copy_has_the_readers_words_and_none_of_her_links(world: World, example: Build) -> None:
    world.publish(_watching(example))
    gather(world, 1)
    world.now = THURSDAY_MORNING
    world.deliver()
    hers, copy = (mail for mail in world.inbox())
    (delivery,) = world.deliveries(step="tight-hips", state="sent")
    personal = [
        token
        for purpose, row in (
            (Purpose.LEAVE, delivery.subscriber_id),
            (Purpose.GUIDE, delivery.enrollment_id),
            (Purpose.CLICK, delivery.id),
        )
        if (token := mint(purpose, row or 0, world.links.keys))
    ]
    text = str(hers.get_body(("plain",)).get_content())  # type: ignore[union-attr]
    shown = copy.as_string()
    assert any(token in text for token in personal)
    assert not any(token in shown for token in personal)
    assert copy["List-Unsubscribe"] is None
    assert _without_links(text) == _without_links(str(copy.get_body(("plain",)).get_content()))  # type: ignore[union-attr]


def test_a_letter_that_nobody_watches_is_copied_to_nobody(world: World) -> None:
    gather(world, 1)
    world.now = THURSDAY_MORNING
    world.deliver()
    assert world.deliveries(kind="notice") == []
