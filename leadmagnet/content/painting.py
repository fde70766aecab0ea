"""Paints figures as PNG files, because mail programs show no SVG."""

import io
import math
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING

from leadmagnet.content.drawing import EDGE_WIDTH, PAPER, Box, Oval, Patch, Shape, Stroke, paper, shapes
from leadmagnet.content.figures import SIZE, Figure, Point

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw

#: Pixels of a side: letters show half as many, and screens with fine pixels show them all.
PIXELS = 1024

_FINER = 3  # painted larger, then made small: Pillow's own edges are jagged
_COLOURS = 32


@lru_cache(maxsize=64)
def draw_png(figure: Figure, *, mirrored: bool = False) -> bytes:
    """The figure as a PNG, PIXELS wide, as high as it needs, about 10 KB; the same figure gives the same bytes.

    It takes about 0.1 s.
    """
    # Not at the top: it takes long to load, and all but a publish goes without it.
    from PIL import Image, ImageDraw

    image = Image.new("RGB", (PIXELS * _FINER, PIXELS * _FINER), PAPER)
    pen = _Pen(ImageDraw.Draw(image))
    for shape in shapes(figure, mirrored=mirrored):
        pen.follow(shape)
    # The paper only says where to cut: its corners are round, and what lies behind a mail's picture is not known.
    sheet = paper(figure)
    top, bottom = round(sheet.y * _PIXEL), round((sheet.y + sheet.height) * _PIXEL)
    small = image.reduce(_FINER).crop((0, top, PIXELS, bottom))
    small = small.quantize(_COLOURS, dither=Image.Dither.NONE)
    file = io.BytesIO()
    small.save(file, "PNG", optimize=True)
    return file.getvalue()


class _Pen:
    """Follows shapes over a canvas."""

    def __init__(self, canvas: "ImageDraw") -> None:
        self.canvas = canvas

    def follow(self, shape: Shape) -> None:
        match shape:
            case Stroke(points, width, colour):
                self.line(points, width, colour)
            case Patch(points, width, colour):
                self.area(points, colour)
                self.line((*points, points[0]), width, colour)
            case Oval(centre, rx, ry, colour):
                self.oval(centre, rx, ry, colour)
            case Box(edge=None):
                self.box(shape, 0, shape.colour)
            case Box(edge=str(edge)):
                self.box(shape, EDGE_WIDTH / 2, edge)
                self.box(shape, -EDGE_WIDTH / 2, shape.colour)

    def line(self, points: tuple[Point, ...], width: float, colour: str) -> None:
        """Each stretch as an area, each point as a disc: Pillow's wide lines have neither round caps nor joins."""
        half = width / 2
        for (x, y), (u, v) in pairwise(points):
            length = math.hypot(u - x, v - y) or 1
            dx, dy = (y - v) / length * half, (u - x) / length * half
            self.area(((x + dx, y + dy), (u + dx, v + dy), (u - dx, v - dy), (x - dx, y - dy)), colour)
        for point in points:
            self.oval(point, half, half, colour)

    def area(self, points: tuple[Point, ...], colour: str) -> None:
        self.canvas.polygon([_at(x, y) for x, y in points], fill=colour)

    def oval(self, centre: Point, rx: float, ry: float, colour: str) -> None:
        x, y = centre
        self.canvas.ellipse([_at(x - rx, y - ry), _at(x + rx, y + ry)], fill=colour)

    def box(self, box: Box, out: float, colour: str) -> None:
        """`box`, larger by `out` on every side."""
        corners = [_at(box.x - out, box.y - out), _at(box.x + box.width + out, box.y + box.height + out)]
        self.canvas.rounded_rectangle(corners, max(0.0, box.radius + out) * _SCALE, fill=colour)


_PIXEL = PIXELS / SIZE
_SCALE = _PIXEL * _FINER


def _at(x: float, y: float) -> tuple[float, float]:
    return x * _SCALE, y * _SCALE
