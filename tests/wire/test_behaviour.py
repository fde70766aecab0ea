"""What follows from what was received (34 to 42 in the contents)."""

import hashlib
import re
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from leadmagnet.settings import Settings
from leadmagnet.store.database import Database
from leadmagnet.store.models import Consent, Subscriber, Suppression
from leadmagnet.web.app import create_app
from tests.mail import strict
from tests.mail.clients import connect
from tests.mail.servers import ScriptedServer
from tests.web.conftest import only_sqlite
from tests.wire.conftest import Post
from tests.wire.letters import REQUESTS
from tests.world import SECRET, World

ADA, CAROL = "ada@example.com", "carol@example.com"


@pytest.fixture
def provider(world: World, tmp_path: Path) -> FlaskClient:
    """A mailbox provider's machine."""
    secrets = {"secret_keys": "first key", "suppression_key": SECRET.decode()}
    app = create_app(Settings(data_dir=tmp_path, **secrets), world.database, clock=lambda: world.now)
    return app.test_client(use_cookies=False)


@only_sqlite
def test_an_address_that_does_not_exist_is_never_written_to_again(world: World) -> None:
    with ScriptedServer() as server:
        world.connect = lambda: connect(server)
        world.joins(ADA)
        server.script["RCPT"] = "550 5.1.1 no such user"
        world.wait(days=2)
        world.deliver()
        server.script.clear()
        before = len(server.commands)
        world.wait(days=60)
        world.asks(ADA, limits=False)
        world.deliver()
        assert server.commands[before:] == []
    with world.database.read() as session:
        assert session.scalars(select(Suppression.scope)).all() == ["all"]


@only_sqlite
def test_who_leaves_by_the_received_header_gets_no_letter_more_not_even_a_claimed_one(
    world: World, provider: FlaskClient
) -> None:
    with ScriptedServer() as server:
        world.connect = lambda: connect(server)
        for address in (ADA, CAROL):
            world.joins(address)
        world.wait(days=2)
        claimed = world.claim()
        assert sorted(letter.recipient for letter in claimed) == [ADA, CAROL]
        url = dict(strict.parse(next(m.raw for m in reversed(server.arrived) if m.recipient == ADA))[0])
        before = len(server.arrived)
        answer = provider.post(url["List-Unsubscribe"].strip("<>"), data={"List-Unsubscribe": "One-Click"})
        assert answer.status_code == 200
        for letter in claimed:
            world.send(letter)
        world.wait(days=60)
        world.deliver()
        assert {mail.recipient for mail in server.arrived[before:]} == {CAROL}


def test_each_reader_has_a_proof_of_what_was_asked_and_which_mail_was_answered(post: Post) -> None:
    asked = {mail.message_id: mail.reader for mail in post.mails if mail.letter in REQUESTS}
    database = Database(f"sqlite:///{post.database}")
    with database.read() as session:
        people = {row.id: row for row in session.scalars(select(Subscriber))}
        proofs = list(session.scalars(select(Consent).order_by(Consent.id)))
    database.close()
    assert {proof.subscriber_id for proof in proofs} == people.keys()
    for proof in proofs:
        assert proof.at.utcoffset() is not None and proof.guide == "hip-openers" and proof.ip
        assert proof.wording and proof.wording_hash == hashlib.sha256(proof.wording.encode()).hexdigest()
        if proof.event == "confirmed":
            reader = asked[proof.message_id or ""]
            assert reader is not None and reader.stored == people[proof.subscriber_id].address
    assert sum(proof.event == "confirmed" for proof in proofs) == len(people)


@only_sqlite
def test_both_proofs_name_address_and_browser_and_the_request_its_page(world: World, provider: FlaskClient) -> None:
    asking = {"User-Agent": "Ada's telephone", "Referer": "https://example.com/hips?utm_source=a"}
    with ScriptedServer() as server:
        world.connect = lambda: connect(server)
        provider.post(
            "/f/hip-openers", data={"email": ADA}, headers=asking, environ_base={"REMOTE_ADDR": "198.51.100.7"}
        )
        world.deliver()
        (mail,) = server.arrived
    link = re.search(rb"/c/[\w-]{30}", mail.raw)
    assert link
    answering = {"User-Agent": "Ada's laptop"}
    provider.post(link[0].decode(), headers=answering, environ_base={"REMOTE_ADDR": "2001:db8::7"})
    with world.database.read() as session:
        requested, confirmed = session.scalars(select(Consent).order_by(Consent.id))
    assert (requested.event, requested.ip, requested.user_agent) == ("requested", "198.51.100.7", "Ada's telephone")
    assert (requested.page, requested.message_id) == ("https://example.com/hips", None)
    assert (confirmed.event, confirmed.ip, confirmed.user_agent) == ("confirmed", "2001:db8::7", "Ada's laptop")
    assert f"<{confirmed.message_id}>" == dict(strict.parse(mail.raw)[0])["Message-ID"]
