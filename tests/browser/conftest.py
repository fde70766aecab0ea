"""A real browser for every test here, at a site of its own, which may ask nothing of anybody else."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from leadmagnet.content.compiled import Build
from tests.browser import chromium, site
from tests.browser.chromium import PHONE, Look
from tests.browser.site import Site

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request

#: Opens a page with this look, as somebody without cookies.
Visit = Callable[[Look], "Page"]


@dataclass
class Watch:
    """What went wrong in a browser: requests to others, errors on the console, refusals by our own policy."""

    url: str
    wrong: list[str] = field(default_factory=list)
    #: Words of console errors that the test means to cause, such as "404".
    meant: set[str] = field(default_factory=set)

    def over(self, context: "BrowserContext") -> None:
        context.on("request", self._asked)
        context.on("console", self._said)
        context.on("weberror", lambda error: self.wrong.append(f"script: {error.error}"))

    def _asked(self, request: "Request") -> None:
        if not request.url.startswith((f"{self.url}/", "data:", "blob:", "about:")):
            self.wrong.append(f"asked another: {request.url}")

    def _said(self, message: "ConsoleMessage") -> None:
        # A policy's refusal is told here too, as an error.
        if message.type == "error" and not any(words in message.text for words in self.meant):
            self.wrong.append(f"console: {message.text}")


@pytest.fixture(scope="session")
def browser() -> Iterator["Browser"]:
    """One browser for all tests of a process."""
    path = chromium.find()
    if path is None:
        pytest.skip(chromium.MISSING)
    with chromium.launched(path) as running:
        yield running


@pytest.fixture
def live(browser: "Browser", sqlite_template: Path, example: Build, tmp_path: Path) -> Iterator[Site]:
    """The example site, published on SQLite, served as in production; `live.world` moves time and sends mail."""
    with site.published(example, sqlite_template, tmp_path) as open_site:
        yield open_site


@pytest.fixture
def watch(live: Site) -> Iterator[Watch]:
    """Fails the test at its end for what went wrong in any of its browsers."""
    watching = Watch(live.url)
    yield watching
    assert watching.wrong == []


@pytest.fixture
def visit(browser: "Browser", live: Site, watch: Watch) -> Iterator[Visit]:
    """Opens pages: `visit(DESKTOP)`; paths are those of the live site."""
    contexts = []

    def open_with(look: Look = PHONE) -> "Page":
        context = chromium.visitor(browser, look, live.url)
        contexts.append(context)
        watch.over(context)
        return context.new_page()

    yield open_with
    for context in contexts:
        context.close()


@pytest.fixture
def page(visit: Visit) -> "Page":
    """A page on a phone."""
    return visit(PHONE)
