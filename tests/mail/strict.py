"""Reads a message byte by byte, and forgives nothing: what Python's parser hides, this one shows."""

import re

_FIELD = re.compile(rb"([!-9;-~]+): ([^\r\n]*(?:\r\n[ \t][^\r\n]*)*)\r\n")


def parse(raw: bytes) -> tuple[list[tuple[str, str]], bytes]:
    """Header fields in their order, unfolded, and the body. Raises ValueError for what RFC 5322 forbids."""
    if re.search(rb"(?<!\r)\n|\r(?!\n)|\x00", raw):
        raise ValueError("bare CR, bare LF or NUL")
    if max(map(len, raw.split(b"\r\n"))) > 998:
        raise ValueError("a line over 998")
    head, blank, body = raw.partition(b"\r\n\r\n")
    if not blank:
        raise ValueError("no end of the header")
    head += b"\r\n"
    fields = []
    at = 0
    while at < len(head):
        match = _FIELD.match(head, at)
        if match is None:
            raise ValueError(f"not a header field: {head[at : at + 60]!r}")
        if any(not line.strip() for line in match[2].split(b"\r\n")):
            raise ValueError("a folded line of white space alone")
        fields.append((match[1].decode("ascii"), match[2].decode().replace("\r\n", "")))
        at = match.end()
    return fields, body
