"""Links that are not ours: every one of them gets the same page."""

import base64

import pytest
from flask.testing import FlaskClient

from leadmagnet.links import Keys, Purpose, mint
from tests.web.conftest import OpenDoor, only_sqlite
from tests.web.page import page_of
from tests.web.tables import dump
from tests.world import World

DOORS = {"c": Purpose.CONFIRM, "g": Purpose.GUIDE, "u": Purpose.LEAVE}
BODIES = {"c": {}, "g": {"letters": "start"}, "u": {"List-Unsubscribe": "One-Click"}}


def flipped(token: str, bit: int) -> str:
    raw = bytearray(base64.urlsafe_b64decode(token + "=="))
    raw[bit // 8] ^= 1 << bit % 8
    return base64.urlsafe_b64encode(bytes(raw)).rstrip(b"=").decode()


def forgeries(token: str, purpose: Purpose, row: int, keys: Keys) -> dict[str, str]:
    other = next(p for p in Purpose if p is not purpose)
    return {
        "cut": token[:-1],
        "cut in half": token[:15],
        "one letter more": token + "A",
        "with padding": token + "==",
        "in capitals": token.upper(),
        "another purpose": mint(other, row, keys),
        "another key": mint(purpose, row, Keys.of(("a key of somebody else",))),
        "the spare bits of the last letter": token[:-1] + ("B" if token[-1] == "A" else chr(ord(token[-1]) + 1)),
        "another row": flipped(token, 79),
        "letters that are none of base64": "ö" * 30,
        "nothing but zeros": "A" * 30,
        "a number": str(row),
        "a very long one": "x" * 3000,
    } | {f"bit {bit} flipped": flipped(token, bit) for bit in (0, 8, 40, 80, 100, 175)}


@only_sqlite
@pytest.mark.parametrize("door", DOORS)
def test_every_forged_link_gets_the_one_page_of_a_wrong_link(world: World, client: FlaskClient, door: str) -> None:
    world.joins("ada@example.com")
    row = world.subscriber("ada@example.com").id if door == "u" else world.enrollment("ada@example.com").id
    token = mint(DOORS[door], row, world.links.keys)
    assert client.get(f"/{door}/{token}").status_code == 200
    before = dump(world.database)
    unknown = client.get("/no/such/page")
    page_of(unknown, 404)
    for how, forged in forgeries(token, DOORS[door], row, world.links.keys).items():
        for answer in (client.get(f"/{door}/{forged}"), client.post(f"/{door}/{forged}", data=BODIES[door])):
            assert (answer.status_code, answer.data) == (404, unknown.data), how
            assert answer.headers == unknown.headers, how
    assert dump(world.database) == before


@pytest.mark.parametrize("door", DOORS)
def test_every_key_in_the_list_opens_and_one_taken_out_opens_no_more(
    world: World, open_door: OpenDoor, door: str
) -> None:
    world.joins("ada@example.com")
    row = world.subscriber("ada@example.com").id if door == "u" else world.enrollment("ada@example.com").id
    path = f"/{door}/{mint(DOORS[door], row, world.links.keys)}"
    assert open_door(secret_keys="second key,first key").get(path).status_code == 200
    assert open_door(secret_keys="third key , first key").get(path).status_code == 200
    page_of(open_door(secret_keys="second key").get(path), 404)


@only_sqlite
@pytest.mark.parametrize(
    ("accept", "is_json"),
    [
        (None, False),
        ("*/*", False),
        ("text/html,application/xhtml+xml,*/*;q=0.8", False),
        ("application/json", True),
        ("application/json, text/plain, */*;q=0.5", True),
        ("text/html, application/json;q=0.9", False),
        ("nonsense", False),
    ],
)
def test_a_program_that_prefers_json_gets_json(
    world: World, client: FlaskClient, accept: str | None, is_json: bool
) -> None:
    answer = client.get("/no/such/page", headers={"Accept": accept} if accept else {})
    assert answer.status_code == 404
    assert answer.mimetype == ("application/json" if is_json else "text/html")
    if is_json:
        assert answer.json is not None
        assert set(answer.json["error"]) == {"field", "message"} and answer.json["error"]["field"] is None
