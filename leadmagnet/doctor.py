"""Says what keeps this machine from sending real mail, and which line to change."""

import re
from email.utils import parseaddr
from pathlib import Path
from urllib.parse import urlsplit

from leadmagnet.content.site import Site
from leadmagnet.errors import SettingsError
from leadmagnet.mail.server import Server
from leadmagnet.settings import FILE, Settings, line_of

#: What the example site says: a mail that carried it would come from nobody.
EXAMPLE_POSTAL_ADDRESS = "1 Example Street, Springfield"
#: Domains that belong to documentation (RFC 2606, RFC 6761): nobody's mail comes from them.
_EXAMPLE_DOMAIN = re.compile(r"(^|\.)(example(\.(com|net|org))?|invalid|test|localhost)$", re.IGNORECASE)


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


def require_ready(settings: Settings, server: Server, site: Site, folder: Path) -> None:
    """Refuses real mail from an example site: raises SettingsError that names every line to change.

    A server on loopback may be anything: it is somebody's test.
    """
    if server.is_loopback:
        return
    text = (folder / FILE).read_text(encoding="utf-8-sig")
    wrong = []
    if urlsplit(settings.site_url).scheme != "https":
        wrong.append(
            f"{_place('base_url', text)}: base_url is {settings.site_url}, but links in real mail must be https. "
            'Set base_url = "https://mail.your-site.com" at the top, or LEADMAGNET_BASE_URL.'
        )
    if _EXAMPLE_DOMAIN.search(parseaddr(site.sender)[1].rpartition("@")[2]):
        wrong.append(f"{_place('from', text)}: from is the example's, {site.sender}. Set it to your own address.")
    if site.postal_address == EXAMPLE_POSTAL_ADDRESS:
        wrong.append(f"{_place('postal_address', text)}: postal_address is the example's. The law wants your own.")
    if wrong:
        lines = "\n  ".join(wrong)
        raise SettingsError(
            f"mail goes to {server}, but this site is not ready for real readers:\n  {lines}\n"
            "After a change to [site], publish it: leadmagnet publish"
        )


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
