"""Judges how long a letter is on the wire."""

from leadmagnet.content.findings import Notes, Place

MAX_HTML = 102_000  # bytes; Gmail clips near 102 KB, and what it clips first is the unsubscribe link
_LONG = 80_000


def judge(path: str, html: int, encoded: int, notes: Notes) -> None:
    """Notes rule E105 on the HTML part of the letter `path`: bytes as a reader's program sees them, and encoded."""
    size = max(html, encoded)
    if size <= _LONG:
        return
    message = f"the letter has {html:,} bytes of HTML, {encoded:,} as it is sent; Gmail cuts near {MAX_HTML:,}."
    if html > MAX_HTML:
        notes.error(Place(path, 0), "E105", message, "Make it shorter.")
    else:
        notes.warn(Place(path, 0), "E105", message, "Make it shorter: what is cut first is the unsubscribe link.")
