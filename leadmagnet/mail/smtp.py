"""Opens connections to mail servers: the only module that knows smtplib."""

import errno
import smtplib
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

from leadmagnet.mail.handover import (
    NameNotFound,
    Reply,
    TLSNotOffered,
    Unavailable,
    Unreachable,
    UntrustedCertificate,
    WrongPassword,
)
from leadmagnet.mail.server import Server
from leadmagnet.mail.transactions import STANDARD, Timeouts, Transactions
from leadmagnet.mail.wire import Wire

__all__ = ["Connection", "Server", "Timeouts"]

#: Seconds for one of several addresses of a name, so that a dead IPv6 route costs no more than this.
_NEXT_ADDRESS_AFTER = 10.0
#: smtplib's way for each login, in the order of our liking: inside TLS the plain one is as safe as any.
_LOGINS = {"PLAIN": "auth_plain", "LOGIN": "auth_login", "CRAM-MD5": "auth_cram_md5"}


class Connection(Transactions):
    """A mail server's connection from its first byte on; satisfies `handover.Handover`."""

    @classmethod
    def open(cls, server: Server, *, local_hostname: str, timeouts: Timeouts = STANDARD) -> "Connection":
        """Connects, greets as `local_hostname`, encrypts and logs in as `server` says.

        Raises Unavailable or one of its kinds, NotAccepted for a 421; their texts are for the operator.
        """
        sock = _dial(server, timeouts.connect)
        # Without a host it neither connects nor, the name being given, asks DNS for one.
        client = smtplib.SMTP(local_hostname=local_hostname)
        client.sock = sock
        try:
            with _told(server):
                sock.settimeout(timeouts.greeting)
                _greet(client, server)
                _log_in(client, server)
                wire = Wire(_released(client))
        except BaseException:
            client.close()
            sock.close()
            raise
        return cls(wire, server, client.esmtp_features, timeouts)


def _dial(server: Server, timeout: float) -> socket.socket:
    try:
        found = socket.getaddrinfo(server.host, server.port, type=socket.SOCK_STREAM)
    except (socket.gaierror, UnicodeError) as error:
        raise NameNotFound(
            f"The mail server's name {server.host} has no address. Check its spelling, and this machine's DNS."
        ) from error
    trouble: OSError | None = None
    for family, kind, protocol, _, address in found:
        try:
            sock = socket.socket(family, kind, protocol)
        except OSError as error:
            _require_descriptors(error)
            trouble = error  # this machine has no such protocol: the next address may be of another
            continue
        sock.settimeout(timeout if len(found) == 1 else min(timeout, _NEXT_ADDRESS_AFTER))
        try:
            sock.connect(address)
        except OSError as error:
            sock.close()
            trouble = error
        else:
            return sock
    if isinstance(trouble, ConnectionRefusedError):
        raise Unreachable(f"Nothing listens at {server}. Check host and port, and that the server runs.") from trouble
    raise Unreachable(
        f"{server} does not answer. Many networks block mail ports, 25 above all: try 587, 465 or 2525."
    ) from trouble


def _require_descriptors(error: Exception) -> None:
    """Raises Unavailable if it was for want of file descriptors: no server is at fault."""
    if isinstance(error, OSError) and error.errno in (errno.EMFILE, errno.ENFILE):
        raise Unavailable(
            "No connection can be opened: this process, or this machine, has too many files open. Raise the limit "
            "(LimitNOFILE= in its systemd unit, or ulimit -n), or lower worker_connections."
        ) from error


@contextmanager
def _told(server: Server) -> Iterator[None]:
    """Turns what smtplib and ssl raise into words for the operator."""
    try:
        yield
    except ssl.SSLCertVerificationError as error:
        raise UntrustedCertificate(
            f"The certificate of {server} is not trusted ({error.verify_message}). Use the host name that stands in "
            "the certificate, or install the authority that signed it on this machine."
        ) from error
    except ssl.SSLError as error:
        raise Unavailable(
            f"{server} does not speak TLS as expected ({error.reason}). Port 465 wants smtps://, 587 and 25 smtp://."
        ) from error
    except TimeoutError as error:
        raise Unavailable(
            f"{server} took the connection, then said nothing. Port 465 wants smtps://, 587 and 25 smtp://."
        ) from error
    except (smtplib.SMTPException, OSError) as error:
        _require_descriptors(error)
        # smtplib wraps a timeout into its "disconnected"; the rest of its words are not for people.
        silent = isinstance(error.__context__, TimeoutError)
        what = "said nothing for too long" if silent else "closed the connection"
        raise Unavailable(f"{server} {what} before any mail could be offered. Its own log may say why.") from error


def _greet(client: smtplib.SMTP, server: Server) -> None:
    if server.tls == "implicit":
        _encrypt(client, server)
    _expect(server, "the greeting", client.getreply(), 2)
    _hello(client, server)
    if server.tls == "required" and not client.has_extn("starttls"):
        raise TLSNotOffered(
            f"{server} does not offer to encrypt (STARTTLS), and tls=required. Try port 587, or smtps:// on port 465."
        )
    if server.tls in ("required", "offered") and client.has_extn("starttls"):
        _expect(server, "STARTTLS", client.docmd("STARTTLS"), 2)
        _encrypt(client, server)
        _hello(client, server)  # RFC 3207 §4.2: what was offered before is forgotten
    elif server.tls == "offered" and server.username is not None and not server.is_loopback:
        # Who can sit between could strip the offer, and read the password.
        raise TLSNotOffered(
            f"{server} does not offer to encrypt: a password is not sent in the clear. Say tls=off if it may."
        )


def _hello(client: smtplib.SMTP, server: Server) -> None:
    code, text = client.ehlo()
    if code // 100 == 5:  # RFC 5321 §3.2: a server without extensions
        client.esmtp_features = {}
        code, text = client.helo()
    _expect(server, "EHLO", (code, text), 2)


def _encrypt(client: smtplib.SMTP, server: Server) -> None:
    context = ssl.create_default_context()
    if server.tls == "offered" and server.is_loopback:
        # A certificate for "localhost" proves nothing, and nobody can sit in between.
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    # Done here, as smtplib's own starttls() needs the host that only its connecting constructor remembers. What was
    # received in the clear goes with smtplib's reader: it is not to be believed (RFC 3207 §4.2).
    client.sock = context.wrap_socket(_released(client), server_hostname=server.host)


def _log_in(client: smtplib.SMTP, server: Server) -> None:
    if server.username is None or server.password is None:
        return
    offered = client.esmtp_features.get("auth", "").upper().split()
    # One attempt by one mechanism: some servers count every failure, and hang up before the second.
    mechanism = next((name for name in _LOGINS if name in offered), None)
    if mechanism is None:
        raise Unavailable(
            f"{server} offers no login (AUTH). Use port 587 with tls=required, or leave the password out."
        )
    client.user, client.password = server.username, server.password
    try:
        client.auth(mechanism, getattr(client, _LOGINS[mechanism]))
    except smtplib.SMTPAuthenticationError as error:
        reply = _reply((error.smtp_code, error.smtp_error))
        if reply.code // 100 == 5:
            raise WrongPassword(
                f"{server} refused the username and password ({reply}). Check both; Gmail, Fastmail and others want an "
                "app password made for this purpose, not the one you read mail with.",
                reply,
            ) from None
        raise Unavailable(
            f"{server} could not check the password just now ({reply}). It will be tried again.", reply
        ) from None


def _expect(server: Server, question: str, answer: tuple[int, bytes], kind: int) -> None:
    reply = _reply(answer)
    if reply.code // 100 != kind:
        raise Unavailable(f"{server} turned us away at {question}: {reply}", reply)


def _reply(answer: tuple[int, bytes | str]) -> Reply:
    code, text = answer
    return Reply(code, text.decode(errors="replace") if isinstance(text, bytes) else text)


def _released(client: smtplib.SMTP) -> socket.socket:
    """The socket, out of smtplib's hands: its buffered reader goes, the connection stays."""
    sock = cast(socket.socket, client.sock)
    client.sock = None
    if client.file is not None:
        client.file.close()
        client.file = None
    return sock
