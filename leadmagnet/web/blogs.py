"""The other sites that may show the form: whose scripts read its answers, whose pages frame it."""

import logging
import re
from functools import lru_cache
from typing import cast
from urllib.parse import urlsplit

from flask import Response, g, request

from leadmagnet.content.published import Published
from leadmagnet.web.answers import wants_json
from leadmagnet.web.house import house

_log = logging.getLogger(__name__)

_PORTS = {"http": 80, "https": 443}
_HOST = re.compile(r"[a-z0-9_](?:[a-z0-9._-]*[a-z0-9_])?|\[[0-9a-f:.]+\]")
#: What a script on a blog reads: the answer to the form, and since when the form has been open.
_READ_BY_SCRIPTS = re.compile(r"/f/[^/]+(/started)?")
_ANCESTORS = re.compile(r"frame-ancestors [^;]*")
_SCRIPTS = ("/embed.js", "/static/frame.js")
#: Says of an address below /f/ that its page stands in a frame; the form carries it on.
_FRAMED = "in=frame"


@lru_cache(maxsize=256)
def origin_of(address: str) -> str | None:
    """The origin of an address as browsers write it in `Origin` (RFC 6454 §6.2); None if it has none."""
    try:
        parts = urlsplit(address)
        host, port = parts.hostname or "", parts.port
        host = f"[{host}]" if ":" in host else host.encode("idna").decode()
    except ValueError:  # UnicodeError is one, too
        return None
    if parts.scheme not in _PORTS or not _HOST.fullmatch(host):
        return None
    return f"{parts.scheme}://{host}" + (f":{port}" if port not in (None, _PORTS[parts.scheme]) else "")


def own_origin() -> str:
    """The origin that links to this site begin with."""
    return origin_of(house().links.base_url) or ""


def permitted() -> tuple[str, ...]:
    """The origins of other sites that may show the form, as the live release lists them; none while there is none."""
    if "permitted" not in g:
        try:
            g.permitted = _listed(house().published_now())
        except Exception:  # asked while an answer leaves, perhaps one that says that the database is away
            g.permitted = ()
    return cast(tuple[str, ...], g.permitted)


def _is_permitted(origin: str) -> bool:
    """Asks the database only about an origin that the release last seen does not list."""
    seen = house().live.last_seen
    return (seen is not None and origin in _listed(seen)) or origin in permitted()


def _listed(published: Published) -> tuple[str, ...]:
    listed = published.compiled.settings.form.allowed_origins
    return tuple(found for found in map(origin_of, listed) if found is not None)


def is_stranger() -> bool:
    """True for a script on a page of another site that may not read the answer."""
    origin = request.headers.get("Origin")
    if origin is None or origin == own_origin() or origin.partition("://")[2] == request.host:
        return False
    return not _is_permitted(origin)


def turn_strangers_away() -> Response | None:
    """Takes no sign-up from a script that could not read the answer: it would send the form once more, by itself.

    A plain form posts from anywhere, with or without this: what holds abuse back are the limits.
    """
    if request.method == "POST" and _READ_BY_SCRIPTS.fullmatch(request.path) and wants_json(request) and is_stranger():
        origin = origin_of(request.headers["Origin"]) or "a page without an origin"
        _log.info("the script on %s may not send the form: it is not in allowed_origins; a plain form may", origin)
        return Response(status=403)
    return None


def open_to_scripts(response: Response) -> Response:
    """Lets the scripts of permitted sites read what belongs to the form, errors too; without credentials."""
    if not _READ_BY_SCRIPTS.fullmatch(request.path):
        return response
    response.headers.add("Vary", "Origin")
    # A plain form's answer is a page for the browser: nothing has to be looked up for it.
    asks = (
        request.method == "GET"
        if request.path.endswith("/started")
        else request.method == "POST" and wants_json(request)
    )
    origin = request.headers.get("Origin")
    if asks and origin is not None and (origin == own_origin() or _is_permitted(origin)):
        response.headers["Access-Control-Allow-Origin"] = origin
        response.headers["Access-Control-Expose-Headers"] = "Retry-After"
    return response


def is_framed() -> bool:
    """True for the form and its answers in the frame of another site's page."""
    if not request.path.startswith("/f/"):
        return False
    if request.path.endswith("/embed"):
        return True
    return bool(request.query_string) and request.args.get("in") == "frame"


def within(path: str) -> str:
    """`path`, in the frame if the request came from one."""
    return f"{path}?{_FRAMED}" if is_framed() else path


def open_to_frames(response: Response) -> Response:
    """Lets the pages of permitted sites frame the form and its answers, and nothing else."""
    framed = is_framed()
    if framed or request.path in _SCRIPTS:
        # What a site that isolates itself asks of all it loads (Cross-Origin-Embedder-Policy).
        response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    if framed:
        ancestors = " ".join(["frame-ancestors 'self'", *permitted()])
        policy = response.headers.get("Content-Security-Policy", "")
        response.headers["Content-Security-Policy"] = _ANCESTORS.sub(ancestors, policy)
    return response
