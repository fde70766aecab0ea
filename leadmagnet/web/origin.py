"""Where a request came from, as far as it can be trusted."""

import ipaddress
import re
from functools import lru_cache

from flask import Request

from leadmagnet.audience.consent import Origin
from leadmagnet.web import sources

_LONGEST = 512
#: Loopback and private networks (RFC 1122 §3.2.1.3, RFC 1918, RFC 4291 §2.5.3, RFC 4193).
_NEAR = [
    ipaddress.ip_network(network)
    for network in ("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "::1/128", "fc00::/7")
]
#: Addresses between machines of one provider (RFC 6598, where clusters live too) and of one wire (RFC 3927, RFC 4291).
_SHARED = [ipaddress.ip_network(network) for network in ("100.64.0.0/10", "169.254.0.0/16", "fe80::/10")]
#: Some proxies tell a port too: "192.0.2.7:4711", "[2001:db8::7]:4711" (as RFC 7239 §6).
_WITH_PORT = re.compile(r"^(?:([0-9.]+):\d{1,5}|\[([^\]]*)\](?::\d{1,5})?)$")
#: What a proxy says of itself.
_FORWARDED = ("X-Forwarded-For", "Forwarded", "X-Real-IP", "X-Forwarded-Host", "X-Forwarded-Proto", "Via")


def origin_of(request: Request, trusted_proxies: tuple[str, ...]) -> Origin:
    """The visitor's address and browser, and what led her here, for the proof of consent."""
    # A plain dict: for each field that is not there, as most are not, Flask's makes an exception of a whole page.
    said, referer = request.form.to_dict(), request.headers.get("Referer", "")
    return Origin(
        ip=client_address(request, trusted_proxies),
        user_agent=sources.storable(request.headers.get("User-Agent", "")[:_LONGEST]) or None,
        page=sources.page(said, referer),
        source=sources.source(said, referer) or None,
    )


def client_address(request: Request, trusted_proxies: tuple[str, ...]) -> str | None:
    """The visitor's IP address: the nearest hop that no configured proxy vouches for.

    A forged X-Forwarded-For changes nothing: it is read only behind a trusted proxy, from the right, and
    what is no address ends the reading.
    """
    networks = _networks(trusted_proxies)
    address = _parsed(request.remote_addr or "")
    hops = [hop.strip() for hop in request.headers.get("X-Forwarded-For", "").split(",")]
    while address is not None and hops and any(address in network for network in networks):
        hop = _parsed(_WITH_PORT.sub(r"\1\2", hops.pop()))
        if hop is None:
            break
        address = hop
    return str(address) if address is not None else None


def is_public(address: str) -> bool:
    """True if a `client_address` can be one visitor's, and not what a proxy that is not named would look like.

    Behind such a proxy everybody comes from one address of a machine or a private network: to count by it would lock
    all visitors out together.
    """
    found = _parsed(address)
    return found is not None and not any(found in network for network in (*_NEAR, *_SHARED))


def is_this_machine(request: Request) -> bool:
    """True for a browser on this machine itself, and not for one behind a proxy on this machine."""
    address = _parsed(request.remote_addr or "")
    return address is not None and address.is_loopback and "X-Forwarded-For" not in request.headers


def is_neighbour(request: Request) -> bool:
    """True for a program in this machine or its private network that asks directly, not through a proxy."""
    address = _parsed(request.remote_addr or "")
    near = address is not None and any(address in network for network in _NEAR)
    return near and not any(name in request.headers for name in _FORWARDED)


def is_bare(host: str) -> bool:
    """True for an IP address or a name without a dot: no page elsewhere can point such a name at this machine."""
    return _parsed(host) is not None or (host != "" and "." not in host)


@lru_cache(maxsize=8)
def _networks(listed: tuple[str, ...]) -> tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]:
    return tuple(map(ipaddress.ip_network, listed))


def _parsed(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address
