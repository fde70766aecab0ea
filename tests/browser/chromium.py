"""The machine's own Chromium, driven by Playwright, and the looks it can take on."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext

MISSING = "browser tests skipped: install Chromium (Debian: apt install chromium)"

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_MACOS = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
)
#: A site that is not ours, on this machine: what browsers keep from other sites is kept from its pages.
ELSEWHERE = "blog.example"
_FLAGS = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    # Whatever a page asks for elsewhere is seen by the test, and leaves this machine never.
    f"--host-resolver-rules=MAP {ELSEWHERE} 127.0.0.1 , MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
)


@dataclass(frozen=True)
class Look:
    """How somebody looks at a page."""

    width: int = 390
    height: int = 844
    dark: bool = False
    still: bool = False  # asked her system for reduced motion
    scripts: bool = True
    pictures: bool = True
    scale: float = 1
    timezone: str = "America/New_York"


PHONE = Look()
DESKTOP = Look(width=1280, height=800)
DARK = Look(dark=True)
DESKTOP_DARK = Look(width=1280, height=800, dark=True)
NO_SCRIPTS = Look(scripts=False)
STILL = Look(still=True)


def find() -> str | None:
    """The path of a Chromium or Chrome of this machine."""
    on_path = (shutil.which(name) for name in _NAMES)
    on_macos = (path for path in _MACOS if os.access(path, os.X_OK))
    return next((path for path in (*on_path, *on_macos) if path is not None), None)


@contextmanager
def launched(path: str) -> Iterator["Browser"]:
    """The browser at `path`, running; about a second to start."""
    from playwright.sync_api import sync_playwright

    # Chromium refuses to sandbox for root, as who containers run.
    sandbox = ["--no-sandbox"] if os.getuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=[*_FLAGS, *sandbox])
        try:
            yield browser
        finally:
            browser.close()


def visitor(browser: "Browser", look: Look, base_url: str) -> "BrowserContext":
    """Somebody with no cookies yet, who sees pages with this look."""
    wishes: dict[str, Any] = {"color_scheme": "dark" if look.dark else "light"}
    if look.still:
        wishes["reduced_motion"] = "reduce"
    context = browser.new_context(
        base_url=base_url,
        viewport={"width": look.width, "height": look.height},
        java_script_enabled=look.scripts,
        device_scale_factor=look.scale,
        timezone_id=look.timezone,
        locale="en-US",
        **wishes,
    )
    # Nothing on this machine takes longer; a broken promise need not hold up the rest for half a minute.
    context.set_default_timeout(10_000)
    if not look.pictures:
        context.route(
            "**/*", lambda route: route.abort() if route.request.resource_type == "image" else route.continue_()
        )
    return context
