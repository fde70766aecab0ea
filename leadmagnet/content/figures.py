"""Reads the figures of a guide: people drawn as joints, each with words for those who cannot see it."""

import json
import re
from collections.abc import Iterable
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from leadmagnet.content import values
from leadmagnet.content.findings import Notes, Place, did_you_mean

FIGURES_FILE = "figures/poses.json"

#: Every figure lives in a square of this size, its origin at the upper left.
SIZE = 200

Coordinate = Annotated[float, Field(ge=0, le=SIZE)]
Point = tuple[Coordinate, Coordinate]
#: What somebody kneels, sits or leans on: kind, x, y, width, height.
Prop = tuple[Literal["blanket", "block", "chair", "wall"], Coordinate, Coordinate, Coordinate, Coordinate]

#: Knee, ankle and, where it shows, toe.
Leg = Annotated[tuple[Point, ...], Field(min_length=2, max_length=3)]
Arm = tuple[Point, Point]  # elbow, wrist

_NAME = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_KEY = re.compile(r'("(?:[^"\\]|\\.)*+")\s*:')


class _Joints(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    head: Point
    props: tuple[Prop, ...] = ()


class Side(_Joints):
    """Somebody seen from the side."""

    view: Literal["side"]
    mat: Coordinate  # y of what carries the body
    shoulder: Point
    hip: Point
    leg_n: Leg  # the near one
    leg_f: Leg
    arm_n: Arm
    arm_over: bool = False  # whether the arm crosses the body


class Facing(_Joints):
    """Somebody seen from the front or from above; left and right are those of the drawing."""

    view: Literal["front", "top"]
    mat: Coordinate | None = None
    floor: Coordinate | None = None  # y of the ground's middle; without it the mat is seen from above
    neck: Point
    sh_l: Point
    sh_r: Point
    pelvis: Point | None = None
    hip_l: Point
    hip_r: Point
    leg_l: Leg
    leg_r: Leg
    arm_l: Arm
    arm_r: Arm
    far: Literal["leg_l", "leg_r"] | None = None  # what lies behind the rest
    halo: bool = False  # whether the forearms cross the body


Pose = Annotated[Side | Facing, Field(discriminator="view")]


class Figure(BaseModel):
    """One drawing, by the name that letters and guides call it."""

    model_config = ConfigDict(frozen=True)

    name: str  # "low-lunge"
    title: str
    alt: str  # what it shows, as said to somebody who cannot see it
    pose: Pose


_POSE: TypeAdapter[Side | Facing] = TypeAdapter(Pose)
_VIEWS = ("side", "front", "top")
_WORDS = ("title", "alt")


def figure_name(name: str) -> str:
    """`name` as figures are called: `low_lunge` and `low-lunge` are the same one."""
    return name.replace("_", "-")


def read_figures(path: str, text: str, notes: Notes) -> dict[str, Figure]:
    """The figures that `text`, a JSON object of poses by name, describes; those that do not read are noted.

    `path` is where it stands in the site. The words of each pose are its `title` and its `alt`.
    """
    try:
        poses = json.loads(text, object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        line = error.lineno if isinstance(error, json.JSONDecodeError) else 0
        reason = error.msg if isinstance(error, json.JSONDecodeError) else str(error)
        notes.error(Place(path, line), "E102", f"this is not JSON: {reason}.", "Mend it there, or one line above.")
        return {}
    if not isinstance(poses, dict):
        notes.error(Place(path, 1), "E102", "there are no poses by name.", 'Begin it with { "low_lunge": {')
        return {}
    figures: dict[str, Figure] = {}
    lines = _lines(text)
    for key, given in poses.items():
        place = Place(path, lines.get(json.dumps(key, ensure_ascii=False)) or lines.get(json.dumps(key), 0))
        name = figure_name(key)
        if not _NAME.fullmatch(name):
            notes.error(place, "E102", f"'{key}' cannot be a figure's name.", "Use small letters, digits and _.")
        elif name in figures:
            notes.error(place, "E102", f"there are two figures '{name}'.", "Rename one of them.")
        elif figure := _figure(name, given, place, notes):
            figures[name] = figure
    return figures


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"'{key}' stands there twice")
        found[key] = value
    return found


def _lines(text: str) -> dict[str, int]:
    """The line on which each key stands first, by the key as it is written, with its quotes."""
    lines: dict[str, int] = {}
    line, end = 1, 0
    for found in _KEY.finditer(text):
        line += text.count("\n", end, found.start())
        end = found.start()
        lines.setdefault(found[1], line)
    return lines


def _figure(name: str, given: object, place: Place, notes: Notes) -> Figure | None:
    if not isinstance(given, dict):
        notes.error(place, "E102", f"'{name}' is no pose.", "Write its view, title, alt and joints between { and }.")
        return None
    words = {key: _word(name, key, given.get(key), place, notes) for key in _WORDS}
    try:
        # Strict, and as JSON: lists are points there, and text is never a number.
        pose = _POSE.validate_json(json.dumps({k: v for k, v in given.items() if k not in _WORDS}), strict=True)
    except RecursionError:
        notes.error(place, "E102", f"'{name}' is nested too deep.", "Its joints are points: [x, y].")
        return None
    except ValidationError as error:
        for detail in error.errors():
            message, fix = _wrong(name, detail)
            notes.error(place, "E102", message, fix)
        return None
    title, alt = words["title"], words["alt"]
    return Figure(name=name, title=title, alt=alt, pose=pose) if title and alt else None


def _word(name: str, key: str, given: object, place: Place, notes: Notes) -> str | None:
    """The `title` or `alt` of a pose; None, with a note, when it is no line of text."""
    if not isinstance(given, str) or not given.strip():
        code, fix = ("E106", "Say what it shows.") if key == "alt" else ("E102", "Say what the pose is called.")
        notes.error(place, code, f"'{name}' has no {key}.", f'Add "{key}": "…". {fix}')
        return None
    try:
        return values.text(given)
    except values.Unreadable as error:
        notes.error(place, "E102", f"the {key} of '{name}' {error.message}", error.fix)
        return None


def _wrong(name: str, detail: ErrorDetails) -> tuple[str, str]:
    """What is wrong with a pose, in words, with the mend."""
    kind, given = detail["type"], detail["input"]
    path = [part for part in detail["loc"] if part not in _VIEWS]  # the first part is the view it was read as
    key = path[0] if path else ""
    match kind:
        case "json_invalid":
            return f"'{name}' holds a character that is no text.", "Delete it."
        case "union_tag_invalid" | "union_tag_not_found":
            view = str(given.get("view", "")) if isinstance(given, dict) else ""
            return f"'{name}' has an unknown view '{view}'.", did_you_mean(view, _VIEWS)
        case "missing" if len(path) == 1:
            return f"'{name}' has no '{key}'.", _shape_of(str(key))
        case "extra_forbidden":
            return f"'{name}' has an unknown key '{key}'.", did_you_mean(str(key), _known(detail["loc"]))
        case "greater_than_equal" | "less_than_equal":
            return f"'{key}' of '{name}' lies outside the drawing: {given}.", f"x and y go from 0 to {SIZE}."
        case "literal_error" if key == "props":
            kinds = ("blanket", "block", "chair", "wall")
            return f"'{name}' has an unknown prop '{given}'.", did_you_mean(str(given), kinds)
    return f"'{key}' of '{name}' does not fit.", _shape_of(str(key))


def _known(location: Iterable[object]) -> set[str]:
    model = Side if next(iter(location), None) == "side" else Facing
    return {*model.model_fields, *_WORDS}


def _shape_of(key: str) -> str:
    if key == "props":
        return 'Write ["blanket", x, y, width, height] for each of them.'
    if key.startswith("leg"):
        return "Write the points of knee, ankle and toe: [[x, y], [x, y], [x, y]]."
    if key.startswith("arm_") and key != "arm_over":
        return "Write the points of elbow and wrist: [[x, y], [x, y]]."
    if key in ("mat", "floor"):
        return f"Write how far down it lies, from 0 to {SIZE}."
    if key in ("arm_over", "halo"):
        return "Write true, or leave it out."
    if key == "far":
        return 'Write "leg_l" or "leg_r".'
    return f"Write its point as [x, y], from 0 to {SIZE}."
