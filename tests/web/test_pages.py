"""Every page as a reader with a keyboard, a screen reader, or a strict browser meets it."""

import re
from itertools import pairwise
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

import leadmagnet.web
from leadmagnet.content.compiled import Build
from tests.web.conftest import OpenDoor, only_sqlite
from tests.web.page import Element, page_of
from tests.web.tour import answers
from tests.world import World

_STATIC = Path(leadmagnet.web.__file__).parent / "static"
#: Pages of ours: not the letter in the frame, whose rules are those of mail.
_NO_PAGES = {"letter", "source", "healthz", "readyz", "metrics"}
#: What a blog shows: not our page, but what is pasted into another.
_A_BLOGS = {"blog", "blog with a frame"}
_SITE = {"https://example.com", "https://example.com/privacy"}


@pytest.fixture
def shown(world: World, client: FlaskClient, asking_names: Build) -> dict[str, Element]:
    """Every page by its name; the form with all fields it can have."""
    found: dict[str, TestResponse] = answers(world, client)
    world.publish(asking_names)
    found["form with a name"] = client.get("/f/hip-openers")
    found["form with two mistakes"] = client.post("/f/hip-openers", data={"email": "", "first_name": "<b>"})
    found["form with a bad name"] = client.post("/f/hip-openers", data={"email": "a@b.example", "first_name": "<b>"})
    return {name: page_of(one, one.status_code) for name, one in found.items() if name not in _NO_PAGES}


@only_sqlite
def test_every_page_has_a_language_a_title_and_one_heading(shown: dict[str, Element]) -> None:
    assert len(shown) > 20
    for name, page in shown.items():
        assert page.one("html")["lang"] == "en", name
        assert "".join(map(str, page.one("head").one("title").inside)).strip(), name
        assert page.one("h1").words, name
        levels = [int(one.tag[1]) for one in page.every("h1", "h2", "h3", "h4", "h5", "h6")]
        assert levels[0] == 1 or 1 in levels, name
        assert all(after <= before + 1 for before, after in pairwise(levels)), (name, levels)
        assert page.one("meta", name="viewport")["content"] == "width=device-width, initial-scale=1", name


@only_sqlite
def test_every_field_has_a_label_and_every_reference_leads_to_its_words(shown: dict[str, Element]) -> None:
    for name, page in shown.items():
        ids = [one["id"] for one in page.every() if one.has("id")]
        assert len(ids) == len(set(ids)), name
        inside_labels = [field for label in page.every("label") for field in label.every("input")]
        labelled = {label["for"] for label in page.every("label") if label.has("for")}
        for field in page.every("input", "select", "textarea"):
            if field.get("type") != "hidden":
                assert any(field is one for one in inside_labels) or field["id"] in labelled, (name, field)
        for one in page.every():
            for attribute in ("for", "aria-describedby", "aria-labelledby"):
                for wanted in (one.get(attribute) or "").split():
                    assert wanted in ids, (name, attribute, wanted)
            if one.has("href") and one["href"].startswith("#") and len(one["href"]) > 1:
                assert one["href"][1:] in ids, (name, one["href"])


@only_sqlite
def test_every_button_picture_and_frame_has_a_name(shown: dict[str, Element]) -> None:
    for name, page in shown.items():
        for button in page.every("button"):
            assert button.words and button["type"] in ("submit", "button"), name
        assert all(picture.has("alt") for picture in page.every("img")), name
        assert all(frame["title"] for frame in page.every("iframe")), name
        for figure in page.every("svg"):
            assert figure.has("aria-hidden") or figure.has("aria-label") or figure.every("title"), name


@only_sqlite
def test_no_page_holds_code_or_styles_of_its_own(shown: dict[str, Element]) -> None:
    for name, page in shown.items():
        if name in _A_BLOGS:
            continue
        for script in page.every("script"):
            assert re.fullmatch(r"/static/\w+\.js|/embed\.js", script["src"]) and not script.inside, name
        assert page.every("style", "object", "embed") == [], name
        assert not [base for base in page.every("base") if base.has("href")], name
        for one in page.every():
            assert not [key for key in one.attributes if key.startswith("on") or key == "style"], (name, one.tag)
            for value in one.attributes.values():
                assert not (value or "").lower().lstrip().startswith(("javascript:", "data:")), (name, one.tag)


@only_sqlite
def test_no_page_loads_anything_from_elsewhere(shown: dict[str, Element]) -> None:
    for name, page in shown.items():
        if name in _A_BLOGS:
            continue
        for one in page.every():
            for attribute in ("src", "srcset", "action", "poster", "data"):
                if one.has(attribute):
                    assert re.match(r"/[^/]", one[attribute]), (name, one.tag, one[attribute])
            if one.tag == "link":
                assert one["href"].startswith("/static/"), name
            if one.tag == "a" and urlsplit(one["href"]).scheme in ("http", "https"):
                assert one["href"] in _SITE or name.startswith(("guide", "mail")), (name, one["href"])


@pytest.mark.parametrize("path", sorted(_STATIC.iterdir()), ids=lambda path: path.name)
def test_no_file_of_ours_loads_anything_from_elsewhere(path: Path) -> None:
    text = path.read_text().replace('xmlns="http://www.w3.org/2000/svg"', "")
    assert not re.search(r"https?:|//[a-z]|@import|data:", re.sub(r"^\s*//.*$", "", text, flags=re.MULTILINE))
    assert not re.search(r"<script|\son\w+=", text)
    assert all((_STATIC / name).is_file() for name in re.findall(r"url\([\"']?([^\"')]+)", text))


@only_sqlite
def test_the_first_field_in_error_gets_the_focus(shown: dict[str, Element]) -> None:
    (focused,) = [one for one in shown["form with two mistakes"].every("input") if one.has("autofocus")]
    assert focused["name"] == "email"
    (focused,) = [one for one in shown["form with a bad name"].every("input") if one.has("autofocus")]
    assert focused["name"] == "first_name"


@only_sqlite
def test_the_box_says_what_the_mission_promises(shown: dict[str, Element]) -> None:
    for name in ("start", "form"):
        box = shown[name].one("form")
        assert box.one("p", id="lm-d").words == (
            "Sweet relief for your tight, sore hips! Get the best hip-opening yoga poses sent straight to your inbox."
        )
        assert "FREE Hip Openers for Runners Guide" in box.words
        assert "You'll get the guide and eight short emails over four weeks. Leave whenever you like." in box.words
        field = box.one("input", name="email")
        assert (field["type"], field["autocomplete"], field["maxlength"]) == ("email", "email", "254")
        assert field.has("required")


@only_sqlite
def test_the_trap_for_bots_is_hidden_from_people(shown: dict[str, Element]) -> None:
    (trap,) = [one for one in shown["form"].every("div") if one.get("aria-hidden") == "true"]
    field = trap.one("input")
    assert (field["name"], field["tabindex"], field["autocomplete"]) == ("website", "-1", "off")
    assert not field.has("value")


@only_sqlite
def test_the_privacy_page_says_what_this_site_does(world: World, open_door: OpenDoor) -> None:
    page = page_of(open_door().get("/privacy"))
    assert "that you followed a link in a letter" in page.words
    assert page.one("a", href="mailto:maya@example.com").words == "maya@example.com"
