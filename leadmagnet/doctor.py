"""Says what keeps this machine from sending real mail, and which line to change."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from email.utils import parseaddr
from pathlib import Path
from urllib.parse import urlsplit

from leadmagnet.content.compiled import Letter
from leadmagnet.content.site import Site
from leadmagnet.errors import LeadmagnetError, SettingsError
from leadmagnet.mail import dkim_key, dns_records
from leadmagnet.mail.addresses import ascii_domain
from leadmagnet.mail.dns import Resolver
from leadmagnet.mail.dns_records import Sending
from leadmagnet.mail.handover import HandoverError
from leadmagnet.mail.server import Server
from leadmagnet.mail.sign import Signer
from leadmagnet.mail.smtp import Connection
from leadmagnet.settings import FILE, Settings, line_of
from leadmagnet.store.database import Database

#: What the example site says: a mail that carried it would come from nobody.
EXAMPLE_POSTAL_ADDRESS = "1 Example Street, Springfield"
#: Domains that belong to documentation (RFC 2606, RFC 6761): nobody's mail comes from them.
_EXAMPLE_DOMAIN = re.compile(r"(^|\.)(example(\.(com|net|org))?|invalid|test|localhost)$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at; `words` say what was found, and what to do where it is not fine."""

    name: str
    fine: bool | None  # None: nobody could tell now, which is no fault
    words: str


def examine(settings: Settings, site: Site, folder: Path, resolver: Resolver | None = None) -> Iterator[Check]:
    """Looks at all that sending needs, one thing after the other; changes nothing, and sends nothing.

    DNS is asked if there is a `resolver`.
    """
    server = None
    yield _database(settings)
    try:
        server = mail_server(settings)
    except SettingsError as error:
        yield Check("mail server", False, str(error))
    else:
        yield from _server(settings, server, site, folder)
    yield from _proxy(settings)
    yield _dkim(settings, site, folder)
    if resolver is not None:
        yield from _dns(settings, site, server, resolver)


def unnamed_proxy(settings: Settings) -> str | None:
    """What is lost while nothing names the proxy that speaks https for this site; None: it is named, or none is there."""
    if settings.trusted_proxies or urlsplit(settings.site_url).scheme != "https":
        return None
    return (
        "base_url is https, so a proxy stands in front, but trusted_proxies names none: where visitors come from is "
        "not known, and sign-ups are not limited by their network. For a proxy on this machine set trusted_proxies = "
        '["127.0.0.1", "::1"], and let it send X-Forwarded-For.'
    )


def sends_for_real(settings: Settings) -> bool:
    """Whether mail leaves this machine, so that it matters what DNS says of its sender."""
    try:
        server = mail_server(settings)
    except SettingsError:
        return False
    return server is not None and not server.is_loopback


def mail_server(settings: Settings) -> Server | None:
    """The mail server that is set, or None for the test mailbox. Raises SettingsError."""
    if settings.smtp_url is not None:
        return Server.from_url(settings.smtp_url)
    if settings.smtp is not None:
        smtp = settings.smtp
        return Server.from_provider(
            smtp.provider,
            host=smtp.host,
            port=smtp.port,
            username=smtp.username,
            password=settings.server_password() if smtp.username is not None else None,
        )
    return None


def signer(settings: Settings) -> Signer | None:
    """What signs this machine's mail, or None where the mail server does. Raises SettingsError for an unfit key."""
    pem = settings.dkim_key()
    if pem is None:
        return None
    return Signer(settings.dkim_selector, dkim_key.read(pem, str(settings.dkim_key_path)))


def sender_domain(site: Site) -> str:
    """The domain that mail comes from, is signed for, and has the key's record."""
    return _domain(site.sender)


def is_example(site: Site) -> bool:
    """Whether mail would come from a domain that belongs to nobody."""
    return _EXAMPLE_DOMAIN.search(sender_domain(site)) is not None


def require_ready(settings: Settings, server: Server, site: Site, folder: Path, letters: Iterable[Letter] = ()) -> None:
    """Refuses real mail from an example site: raises SettingsError that names every line to change.

    A server on loopback may be anything: it is somebody's test. Where mail is signed here, none of `letters` may come
    from a domain for which its signature would not count; a relay on loopback that signs nothing is the usual case.
    """
    wrong = [] if server.is_loopback else _of_the_example(settings, site, folder)
    if settings.dkim_key_path.exists():
        wrong += _strangers(site, letters)
    if wrong:
        lines = "\n  ".join(wrong)
        raise SettingsError(
            f"mail goes to {server}, but this site is not ready for real readers:\n  {lines}\n"
            "After a change to [site], publish it: leadmagnet publish"
        )


def _of_the_example(settings: Settings, site: Site, folder: Path) -> list[str]:
    """A line for each thing that is still as in the example."""
    text = (folder / FILE).read_text(encoding="utf-8-sig")
    wrong = []
    if urlsplit(settings.site_url).scheme != "https":
        wrong.append(
            f"{_place('base_url', text)}: base_url is {settings.site_url}, but links in real mail must be https. "
            'Set base_url = "https://mail.your-site.com" at the top, or LEADMAGNET_BASE_URL.'
        )
    if is_example(site):
        wrong.append(f"{_place('from', text)}: from is the example's, {site.sender}. Set it to your own address.")
    if site.postal_address == EXAMPLE_POSTAL_ADDRESS:
        wrong.append(f"{_place('postal_address', text)}: postal_address is the example's. The law wants your own.")
    return wrong


def _database(settings: Settings) -> Check:
    try:
        database = Database(settings.database)
        database.require_head()
    except LeadmagnetError as error:
        return Check("database", False, str(error))
    words = f"{database.shown_url()} is there, and up to date."
    database.close()
    return Check("database", True, words)


def _server(settings: Settings, server: Server | None, site: Site, folder: Path) -> Iterator[Check]:
    if server is None:
        yield Check("mail server", True, f"none is set: mail goes to the test mailbox in {settings.mailbox_path}.")
        return
    if not server.is_loopback:
        try:
            require_ready(settings, server, site, folder)
            yield Check("site", True, "its address and sender are fit for real mail.")
        except SettingsError as error:
            yield Check("site", False, str(error))
    try:
        Connection.open(server, local_hostname=urlsplit(settings.site_url).hostname or "localhost").quit()
        yield Check("mail server", True, f"{server} takes mail from us.")
    except HandoverError as error:
        yield Check("mail server", False, str(error))


def _proxy(settings: Settings) -> Iterator[Check]:
    words = unnamed_proxy(settings)
    if words is not None:
        yield Check("proxy", None, words)  # mail goes all the same


def _dkim(settings: Settings, site: Site, folder: Path) -> Check:
    path = settings.dkim_key_path
    try:
        found = signer(settings)
    except SettingsError as error:
        return Check("DKIM", False, str(error))
    if found is None and (others := sorted(path.parent.glob("*.pem"))):
        return Check("DKIM", False, f"mail is not signed here: there is no {path}, only {others[0].name}. "
                     f"Set dkim_selector to its name, or make the key: leadmagnet doctor --make-key")  # fmt: skip
    if found is None:
        return Check("DKIM", True, "there is no key: the mail server signs. If yours does not, make one: "
                     "leadmagnet doctor --make-key")  # fmt: skip
    # Imported here: what compiles letters takes long to load, and a worker never does it.
    from leadmagnet.content.compile import compile_folder

    compiled = compile_folder(folder).compiled
    strangers = _strangers(site, compiled.letters.values() if compiled is not None else ())
    if strangers:
        return Check("DKIM", False, "\n  ".join(["some letters would go out as if unsigned:", *strangers]))
    name = dkim_key.record_name(found.selector, sender_domain(site))
    return Check("DKIM", True, f"{path} signs mail; its record belongs at {name} (--make-key shows it again).")


def _dns(settings: Settings, site: Site, server: Server | None, resolver: Resolver) -> Iterator[Check]:
    if is_example(site):
        yield Check("DNS", None, "the sender is still the example's: set `from` first, then look again.")
        return
    domain = ascii_domain(sender_domain(site))
    try:
        found = signer(settings)
    except SettingsError:  # said above
        found = None
    sending = Sending(
        domain=domain,
        envelope=settings.bounce_domain or domain,
        bounce_domain=settings.bounce_domain,
        host=None if settings.is_local else urlsplit(settings.site_url).hostname,
        server=server,
        dkim=(dkim_key.record_name(found.selector, domain), dkim_key.record(found.key)) if found is not None else None,
    )
    for one in dns_records.look(resolver, sending):
        yield Check(one.name, one.fine, one.words)


def _strangers(site: Site, letters: Iterable[Letter]) -> list[str]:
    """A line for each letter that comes from another domain than its signature."""
    signed = sender_domain(site)
    return [
        f"{letter.path}: from is {letter.sender}, but mail is signed for {signed}. Let it come from an address there, "
        "in its head or in its sequence.toml: mailboxes do not count a signature of another domain (DMARC)."
        for letter in letters
        if letter.sender is not None and not _aligned(_domain(letter.sender), signed)
    ]


def _aligned(one: str, other: str) -> bool:
    """Whether one is the other, or a part of it (RFC 7489 §3.1.1, as far as one can tell without a list)."""
    return one == other or one.endswith(f".{other}") or other.endswith(f".{one}")


def _domain(mailbox: str) -> str:
    return parseaddr(mailbox)[1].rpartition("@")[2].lower()


def require_log_of(settings: Settings, server: Server | None) -> None:
    """Refuses a mail log that cannot be the mail server's: its silence would be taken for "not accepted".

    Raises SettingsError.
    """
    if settings.mail_log is not None and server is not None and not server.is_loopback:
        raise SettingsError(
            f"mail_log is {settings.mail_log}, a log of this machine, but mail goes to {server}, which writes its own. "
            "Remove mail_log; or, if that name is this machine, say smtp://127.0.0.1 instead."
        )


def _place(key: str, text: str) -> str:
    line = line_of(key, text)
    return f"{FILE}:{line}" if line else FILE
