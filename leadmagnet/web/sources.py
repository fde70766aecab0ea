"""What led a visitor to the form, as far as she or her browser says: the page, the site before it, the campaign."""

import re
from collections.abc import Mapping
from urllib.parse import SplitResult, parse_qsl, urlsplit

from flask import Request

#: What marketers write behind links, and what is kept of it.
UTM = ("utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content")
#: The hidden fields by which a form tells it: a script fills them, or the page that held the form.
FIELDS = ("page", "referrer", *UTM)

_LONGEST_PAGE = 512
_LONGEST_WORD = 100
_HOST = re.compile(r"[a-z0-9.-]+(?::\d{1,5})?")


def page(said: Mapping[str, str], referer: str) -> str | None:
    """The address of the page that held the form, without its query, which is not ours to keep.

    The form's own word goes first: browsers tell another site no more than where the page's site is.
    """
    return _without_query(said.get("page", "")) or _without_query(referer)


def source(said: Mapping[str, str], referer: str) -> dict[str, str]:
    """The site that led to that page as `referrer`, and the `utm_…` of its address, as far as they were told."""
    before = _host(said.get("referrer", ""))
    # In a frame the page around it is both, and a step within one site is none.
    told = {"referrer": before} if before and before != _host(page(said, referer) or "") else {}
    return told | (_utm(said) or _utm_of(referer))


def carried(request: Request, *, framed: bool) -> list[tuple[str, str]]:
    """The fields by which a form on a page of ours carries on what the page's own request said, as (name, value).

    In a frame the page of the blog is what led here; elsewhere it is the site before ours.
    """
    led = request.headers.get("Referer", "")
    if request.method == "POST":
        return list(carried_on(request.form.to_dict(), led).items())
    if framed:
        told = {"page": _without_query(led) or "", **(_utm(request.args) or _utm_of(led))}
    else:
        told = {"referrer": _other_host(led, request.host), **_utm(request.args)}
    return list(_in_order(told).items())


def carried_on(said: Mapping[str, str], referer: str) -> dict[str, str]:
    """The same fields of a form that was sent, by their names."""
    return _in_order({"page": _without_query(said.get("page", "")) or "", **source(said, referer)})


def storable(text: str) -> str:
    """`text` without what PostgreSQL refuses (NUL); nothing that cannot be printed proves anything, either."""
    return text if text.isprintable() else "".join(char for char in text if char.isprintable())


def _in_order(told: Mapping[str, str]) -> dict[str, str]:
    return {name: told[name] for name in FIELDS if told.get(name)}


def _utm(said: Mapping[str, str]) -> dict[str, str]:
    return {name: word for name in UTM if name in said and (word := _word(said[name]))}


def _utm_of(address: str) -> dict[str, str]:
    parts = _parts(address)
    return _utm(dict(parse_qsl(parts.query)) if parts is not None else {})


def _word(text: str) -> str:
    return storable(text).strip()[:_LONGEST_WORD]


def _without_query(address: str) -> str | None:
    parts = _parts(address)
    if parts is None:
        return None
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"[:_LONGEST_PAGE]


def _host(text: str) -> str:
    parts = _parts(text)  # a script may tell all of an address: its host is enough
    host = (parts.netloc.rpartition("@")[2] if parts is not None else text.strip()).lower()
    return host if len(host) <= _LONGEST_WORD and _HOST.fullmatch(host) else ""


def _other_host(address: str, own: str) -> str:
    host = _host(address)
    return "" if host == own.lower() else host


def _parts(address: str) -> SplitResult | None:
    if not address:
        return None
    try:
        parts = urlsplit(storable(address[:2048]))
    except ValueError:  # anybody can send anything: "http://["
        return None
    return parts if parts.scheme in ("http", "https") and parts.netloc else None
