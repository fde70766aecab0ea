"""Every mail of the example site, sent once to awkward people over a real connection, and kept as it was received."""

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner

from leadmagnet import settings
from leadmagnet.cli import leadmagnet
from leadmagnet.cli.sending import connector
from leadmagnet.content.compiled import Build
from leadmagnet.delivery import notices, samples
from leadmagnet.delivery.letters import Claimed
from leadmagnet.delivery.outcomes import Accepted
from leadmagnet.delivery.samples import Sample
from leadmagnet.doctor import signer
from leadmagnet.links import Links
from leadmagnet.publishing import drafts
from leadmagnet.sequences import deliveries, signup
from leadmagnet.settings import Settings
from leadmagnet.store.database import Database
from leadmagnet.store.models import AddressChange, Subscriber
from tests.mail.servers import Arrived, ScriptedServer
from tests.web.conftest import copy_of_example
from tests.wire.letters import LETTERS
from tests.wire.readers import READERS, Reader
from tests.wire.received import Received
from tests.world import World

#: What `leadmagnet.toml` of a real site says.
REAL = {
    '"Maya <maya@mail.example.com>"': '"Maya Lindström <maya@mail.runbendbarre.com>"',
    '"maya@example.com"': '"maya@runbendbarre.com"',
    '"https://example.com"': '"https://runbendbarre.com"',
    '"1 Example Street, Springfield"': '"12 Barn Lane, Springfield"',
}
MACHINE = 'base_url = "https://letters.runbendbarre.com"\nbounce_domain = "bounce.runbendbarre.com"\n'
#: A letter that says the reader's name wherever a letter may.
NAMES_EVERYWHERE = """+++
subject   = "{{ first_name or 'Runner' }}, your name is everywhere"
preheader = "{{ first_name or 'Runner' }}, it stands here as well."
day       = 40
+++
# Hello {{ first_name or 'you' }}

{{ first_name or 'You' }}, this letter says your name wherever it can.

.{{ first_name or 'a dot' }} begins this line, and [the flow]({{ links.flow }}) is a link.
"""
EXTENSIONS = ("PIPELINING", "8BITMIME", "SMTPUTF8", "SIZE 10240000")


@dataclass(frozen=True, repr=False)
class Post:
    """All that was received, and what it takes to ask about it."""

    mails: Sequence[Received]
    commands: Sequence[str]  # what the server was told, in its order
    settings: Settings
    database: Path
    told: str  # what `doctor --make-key` printed

    def of(self, letter: str) -> list[Received]:
        """That mail, as each reader got it."""
        found = [mail for mail in self.mails if mail.letter == letter]
        assert found, f"{letter} was never received"
        return found


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example site under a real name, with a letter more."""
    folder = copy_of_example(tmp_path_factory.mktemp("wire"))
    file = folder / settings.FILE
    text = file.read_text()
    for example, real in REAL.items():
        assert example in text
        text = text.replace(example, real)
    file.write_text(MACHINE + text)
    (folder / "email_templates/hip-openers/95-names-everywhere.md").write_text(NAMES_EVERYWHERE)
    return folder


@pytest.fixture(scope="session")
def build(site: Path) -> Build:
    """That site, compiled once."""
    found = drafts.check(site)
    assert found.compiled is not None, found.findings
    return found


@pytest.fixture(scope="session")
def post(site: Path, build: Build, sqlite_template: Path) -> Iterator[Post]:
    """The whole post of a season, handed over to a server that takes everything."""
    told = CliRunner().invoke(leadmagnet, ["--site", str(site), "doctor", "--make-key"], catch_exceptions=False).output
    with ScriptedServer(extensions=EXTENSIONS) as server:
        machine = settings.load(site).model_copy(update={"smtp_url": f"smtp://127.0.0.1:{server.port}?tls=off"})
        copy = machine.data_dir / "leadmagnet.db"
        shutil.copy(sqlite_template, copy)
        database = Database(f"sqlite:///{copy}")
        with world_of(build, machine, database) as world:
            mails = _season(world, server)
        database.close()
        yield Post(mails, tuple(server.commands), machine, copy, told)


def world_of(build: Build, machine: Settings, database: Database) -> World:
    """A world as the commands would make it of these machine settings."""
    world = World(database, build, machine.data_dir, connector(machine))
    world.links = Links(machine.site_url, machine.keys(), machine.bounce_domain)
    world.signer = signer(machine)
    return world


def signs_up(world: World, reader: Reader) -> None:
    """Somebody asks; her name and address are then what no form would have taken."""
    world.asks(reader.address)
    found = world.subscriber(reader.address)
    world.changes(Subscriber, found.id, first_name=reader.name, address=reader.stored)


def _season(world: World, server: ScriptedServer) -> list[Received]:
    for reader in READERS:
        signs_up(world, reader)
    mails = _delivered(world, server)
    world.wait(days=1, hours=1)
    with world.database.write() as session:
        signup.remind(session, world.published, after=signup.REMIND_AFTER, limit=100, now=world.now)
    mails += _delivered(world, server)
    for reader in READERS:
        world.confirms(reader.address)
    while (due := world.next_due()) is not None:
        world.now = max(world.now, due)
        mails += _delivered(world, server)
    for reader in READERS:
        world.asks(reader.address, limits=False)
    for reader in READERS:
        _asked_whether_hers(world, reader)
    mails += _delivered(world, server)
    return mails + _to_the_operator(world, server)


def _asked_whether_hers(world: World, reader: Reader) -> None:
    """The question that a new address gets, at her own: so each awkward address is asked."""
    her = world.subscriber(reader.address)
    values = {"address": her.address, "address_key": her.address_key, "domain_group": her.domain_group}
    with world.database.write() as session:
        change = AddressChange(subscriber_id=her.id, asked_at=world.now, **values)
        session.add(change)
        session.flush()
        deliveries.plan_address(session, world.published, her, change, now=world.now)


def _to_the_operator(world: World, server: ScriptedServer) -> list[Received]:
    with world.database.write() as session:
        notices.tell(session, world.published, notices.distrusted(["gmail", "bücher.example"]), now=world.now)
    mails = _delivered(world, server)
    sample = Sample(world.published, "hip-openers", LETTERS[1], "maya@runbendbarre.com")
    compiled = world.published.compiled
    facts = drafts.sample_facts(compiled, world.published.letter(sample.folder, sample.slug), drafts.NO_NAME)
    ways = world.database, world.connect, world.links, world.journal.path.parent
    list(samples.send(*ways, sample, [facts], clock=lambda: world.now, signer=world.signer))
    (row,) = world.deliveries(kind="test")
    return [*mails, Received("test", None, row.id, row.message_id, world.now, *_of(server.arrived[-1]))]


def _delivered(world: World, server: ScriptedServer) -> list[Received]:
    before = len(server.arrived)
    sent = [letter for letter, outcome in world.deliver() if isinstance(outcome, Accepted)]
    arrived = server.arrived[before:]
    assert len(arrived) == len(sent)
    return [_received(letter, world, mail) for letter, mail in zip(sent, arrived, strict=True)]


def _received(letter: Claimed, world: World, mail: Arrived) -> Received:
    reader = next((one for one in READERS if one.stored == letter.recipient), None)
    name = letter.kind if letter.kind == "notice" else letter.letter.slug
    return Received(name, reader, letter.id, letter.message_id, world.now, *_of(mail))


def _of(mail: Arrived) -> tuple[str, str, bytes]:
    return mail.sender, mail.recipient, mail.raw
