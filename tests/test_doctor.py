"""What keeps a machine from sending real mail, and which line says so."""

from pathlib import Path

import pytest

from leadmagnet.content.site import Site
from leadmagnet.doctor import EXAMPLE_POSTAL_ADDRESS, mail_server, require_log_of, require_ready
from leadmagnet.errors import SettingsError
from leadmagnet.mail.server import Server
from leadmagnet.settings import Settings, Smtp
from tests.conftest import ROOT

ELSEWHERE = Server.from_url("smtp://smtp.example.net")
HTTPS = "https://mail.runbendbarre.com"
SENDER = "Maya <maya@mail.runbendbarre.com>"
POST = "7 Hill Road, Leeds"


def site(sender: str = SENDER, postal_address: str = POST) -> Site:
    words = {
        "name": "Run Bend Barre",
        "url": HTTPS,
        "timezone": "UTC",
        "from": sender,
        "postal_address": postal_address,
    }
    return Site.model_validate(words)


def said(settings: Settings, of: Site, server: Server = ELSEWHERE, folder: Path = ROOT) -> list[str]:
    """The lines of the refusal between its first and its last; empty when nothing is wrong."""
    try:
        require_ready(settings, server, of, folder)
    except SettingsError as error:
        first, *lines, last = str(error).splitlines()
        assert first == f"mail goes to {server}, but this site is not ready for real readers:"
        assert last == "After a change to [site], publish it: leadmagnet publish"
        return [line.strip() for line in lines]
    return []


def test_a_site_of_ones_own_may_send() -> None:
    assert said(Settings(base_url=HTTPS), site()) == []


def test_every_line_to_change_is_named(tmp_path: Path) -> None:
    (tmp_path / "leadmagnet.toml").write_text(
        'base_url = "http://mail.runbendbarre.com"\n\n[site]\nfrom = "x"\npostal_address = "y"\n'
    )
    wrong = site("Maya <maya@mail.example.com>", EXAMPLE_POSTAL_ADDRESS)
    base_url, sender, postal_address = said(Settings(base_url="http://mail.runbendbarre.com"), wrong, folder=tmp_path)
    assert base_url.startswith("leadmagnet.toml:1: base_url is http://mail.runbendbarre.com, but links in real mail")
    assert sender.startswith("leadmagnet.toml:4: from is the example's, Maya <maya@mail.example.com>.")
    assert postal_address.startswith("leadmagnet.toml:5: postal_address is the example's.")


def test_a_line_that_is_not_there_yet_is_named_without_a_number() -> None:
    (line,) = said(Settings(), site())
    assert line.startswith("leadmagnet.toml: base_url is http://127.0.0.1:8000")
    assert "LEADMAGNET_BASE_URL" in line


def test_the_example_stands_in_the_example() -> None:
    text = (ROOT / "leadmagnet.toml").read_text()
    assert f'postal_address = "{EXAMPLE_POSTAL_ADDRESS}"' in text
    assert 'from           = "Maya <maya@mail.example.com>"' in text


@pytest.mark.parametrize(
    ("domain", "is_example"),
    [
        ("example.com", True),
        ("mail.example.com", True),
        ("example.org", True),
        ("a.b.example.net", True),
        ("example", True),
        ("shop.example", True),
        ("site.test", True),
        ("x.invalid", True),
        ("localhost", True),
        ("notexample.com", False),
        ("example.co.uk", False),
        ("myexample.org", False),
        ("example.com.au", False),
        ("testing.com", False),
        ("contest.org", False),
        ("EXAMPLE.com", True),
    ],
)
def test_mail_from_a_domain_that_belongs_to_nobody_is_refused(domain: str, is_example: bool) -> None:
    assert bool(said(Settings(base_url=HTTPS), site(f"Maya <maya@{domain}>"))) is is_example


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "127.1.2.3"])
def test_a_server_on_this_machine_may_be_anything(host: str) -> None:
    server = Server.from_url(f"smtp://{host}:2525")
    assert said(Settings(), site("Maya <maya@mail.example.com>", EXAMPLE_POSTAL_ADDRESS), server) == []


def test_the_mail_server_is_what_the_settings_say(tmp_path: Path) -> None:
    assert mail_server(Settings()) is None
    assert mail_server(Settings(smtp_url="smtp://127.0.0.1:2525")) == Server.from_url("smtp://127.0.0.1:2525")
    named = Settings(smtp=Smtp(provider="postmark", username="maya"), smtp_password="geheim")
    assert mail_server(named) == Server.from_provider("postmark", username="maya", password="geheim")
    both = Settings(smtp_url="smtp://127.0.0.1:2525", smtp=Smtp(provider="postmark"))
    assert mail_server(both) == Server.from_url("smtp://127.0.0.1:2525")


def test_a_mail_server_without_its_password_is_said(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="login without a password"):
        mail_server(Settings(smtp=Smtp(provider="postmark", username="maya"), data_dir=tmp_path))


def test_a_mail_server_without_a_login_needs_no_password(tmp_path: Path) -> None:
    (tmp_path / "smtp_password").write_text("left from another server")
    found = mail_server(Settings(smtp=Smtp(provider="custom", host="127.0.0.1"), data_dir=tmp_path))
    assert found is not None and found.username is None


def test_a_log_of_this_machine_is_no_evidence_about_another_ones_mail() -> None:
    far, near = Server.from_url("smtp://mail.example.org:587"), Server.from_url("smtp://127.0.0.1:25?tls=off")
    settings = Settings(mail_log=Path("/var/log/mail.log"))
    with pytest.raises(SettingsError, match=r"mail_log is /var/log/mail.log.*mail.example.org"):
        require_log_of(settings, far)
    require_log_of(settings, near)
    require_log_of(settings, None)
    require_log_of(Settings(), far)
