"""Email addresses: which ones can be written to, and when two are the same."""

import hashlib
import re
import unicodedata
from dataclasses import dataclass

from disposable_email_domains import blocklist
from email_validator import EmailNotValidError, validate_email

from leadmagnet.errors import InvalidInput

#: Mailboxes of a mail system, not of a person (RFC 2142 and the usual automata). A shop's info@ may be a runner.
ROLES = frozenset(
    {"abuse", "hostmaster", "mailer-daemon", "no-reply", "noc", "noreply", "postmaster", "root", "security", "spam"}
    | {"webmaster"}
)

#: Domains that share one mail system, and so one limit (`queue` sends at one pace to each group).
_GROUPS = {
    "gmail": {"gmail.com", "googlemail.com"},
    "outlook": {"outlook.com", "hotmail.com", "live.com", "msn.com", "hotmail.co.uk", "outlook.de", "hotmail.fr"},
    "yahoo": {"yahoo.com", "yahoo.co.uk", "yahoo.de", "yahoo.fr", "ymail.com", "rocketmail.com", "aol.com"},
    "apple": {"icloud.com", "me.com", "mac.com"},
}
_GROUP_OF = {domain: group for group, domains in _GROUPS.items() for domain in domains}

_EXAMPLE = "Example: sam@gmail.com"


@dataclass(frozen=True, slots=True)
class Address:
    """An address that can be written to: `text` as typed (trimmed, NFC, domain in lower case)."""

    text: str
    domain: str  # ASCII form
    normal: str  # casefolded local part and ASCII domain: equal for two spellings of one mailbox

    @property
    def domain_group(self) -> str:
        """gmail, outlook, yahoo, apple, else the domain: who shares one sending limit."""
        return _GROUP_OF.get(self.domain, self.domain)

    @property
    def is_role(self) -> bool:
        """True for the mailbox of a mail system (postmaster@ …), which is never enrolled."""
        return self.normal.rpartition("@")[0] in ROLES

    @property
    def is_disposable(self) -> bool:
        """True for a throw-away domain or a subdomain of one, which is never enrolled."""
        parts = self.domain.split(".")
        return any(".".join(parts[index:]) in blocklist for index in range(len(parts) - 1))

    def is_a_person(self, *, ours: str) -> bool:
        """False for what nobody reads who could want letters: a role, a throw-away domain, our own sender `ours`."""
        return not (self.is_role or self.is_disposable or self.text.casefold() == ours.casefold())

    def key(self, secret: bytes) -> str:
        """The keyed hash that stands for this address for ever, also after the address is erased."""
        return hashlib.blake2b(self.normal.encode(), key=secret[:64], digest_size=16, person=b"lm-address").hexdigest()


def parse(typed: str) -> Address:
    """Reads one address as a visitor types it. Raises InvalidInput for the field `email`."""
    text = unicodedata.normalize("NFC", typed.strip(" \t"))
    if not text:
        raise InvalidInput("email", f"Please type your email address. {_EXAMPLE}")
    if len(text) > 254 or any(not char.isprintable() for char in text):
        raise InvalidInput("email", f"That does not look like an email address. {_EXAMPLE}")
    try:
        found = validate_email(text, check_deliverability=False, strict=True, test_environment=True)
    except EmailNotValidError:
        raise InvalidInput("email", _explain(text)) from None
    domain = found.ascii_domain.lower()
    if "." not in domain or re.fullmatch(r"[0-9.]+", domain):
        raise InvalidInput("email", _explain(text))
    if not found.local_part.isascii():
        # Such a mailbox needs SMTPUTF8 from here to there; no downgrade of it exists (RFC 6531 §3.1).
        raise InvalidInput("email", "We cannot write to an address with accented letters before the @. Another one?")
    return Address(f"{found.local_part}@{found.domain.lower()}", domain, f"{found.local_part.casefold()}@{domain}")


def _explain(text: str) -> str:
    """What is wrong, in words that help."""
    if "@" not in text:
        return f"That address is missing its @. {_EXAMPLE}"
    if text.count("@") > 1 or "," in text or ";" in text:
        return f"Please type one address only. {_EXAMPLE}"
    local, _, domain = text.partition("@")
    if not local:
        return f"That address is missing the part before @. {_EXAMPLE}"
    if not domain:
        return f"That address is missing the part after @. {_EXAMPLE}"
    if "." not in domain:
        return f"The part after @ looks incomplete: {domain[:40]}. {_EXAMPLE}"
    return f"That does not look like an email address. {_EXAMPLE}"
