"""The way to a reader's own inbox, where her address tells who keeps it."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

_FILE = Path(__file__).with_name("inboxes.toml")
#: What may stand for the star of "yahoo.*".
_ENDS = r"(?:com|(?:com?\.)?[a-z]{2})"


@dataclass(frozen=True, slots=True)
class Inbox:
    """One button: `searches` if it leads to the mail itself, not just to where mails lie."""

    name: str
    url: str
    searches: bool

    @property
    def target(self) -> str:
        """Where it opens: a page beside ours; an app from the top, since a frame may start none."""
        return "_blank" if self.url.startswith("https:") else "_top"


def find(address: str, *, agent: str, sender: str) -> Inbox | None:
    """The inbox of `address` in a browser that calls itself `agent`; None where nothing is known.

    `sender` is the bare address that our mail is from. It depends on the domain alone who is found.
    """
    domain = address.rpartition("@")[2].lower()
    found = next((inbox for pattern, inbox in _inboxes() if pattern.fullmatch(domain)), None)
    if found is None:
        return None
    template = found["web"]
    if re.search(r"iPhone|iPad|iPod", agent):
        template = found.get("ios", template)
    words = {"{sender}": quote(sender, safe=""), "{recipient}": quote(address, safe="")}
    url = _filled(template, words)
    if "Android" in agent and "android" in found:
        return Inbox(found["name"], _intent(found["android"], url), searches=False)
    return Inbox(found["name"], url, searches="{sender}" in template)


@cache
def _file() -> dict[str, Any]:
    return tomllib.loads(_FILE.read_text())


def _filled(template: str, words: Mapping[str, str]) -> str:
    return re.sub(r"\{\w+\}", lambda word: words[word[0]], template)


def _intent(app: Mapping[str, str], otherwise: str) -> str:
    """Starts an app of Android; `otherwise` is opened where it is not installed."""
    # https://developer.chrome.com/docs/android/intents
    return (
        f"intent://#Intent;scheme={app['scheme']};package={app['package']};"
        f"S.browser_fallback_url={quote(otherwise, safe='')};end"
    )


@cache
def _inboxes() -> list[tuple[re.Pattern[str], dict[str, Any]]]:
    """Every inbox, once for each pattern that its domains have."""
    inboxes = _file()["inbox"]
    return [(_pattern(domain), inbox) for inbox in inboxes for domain in inbox["domains"]]


def _pattern(domain: str) -> re.Pattern[str]:
    return re.compile(re.escape(domain).replace(r"\*", _ENDS))
