"""GET never changes anything: mail scanners follow every link within the second."""

import pytest

from tests.web.conftest import OpenDoor
from tests.web.tables import dump
from tests.web.tour import populate
from tests.world import World


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_following_every_link_changes_no_row(world: World, open_door: OpenDoor, method: str) -> None:
    paths = populate(world)
    client = open_door()
    before = dump(world.database)
    assert len(before["subscriber"]) == 3 and len(before["delivery"]) == 8
    for _ in range(2):
        for name, path in paths.items():
            more = "&" if "?" in path else "?"
            answer = client.open(f"{path}{more}undo=1&letters=start", method=method)
            assert answer.status_code < 500, name
            assert "Set-Cookie" not in answer.headers, name
    assert dump(world.database) == before


def test_head_answers_as_get_does_without_the_body(world: World, open_door: OpenDoor) -> None:
    client = open_door()
    for name, path in populate(world).items():
        shown, asked = client.get(path), client.head(path)
        assert asked.data == b"", name
        assert (asked.status_code, asked.mimetype) == (shown.status_code, shown.mimetype), name


def test_a_page_that_takes_no_post_says_so(world: World, open_door: OpenDoor) -> None:
    client = open_door()
    paths = populate(world)
    before = dump(world.database)
    for name in ("start", "privacy", "mailbox", "mail", "healthz", "readyz", "metrics"):
        answer = client.post(paths[name], data={"email": "ada@example.com"})
        assert answer.status_code == 405, name
        assert set(answer.headers["Allow"].split(", ")) == {"GET", "HEAD", "OPTIONS"}, name
    for method in ("PUT", "PATCH", "DELETE", "TRACE"):
        for name in ("form", "sent", "confirm", "guide", "leave"):
            answer = client.open(paths[name], method=method)
            assert answer.status_code == 405, name
            assert set(answer.headers["Allow"].split(", ")) == {"GET", "HEAD", "OPTIONS", "POST"}, name
    assert dump(world.database) == before
