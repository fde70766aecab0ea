"""`doctor` as an operator uses it: what is wrong, the key that signs, and its record."""

import json
import re
import subprocess
import sys

from click.testing import CliRunner, Result

from leadmagnet.cli import leadmagnet
from leadmagnet.errors import LeadmagnetError
from tests.cli.conftest import Edit
from tests.cli.shell import Shell, environment, eventually, free_port
from tests.cli.test_serve import asked
from tests.mail.nameservers import NameserverOnLoopback
from tests.mail.verify import holds


def mailed(site: Shell) -> list[bytes]:
    return [path.read_bytes() for path in sorted((site.folder / "var/mailbox/new").glob("*"))]


def doctor(site: Shell, *options: str, **settings: str) -> Result:
    """`leadmagnet doctor` in this very process, which is quicker than a new one."""
    env = {f"LEADMAGNET_{name.upper()}": value for name, value in settings.items()}
    return CliRunner(env=env).invoke(leadmagnet, ["--site", str(site.folder), "doctor", *options])


def test_a_fresh_site_is_told_what_is_missing_and_a_published_one_is_fine(site: Shell) -> None:
    done = doctor(site)
    assert done.exit_code == 1
    assert re.findall("^([✓✗]) ([^:]+):", done.output, re.MULTILINE) == [
        ("✗", "database"), ("✓", "mail server"), ("✓", "DKIM")
    ]  # fmt: skip
    assert not (site.folder / "var").exists()
    site("publish")
    done = doctor(site, "--json")
    assert done.exit_code == 0
    answer = json.loads(done.output)
    assert answer["ok"] is True
    assert [(check["name"], check["fine"]) for check in answer["checks"]] == [
        ("database", True), ("mail server", True), ("DKIM", True)
    ]  # fmt: skip


def test_a_key_is_made_once_and_every_mail_is_signed_with_it(published: Shell, edit: Edit) -> None:
    edit("leadmagnet.toml", "maya@mail.example.com", "maya@mail.runbendbarre.com")
    done = published("doctor", "--make-key")
    path = published.folder / "var/dkim/leadmagnet.pem"
    assert done.code == 0 and f"The key {path} is made." in done.out and "example's" not in done.out
    kept = path.read_text()
    again = doctor(published, "--make-key")
    assert again.exit_code == 0 and f"The key {path} was there already, and stays as it is." in again.output
    assert path.read_text() == kept and "PRIVATE" not in done.out + again.output
    answer = json.loads(doctor(published, "--make-key", "--json").output)
    assert (answer["made"], answer["name"]) == (False, "leadmagnet._domainkey.mail.runbendbarre.com")
    assert f"  {answer['record']}\n" in done.out
    strings = re.search(r"leadmagnet\._domainkey\.mail\.runbendbarre\.com\. IN TXT \( (.*) \)", done.out)
    assert strings is not None and "".join(re.findall('"(.*?)"', strings[1])) == answer["record"]

    port = free_port()
    with published.start(port=port) as running:
        running.says("Your site is open.")
        asked(f"http://127.0.0.1:{port}/f/hip-openers", email="ada@example.com")
        assert len(eventually(lambda: mailed(published), running)) == 1
        assert running.stops() == 0
    assert published("send-test", "tight-hips", "--to", "maya@example.com").code == 0
    assert len(mailed(published)) == 2
    assert all(holds(mail, answer["name"], answer["record"]) for mail in mailed(published))


def test_a_key_for_the_example_is_made_with_a_warning(site: Shell) -> None:
    done = doctor(site, "--make-key", dkim_selector="spring")
    assert done.exit_code == 0
    assert "The sender in leadmagnet.toml is still the example's: set `from` first" in done.output
    assert "spring._domainkey.mail.example.com" in done.output
    assert [path.name for path in (site.folder / "var/dkim").iterdir()] == ["spring.pem"]


def test_a_key_that_others_can_read_stops_what_would_sign_with_it(site: Shell) -> None:
    doctor(site, "--make-key")
    (site.folder / "var/dkim/leadmagnet.pem").chmod(0o644)
    words = "leadmagnet.pem can be read by others. Mend it with: chmod 600"
    assert words in str(doctor(site, "--make-key").exception)
    for command in (["run"], ["send-test", "tight-hips", "--to", "maya@example.com"]):
        done = site(*command, port=free_port())
        assert done.code == 1 and words in done.err, command
    assert mailed(site) == []


def test_a_place_that_can_hold_no_key_is_named(site: Shell) -> None:
    error = doctor(site, "--make-key", data_dir="leadmagnet.toml").exception
    assert isinstance(error, LeadmagnetError)
    assert re.search(
        r"leadmagnet\.toml/dkim/leadmagnet\.pem cannot be read: Not a directory\.|cannot keep a key in", str(error)
    )


def test_a_site_without_a_key_never_waits_for_what_signs(site: Shell) -> None:
    program = (
        "import sys; import leadmagnet.cli.serve, leadmagnet.cli.server, leadmagnet.cli.sending\n"
        "from pathlib import Path; from leadmagnet import doctor, settings\n"
        "assert doctor.signer(settings.load(Path.cwd())) is None; print(*sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=site.folder, env=environment(site.folder, {}), capture_output=True,
        text=True, check=True,
    )  # fmt: skip
    assert "leadmagnet.mail.sign" in done.stdout.split()
    assert "cryptography" not in done.stdout.split()


def test_dns_is_asked_when_it_is_wished_and_what_is_not_known_is_no_fault(published: Shell, edit: Edit) -> None:
    with NameserverOnLoopback({}, failing=("mail.runbendbarre.com", "_dmarc.mail.runbendbarre.com")) as world:
        address = f"{world.address.host}:{world.address.port}"
        done = doctor(published, "--nameserver", address)
        assert done.exit_code == 0 and "? DNS: the sender is still the example's" in done.output and world.asked == []
        edit("leadmagnet.toml", "maya@mail.example.com", "maya@mail.runbendbarre.com")
        assert doctor(published).exit_code == 0 and world.asked == []  # the test mailbox needs no DNS
        done = doctor(published, "--nameserver", address, "--json")
        assert done.exit_code == 0
        assert [(check["name"], check["fine"]) for check in json.loads(done.output)["checks"][3:]] == [
            ("SPF", None), ("DMARC", None)
        ]  # fmt: skip
        world.failing = ()
        done = doctor(published, "--nameserver", address)
        assert done.exit_code == 1 and "✗ SPF: mail.runbendbarre.com does not say who may send for it" in done.output


def test_a_nameserver_that_is_no_address_is_a_mistake(site: Shell) -> None:
    done = doctor(site, "--nameserver", "dns.example")
    assert done.exit_code == 2 and "is not an IP address" in done.output
    assert doctor(site, "--nameserver", "[::1]:x").exit_code == 2
