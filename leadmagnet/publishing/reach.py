"""Asks the addresses that letters link to whether they still answer."""

import re
import ssl
import urllib.error
import urllib.request
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any

from leadmagnet.content.checks.page import Page
from leadmagnet.content.compiled import Compiled
from leadmagnet.content.findings import Notes, Place

MOST = 100  # addresses
_AT_ONCE = 8
_SECONDS = 8.0
#: Answers that are meant for programs: a reader in her browser may well get the page.
_NOT_FOR_PROGRAMS = frozenset({401, 403, 405, 406, 429, 503, 999})
_ADDRESS = re.compile(r"https?://[^\s\"'<>{}]+")


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of asking: a status with where it leads to, or the reason why there was none."""

    status: int | None
    words: str = ""


class _Stay(urllib.request.HTTPRedirectHandler):
    """Does not follow: where a link leads now is what is asked."""

    def redirect_request(self, *_: Any) -> None:
        return None


def judge(compiled: Compiled, texts: Mapping[str, str], notes: Notes) -> int:
    """Notes rule I301 for up to MOST addresses of the letters and of [links]; returns how many were asked."""
    places = _places(compiled, texts)
    asked = list(places)[:MOST]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for address, answer in zip(asked, pool.map(ask, asked), strict=True):
            _note(address, answer, places[address], notes)
    if len(places) > MOST:
        message = f"{len(places)} addresses are too many to ask: {len(places) - MOST} were left out."
        notes.inform(Place("leadmagnet.toml", 0), "I301", message, f"The first {MOST} were asked.")
    return len(asked)


def ask(address: str, seconds: float = _SECONDS) -> Answer:
    """What `address` answers: HEAD first, and GET where that is refused."""
    answer = _asked(address, "HEAD", seconds)
    if answer.status in (403, 404, 405, 501):
        return _asked(address, "GET", seconds)
    return answer


def _asked(address: str, method: str, seconds: float) -> Answer:
    opener = urllib.request.build_opener(_Stay, urllib.request.ProxyHandler())
    headers = {"User-Agent": "Mozilla/5.0 (compatible; leadmagnet check)"}
    try:
        request = urllib.request.Request(address, method=method, headers=headers)  # noqa: S310 - http and https only
        with opener.open(request, timeout=seconds) as answer:
            return Answer(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return Answer(error.code, error.headers.get("Location") or "")
    except urllib.error.URLError as error:
        if isinstance(error.reason, ssl.SSLCertVerificationError):
            return Answer(None, f"its certificate is not valid ({error.reason.verify_message})")
        return Answer(None, _reason(error.reason))
    except (OSError, HTTPException, ValueError) as error:
        return Answer(None, _reason(error))


def _reason(error: object) -> str:
    if isinstance(error, TimeoutError):
        return f"no answer within {_SECONDS:.0f} seconds"
    return str(getattr(error, "strerror", None) or error or type(error).__name__)


def _note(address: str, answer: Answer, place: Place, notes: Notes) -> None:
    mend = "Correct the address; [link_fixes] mends it in letters already sent."
    if answer.status is None:
        notes.error(place, "I301", f"{address} does not answer: {answer.words}.", mend)
    elif answer.status in _NOT_FOR_PROGRAMS:
        message = f"{address} answers a program with {answer.status}: nobody can tell what readers get."
        notes.warn(place, "I301", message, "Open it in a browser.")
    elif answer.status >= 400:
        notes.error(place, "I301", f"{address} answers with {answer.status}.", mend)
    elif answer.status >= 300:
        message = f"{address} has moved ({answer.status}) to {answer.words or 'nowhere'}."
        notes.warn(place, "I301", message, "Write the new address, if the page has moved for good.")


def _places(compiled: Compiled, texts: Mapping[str, str]) -> dict[str, Place]:
    """The addresses, without their #section, each with the first line it stands on."""
    places: dict[str, Place] = {}
    for letter in compiled.letters.values():
        page = Page(letter, texts)
        for address in _addresses(letter.links, (a.attributes.get("href", "") for a in page.root.every("a"))):
            if address not in places:
                named = next((name for name, to in compiled.settings.links.items() if to.startswith(address)), None)
                pattern = re.escape(address) + (rf"|links\.{named}\b" if named else "")
                places[address] = page.find(pattern)
    return places


def _addresses(*groups: Iterable[str]) -> list[str]:
    return [found[0].partition("#")[0] for group in groups for one in group if (found := _ADDRESS.match(one))]
