"""Draws figures: one geometry, in shapes that every pen can follow."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from html import escape

from leadmagnet.content.figures import SIZE, Facing, Figure, Point, Prop, Side

#: Part of the name of every picture in mails: raise it whenever a drawing comes out differently.
DRAWING = 2

BODY = "#8A3B2E"
FAR = "#C4806C"
GROUND = "#2F6F6A"
PROP = "#F2C9A1"
EDGE = "#B9773F"
PAPER = "#FFF9F3"
# Ground seen from the front or from above is a tint, mixed here so that no pen needs transparency.
_FLOOR = "#D1DBD5"
_MAT = "#E2E6E0"

#: What the colours are for: shapes of an SVG bear these as classes, so that a page can colour them anew in the dark.
CLASSES = {
    BODY: "body",
    FAR: "far",
    GROUND: "ground",
    PROP: "prop",
    EDGE: "edge",
    PAPER: "paper",
    _FLOOR: "floor",
    _MAT: "floor",
}

#: Paper above and below what is drawn; at the sides a figure keeps its square, so that all have one scale.
AIR = 8

_HEAD = 11
_LINE = 7.5
_ARM = 6.0
_CHAIR = 4.0


@dataclass(frozen=True, slots=True)
class Stroke:
    """A line through `points` with round caps and joins."""

    points: tuple[Point, ...]
    width: float
    colour: str


@dataclass(frozen=True, slots=True)
class Patch:
    """A polygon, filled, with a line around it."""

    points: tuple[Point, ...]
    width: float
    colour: str


@dataclass(frozen=True, slots=True)
class Oval:
    """An ellipse around a centre."""

    centre: Point
    rx: float
    ry: float
    colour: str


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle with round corners, whose edge, if it has one, lies half inside."""

    x: float
    y: float
    width: float
    height: float
    radius: float
    colour: str
    edge: str | None = None


EDGE_WIDTH = 1.5

Shape = Stroke | Patch | Oval | Box


def shapes(figure: Figure, *, mirrored: bool = False) -> list[Shape]:
    """All that lies on a figure's paper, from the ground up; `mirrored` shows the other side of the body."""
    pose = figure.pose
    drawn = [*(_side(pose) if isinstance(pose, Side) else _facing(pose))]
    return [_mirrored(shape) for shape in drawn] if mirrored else drawn


def paper(figure: Figure) -> Box:
    """What a figure is drawn on: as wide as its square, and no higher than it needs.

    Who lies on the floor would have half a screen of nothing above.
    """
    spans = [_span(shape) for shape in shapes(figure)]
    top = max(0.0, min(upper for upper, _ in spans) - AIR)
    bottom = min(float(SIZE), max(lower for _, lower in spans) + AIR)
    return Box(0, top, SIZE, bottom - top, 16, PAPER)


def draw_svg(figure: Figure, *, mirrored: bool = False, within: str = "") -> str:
    """The figure as an SVG element: attributes alone, no style, no script; each shape has a class of CLASSES.

    Its ids begin with its name, and with `within` before it where a page shows the figure more than once.
    """
    name = "-".join(filter(None, (within, figure.name, "mirrored" if mirrored else "")))
    words = f'<title id="{name}-title">{escape(figure.title)}</title><desc id="{name}-desc">{escape(figure.alt)}</desc>'
    sheet = paper(figure)
    drawn = "".join(map(_element, (sheet, *shapes(figure, mirrored=mirrored))))
    view = " ".join(map(_number, (sheet.x, sheet.y, sheet.width, sheet.height)))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="drawing" viewBox="{view}" role="img" '
        f'aria-labelledby="{name}-title {name}-desc">{words}{drawn}</svg>'
    )


def _side(pose: Side) -> Iterator[Shape]:
    arm = Stroke((pose.shoulder, *pose.arm_n), _ARM, BODY)
    yield Box(8, pose.mat + 2, 184, 5, 2.5, GROUND)
    yield from _props(pose.props)
    yield Stroke((pose.hip, *pose.leg_f), _LINE * 1.1, FAR)
    if not pose.arm_over:
        yield arm
    yield Stroke((pose.shoulder, pose.head), _LINE, BODY)
    yield Stroke((pose.shoulder, pose.hip), _LINE * 1.75, BODY)
    yield Stroke((pose.hip, *pose.leg_n), _LINE * 1.15, BODY)
    if pose.arm_over:
        yield replace(arm, width=_ARM + 3.5, colour=PAPER)
        yield arm
    yield Oval(pose.head, _HEAD, _HEAD, BODY)


def _facing(pose: Facing) -> Iterator[Shape]:
    if pose.floor is not None:
        yield Oval((100, pose.floor), 92, 17, _FLOOR)
    else:
        yield Box(34, 10, 132, 180, 8, _MAT)
    yield from _props(pose.props)
    legs = {"leg_l": (pose.hip_l, *pose.leg_l), "leg_r": (pose.hip_r, *pose.leg_r)}
    for name in sorted(legs, key=lambda name: name != pose.far):
        yield Stroke(legs[name], _LINE, FAR if name == pose.far else BODY)
    yield Patch((pose.sh_l, pose.sh_r, pose.hip_r, pose.hip_l), _LINE, BODY)
    yield Stroke((pose.neck, pose.head), _LINE, BODY)
    arms = [Stroke((pose.sh_l, *pose.arm_l), _ARM, BODY), Stroke((pose.sh_r, *pose.arm_r), _ARM, BODY)]
    if pose.halo:
        yield from (Stroke(arm.points[1:], _ARM + 4, PAPER) for arm in arms)
    yield from arms
    yield Oval(pose.head, _HEAD, _HEAD, BODY)


def _props(props: tuple[Prop, ...]) -> Iterator[Shape]:
    for kind, x, y, width, height in props:
        if kind == "chair":
            yield from _chair(x, y, width, height)
        elif kind == "wall":
            yield Box(x, y, width, height, 0, PROP)
        else:
            yield Box(x, y, width, height, 3 if kind == "block" else height / 2, PROP, EDGE)


def _chair(x: float, y: float, width: float, height: float) -> Iterator[Shape]:
    """A chair whose back, at `x`, is what one holds on to."""
    seat, foot = y + height * 0.52, y + height
    yield Stroke(((x, y), (x, foot)), _CHAIR, EDGE)
    yield Stroke(((x + width, seat), (x + width, foot)), _CHAIR, EDGE)
    yield Stroke(((x, seat), (x + width, seat)), _CHAIR, EDGE)


def _mirrored(shape: Shape) -> Shape:
    match shape:
        case Stroke(points=points) | Patch(points=points):
            return replace(shape, points=tuple((SIZE - x, y) for x, y in points))
        case Oval(centre=(x, y)):
            return replace(shape, centre=(SIZE - x, y))
        case Box(x=x, width=width):
            return replace(shape, x=SIZE - x - width)


def _span(shape: Shape) -> tuple[float, float]:
    """How far up and down a shape reaches, with the width of its line."""
    match shape:
        case Stroke(points, width) | Patch(points, width):
            return min(y for _, y in points) - width / 2, max(y for _, y in points) + width / 2
        case Oval((_, y), _, ry):
            return y - ry, y + ry
        case Box(_, y, _, height, edge=edge):
            line = EDGE_WIDTH / 2 if edge else 0
            return y - line, y + height + line


def _element(shape: Shape) -> str:
    named = f'class="{CLASSES[shape.colour]}"'
    match shape:
        case Stroke(points, width, colour):
            return (
                f'<polyline {named} points="{_points(points)}" fill="none" stroke="{colour}" '
                f'stroke-width="{_number(width)}" stroke-linecap="round" stroke-linejoin="round"/>'
            )
        case Patch(points, width, colour):
            return (
                f'<polygon {named} points="{_points(points)}" fill="{colour}" stroke="{colour}" '
                f'stroke-width="{_number(width)}" stroke-linejoin="round"/>'
            )
        case Oval((x, y), rx, ry, colour):
            place = f'cx="{_number(x)}" cy="{_number(y)}" rx="{_number(rx)}" ry="{_number(ry)}"'
            return f'<ellipse {named} {place} fill="{colour}"/>'
        case Box(x, y, width, height, radius, colour, edge):
            place = f'x="{_number(x)}" y="{_number(y)}" width="{_number(width)}" height="{_number(height)}"'
            line = f' stroke="{edge}" stroke-width="{EDGE_WIDTH}"' if edge else ""
            return f'<rect {named} {place} rx="{_number(radius)}" fill="{colour}"{line}/>'


def _points(points: tuple[Point, ...]) -> str:
    return " ".join(f"{_number(x)},{_number(y)}" for x, y in points)


def _number(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")
