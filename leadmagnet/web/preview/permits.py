"""Who may look at the preview: the operator at this machine, and no page or proxy in her name."""

import hmac
import ipaddress
import secrets
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from flask import Request

from leadmagnet.web.origin import is_neighbour, is_this_machine

COOKIE = "leadmagnet_preview"
_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True)
class Permits:
    """What a browser has to show.

    `key` is asked for where the site is open to the world: a proxy that says nothing of itself looks like this
    machine, and the terminal that `run` prints the key in does not. `token` stands in each page, and comes back with
    what that page sends: no page from elsewhere can read it.
    """

    key: str | None
    trusted_proxies: tuple[str, ...] = ()
    token: str = field(default_factory=lambda: secrets.token_urlsafe(18))

    def is_here(self, request: Request) -> bool:
        """Whether a browser on this machine asks, directly, for a name of this machine.

        The name is asked for because any page of the web may point a name of its own at 127.0.0.1.
        """
        if not (is_this_machine(request) and is_neighbour(request)):
            return False
        try:
            host = urlsplit(f"//{request.host}").hostname or ""
        except ValueError:
            return False
        peer = ipaddress.ip_address((request.remote_addr or "").partition("%")[0])
        return host in _NAMES and not any(peer in ipaddress.ip_network(proxy) for proxy in self.trusted_proxies)

    def opens(self, given: str | None) -> bool:
        """Whether `given` is the key, or none is needed."""
        return self.key is None or hmac.compare_digest(self.key.encode(), (given or "").encode())

    def is_own_page(self, request: Request) -> bool:
        """Whether a page of ours sends this, rather than one of somebody else's."""
        given = request.form.get("token", "")
        if not hmac.compare_digest(self.token.encode(), given.encode()):
            return False
        if request.headers.get("Sec-Fetch-Site", "same-origin") != "same-origin":
            return False
        origin = request.headers.get("Origin")
        return origin is None or urlsplit(origin).netloc == request.host
