"""Asks DNS within a bounded time: what nobody answers is unknown, never missing."""

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dns.resolver import Answer

#: Seconds for one question, and for all together.
_EACH, _ALTOGETHER = 3.0, 20.0
#: So many questions in a row without an answer: there is no network, and no use in asking on.
_SILENT = 2


class Unknown(Exception):
    """Nobody answered, or nobody could: says nothing about whether a record is there."""


@dataclass(frozen=True, slots=True)
class Nameserver:
    """Whom to ask: an IP address and a port."""

    host: str
    port: int = 53


class Resolver:
    """Asks one nameserver, or those that this machine is set to. For one look at a domain, as it gives up for good."""

    def __init__(
        self, nameserver: Nameserver | None = None, *, each: float = _EACH, altogether: float = _ALTOGETHER
    ) -> None:
        self._nameserver = nameserver
        self._each = each
        self._altogether = altogether
        self._silent = 0
        self._until: float | None = None  # by the monotonic clock; None: nothing was asked yet

    def texts(self, name: str) -> list[str]:
        """The TXT records, each with its strings joined (RFC 1035 §3.3.14, RFC 7208 §3.3). Raises Unknown."""
        return [b"".join(record.strings).decode("utf-8", "replace") for record in self._ask(name, "TXT")]

    def addresses(self, name: str) -> list[str]:
        """The IP addresses of a host, IPv4 first. Raises Unknown."""
        return [record.address for kind in ("A", "AAAA") for record in self._ask(name, kind)]

    def mail_servers(self, name: str) -> list[str]:
        """Who takes mail for a domain; an empty name: nobody, on purpose (RFC 7505). Raises Unknown."""
        return [str(record.exchange).rstrip(".").lower() for record in self._ask(name, "MX")]

    def _ask(self, name: str, kind: str) -> "Answer | list[Any]":
        # Imported here: it takes long to load, and only `doctor` asks DNS.
        import dns.exception
        import dns.resolver

        now = time.monotonic()
        self._until = self._until or now + self._altogether
        if self._silent >= _SILENT or now >= self._until:
            raise Unknown
        try:
            asked = dns.resolver.Resolver(configure=self._nameserver is None)
            if self._nameserver is not None:
                asked.nameservers, asked.port = [self._nameserver.host], self._nameserver.port
            lifetime = min(self._each, self._until - now)
            found = asked.resolve(name, kind, lifetime=lifetime, search=False, raise_on_no_answer=False)
        except dns.resolver.NXDOMAIN:
            self._silent = 0
            return []
        except dns.exception.Timeout:
            self._silent += 1
            raise Unknown from None
        except (dns.exception.DNSException, OSError, UnicodeError):  # no nameserver at all, or one that fails
            raise Unknown from None
        self._silent = 0
        return found if found.rrset is not None else []
