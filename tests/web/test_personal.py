"""Her own data over HTTP: another address, all that is kept, and nothing at all any more."""

import json

import pytest
from flask.testing import FlaskClient

from leadmagnet.audience import privacy
from leadmagnet.audience.privacy import Forgotten
from leadmagnet.links import Keys, Purpose, mint
from leadmagnet.store.models import AddressChange
from tests.web.conftest import OpenDoor, only_sqlite
from tests.web.mails import path_of
from tests.web.page import body_of, page_of
from tests.web.tables import dump
from tests.world import World

ADA, BOB, NEW = "ada@example.com", "bob@example.com", "ada@new.example"
ONE_CLICK = {"List-Unsubscribe": "One-Click"}


def hers(world: World, address: str = ADA) -> str:
    return f"/u/{mint(Purpose.LEAVE, world.subscriber(address).id, world.links.keys)}"


def test_ada_sends_her_letters_to_another_address(world: World, client: FlaskClient) -> None:
    world.joins(ADA)
    page = page_of(client.get(hers(world)))
    (way,) = [link["href"] for link in page.every("a") if link["href"].endswith("/address")]
    form = page_of(client.get(way)).one("form")
    answer = client.post(form["action"], data=body_of(form) | {"email": f" {NEW} "})
    assert NEW in page_of(answer).one("main").words
    assert "Set-Cookie" not in answer.headers
    assert world.subscriber(ADA).address == ADA
    world.deliver()
    (mail,) = world.inbox(NEW)
    link = path_of(mail, "/a/")
    before = dump(world.database)
    shown = page_of(client.get(link))
    assert client.head(link).status_code == 200
    assert dump(world.database) == before
    done = client.post(link, data=body_of(shown.one("form")), headers={"User-Agent": "phone"})
    assert page_of(done).one("h1").words == "Done."
    assert world.subscriber(NEW).status == "active"
    proof = world.consents(NEW)[-1]
    assert (proof.ip, proof.user_agent, proof.message_id) == ("127.0.0.1", "phone", str(mail["Message-ID"])[1:-1])
    before = dump(world.database)
    assert page_of(client.post(link)).one("h1").words == "This is done already."
    assert page_of(client.get(link)).every("form") == []
    assert dump(world.database) == before


@only_sqlite
@pytest.mark.parametrize("typed", ["", "ada", "a@b@c.example", "ada@example", "<b>@x"])
def test_a_mistake_is_said_beside_the_field_and_what_was_typed_is_kept(
    world: World, client: FlaskClient, typed: str
) -> None:
    world.joins(ADA)
    before = dump(world.database)
    page = page_of(client.post(f"{hers(world)}/address", data={"email": typed}), 422)
    field = page.one("input")
    assert (field["value"], field["aria-invalid"]) == (typed, "true")
    assert page.one("p", role="alert")["id"] == field["aria-describedby"]
    assert dump(world.database) == before


@only_sqlite
def test_the_answer_does_not_tell_whether_an_address_is_known(world: World, client: FlaskClient) -> None:
    for reader in (ADA, BOB):
        world.joins(reader)
    said = set()
    for typed in (BOB, NEW, "postmaster@new.example"):
        answer = client.post(f"{hers(world)}/address", data={"email": typed})
        assert answer.status_code == 200
        said.add(answer.text.replace(typed, "…"))
    assert len(said) == 1
    world.wait(days=1)
    for _ in range(3):
        client.post(f"{hers(world)}/address", data={"email": NEW})
    page = page_of(client.post(f"{hers(world)}/address", data={"email": NEW}), 429)
    assert "tomorrow" in page.one("p", role="alert").words


@only_sqlite
def test_an_older_link_and_one_to_a_taken_address_say_what_is_so(world: World, client: FlaskClient) -> None:
    for reader in (ADA, BOB):
        world.joins(reader)
    client.post(f"{hers(world)}/address", data={"email": NEW})
    with world.database.read() as session:
        old = session.query(AddressChange).one().id
    client.post(f"{hers(world)}/address", data={"email": BOB})
    world.deliver()
    keys = world.links.keys
    before = dump(world.database)
    for answer in (
        client.get(f"/a/{mint(Purpose.ADDRESS, old, keys)}"),
        client.post(f"/a/{mint(Purpose.ADDRESS, old, keys)}"),
    ):
        assert page_of(answer, 410).one("h1").words == "This link is not in use any more"
    taken = path_of(world.inbox(BOB)[-1], "/a/")
    assert page_of(client.get(taken)).one("h1").words == "This address has mails of its own"
    assert page_of(client.post(taken)).every("form") == []
    assert dump(world.database) == before
    page_of(client.get(f"/a/{mint(Purpose.CONFIRM, old, keys)}"), 404)


def test_ada_downloads_what_is_kept_about_her(world: World, client: FlaskClient) -> None:
    world.joins(ADA)
    world.joins(BOB)
    before = dump(world.database)
    answer = client.get(f"{hers(world)}/data")
    assert (answer.status_code, answer.mimetype) == (200, "application/json")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="my-data.json"'
    assert (answer.headers["Cache-Control"], answer.headers["X-Robots-Tag"]) == ("no-store", "noindex")
    found = json.loads(answer.text)
    assert found["person"]["address"] == ADA and [row["event"] for row in found["consents"]] == [
        "requested",
        "confirmed",
    ]
    assert BOB not in answer.text
    assert dump(world.database) == before


@only_sqlite
def test_who_was_passed_a_letter_learns_neither_where_she_lives_nor_where_she_goes(
    world: World, client: FlaskClient
) -> None:
    """The link of a letter that was forwarded leads there, too."""
    for number, ip in enumerate(("203.0.113.77", "2001:db8:17:42::9")):
        client.post("/f/hip-openers", data={"email": ADA}, environ_base={"REMOTE_ADDR": ip})
        world.wait(minutes=10 * (number + 1))
    world.joins(ADA)
    client.post(f"{hers(world)}/address", data={"email": NEW})
    answer = client.get(f"{hers(world)}/data")
    found = json.loads(answer.text)
    assert [row["ip"] for row in found["consents"]][:2] == ["203.0.113.0/24", "2001:db8:17::/48"]
    assert list(found["new_address"]) == ["asked_at"]
    assert NEW not in answer.text
    assert "maya@example.com" in found["note"]
    page = page_of(client.get("/privacy")).words
    assert "A letter that you pass on carries the link, too" in page


def test_ada_has_everything_deleted_and_all_her_links_still_say_something_true(
    world: World, client: FlaskClient
) -> None:
    world.joins(ADA)
    client.post(f"{hers(world)}/address", data={"email": NEW})
    world.deliver()
    keys, enrollment = world.links.keys, world.enrollment(ADA).id
    leave, moved = hers(world), path_of(world.inbox(NEW)[0], "/a/")
    confirm, guide = (f"/{way}/{mint(purpose, enrollment, keys)}" for way, purpose in
                      (("c", Purpose.CONFIRM), ("g", Purpose.GUIDE)))  # fmt: skip
    click = f"/l/{mint(Purpose.CLICK, world.deliveries(step='guide')[0].id, keys)}00"
    before = dump(world.database)
    form = page_of(client.get(f"{leave}/forget")).one("form")
    page_of(client.post(form["action"]), 400)
    assert dump(world.database) == before
    page = page_of(client.post(form["action"], data=body_of(form)))
    assert page.one("h1").words == "Nothing is left."
    left = dump(world.database)
    assert ADA not in str(left) and NEW not in str(left)
    for answer in (
        client.get(leave), client.post(leave, data=ONE_CLICK), client.get(f"{leave}/data"), client.get(f"{leave}/address"),
        client.post(f"{leave}/address", data={"email": BOB}), client.get(f"{leave}/forget"),
        client.post(form["action"], data=body_of(form)),
    ):  # fmt: skip
        assert page_of(answer).one("h1").words == "Nothing is left."
    for path in (guide, f"{guide}.pdf", confirm):
        assert page_of(client.get(path), 410).one("form")["action"] == "/f/hip-openers"
    page_of(client.post(confirm), 410)
    for answer in (client.get(moved), client.post(moved)):
        assert page_of(answer, 410).one("h1").words == "This link is not in use any more"
    assert client.get(click).status_code == 302
    known = client.post("/f/hip-openers", data={"email": "carol@example.com"})
    again = client.post("/f/hip-openers", data={"email": ADA})
    assert (again.status_code, again.location) == (known.status_code, known.location)
    world.deliver()
    assert len(world.inbox(ADA)) == 2


@only_sqlite
def test_who_cannot_be_deleted_this_moment_is_asked_to_press_once_more(
    world: World, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.joins(ADA)
    monkeypatch.setattr(privacy, "forget", lambda *_args, **_more: Forgotten.BUSY)
    monkeypatch.setattr(privacy, "_WAIT", 0)
    page = page_of(client.post(f"{hers(world)}/forget", data={"forget": "everything"}), 503)
    assert "press the button once more" in page.one("p", role="alert").words


@only_sqlite
def test_links_work_as_long_as_their_key_is_in_the_list(world: World, open_door: OpenDoor) -> None:
    world.joins(ADA)
    changed, gone = open_door(secret_keys="new key, first key"), open_door(secret_keys="new key")
    enrollment, row = world.enrollment(ADA).id, world.deliveries(step="tight-hips")[0].id
    old = world.links.keys
    changed.post(f"{hers(world)}/address", data={"email": NEW})
    with world.database.read() as session:
        change = session.query(AddressChange).one().id
    for path, status in (
        (f"/c/{mint(Purpose.CONFIRM, enrollment, old)}", 200),
        (f"/g/{mint(Purpose.GUIDE, enrollment, old)}", 200),
        (hers(world), 200),
        (f"{hers(world)}/data", 200),
        (f"/a/{mint(Purpose.ADDRESS, change, old)}", 200),
        (f"/l/{mint(Purpose.CLICK, row, old)}00", 302),
        (f"/u/{mint(Purpose.LEAVE, 4711, Keys.of(('first key',)))}", 200),
    ):
        assert changed.get(path).status_code == status, path
        page_of(gone.get(path), 404)
