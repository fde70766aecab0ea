"""The command that looks after a machine: `doctor`."""

import json
import sys
from dataclasses import asdict
from pathlib import Path

import click

from leadmagnet.cli.site import json_option, site_option
from leadmagnet.content.site import Site, read_site
from leadmagnet.doctor import examine, is_example, sender_domain
from leadmagnet.errors import LeadmagnetError
from leadmagnet.mail import dkim_key
from leadmagnet.settings import FILE, Settings, load


@click.command()
@site_option
@click.option("--make-key", is_flag=True, help="Make this machine's DKIM key, and show its DNS record.")
@json_option
def doctor(site: Path, make_key: bool, as_json: bool) -> None:
    """Say what keeps this machine from sending real mail, and what to do about it.

    Looks at the database, the mail server and the key that signs mail. Exit code 1 when something is wrong.
    Changes nothing, and sends nothing; with --make-key it makes a key, and never touches one that is there.

    Example: leadmagnet doctor
    """
    settings = load(site)
    words = read_site((site / FILE).read_text(encoding="utf-8-sig")).site
    if make_key:
        _make_key(settings, words, as_json)
        return
    checks = []
    for check in examine(settings, words, site):
        checks.append(check)
        if not as_json:  # at once: a mail server may take its time
            mark = click.style("✓", fg="green") if check.fine else click.style("✗", fg="red")
            click.echo(f"{mark} {check.name}: {check.words}")
    fine = all(check.fine for check in checks)
    if as_json:
        click.echo(json.dumps({"ok": fine, "checks": [asdict(check) for check in checks]}, indent=2))
    sys.exit(0 if fine else 1)


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
