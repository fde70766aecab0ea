"""Puts pictures into the Markdown of letters and guides."""

import hashlib
import io
import re
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from posixpath import basename, dirname, normpath
from urllib.parse import unquote, urlsplit

from markdown_it.token import Token

from leadmagnet.content import poses
from leadmagnet.content.drawing import draw_svg
from leadmagnet.content.figures import Figure
from leadmagnet.content.findings import Notes, Place, did_you_mean
from leadmagnet.content.hiding import Piece, Veil
from leadmagnet.content.pictures import Picture
from leadmagnet.content.source import Source

SHOWN = 512  # CSS pixels a picture is at most wide: what the column of a letter has room for
WIDEST = 1300  # pixels: more is never seen, only loaded
HEAVY = 200_000  # bytes
TOO_HEAVY = 1_000_000

#: The picture files that every mail program shows, with their media types, by what Pillow calls them.
KINDS: Mapping[str, str] = {"PNG": "image/png", "JPEG": "image/jpeg", "GIF": "image/gif"}

_NOT_IN_ADDRESS = re.compile(r"[^A-Za-z0-9._-]+")
_LONGEST_NAME = 100


@dataclass(frozen=True, slots=True)
class Shelf:
    """Where the pictures of a letter or a guide come from."""

    folder: str  # its own, relative to the site
    files: Mapping[str, bytes]  # of the site, by path
    figures: Mapping[str, Figure] | None = None  # by name; None while those of its guide do not read


def illustrate(tokens: Sequence[Token], source: Source, veil: Veil, shelf: Shelf, notes: Notes) -> tuple[Picture, ...]:
    """Makes images of the pose() calls and picture files in `tokens`, the Markdown of `source`; returns them."""
    artist = _Artist(source, veil, shelf, notes)
    for opening, token in zip([_nothing(), *tokens], tokens, strict=False):
        if token.type == "inline":
            artist.line = token.map[0] if token.map else 0
            token.children = [new for child in token.children or () for new in artist.drawn(child)]
            if opening.type == "paragraph_open" and token.children and token.children[0].type == "image":
                opening.attrSet("class", "figure")  # what follows in the paragraph is its caption
    _judge_lost(veil, artist.placed, notes)
    return tuple(dict.fromkeys(artist.pictures))


def draw(tokens: Sequence[Token], veil: Veil, figures: Mapping[str, Figure], notes: Notes) -> list[Token]:
    """`tokens` of a guide, each paragraph of pose() calls in them replaced by the drawings."""
    drawn, placed, count = list(tokens), set[int](), 0
    for index, token in enumerate(tokens):
        parts = [part for part in veil.parted(token.content) if not isinstance(part, str) or part.strip()]
        calls = [poses.read(part.source) for part in parts if isinstance(part, Piece)]
        if token.type != "inline" or tokens[index - 1].type != "paragraph_open" or not parts:
            continue
        if len(calls) < len(parts) or None in calls:
            continue
        placed.update(map(id, parts))
        html = ""
        for call in filter(None, calls):
            if figure := figures.get(call.name):
                count += 1
                svg = draw_svg(figure, mirrored=call.mirrored, within=f"figure-{count}")
                html += f'<figure class="pose">{svg}</figure>\n'
        drawn[index - 1 : index + 2] = [_nothing(), Token("html_block", "", 0, content=html, map=token.map), _nothing()]
    _judge_lost(veil, placed, notes)
    return drawn


def hang(tokens: Sequence[Token], source: Source, shelf: Shelf, notes: Notes) -> tuple[Picture, ...]:
    """Lets the images of a guide, the Markdown of `source`, show the files they name; returns these.

    The page and the PDF find them at `/media/DIGEST/NAME`, as mails do. Files that are missing were noted before.
    """
    hung: list[Picture] = []
    for token in tokens:
        line = token.map[0] if token.map else 0
        for child in token.children or ():
            line += child.type in ("softbreak", "hardbreak")
            address = urlsplit(str(child.attrs.get("src", "")))
            path = normpath(f"{shelf.folder}/{unquote(address.path)}")
            if child.type != "image" or address.scheme or address.netloc or path not in shelf.files:
                continue
            if framed := _framed(path, unquote(address.path), shelf.files[path], source.place(line), notes):
                picture, width = framed
                child.attrs.update(src=picture.address, width=str(width))
                hung.append(picture)
    return tuple(dict.fromkeys(hung))


def _judge_lost(veil: Veil, placed: Set[int], notes: Notes) -> None:
    """Notes rule E109 for each pose() that stands in code, in a tag or in raw HTML."""
    for piece in veil.pieces:
        if poses.read(piece.source) and id(piece) not in placed:
            fix = "Put it on a line of its own, with empty lines around it."
            notes.error(piece.place, "E109", "pose() stands where no picture can be.", fix)


class _Artist:
    def __init__(self, source: Source, veil: Veil, shelf: Shelf, notes: Notes) -> None:
        self.source = source
        self.veil = veil
        self.shelf = shelf
        self.notes = notes
        self.line = 0
        self.placed: set[int] = set()
        self.pictures: list[Picture] = []

    @property
    def place(self) -> Place:
        return self.source.place(self.line)

    def drawn(self, token: Token) -> list[Token]:
        """What `token` becomes."""
        self.line += token.type in ("softbreak", "hardbreak")
        if token.type == "text":
            return [self.posed(part) for part in self.veil.parted(token.content) if part != ""]
        if token.type == "image" and is_beside(str(token.attrs.get("src", ""))):
            self.hang(token, str(token.attrs["src"]))
        return [token]

    def posed(self, part: str | Piece) -> Token:
        if isinstance(part, str):
            return _text(part)
        call = poses.read(part.source)
        if call is None:
            return _text(self.veil.word_of(part))
        self.placed.add(id(part))
        figure = (self.shelf.figures or {}).get(call.name)
        if figure is None:
            return _text("")  # noted already
        token = Token("image", "img", 0, children=[_text(figure.alt)], content=figure.alt)
        token.attrs = {"src": "", "alt": ""}
        token.meta["said"] = f"{figure.title}: {figure.alt}"
        self.show(token, Picture.of_figure(figure, mirrored=call.mirrored), SHOWN)
        token.attrs["class"] = "pose"
        return token

    def hang(self, token: Token, address: str) -> None:
        """Lets an image show a file that lies beside the letter, or beside the snippet that it stands in."""
        wanted = unquote(urlsplit(address).path)
        folders = dict.fromkeys((dirname(self.place.path), self.shelf.folder))
        path = next((p for f in folders if (p := normpath(f"{f}/{wanted}")) in self.shelf.files), None)
        if path is None:
            beside = {basename(p) for p in self.shelf.files if dirname(p) in folders and is_picture(p)}
            message = f"there is no picture '{wanted}' beside the letter."
            self.notes.error(self.place, "E101", message, did_you_mean(wanted, beside))
            return
        if framed := _framed(path, wanted, self.shelf.files[path], self.place, self.notes):
            self.show(token, *framed)

    def show(self, token: Token, picture: Picture, width: int) -> None:
        root = self.veil.hide_expression("media.url", self.place)
        token.attrs["src"] = f"{root}/{picture.digest}/{picture.name}"
        token.attrs["width"] = str(width)
        self.pictures.append(picture)


def is_beside(address: str) -> bool:
    """Whether `address` is that of a file near the letter, such as `photo.png`."""
    parts = urlsplit(address)
    return not (parts.scheme or parts.netloc) and is_picture(parts.path)


def is_picture(path: str) -> bool:
    return path.lower().endswith((".png", ".jpg", ".jpeg", ".gif"))


def _framed(path: str, wanted: str, data: bytes, place: Place, notes: Notes) -> tuple[Picture, int] | None:
    """The picture that a file of the site is, and how wide it is shown; None, with a note, for what is no picture."""
    measured = _measured(data)
    if measured is None:
        fix = "Save it as PNG, JPEG or GIF."
        notes.error(place, "E107", f"'{wanted}' is no picture that mail programs show.", fix)
        return None
    media_type, width = measured
    _weigh(wanted, len(data), width, place, notes)
    digest = hashlib.sha256(data).hexdigest()
    name = _NOT_IN_ADDRESS.sub("-", basename(path))[-_LONGEST_NAME:].lstrip(".-") or "picture"
    return Picture(digest=digest, name=name, media_type=media_type, file=path), min(width, SHOWN)


def _weigh(name: str, size: int, width: int, place: Place, notes: Notes) -> None:
    """Rule W211: what takes long to load on a phone."""
    fix = f"Save it {2 * SHOWN} pixels wide: letters show {SHOWN}."
    if size > TOO_HEAVY:
        notes.error(place, "W211", f"'{name}' has {size // 1000} KB; 1000 are too many.", fix)
    elif size > HEAVY:
        notes.warn(place, "W211", f"'{name}' has {size // 1000} KB; 200 are plenty.", fix)
    if width > WIDEST:
        notes.warn(place, "W211", f"'{name}' is {width} pixels wide; nobody sees that many.", fix)


def _measured(data: bytes) -> tuple[str, int] | None:
    """The media type and the width of a picture in pixels; None for what is none."""
    # Not at the top: it takes long to load, and most letters have no picture of their own.
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data), formats=tuple(KINDS)) as image:
            return KINDS[str(image.format)], image.width
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None


def _nothing() -> Token:
    return Token("html_block", "", 0)


def _text(content: str) -> Token:
    return Token("text", "", 0, content=content)
