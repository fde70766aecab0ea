"""Judges whether statements and elements enclose each other cleanly: neither may be cut by the other."""

from collections.abc import Sequence
from html.parser import HTMLParser
from xml.parsers.expat import ErrorString, ExpatError, ParserCreate

from markdown_it.token import Token

from leadmagnet.content.findings import Notes, Place
from leadmagnet.content.hiding import Piece, Veil
from leadmagnet.content.source import Source
from leadmagnet.content.tree import VOID, drawings
from leadmagnet.errors import ContentError

MAX_DEPTH = 200
#: What a guide may have: Typst gives up at 64 lists or quotes within each other.
MAX_PAGE_DEPTH = 40

_LIST_ENDS = {"bullet_list_close": "bullet_list_open", "ordered_list_close": "ordered_list_open"}


def judge(tokens: Sequence[Token], source: Source, veil: Veil, notes: Notes) -> None:
    """Notes rule E109 where a statement on a line of its own cuts a table or splits a list of `source`."""
    rows = source.text.split("\n")
    top = [token for token in tokens if token.nesting != 0 or token.type == "html_block"]
    for before, token, after in zip(top, top[1:], [*top[2:], None], strict=False):
        if token.type != "html_block" or token.map is None or not veil.is_statements(token.content):
            continue
        place, following = (source.place(token.map[0]), rows[token.map[1] : token.map[1] + 1])
        touches = token.map[0] > 0 and rows[token.map[0] - 1].strip() != ""
        if before.type == "table_close" and touches and following and "|" in following[0]:
            fix = "Put it inside a cell."
            notes.error(place, "E109", "a statement on a line of its own ends the table.", fix)
        elif before.type in _LIST_ENDS and touches and after is not None and after.type == _LIST_ENDS[before.type]:
            fix = "Indent it by two spaces, or keep it outside the list."
            notes.warn(place, "E109", "a statement splits the list in two.", fix)


def judge_depth(page: str, path: str, *, deepest: int = MAX_DEPTH) -> None:
    """Raises ContentError E109 when elements of `page` are nested so deep that those who read it give up, or crash."""
    reader = _Elements(Veil("-"))
    reader.feed(page)
    if reader.deepest > deepest:
        fix = "Close what is open: is a </div> missing?"
        raise ContentError("E109", path, 0, f"there are {reader.deepest} elements within each other.", fix)


def judge_drawings(page: str, source: Source, notes: Notes) -> None:
    """Notes rule E109 for each drawing of `page` that is not whole: on paper it is read as XML."""
    for drawing in drawings(page):
        parser = ParserCreate(namespace_separator=" ")
        try:
            parser.Parse(drawing, True)
        except ExpatError as error:
            start = source.text.find(drawing[: drawing.find(">") + 1])
            place = source.place_at(start) if start >= 0 else Place(source.path, 0)
            reason = ErrorString(error.code) if drawing.endswith("</svg>") else "it is never closed"
            fix = "Close each of its elements, and write it as XML: <rect/>, not <rect>."
            notes.error(place, "E109", f"a drawing (<svg>) does not read: {reason}.", fix)


def judge_document(page: str, veil: Veil, notes: Notes) -> None:
    """Notes rule E109 where an `if` of the finished HTML opens in one element and ends in another, or got lost."""
    reader = _Elements(veil)
    reader.feed(page)
    reader.close()
    for piece in reader.torn:
        fix = "Put it around whole blocks, or keep it within one line."
        notes.error(piece.place, "E109", f"'{piece.source}' cuts through an element.", fix)
    for piece in veil.pieces:
        if piece.keyword and id(piece) not in reader.met and not notes.blames(piece.place):
            fix = "Put it on a line of its own, or within a line of text."
            notes.error(piece.place, "E109", f"'{piece.source}' stands where HTML loses it.", fix)


class _Elements(HTMLParser):
    """Follows the open elements of a document and the statements between them."""

    def __init__(self, veil: Veil) -> None:
        super().__init__(convert_charrefs=True)
        self.veil = veil
        self.open: list[tuple[str, int]] = []  # tag and running number
        self.count = 0
        self.deepest = 0
        self.ifs: list[tuple[int, ...]] = []  # the elements around each open `if`
        self.met: set[int] = set()
        self.torn: list[Piece] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in VOID:
            self.count += 1
            self.open.append((tag, self.count))
            self.deepest = max(self.deepest, len(self.open))

    def handle_endtag(self, tag: str) -> None:
        for index in range(len(self.open) - 1, -1, -1):
            if self.open[index][0] == tag:
                del self.open[index:]
                return

    def handle_data(self, data: str) -> None:
        for piece in self.veil.statements(data):
            self._statement(piece)

    def handle_comment(self, data: str) -> None:
        self.handle_data(data)

    def _statement(self, piece: Piece) -> None:
        self.met.add(id(piece))
        around = tuple(number for _, number in self.open)
        if piece.keyword == "if":
            self.ifs.append(around)
        elif self.ifs:
            begun = self.ifs.pop() if piece.keyword == "endif" else self.ifs[-1]
            if begun != around:
                self.torn.append(piece)
