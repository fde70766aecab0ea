""" "Check your inbox": what stands on its page, which is what the form's script shows in place of the form."""

from dataclasses import dataclass
from email.utils import parseaddr

from flask import render_template, request

from leadmagnet.audience import typos
from leadmagnet.content.guides import Guide
from leadmagnet.content.published import Published
from leadmagnet.sequences import deliveries
from leadmagnet.web import inboxes
from leadmagnet.web.house import house
from leadmagnet.web.inboxes import Inbox


@dataclass(frozen=True, slots=True)
class Words:
    """Every sentence of the page but the address itself. "…" in `again_in` is for the script to fill in."""

    heading: str
    on_its_way: str
    change: str
    tap: str
    open: str
    search: str
    nothing: str
    again: str
    again_in: str
    once_more: str
    enough: str
    operator: str


def sender_of(published: Published) -> tuple[str, str]:
    """(name, address) of who writes; the address stands for a name that is not given."""
    name, address = parseaddr(published.site.sender)
    return name or address, address


def inbox_of(published: Published, address: str) -> Inbox | None:
    """The inbox of this address, for the browser that asks."""
    agent = request.headers.get("User-Agent", "")
    return inboxes.find(address, agent=agent, sender=published.sender_address)


def words(published: Published, guide: Guide, inbox: Inbox | None) -> Words:
    """The sentences for somebody who asked for `guide`, the same whoever she is."""
    sender, _address = sender_of(published)
    return Words(
        heading="One more step: check your inbox",
        on_its_way="A mail is on its way to",
        change="Not right? Change it",
        tap=f"Tap the button in it and {guide.title} opens. If you've had it from us before, the mail is the guide.",
        open=f"Open {inbox.name}" if inbox is not None else "",
        search=f"Search there for “{guide.title}”." if inbox is not None and not inbox.searches else "",
        nothing=f"Nothing after two minutes? Look in Promotions or Spam for {sender}.",
        again="Send it again",
        again_in="Send it again in …",
        once_more="It's on its way once more.",
        enough="That makes three, and more won't help. Is the address right?",
        operator="This site has no mail server yet: the mail is in the",
    )


def answer(published: Published, guide: Guide, address: str, *, times: int) -> dict[str, object]:
    """What the script shows, ready and in parts; `times`: how often this browser has asked for it, this time too.

    It depends on the address as it was typed and on the browser, never on what is known of either.
    """
    inbox = inbox_of(published, address)
    enough = times >= deliveries.CONFIRMATIONS_EVER
    again_after = None if enough else int(deliveries.again_after(times).total_seconds())
    html = render_template(
        "_panel.html",
        address=address,
        times=times,
        suggestion=typos.suggestion(address),
        inbox=inbox,
        words=words(published, guide, inbox),
        again_after=again_after,
        mailbox_url=mailbox_url(),
    )
    return {
        "sender": sender_of(published)[0],
        "inbox": {"name": inbox.name, "url": inbox.url} if inbox is not None else None,
        "again_after": again_after,
        "html": html,
    }


def mailbox_url() -> str | None:
    """Where the operator finds the mail while none really leaves."""
    return f"{house().links.base_url}/mailbox" if house().mailbox is not None else None


def spoken(seconds: int) -> str:
    """A wait, in words."""
    count, unit = (seconds, "second") if seconds < 100 else (-(-seconds // 60), "minute")
    return f"{count} {unit}{'' if count == 1 else 's'}"
