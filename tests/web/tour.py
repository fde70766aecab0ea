"""Every page a visitor or the operator can come to, in one tour."""

from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from leadmagnet.audience import addresses
from leadmagnet.links import Purpose, mint
from leadmagnet.sequences import moving
from leadmagnet.store.models import AddressChange
from tests.world import SECRET, World

ADA = "ada@example.com"
LEFT = "carol@example.com"
BOB = "bob@example.com"
NEW = "ada@new.example"
FORM = "/f/hip-openers"


def populate(world: World) -> dict[str, str]:
    """A world with somebody in every state, and the path of each page in it by what the page is."""
    world.joins(LEFT)
    world.leaves(LEFT)
    world.joins(ADA)
    world.asks(BOB)
    world.deliver()
    keys = world.links.keys
    bob, ada, left = (world.enrollment(address).id for address in (BOB, ADA, LEFT))
    newest = world.mailbox.messages(1)[0].key
    return {
        "start": "/",
        "form": FORM,
        "sent": f"{FORM}/sent",
        "framed form": f"{FORM}/embed",
        "framed sent": f"{FORM}/sent?in=frame",
        "embed": "/embed",
        "blog": "/embed/try",
        "blog with a frame": "/embed/try?way=frame",
        "privacy": "/privacy",
        "confirm": f"/c/{mint(Purpose.CONFIRM, bob, keys)}",
        "confirmed": f"/c/{mint(Purpose.CONFIRM, ada, keys)}",
        "guide": f"/g/{mint(Purpose.GUIDE, ada, keys)}",
        "guide of one who left": f"/g/{mint(Purpose.GUIDE, left, keys)}",
        "leave": f"/u/{mint(Purpose.LEAVE, world.subscriber(ADA).id, keys)}",
        "left": f"/u/{mint(Purpose.LEAVE, world.subscriber(LEFT).id, keys)}",
        "other address": f"/u/{mint(Purpose.LEAVE, world.subscriber(ADA).id, keys)}/address",
        "delete": f"/u/{mint(Purpose.LEAVE, world.subscriber(ADA).id, keys)}/forget",
        "new address": f"/a/{mint(Purpose.ADDRESS, _wish(world), keys)}",
        "new address, too late": f"/a/{mint(Purpose.ADDRESS, 4711, keys)}",
        "forgotten": f"/u/{mint(Purpose.LEAVE, 4711, keys)}",
        "expired": f"/c/{mint(Purpose.CONFIRM, 4711, keys)}",
        "no guide": f"/g/{mint(Purpose.GUIDE, 4711, keys)}",
        "wrong link": "/c/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "unknown": "/no/such/page",
        "unknown guide": "/f/no-such-guide",
        "mailbox": "/mailbox",
        "mail": f"/mailbox/{newest}",
        "letter": f"/mailbox/{newest}/html",
        "source": f"/mailbox/{newest}/source",
        "no mail": "/mailbox/none",
        "healthz": "/healthz",
        "readyz": "/readyz",
        "metrics": "/metrics",
    }


def _wish(world: World) -> int:
    """Ada's wish for another address."""
    address = addresses.parse(NEW)
    with world.database.write() as session:
        her = world.subscriber(ADA).id
        moving.ask(session, world.published, her, address, address.key(SECRET), now=world.now)
    with world.database.read() as session:
        return session.scalars(select(AddressChange.id).where(AddressChange.subscriber_id == her)).one()


def answers(world: World, client: FlaskClient) -> dict[str, TestResponse]:
    """The answer for every page, and for what goes wrong on them."""
    pages = {name: client.get(path) for name, path in populate(world).items()}
    return pages | {
        "form, filled in wrongly": client.post(FORM, data={"email": "nobody"}),
        "too large": client.post(FORM, data={"email": "x" * 100_000}),
        "no form": client.post(FORM, json={}),
        "wrong method": client.put("/"),
        "another host": client.get("/", headers={"Host": "evil.example"}),
        "nothing ticked": client.post(pages["guide of one who left"].request.path),
    }
