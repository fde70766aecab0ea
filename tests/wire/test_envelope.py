"""What the mail server was told around every mail (24 to 27 in the contents), and what it could not be told."""

import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from leadmagnet import links, settings
from leadmagnet.content.compiled import Build
from leadmagnet.settings import Settings
from leadmagnet.store.database import Database
from tests.mail.servers import ScriptedServer, make_certificate
from tests.wire.conftest import Post, signs_up, world_of
from tests.wire.letters import every_mail
from tests.wire.readers import ACCENTED, READERS
from tests.world import World

ADA = READERS[0]
#: Opens a world whose mail goes to that server; keywords are machine settings.
Elsewhere = Callable[..., AbstractContextManager[World]]


@pytest.fixture
def elsewhere(site: Path, build: Build, sqlite_template: Path, tmp_path: Path) -> Elsewhere:
    @contextmanager
    def opened(
        server: ScriptedServer, *, host: str = "127.0.0.1", tls: str = "off", **given: object
    ) -> Iterator[World]:
        url = f"smtp://{host}:{server.port}?tls={tls}"
        machine = _machine(site, tmp_path, smtp_url=url, **given)
        shutil.copy(sqlite_template, tmp_path / "leadmagnet.db")
        database = Database(f"sqlite:///{tmp_path / 'leadmagnet.db'}")
        with world_of(build, machine, database) as world:
            yield world
        database.close()

    return opened


def _machine(site: Path, folder: Path, **given: object) -> Settings:
    return settings.load(site).model_copy(update={"data_dir": folder, **given})


@every_mail
def test_its_return_path_names_it_and_stands_under_the_senders_organisation(post: Post, letter: str) -> None:
    for mail in post.of(letter):
        local, _, domain = mail.sender.rpartition("@")
        assert domain == "bounce.runbendbarre.com"
        assert domain.split(".")[-2:] == mail.message["From"].addresses[0].domain.split(".")[-2:]  # SPF, relaxed
        assert re.fullmatch(r"b\+[a-z2-7]{36}", local) and len(local) <= 64, mail
        assert links.read_return_path(mail.sender, post.settings.keys()) == mail.delivery_id, mail
        assert links.read_return_path(mail.sender.upper(), post.settings.keys()) == mail.delivery_id, mail


def test_no_two_mails_share_a_return_path_and_none_can_be_made_up(post: Post) -> None:
    paths = [mail.sender for mail in post.mails]
    assert len(set(paths)) == len(paths)
    one, other = paths[:2]
    assert links.read_return_path(one[:18] + other[18:], post.settings.keys()) is None
    assert links.read_return_path(one, links.Keys.of(("another key",))) is None


def test_every_transaction_has_one_recipient(post: Post) -> None:
    verbs = [command.split(":")[0] for command in post.commands if command.startswith(("MAIL", "RCPT", "DATA"))]
    assert verbs == ["MAIL FROM", "RCPT TO", "DATA"] * len(post.mails)
    for mail in post.mails:
        assert mail.recipient == mail.value("To")


def test_the_greeting_name_is_the_host_that_the_links_lead_to(post: Post) -> None:
    """That it resolves, and that its address leads back to it, is for `leadmagnet doctor` to find out."""
    hellos = {command for command in post.commands if command[:4] in ("EHLO", "HELO")}
    assert hellos == {"EHLO letters.runbendbarre.com"}


def test_smtputf8_is_asked_for_by_the_one_address_that_needs_it(post: Post) -> None:
    senders = [command for command in post.commands if command.startswith("MAIL")]
    for mail, command in zip(post.mails, senders, strict=True):
        assert ("SMTPUTF8" in command) == ("BODY=8BITMIME" in command) == (mail.reader is ACCENTED), mail
        assert f"SIZE={len(mail.raw)}" in command


def test_a_server_without_extensions_gets_plain_mail_and_never_the_address_that_it_cannot_carry(
    elsewhere: Elsewhere,
) -> None:
    with ScriptedServer(extensions=()) as server, elsewhere(server) as world:
        readers = [ADA, *READERS[-2:]]
        for reader in readers:
            signs_up(world, reader)
        world.deliver()
        arrived = [mail.recipient for mail in server.arrived]
        assert sorted(arrived) == sorted(reader.on_the_wire for reader in readers if reader is not ACCENTED)
        assert all(mail.raw.isascii() for mail in server.arrived)
        assert all(re.fullmatch(r"MAIL FROM:<[^>]+>", one) for one in server.commands if one.startswith("MAIL"))
        ((state, reason),) = {(row.state, row.reason) for row in world.deliveries() if row.state != "sent"}
        assert (state, reason) == ("failed", "unsupported")


def test_an_address_in_quotes_reaches_no_server(elsewhere: Elsewhere) -> None:
    quoted = '"ada lovelace"@example.com'
    with ScriptedServer() as server, elsewhere(server) as world:
        signs_up(world, type(ADA)("quotes", "quoted@example.com", quoted, quoted))
        world.deliver()
        assert server.arrived == []
        (row,) = world.deliveries()
        assert (row.state, row.reason) == ("failed", "unsupported")


def test_without_a_domain_for_bounces_they_come_to_the_senders_address(elsewhere: Elsewhere) -> None:
    with ScriptedServer() as server, elsewhere(server, bounce_domain=None) as world:
        signs_up(world, ADA)
        world.deliver()
        assert [mail.sender for mail in server.arrived] == ["maya@mail.runbendbarre.com"]


@pytest.mark.parametrize("tls", ["offered", "required"])
def test_encryption_is_used_where_it_is_offered(
    elsewhere: Elsewhere, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tls: str
) -> None:
    certificate = make_certificate(tmp_path / "server.pem", "localhost")
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with ScriptedServer(certificate=certificate) as server:
        with elsewhere(server, host="localhost", tls=tls) as world:
            signs_up(world, ADA)
            world.deliver()
        verbs = [command[:4] for command in server.commands]
        assert verbs == ["EHLO", "STAR", "EHLO", "MAIL", "RCPT", "DATA", "QUIT"]
        assert len(server.arrived) == 1


def test_encryption_that_is_required_and_not_offered_keeps_the_mail_here(elsewhere: Elsewhere) -> None:
    with ScriptedServer() as server, elsewhere(server, tls="required") as world:
        signs_up(world, ADA)
        ((claimed, _),) = world.deliver()
        assert not [command for command in server.commands if command.startswith("MAIL")]
        world.settle()
        assert [row.state for row in world.deliveries(id=claimed.id)] == ["pending"]
