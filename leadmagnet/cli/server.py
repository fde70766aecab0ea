"""The command that looks after a machine: `doctor`."""

import ipaddress
import json
import sys
from dataclasses import asdict
from pathlib import Path
from urllib.parse import urlsplit

import click

from leadmagnet.cli.site import json_option, site_option
from leadmagnet.content.site import Site, read_site
from leadmagnet.doctor import examine, is_example, sender_domain, sends_for_real
from leadmagnet.errors import LeadmagnetError
from leadmagnet.mail import dkim_key
from leadmagnet.mail.dns import Nameserver, Resolver
from leadmagnet.settings import FILE, Settings, load

_MARKS = {
    True: click.style("✓", fg="green"),
    False: click.style("✗", fg="red"),
    None: click.style("?", fg="yellow"),
}


@click.command()
@site_option
@click.option("--make-key", is_flag=True, help="Make this machine's DKIM key, and show its DNS record.")
@click.option("--dns", is_flag=True, help="Ask DNS too, also while no mail leaves this machine.")
@click.option("--nameserver", metavar="IP[:PORT]", help="Whom to ask, rather than this machine's own; implies --dns.")
@json_option
def doctor(site: Path, make_key: bool, dns: bool, nameserver: str | None, as_json: bool) -> None:
    """Say what keeps this machine from sending real mail, and what to do about it.

    Looks at the database, the mail server and the key that signs mail; once mail leaves this machine, also at what DNS
    says of its sender: SPF, DKIM, DMARC, the domain of bounces, the host of links. Exit code 1 when something is wrong,
    not for what nobody could tell now. Changes nothing, and sends nothing; with --make-key it makes a key, and never
    touches one that is there.

    Example: leadmagnet doctor
    """
    settings = load(site)
    words = read_site((site / FILE).read_text(encoding="utf-8-sig")).site
    if make_key:
        _make_key(settings, words, as_json)
        return
    asks = dns or nameserver is not None or sends_for_real(settings)
    resolver = Resolver(_nameserver(nameserver) if nameserver is not None else None) if asks else None
    checks = []
    for check in examine(settings, words, site, resolver):
        checks.append(check)
        if not as_json:  # at once: a mail server may take its time
            click.echo(f"{_MARKS[check.fine]} {check.name}: {check.words}")
    fine = all(check.fine is not False for check in checks)
    if as_json:
        click.echo(json.dumps({"ok": fine, "checks": [asdict(check) for check in checks]}, indent=2))
    sys.exit(0 if fine else 1)


def _nameserver(typed: str) -> Nameserver:
    """ "192.0.2.53", "192.0.2.53:5353" or "[2001:db8::53]:5353"."""
    try:
        parts = urlsplit(f"//{typed}" if typed.count(":") < 2 or typed.startswith("[") else f"//[{typed}]")
        host, port = str(ipaddress.ip_address(parts.hostname or "")), parts.port
    except ValueError:
        raise click.BadParameter(f"{typed!r} is not an IP address, like 192.0.2.53 or 192.0.2.53:5353.") from None
    return Nameserver(host, port or 53)


def _make_key(settings: Settings, site: Site, as_json: bool) -> None:
    path = settings.dkim_key_path
    pem = settings.dkim_key()
    made = pem is None
    if pem is None:
        try:
            made = settings.keep_dkim_key(dkim_key.make())
        except OSError as error:
            raise LeadmagnetError(f"cannot keep a key in {path.parent}: {error.strerror}.") from error
        pem = settings.dkim_key() or ""
    key = dkim_key.read(pem, str(path))
    domain = sender_domain(site)
    name, text = dkim_key.record_name(settings.dkim_selector, domain), dkim_key.record(key)
    if as_json:
        click.echo(json.dumps({"made": made, "key": str(path), "domain": domain, "name": name, "record": text}))
        return
    state = "is made" if made else "was there already, and stays as it is"
    if is_example(site):
        words = f"The sender in {FILE} is still the example's: set `from` first, the record goes by it.\n"
        click.secho(words, fg="yellow")
    click.echo(
        f"The key {path} {state}. Whoever can read it can sign as {domain}.\n\n"
        f"Put its public half into DNS, as a TXT record:\n\n  {name}\n\n  {text}\n\n"
        f"The same in a zone file:\n\n  {dkim_key.zone_line(name, text)}\n\n"
        "Wait until DNS shows it, then restart `leadmagnet run` or `leadmagnet worker`: mail is signed from then on.\n"
        "Other machines that send from the same PostgreSQL need a copy of the file."
    )
