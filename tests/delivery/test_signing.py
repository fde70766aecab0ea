"""Every mail that leaves is signed where there is a key, and its signature holds when it arrives."""

from dataclasses import replace

import pytest

from leadmagnet.content.compiled import Build
from leadmagnet.content.published import Published
from leadmagnet.delivery import message, samples
from leadmagnet.delivery.letters import Claimed
from leadmagnet.delivery.outcomes import Accepted
from leadmagnet.delivery.samples import Sample
from leadmagnet.links import Keys, Links
from leadmagnet.mail.facts import MailFacts
from leadmagnet.mail.sign import OVERSIGNED
from leadmagnet.publishing import drafts
from tests.delivery.crowd import THURSDAY_MORNING
from tests.mail.clients import connect
from tests.mail.servers import ScriptedServer
from tests.mail.verify import is_signed, signer
from tests.world import TUESDAY_EVENING, World

ADA = "ada@example.com"
LINKS = Links("https://mail.example.com", Keys.of(("key",)))
NAMES = ["", "Ada", "{{ 7 * 7 }} <b>Bob</b>", "מאיה כהן", "💃🏽👩‍👩‍👧‍👦", "von  und   zu " * 20, "tab\tand  blanks  "]


def claimed(build: Build, key: str, name: str, recipient: str = ADA) -> Claimed:
    assert build.compiled is not None
    published = Published(1, "", build.compiled)
    folder, slug = key.split("/")
    letter = published.letter(folder, slug)
    facts = replace(drafts.sample_facts(published.compiled, letter, {}), first_name=name)
    return Claimed(
        id=7, token=1, kind="step", lane="sequence", domain_group="example.com", message_id="7@mail.example.com", recipient=recipient, attempts=0,
        first_attempt_at=None, subscriber_id=3, enrollment_id=5, published=published, letter=letter, facts=facts,
        course=None,
    )  # fmt: skip


def test_every_mail_of_the_site_is_signed_for_every_reader(example: Build) -> None:
    assert example.compiled is not None
    for number, key in enumerate(example.compiled.letters):
        for name in NAMES if number == 0 else NAMES[number % len(NAMES) :][:2]:
            letter = claimed(example, key, name)
            raw = message.build(letter, LINKS, now=TUESDAY_EVENING, signer=signer())
            assert raw.endswith(message.build(letter, LINKS, now=TUESDAY_EVENING)), key
            assert is_signed(raw), (key, name)


@pytest.mark.parametrize("recipient", ["x" * 64 + "@example.com", "ada@bücher.example", "josé@example.com"])
def test_an_awkward_address_is_signed(example: Build, recipient: str) -> None:
    letter = claimed(example, "hip-openers/tight-hips", "Ada", recipient)
    assert is_signed(message.build(letter, LINKS, now=TUESDAY_EVENING, signer=signer()))


@pytest.mark.parametrize("key", ["system/confirm", "hip-openers/tight-hips"])
def test_a_second_header_on_top_of_a_real_mail_breaks_its_signature(example: Build, key: str) -> None:
    raw = message.build(claimed(example, key, "Ada"), LINKS, now=TUESDAY_EVENING, signer=signer())
    for name in OVERSIGNED:
        assert not is_signed(f"{name}: <https://evil.example/>\r\n".encode() + raw), name


def test_confirmation_guide_and_letter_arrive_signed(world: World) -> None:
    world.signer = signer()
    with ScriptedServer() as server:
        world.connect = lambda: connect(server)
        world.joins(ADA)
        world.now = THURSDAY_MORNING
        world.deliver()
        assert len(server.arrived) == 3
        assert all(is_signed(mail.raw) for mail in server.arrived)


def test_a_test_mail_arrives_signed(world: World) -> None:
    sample = Sample(world.published, "hip-openers", "tight-hips", "maya@example.com")
    ((_, outcome),) = samples.send(
        world.database, world.connect, world.links, world.journal.path.parent, sample,
        [MailFacts("2026-03-03", guide="hip-openers")], clock=lambda: world.now, signer=signer(),
    )  # fmt: skip
    assert isinstance(outcome, Accepted)
    (path,) = world.mailbox.path.glob("new/*")
    assert is_signed(path.read_bytes())


def test_a_publish_with_another_sender_is_signed_for_the_new_domain(world: World, example: Build) -> None:
    world.signer = signer()
    assert example.compiled is not None
    settings = example.compiled.settings
    moved = settings.model_copy(update={"site": settings.site.model_copy(update={"sender": "M <m@news.example.org>"})})
    world.publish(replace(example, compiled=example.compiled.model_copy(update={"settings": moved}), digest="moved"))
    world.asks(ADA)
    world.deliver()
    (path,) = world.mailbox.path.glob("new/*")
    assert is_signed(path.read_bytes(), domain="news.example.org")
    assert not is_signed(path.read_bytes(), domain="mail.example.com")
