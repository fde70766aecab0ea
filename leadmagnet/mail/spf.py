"""Reads who may send for a domain, as a receiving mail server does (RFC 7208)."""

import ipaddress
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from leadmagnet.mail.dns import Resolver

#: RFC 7208 §4.6.4: whoever needs more questions than this is as good as nobody.
MOST_LOOKUPS = 10

_Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_TERM = re.compile(r"(?P<sign>[+?~-]?)(?P<name>[A-Za-z0-9]+)(?:[:=](?P<value>[^\s/]+))?(?P<length>(?:/\d{1,3}){0,3})")


@dataclass(slots=True)
class Policy:
    """What the record of a domain, with all that it includes, amounts to."""

    lookups: int = 0
    includes: set[str] = field(default_factory=set)
    networks: list[_Network] = field(default_factory=list)  # that may send
    broken: list[str] = field(default_factory=list)  # included domains that have not exactly one record
    open_to_all: bool = False  # "+all"

    def covers(self, address: str) -> bool:
        """Whether mail from this IP address passes."""
        return any(ipaddress.ip_address(address) in network for network in self.networks)


def records(resolver: Resolver, domain: str) -> list[str]:
    """The SPF records of a domain; exactly one is right (RFC 7208 §4.5). Raises Unknown."""
    return [text for text in resolver.texts(domain) if re.match(r"v=spf1( |$)", text, re.IGNORECASE)]


def read(resolver: Resolver, domain: str, record: str) -> Policy:
    """Follows a record through all that it names, but no further than a receiver would. Raises Unknown."""
    policy = Policy()
    _follow(resolver, domain, record, policy)
    return policy


def _follow(resolver: Resolver, domain: str, record: str, policy: Policy) -> None:
    for term in record.split()[1:]:
        match = _TERM.fullmatch(term)
        if match is None or policy.lookups > MOST_LOOKUPS:
            continue
        name, value = match["name"].lower(), (match["value"] or domain).lower().rstrip(".")
        if name in ("include", "redirect", "a", "mx", "ptr", "exists"):
            policy.lookups += 1
        if "%" in value or policy.lookups > MOST_LOOKUPS:  # a macro depends on the mail at hand
            continue
        if name in ("include", "redirect"):
            _include(resolver, value, policy)
        elif match["sign"] in ("", "+"):
            policy.open_to_all |= name == "all"
            policy.networks += _networks(resolver, name, value, match["length"])


def _include(resolver: Resolver, domain: str, policy: Policy) -> None:
    policy.includes.add(domain)
    found = records(resolver, domain)
    if len(found) == 1:
        _follow(resolver, domain, found[0], policy)
    else:
        policy.broken.append(domain)


def _networks(resolver: Resolver, name: str, value: str, length: str) -> Iterator[_Network]:
    if name in ("ip4", "ip6"):
        hosts = [value]
    elif name == "a":
        hosts = resolver.addresses(value)
    elif name == "mx":
        servers = resolver.mail_servers(value)[:MOST_LOOKUPS]
        hosts = [address for server in servers for address in resolver.addresses(server)]
    else:
        return
    # "/24//64": the length of IPv4 networks, then that of IPv6 ones. An ip6 term has its own behind one slash.
    v4, _, v6 = length.removeprefix("/").partition("//")
    for host in hosts:
        bits = (v6 or (v4 if name == "ip6" else "")) if ":" in host else v4
        try:
            yield ipaddress.ip_network(f"{host}/{bits}" if bits else host, strict=False)
        except ValueError:  # nonsense in somebody's record
            continue
