"""Judges what a letter's styles may not be: too long, too new, or loaded from elsewhere."""

import re

from leadmagnet.content.checks.page import Page
from leadmagnet.content.findings import Notes
from leadmagnet.content.values import is_loopback

_LONGEST = 16_384  # bytes; Gmail's limit for <style>
_MODERN = re.compile(r"\b(?:rgb|hsl)a?\(\s*[\d.%]+(?:deg)?\s+[\d.]", re.IGNORECASE)
_URL = re.compile(r"url\(\s*['\"]?\s*([^'\")\s]*)|@import\s+['\"]([^'\"]*)", re.IGNORECASE)


def judge(page: Page, notes: Notes) -> None:
    """Notes rule W209, and E107 and E108 for what a style loads."""
    size = len(page.style.encode())
    if size > _LONGEST:
        message = f"the <style> of the letter has {size:,} bytes, and Gmail drops one over {_LONGEST:,}."
        notes.warn(page.find(r"<style\b"), "W209", message, "Delete rules that no letter uses.")
    if found := _MODERN.search(page.html):
        message = f"Gmail does not know '{found[0]}…)', and drops the whole <style> that holds such a colour."
        notes.warn(page.find(re.escape(found[0])), "W209", message, "Write rgb(43, 35, 33), with commas, or #2B2321.")
    for one, other in _URL.findall(page.html):
        address = one or other
        place = page.find(re.escape(address)) if address else page.whole
        if address.startswith("data:"):
            notes.error(place, "E107", "a style holds a picture.", "Save it as PNG or JPEG, and show it with <img>.")
        elif not address.startswith(("https:", "{{")) and not is_loopback(address):
            fix = "Write it in full: https://example.com/picture.png."
            notes.error(place, "E108", f"a style loads '{address}'.", fix)
