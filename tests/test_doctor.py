"""What keeps a machine from sending real mail, and which line says so."""

from pathlib import Path
from typing import Any

import pytest

from leadmagnet.cli.example import copy_to
from leadmagnet.content.compiled import Letter
from leadmagnet.content.site import Site
from leadmagnet.doctor import (
    EXAMPLE_POSTAL_ADDRESS,
    Check,
    examine,
    mail_server,
    require_log_of,
    require_ready,
    signer,
)
from leadmagnet.errors import SettingsError
from leadmagnet.mail.server import Server
from leadmagnet.settings import Settings, Smtp
from leadmagnet.store.database import Database
from tests.conftest import ROOT
from tests.mail.servers import ScriptedServer
from tests.mail.verify import pem

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


def letter(sender: str | None) -> Letter:
    return Letter(path="email_templates/x/10-a.md", slug="a", subject="", preheader="", html="", text="", sender=sender)


def with_key(folder: Path, **values: Any) -> Settings:
    settings = Settings(base_url=HTTPS, data_dir=folder, **values)
    assert settings.keep_dkim_key(pem())
    return settings


@pytest.mark.parametrize(
    ("sender", "counts"),
    [
        (None, True),
        ("Coach <coach@mail.runbendbarre.com>", True),
        ("coach@MAIL.runbendbarre.com", True),
        ("coach@runbendbarre.com", True),
        ("coach@a.mail.runbendbarre.com", True),
        ("coach@othermail.runbendbarre.com", False),
        ("coach@xmail.runbendbarre.com", False),
        ("Coach <coach@other-site.com>", False),
    ],
)
def test_a_letter_whose_signature_would_not_count_is_named(tmp_path: Path, sender: str | None, counts: bool) -> None:
    letters = [letter(None), letter(sender)]
    require_ready(Settings(base_url=HTTPS, data_dir=tmp_path), ELSEWHERE, site(), ROOT, letters)  # not signed here
    settings = with_key(tmp_path)
    if counts:
        require_ready(settings, ELSEWHERE, site(), ROOT, letters)
        return
    for server in (ELSEWHERE, Server.from_url("smtp://127.0.0.1")):
        with pytest.raises(SettingsError) as refused:
            require_ready(settings, server, site(), ROOT, letters)
    assert f"email_templates/x/10-a.md: from is {sender}, but mail is signed for mail.runbendbarre.com." in str(
        refused.value
    )


def test_a_machine_without_a_key_signs_nothing(tmp_path: Path) -> None:
    assert signer(Settings(data_dir=tmp_path)) is None
    found = signer(with_key(tmp_path, dkim_selector="spring"))
    assert found is not None and found.selector == "spring"


def seen(settings: Settings, of: Site | None = None, folder: Path = ROOT) -> dict[str, Check]:
    return {check.name: check for check in examine(settings, of or site(), folder)}


def test_a_machine_that_is_fit_passes_every_check(tmp_path: Path, database: Database) -> None:
    with ScriptedServer() as server:
        settings = with_key(tmp_path, database_url=database.url, smtp_url=f"smtp://127.0.0.1:{server.port}")
        checks = seen(settings)
    assert [check.name for check in checks.values() if check.fine] == ["database", "mail server", "DKIM"]
    assert "leadmagnet._domainkey.mail.runbendbarre.com" in checks["DKIM"].words
    assert server.arrived == [] and not any(command.startswith("MAIL") for command in server.commands)


def test_everything_that_is_wrong_is_said_and_nothing_is_made(tmp_path: Path) -> None:
    checks = seen(Settings(data_dir=tmp_path / "var", smtp_url="smtp://nowhere.invalid"))
    assert [name for name, check in checks.items() if not check.fine] == ["database", "site", "mail server"]
    assert "is empty. `leadmagnet run` brings it up to date" in checks["database"].words
    assert "base_url is http://127.0.0.1:8000" in checks["site"].words
    assert "nowhere.invalid has no address" in checks["mail server"].words
    assert not (tmp_path / "var").exists()


@pytest.mark.parametrize(
    ("base_url", "proxies", "told"),
    [
        (HTTPS, (), True),
        (HTTPS, ("127.0.0.1",), False),
        ("http://127.0.0.1:8000", (), False),
        (None, (), False),
    ],
)
def test_a_proxy_that_nobody_named_is_told_but_keeps_no_mail_back(
    tmp_path: Path, base_url: str | None, proxies: tuple[str, ...], told: bool
) -> None:
    found = seen(Settings(base_url=base_url, trusted_proxies=proxies, data_dir=tmp_path))
    assert ("proxy" in found) is told
    if told:
        assert found["proxy"].fine is None
        assert 'trusted_proxies = ["127.0.0.1", "::1"]' in found["proxy"].words


def test_settings_that_name_no_server_are_said_as_such(tmp_path: Path) -> None:
    checks = seen(Settings(data_dir=tmp_path, smtp=Smtp(provider="postmrk")))
    assert 'Did you mean "postmark"?' in checks["mail server"].words and not checks["mail server"].fine


def test_without_a_key_the_mail_server_signs_and_that_is_fine(tmp_path: Path) -> None:
    found = seen(Settings(data_dir=tmp_path))["DKIM"]
    assert found.fine and "leadmagnet doctor --make-key" in found.words


def test_a_key_under_another_selector_is_missed_by_nobody_but_us(tmp_path: Path) -> None:
    with_key(tmp_path, dkim_selector="spring")
    found = seen(Settings(data_dir=tmp_path, dkim_selector="autumn"))["DKIM"]
    assert not found.fine and "autumn.pem, only spring.pem" in found.words


@pytest.mark.parametrize("wrong", ["mode", "words"])
def test_a_key_that_cannot_be_used_is_said(tmp_path: Path, wrong: str) -> None:
    settings = with_key(tmp_path)
    if wrong == "mode":
        settings.dkim_key_path.chmod(0o644)
    else:
        settings.dkim_key_path.write_text("no key")
    found = seen(settings)["DKIM"]
    assert not found.fine
    assert ("chmod 600" if wrong == "mode" else "holds no private key") in found.words


def test_a_folder_with_a_letter_from_elsewhere_is_told_before_it_is_published(tmp_path: Path) -> None:
    copy_to(tmp_path / "site")
    path = tmp_path / "site" / "email_templates" / "hip-openers" / "20-tight-hips.md"
    path.write_text(path.read_text().replace("+++\n", '+++\nfrom = "Coach <coach@other-site.com>"\n', 1))
    found = seen(with_key(tmp_path), folder=tmp_path / "site")["DKIM"]
    assert not found.fine
    assert "20-tight-hips.md: from is Coach <coach@other-site.com>, but mail is signed for mail.runben" in found.words


def test_a_log_of_this_machine_is_no_evidence_about_another_ones_mail() -> None:
    far, near = Server.from_url("smtp://mail.example.org:587"), Server.from_url("smtp://127.0.0.1:25?tls=off")
    settings = Settings(mail_log=Path("/var/log/mail.log"))
    with pytest.raises(SettingsError, match=r"mail_log is /var/log/mail.log.*mail.example.org"):
        require_log_of(settings, far)
    require_log_of(settings, near)
    require_log_of(settings, None)
    require_log_of(Settings(), far)
