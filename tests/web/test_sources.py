"""What led to the form: told by fields, by the page's own address, or by the browser; kept short, with the consent."""

import pytest
from flask.testing import FlaskClient

from leadmagnet.store.models import Consent
from tests.web.conftest import only_sqlite
from tests.web.page import Element, body_of, page_of
from tests.world import World

FORM = "/f/hip-openers"
ADA = "ada@example.com"
BLOG = "https://example.com"


def kept(world: World) -> tuple[str | None, object]:
    """Page and source of the newest proof."""
    with world.database.read() as session:
        proof = session.query(Consent).order_by(Consent.id.desc()).first()
        assert proof is not None
        return proof.page, proof.source


def box_of(client: FlaskClient, path: str, referer: str = "") -> Element:
    return page_of(client.get(path, headers={"Referer": referer} if referer else {})).one("form")


def test_what_the_script_tells_is_kept_with_the_consent(world: World, client: FlaskClient) -> None:
    told = {
        "page": f"{BLOG}/barre?email=ada@example.com#box",
        "referrer": "www.instagram.com",
        "utm_source": " ig\0\x1b ",
        "utm_medium": "x" * 200,
        "utm_id": "7",
        "utm_term": "",
    }
    client.post(FORM, data={"email": ADA, **told}, headers={"Referer": f"{BLOG}/"})
    assert kept(world) == (
        f"{BLOG}/barre",
        {"referrer": "www.instagram.com", "utm_source": "ig", "utm_medium": "x" * 100},
    )


@only_sqlite
@pytest.mark.parametrize(
    ("told", "referer", "expected"),
    [
        ({}, "", (None, None)),
        ({}, f"{BLOG}/barre?utm_source=ig&x=1", (f"{BLOG}/barre", {"utm_source": "ig"})),
        ({"utm_term": "a"}, f"{BLOG}/?utm_source=ig", (f"{BLOG}/", {"utm_term": "a"})),
        ({"page": "javascript:alert(1)"}, f"{BLOG}/", (f"{BLOG}/", None)),
        ({"page": "http://["}, "", (None, None)),
        ({"page": "https://ada:secret@example.com/x"}, "", (f"{BLOG}/x", None)),
        ({"page": f"{BLOG}/" + "x" * 3000}, "", ((f"{BLOG}/" + "x" * 3000)[:512], None)),
        ({"referrer": "<b>"}, "", (None, None)),
        ({"referrer": "a b.example"}, "", (None, None)),
        ({"referrer": "x" * 101}, "", (None, None)),
        ({"referrer": "Blog.Example:8443"}, "", (None, {"referrer": "blog.example:8443"})),
        ({}, f"{BLOG}/?" + "&" * 3000, (f"{BLOG}/", None)),
    ],
)
def test_nobody_can_tell_more_than_is_kept(
    world: World, client: FlaskClient, told: dict[str, str], referer: str, expected: tuple[str | None, object]
) -> None:
    headers = {"Referer": referer} if referer else {}
    assert client.post(FORM, data={"email": ADA, **told}, headers=headers).status_code == 303
    assert kept(world) == expected


@only_sqlite
def test_a_page_of_ours_carries_its_own_marks_through_the_post_and_through_a_mistake(
    world: World, client: FlaskClient
) -> None:
    path = f'{FORM}?utm_source=instagram&utm_campaign="><script>&utm_id=9&email={ADA}'
    box = box_of(client, path, "https://l.instagram.com/?u=x")
    body = body_of(box)
    assert "utm_id" not in body and ADA not in body.values()
    wrong = page_of(client.post(FORM, data=body | {"email": "nobody"}), 422).one("form")
    assert client.post(FORM, data=body_of(wrong) | {"email": ADA}).status_code == 303
    assert kept(world)[1] == {
        "referrer": "l.instagram.com",
        "utm_source": "instagram",
        "utm_campaign": '"><script>',
    }


@only_sqlite
def test_a_frame_carries_the_page_around_it(world: World, client: FlaskClient) -> None:
    body = body_of(box_of(client, f"{FORM}/embed", f"{BLOG}/barre?utm_source=ig&secret=1"))
    client.post(f"{FORM}?in=frame", data=body | {"email": ADA}, headers={"Referer": f"http://localhost{FORM}/embed"})
    assert kept(world) == (f"{BLOG}/barre", {"utm_source": "ig"})


@only_sqlite
def test_our_own_pages_are_nobodys_referrer(client: FlaskClient) -> None:
    assert "referrer" not in body_of(box_of(client, FORM, "http://localhost/?utm_source=x"))
    assert body_of(box_of(client, "/", "https://ada:pw@Other.example/x"))["referrer"] == "other.example"
