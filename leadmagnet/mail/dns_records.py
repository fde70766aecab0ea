"""Looks whether DNS says of a sending domain what mailboxes want to read there."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from leadmagnet.mail import spf
from leadmagnet.mail.dns import Resolver, Unknown
from leadmagnet.mail.server import Server

#: What the well-known providers want in SPF: from their setup pages. True: mail leaves with our own envelope sender;
#: the others put one of theirs in its place, unless they are told a domain for it.
_INCLUDES = {
    "gmail.com": ("_spf.google.com", True),
    "office365.com": ("spf.protection.outlook.com", True),
    "fastmail.com": ("spf.messagingengine.com", True),
    "zoho.com": ("zohomail.com", True),
    "amazonaws.com": ("amazonses.com", False),
    "postmarkapp.com": ("spf.mtasv.net", False),
    "mailgun.org": ("mailgun.org", False),
    "sendgrid.net": ("sendgrid.net", False),
    "brevo.com": ("spf.brevo.com", False),
}


@dataclass(frozen=True, slots=True)
class Sending:
    """What a site sends as. Domains are in A-labels."""

    domain: str  # of From
    envelope: str  # of the return path, which SPF is about
    bounce_domain: str | None  # None: bounces come to the sender
    host: str | None  # what links lead to, and how mail servers are greeted; None: this machine only
    server: Server | None  # None: no mail server is set
    dkim: tuple[str, str] | None  # name and text of the record that belongs there; None: nothing is signed here


@dataclass(frozen=True, slots=True)
class Found:
    """One thing that was looked at; `fine` is None where nobody can tell."""

    name: str
    fine: bool | None
    words: str


def look(resolver: Resolver, sending: Sending) -> Iterator[Found]:
    """Looks at all records, one after the other; what is not answered in time is said to be unknown."""
    yield _found("SPF", sending.envelope, lambda: _spf(resolver, sending.envelope, sending.server))
    if (dkim := sending.dkim) is not None:
        yield _found("DKIM record", dkim[0], lambda: _dkim(resolver, *dkim))
    yield _found("DMARC", f"_dmarc.{sending.domain}", lambda: _dmarc(resolver, sending.domain))
    if (bounces := sending.bounce_domain) is not None:
        yield _found("MX", bounces, lambda: _mx(resolver, bounces))
    if (host := sending.host) is not None:
        yield _found("host", host, lambda: _host(resolver, host))


#: Whether a record is fine (None: nobody can tell), and what to say of it.
_Verdict = tuple[bool | None, str]


def _found(name: str, asked: str, check: Callable[[], _Verdict]) -> Found:
    try:
        fine, words = check()
    except Unknown:
        fine, words = None, f"DNS did not answer about {asked}: unknown. Look again when there is a network."
    return Found(name, fine, words)


def _spf(resolver: Resolver, domain: str, server: Server | None) -> _Verdict:
    found = spf.records(resolver, domain)
    if not found:
        return False, (
            f"{domain} does not say who may send for it, so mailboxes distrust its mail. Publish as TXT:\n"
            f"  {domain}  {_wanted(resolver, server)}"
        )
    if len(found) > 1:
        return False, f"{domain} has {len(found)} SPF records, so none counts. Make them one: v=spf1, all terms, ~all."
    policy = spf.read(resolver, domain, found[0])
    if policy.lookups > spf.MOST_LOOKUPS:
        return False, (
            f"the SPF record of {domain} takes more than {spf.MOST_LOOKUPS} lookups, so mailboxes do not count it. "
            "Remove the include: of services you do not use."
        )
    if policy.broken:
        return (
            False,
            f"the SPF record of {domain} includes {policy.broken[0]}, which has none: nothing counts. Remove it.",
        )
    if policy.open_to_all:
        return False, f"the SPF record of {domain} lets the whole world send (+all). End it with ~all."
    said = f"{domain} says who may send for it, in {policy.lookups} of {spf.MOST_LOOKUPS} lookups"
    return _names_relay(resolver, server, policy, said)


def _names_relay(resolver: Resolver, server: Server | None, policy: spf.Policy, said: str) -> _Verdict:
    if server is None or server.is_loopback:
        return True, f"{said}. Only you know whether the address that your mail leaves from is among them."
    include, keeps_sender = _include_of(server)
    if include is not None and include in policy.includes:
        return True, f"{said}; {server.host} is among them."
    if include is not None and keeps_sender:
        return False, f"{said}, but {server.host} is not among them. Add include:{include} to the record."
    if include is not None:
        return None, (
            f"{said}, but {server.host} is not among them. That is fine while it uses a return path of its own; "
            f"else add include:{include}."
        )
    if any(policy.covers(address) for address in resolver.addresses(server.host)):
        return True, f"{said}; {server.host} is among them."
    return None, f"{said}, but {server.host} is not among them. That is fine if mail leaves from another address of it."


def _wanted(resolver: Resolver, server: Server | None) -> str:
    """The record to publish, as far as it can be told."""
    if server is None or server.is_loopback:
        return "v=spf1 ip4:THE-ADDRESS-YOUR-MAIL-LEAVES-FROM ~all"
    include, _keeps_sender = _include_of(server)
    if include is not None:
        return f"v=spf1 include:{include} ~all"
    terms = [f"ip{6 if ':' in address else 4}:{address}" for address in resolver.addresses(server.host)]
    return " ".join(["v=spf1", *terms, "~all"])


def _include_of(server: Server) -> tuple[str | None, bool]:
    host = server.host.lower()
    for suffix, known in _INCLUDES.items():
        if host == suffix or host.endswith(f".{suffix}"):
            return known
    return None, True


def _dkim(resolver: Resolver, name: str, text: str) -> _Verdict:
    found = [record for record in resolver.texts(name) if "p" in _tags(record)]
    publish = f"Publish as TXT:\n  {name}  {text}"
    if not found:
        return False, f"{name} is not there, so nobody can verify your signatures. {publish}"
    if len(found) > 1:
        return False, f"{name} has {len(found)} keys, and mailboxes may take the wrong one. Leave only one. {publish}"
    if _tags(found[0])["p"] != _tags(text)["p"]:
        return False, f"{name} holds another key than this machine's, so signatures fail. {publish}"
    return True, f"{name} holds the key that mail is signed with."


def _dmarc(resolver: Resolver, domain: str) -> _Verdict:
    name, tags = _dmarc_record(resolver, domain)
    here = f"_dmarc.{domain}"
    if name is None:
        return False, (
            f"{here} is not there, and Gmail, Yahoo and Outlook want one of who sends to many. Publish as TXT:\n"
            f"  {here}  v=DMARC1; p=none; rua=mailto:YOU@{domain}"
        )
    policy = (tags.get("sp") if name != here else None) or tags.get("p", "none")
    if "rua" not in tags:
        return True, f"{name} says p={policy}, but nobody gets the reports. Add rua=mailto:… of a mailbox you read."
    if policy.lower() == "none":
        return True, (
            f"{name} says p=none: forged mail is only reported. Once the reports show nothing but your own mail "
            "passing, make it p=quarantine."
        )
    return True, f"{name} says p={policy}, and you get the reports."


def _dmarc_record(resolver: Resolver, domain: str) -> tuple[str | None, dict[str, str]]:
    """The nearest record, of the domain or of one above it, and what it says."""
    labels = domain.split(".")
    for start in range(len(labels) - 1):
        name = "_dmarc." + ".".join(labels[start:])
        found = [text for text in resolver.texts(name) if re.match(r"v\s*=\s*DMARC1\s*(;|$)", text)]
        if len(found) == 1:  # RFC 7489 §6.6.3: several are as good as none
            return name, _tags(found[0])
    return None, {}


def _mx(resolver: Resolver, domain: str) -> _Verdict:
    servers = resolver.mail_servers(domain)
    if not [server for server in servers if server]:
        return False, (
            f"{domain} has no mail server, so bounces are lost and dead addresses are written to again. "
            f"Publish an MX record with the host that hands them to `leadmagnet feedback`:\n  {domain}  MX 10 HOST"
        )
    lost = [server for server in servers if not resolver.addresses(server)]
    if lost:
        return False, f"{domain} sends its bounces to {lost[0]}, which has no address. Correct the MX record."
    return True, f"bounces to {domain} are taken by {', '.join(servers)}."


def _host(resolver: Resolver, host: str) -> _Verdict:
    addresses = resolver.addresses(host)
    if not addresses:
        return False, (
            f"{host} has no address, so every link in your mails is dead, and mail servers do not believe our "
            f"greeting. Publish an A or AAAA record with the address of this machine:\n  {host}  A ADDRESS"
        )
    return True, f"{host} leads to {', '.join(addresses)}."


def _tags(record: str) -> dict[str, str]:
    """ "v=DKIM1; p=MIIB…" taken apart; blanks inside a value mean nothing (RFC 6376 §3.2)."""
    pairs = (part.partition("=") for part in record.split(";"))
    return {name.strip().lower(): "".join(value.split()) for name, equals, value in pairs if equals}
