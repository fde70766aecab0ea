"""Spells text in quoted-printable (RFC 2045 §6.7), in pieces that can be put together in any order.

A letter's words are encoded once, when its template is built; only a reader's values are encoded for each mail.
So every piece begins at the start of a line, and ends with one: a line end of the text, or a soft one.
"""

import binascii
import re

#: A line end that is none of the text's.
SOFT = "=\r\n"
#: What means the same in text, HTML and quoted-printable, in a line of its own: nearly every value of a reader.
_SIMPLE = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9 ,.:;/@_~+()-]{0,72}[A-Za-z0-9,.:;/@_~+()-])?")
#: Of a text: whether it needs neither escaping nor encoding.
is_simple = _SIMPLE.fullmatch


def piece(text: str) -> str:
    """`text` in lines of at most 76 characters, each ending in CRLF; every kind of line end becomes one CRLF."""
    if is_simple(text):
        return text + SOFT
    if not text:
        return ""
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    # A lone surrogate has no bytes, and is worth no failure. CRLF comes last: b2a_qp copies its own soft line breaks
    # from the first line end that it meets, and takes a bare LF where there is none.
    encoded = "\n" + binascii.b2a_qp(lines.encode(errors="replace")).decode("ascii")
    # A line that begins with a dot would have to be stuffed for every server (RFC 5321 §4.5.2).
    encoded = encoded.replace("\n.", "\n=2E")[1:]
    return _folded(encoded).replace("\n", "\r\n")


def whole(pieces: str) -> bytes:
    """Pieces as the body of a part, which does not end with a soft line end."""
    return pieces.removesuffix(SOFT).encode("ascii")


def decoded(body: bytes) -> str:
    """The text of a body, its line ends LF."""
    return binascii.a2b_qp(body).decode().replace("\r\n", "\n")


def _folded(encoded: str) -> str:
    """The last line closed by a soft line end, if the text leaves it open; a line that "=2E" made too long is cut."""
    lines = encoded.split("\n")
    if lines[-1]:
        lines[-1] += "="
        lines.append("")
    if max(map(len, lines)) > 76:
        lines = [part for line in lines for part in _cut(line)]
    return "\n".join(lines)


def _cut(line: str) -> list[str]:
    if len(line) <= 76:
        return [line]
    # An escape is three characters, and stays whole.
    at = next(at for at in (75, 74, 73) if "=" not in line[at - 2 : at])
    return [line[:at] + "=", *_cut(line[at:])]
