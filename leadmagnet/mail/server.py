"""Names the mail server that mail goes through, as the operator's setting says."""

import difflib
import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal, cast, get_args
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from leadmagnet.errors import SettingsError

#: `required`: STARTTLS or no mail · `offered`: STARTTLS if the server has it · `implicit`: TLS from the first byte.
TLS = Literal["required", "offered", "implicit", "off"]

_SUBMISSION = 587  # RFC 6409 §3.1
_SUBMISSIONS = 465  # RFC 8314 §7.3: TLS from the first byte
_RELAY = 25  # what a mail server on one's own machine listens on
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?|[0-9A-Fa-f:.]+")
_SHAPE = "smtp://username:password@host:587, with special characters percent-encoded (@ is %40, / is %2F)"


@dataclass(frozen=True, slots=True)
class Provider:
    """How a well-known mail provider is reached."""

    host: str
    port: int
    tls: TLS
    letters_header: bytes = b""


#: From the providers' own setup pages. A host of one's own (another region) may be given beside the name.
PROVIDERS: Mapping[str, Provider] = MappingProxyType(
    {
        "gmail": Provider("smtp.gmail.com", _SUBMISSION, "required"),
        "ses": Provider("email-smtp.us-east-1.amazonaws.com", _SUBMISSION, "required"),
        # Postmark keeps what was asked for apart from what goes to many, and wants to be told which is which.
        "postmark": Provider("smtp.postmarkapp.com", _SUBMISSION, "required", b"X-PM-Message-Stream: broadcast\r\n"),
        "mailgun": Provider("smtp.mailgun.org", _SUBMISSION, "required"),
        "sendgrid": Provider("smtp.sendgrid.net", _SUBMISSION, "required"),
        "brevo": Provider("smtp-relay.brevo.com", _SUBMISSION, "required"),
        "fastmail": Provider("smtp.fastmail.com", _SUBMISSIONS, "implicit"),
        "outlook365": Provider("smtp.office365.com", _SUBMISSION, "required"),
        "zoho": Provider("smtp.zoho.com", _SUBMISSIONS, "implicit"),
    }
)


@dataclass(frozen=True, slots=True)
class Server:
    """A mail server that is asked to pass mail on; without a username nobody logs in."""

    host: str
    port: int
    tls: TLS
    username: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)
    letters_header: bytes = field(default=b"", repr=False)  # a line, CRLF, that it wants on top of letters of a series

    def __post_init__(self) -> None:
        """Raises SettingsError for what cannot be a server; no message holds the password."""
        if not _HOST.fullmatch(self.host):
            raise SettingsError("The mail server's host is missing, or is not a host name.")
        if not 0 < self.port < 65_536:
            raise SettingsError(f"The mail server's port {self.port} is not between 1 and 65535.")
        if (self.username is None) != (self.password is None):
            missing = "password" if self.password is None else "username"
            raise SettingsError(f"The mail server {self} has a login without a {missing}.")
        for name, secret in (("username", self.username), ("password", self.password)):
            # RFC 4954 would allow UTF-8 in a login; the standard library's AUTH does not.
            if secret is not None and not (secret and secret.isascii() and secret.isprintable()):
                raise SettingsError(f"The {name} of the mail server {self} is empty, or not printable ASCII.")

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        """Whether the server is this machine: nothing on the way there can listen or forge."""
        return _is_loopback(self.host)

    @classmethod
    def from_url(cls, url: str) -> "Server":
        """The server of `smtp://user:pass@host:587?tls=required` or `smtps://…`, percent-encoded.

        TLS is required unless the host is this machine; port 465 means TLS from the first byte (RFC 8314).
        Raises SettingsError, which never repeats the URL: a part of it is a secret.
        """
        parts, port = _split(url)
        host = parts.hostname or ""
        if port is None:
            port = _SUBMISSIONS if parts.scheme == "smtps" else _RELAY if _is_loopback(host) else _SUBMISSION
        tls = _tls_of(parts, _default_tls(host, port))
        return cls(host, port, tls, _decoded(parts.username, "username"), _decoded(parts.password, "password"))

    @classmethod
    def from_provider(
        cls,
        provider: str,
        *,
        host: str | None = None,
        port: int | None = None,
        username: str | None = None,
        password: str | None = None,
    ) -> "Server":
        """The server of a provider's name, or of `host` and `port` for "custom". Raises SettingsError."""
        if provider == "custom":
            if not host:
                raise SettingsError('[smtp] provider = "custom" needs a host.')
            port = port or (_RELAY if _is_loopback(host) else _SUBMISSION)
            return cls(host, port, _default_tls(host, port), username, password)
        known = PROVIDERS.get(provider)
        if known is None:
            raise SettingsError(
                f'[smtp] provider = "{provider}" is not known.{_meant(provider, (*PROVIDERS, "custom"))}'
            )
        port = port or known.port
        host = host or known.host
        return cls(host, port, _default_tls(host, port), username, password, known.letters_header)


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):  # RFC 6761 §6.3
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _default_tls(host: str, port: int) -> TLS:
    if port == _SUBMISSIONS:
        return "implicit"
    return "offered" if _is_loopback(host) else "required"


def _split(url: str) -> tuple[SplitResult, int | None]:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:  # from None: the words of urllib quote what stands before the port, which may be the password
        raise SettingsError(f"The mail server's URL does not read: write {_SHAPE}.") from None
    if parts.scheme not in ("smtp", "smtps"):
        raise SettingsError(f"The mail server's URL must begin with smtp:// or smtps://: write {_SHAPE}.")
    if parts.path not in ("", "/") or parts.fragment:
        raise SettingsError(f"The mail server's URL has something behind its port: write {_SHAPE}.")
    return parts, port


def _tls_of(parts: SplitResult, default: TLS) -> TLS:
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    if options.keys() - {"tls"}:  # not repeated: behind a ? that was not encoded stands the rest of a password
        raise SettingsError(f"The mail server's URL has an option that is not tls=: write {_SHAPE}?tls=required.")
    if parts.scheme == "smtps":
        if options.get("tls", "implicit") != "implicit":
            raise SettingsError("smtps:// is encrypted from the first byte: use smtp:// for another tls=.")
        return "implicit"
    tls = options.get("tls", default)
    if tls not in get_args(TLS):
        raise SettingsError(f'The mail server\'s URL says tls="{tls}".{_meant(tls, get_args(TLS))}')
    return cast(TLS, tls)


def _decoded(part: str | None, name: str) -> str | None:
    if part is None:
        return None
    if re.search(r"%(?![0-9A-Fa-f]{2})", part):
        raise SettingsError(f"The {name} in the mail server's URL has a bare %: write %25.")
    return unquote(part)


def _meant(word: str, known: tuple[str, ...]) -> str:
    close = difflib.get_close_matches(word, known, n=1)
    return f' Did you mean "{close[0]}"?' if close else f" Known: {', '.join(known)}."
