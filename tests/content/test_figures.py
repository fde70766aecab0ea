"""Figures: joints that the operator owns become drawings, the same in every pen."""

import io
import json
import math
import re
from xml.etree import ElementTree

import pytest
from PIL import Image, ImageChops

from leadmagnet.content.compiled import Compiled
from leadmagnet.content.drawing import AIR, BODY, CLASSES, PAPER, Box, Oval, draw_svg, paper, shapes
from leadmagnet.content.figures import SIZE, Figure, Side, read_figures
from leadmagnet.content.findings import Notes
from leadmagnet.content.painting import PIXELS, draw_png
from tests.conftest import ROOT

POSES = ROOT / "guides" / "hip-openers" / "figures" / "poses.json"
TEXT = POSES.read_text()
FIGURES = read_figures("poses.json", TEXT, Notes())
SVG = "{http://www.w3.org/2000/svg}"

#: Units of a limb in a drawing from the side; a limb that points at the viewer is shorter.
LIMBS = {"torso": 50, "thigh": 42, "shin": 40, "upper arm": 27, "forearm": 26}

every_figure = pytest.mark.parametrize("figure", FIGURES.values(), ids=FIGURES)


def found_in(text: str) -> list[str]:
    notes = Notes()
    read_figures("figures/poses.json", text, notes)
    return [f"{one.line} {one.code} {one.message} {one.fix}" for one in notes.findings()]


def test_the_example_draws_every_pose_it_speaks_of(example_content: Compiled) -> None:
    guide = example_content.guides["hip-openers"]
    assert len(FIGURES) == 18
    assert dict(guide.figures) == FIGURES
    assert guide.html.count('<figure class="pose"><svg ') == 18
    for figure in FIGURES.values():
        assert figure.alt.startswith(("Side view. ", "Front view. ", "From above. "))
        assert 40 < len(figure.alt) <= 150
        assert figure.title


@every_figure
def test_a_figure_is_drawn_inside_its_square_by_attributes_alone(figure: Figure) -> None:
    for mirrored in (False, True):
        drawing = ElementTree.fromstring(draw_svg(figure, mirrored=mirrored))
        assert (drawing.get("class"), drawing.get("role")) == ("drawing", "img")
        x, top, width, height = map(float, drawing.get("viewBox", "").split())
        assert (x, width) == (0, SIZE) and 0 <= top < top + height <= SIZE
        title, words = drawing.find(f"{SVG}title"), drawing.find(f"{SVG}desc")
        assert title is not None and words is not None
        assert (title.text, words.text) == (figure.title, figure.alt)
        assert drawing.get("aria-labelledby") == f"{title.get('id')} {words.get('id')}"
        for element in drawing.iter():
            # A page's policy forbids styles and scripts within it.
            assert not any(name == "style" or name.startswith("on") for name in element.attrib)
        for point in re.findall(r"([\d.-]+),([\d.-]+)", " ".join(e.get("points", "") for e in drawing)):
            assert 0 <= float(point[0]) <= SIZE and top < float(point[1]) < top + height
        # A page colours them anew in the dark: what has no class, or one the page does not know, would stay bright.
        drawn = (paper(figure), *shapes(figure, mirrored=mirrored))
        assert [e.get("class") for e in drawing[2:]] == [CLASSES[shape.colour] for shape in drawn]


@every_figure
def test_a_body_seen_from_the_side_keeps_its_proportions(figure: Figure) -> None:
    pose = figure.pose
    if not isinstance(pose, Side):
        return
    lengths = {"torso": [math.dist(pose.shoulder, pose.hip)]}
    for leg in (pose.leg_n, pose.leg_f):
        lengths.setdefault("thigh", []).append(math.dist(pose.hip, leg[0]))
        lengths.setdefault("shin", []).append(math.dist(leg[0], leg[1]))
    lengths["upper arm"] = [math.dist(pose.shoulder, pose.arm_n[0])]
    lengths["forearm"] = [math.dist(*pose.arm_n)]
    for limb, drawn in lengths.items():
        for length in drawn:
            assert length <= LIMBS[limb] * 1.12, limb
            assert length >= LIMBS[limb] * 0.70, limb


def test_the_other_side_is_the_mirror_image() -> None:
    figure = FIGURES["low-lunge"]
    here, there = draw_svg(figure), draw_svg(figure, mirrored=True)
    assert '"104,81 102,131"' in here and '"96,81 98,131"' in there
    heads = [shape for shape in shapes(figure, mirrored=True) if isinstance(shape, Oval)]
    assert heads[-1].centre == (200 - 108, 61)
    blankets = [shape for shape in shapes(figure, mirrored=True) if isinstance(shape, Box) and shape.edge]
    assert blankets[0].x == 200 - 64 - 24
    painted = [Image.open(io.BytesIO(draw_png(figure, mirrored=m))).convert("L") for m in (False, True)]
    flipped = painted[1].transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    differences = sum(abs(a - b) > 40 for a, b in zip(painted[0].tobytes(), flipped.tobytes(), strict=True))
    assert differences < 2_000  # edges, of a million pixels


def test_ids_differ_where_a_page_shows_a_figure_twice() -> None:
    ids = [
        set(re.findall(r' id="([^"]+)"', draw_svg(FIGURES["frog"], mirrored=mirrored, within=within)))
        for mirrored in (False, True)
        for within in ("", "flow")
    ]
    assert len(set().union(*ids)) == 8


def test_a_painting_is_small_and_always_the_same() -> None:
    figure = FIGURES["garland"]
    painted = draw_png(figure)
    draw_png.cache_clear()
    assert draw_png(figure) == painted
    assert draw_svg(figure) == draw_svg(figure)
    assert len(painted) < 16_000
    image = Image.open(io.BytesIO(painted))
    assert (image.format, image.width, image.mode) == ("PNG", PIXELS, "P")
    counted = image.convert("RGB").getcolors(64) or []
    commonest = ["#{:02X}{:02X}{:02X}".format(*colour) for _, colour in sorted(counted, reverse=True)]  # type: ignore[misc]
    assert set(commonest[:4]) == {PAPER, BODY, "#D1DBD5", "#F2C9A1"}


@every_figure
def test_a_figure_has_the_same_air_above_and_below_in_both_pens(figure: Figure) -> None:
    sheet = paper(figure)
    image = Image.open(io.BytesIO(draw_png(figure))).convert("RGB")
    assert image.height == pytest.approx(sheet.height * PIXELS / SIZE, abs=1)
    drawn = ImageChops.difference(image, Image.new("RGB", image.size, PAPER)).getbbox()
    assert drawn is not None
    air = AIR * PIXELS / SIZE
    assert drawn[1] == pytest.approx(air, abs=2)
    assert image.height - drawn[3] == pytest.approx(air, abs=2)


def test_who_lies_on_the_floor_is_not_drawn_with_a_screen_of_air_above() -> None:
    heights = {name: Image.open(io.BytesIO(draw_png(FIGURES[name]))).height for name in ("bridge", "arabesque-pulse")}
    assert heights["bridge"] < PIXELS // 2 < heights["arabesque-pulse"] <= PIXELS


def changed(**values: object) -> str:
    """The low lunge with other values; None takes one away."""
    pose = {**json.loads(TEXT)["low_lunge"], **values}
    return json.dumps({"low_lunge": {key: value for key, value in pose.items() if value is not None}}, indent=1)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (changed(view="sid"), "2 E102 'low-lunge' has an unknown view 'sid'. Did you mean 'side'?"),
        (changed(view=None), "2 E102 'low-lunge' has an unknown view ''. Known are: front, side, top."),
        (changed(hip=None), "2 E102 'low-lunge' has no 'hip'. Write its point as [x, y], from 0 to 200."),
        (changed(view="front"), "2 E102 'low-lunge' has no 'neck'."),
        (changed(head=[100, 201]), "2 E102 'head' of 'low-lunge' lies outside the drawing: 201. x and y go from 0 to 200."),
        (changed(head=[100, "2"]), "2 E102 'head' of 'low-lunge' does not fit. Write its point as [x, y]"),
        (changed(head=[100]), "2 E102 'head' of 'low-lunge' does not fit."),
        (changed(leg_n=[[1, 1]]), "2 E102 'leg_n' of 'low-lunge' does not fit. Write the points of knee, ankle and toe"),
        (changed(arm_n=[[1, 1]]), "2 E102 'arm_n' of 'low-lunge' does not fit. Write the points of elbow and wrist"),
        (changed(props=[["blanked", 1, 1, 1, 1]]), "2 E102 'low-lunge' has an unknown prop 'blanked'. Did you mean 'blanket'?"),
        (changed(props=[["block", 1, 1, 1]]), "2 E102 'props' of 'low-lunge' does not fit. Write [\"blanket\""),
        (changed(leg_m=[]), "2 E102 'low-lunge' has an unknown key 'leg_m'. Did you mean 'leg_n'?"),
        (changed(alt=None), "2 E106 'low-lunge' has no alt. Add \"alt\": \"…\". Say what it shows."),
        (changed(alt=" "), "2 E106 'low-lunge' has no alt."),
        (changed(title=7), "2 E102 'low-lunge' has no title."),
        (TEXT.replace('"lizard"', '"low-lunge"'), "11 E102 there are two figures 'low-lunge'."),
        (TEXT.replace('"lizard"', '"low_lunge"'), "0 E102 this is not JSON: 'low_lunge' stands there twice."),
        (TEXT.replace('"lizard"', '"Lizard/"'), "11 E102 'Lizard/' cannot be a figure's name."),
        (TEXT.replace(":", "", 1), "2 E102 this is not JSON: Expecting ':' delimiter."),
        ("[]", "1 E102 there are no poses by name."),
        ('{"a": 1}', "1 E102 'a' is no pose."),
        ("[" * 100_000, "0 E102 this is not JSON"),
    ],
)  # fmt: skip
def test_bad_data_is_found_where_it_stands(text: str, expected: str) -> None:
    found = found_in(text)
    assert any(one.startswith(expected) for one in found), found


def test_a_mistake_in_one_figure_leaves_the_others() -> None:
    assert set(read_figures("p", TEXT.replace("[143, 126]", "[143, 326]"), Notes())) == set(FIGURES) - {"low-lunge"}
