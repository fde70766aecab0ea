"""What a mail may say about its reader, turned into the values that its template is filled with."""

from collections.abc import Mapping
from dataclasses import field
from datetime import date
from functools import lru_cache
from typing import Any

from leadmagnet.content.published import Published, Words
from leadmagnet.links import SAMPLE, Links
from leadmagnet.records import record


@record
class MailFacts:
    """One reader's facts, as recorded on the delivery: enough, with the release, to render the mail again."""

    asked_on: str  # ISO date on which the guide was asked for, in the site's zone
    first_name: str = ""
    guide: str | None = None  # slug; None: a sequence that no guide belongs to
    guide_opened: bool = False
    tags: list[str] = field(default_factory=list)
    clicked: list[str] = field(default_factory=list)  # slugs of letters in which a link was followed

    def to_json(self) -> dict[str, Any]:
        return {
            "asked_on": self.asked_on,
            "first_name": self.first_name,
            "guide": self.guide,
            "guide_opened": self.guide_opened,
            "tags": self.tags,
            "clicked": self.clicked,
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "MailFacts":
        """The facts among what is recorded; what stands beside them is left."""
        return cls(**{name: stored[name] for name in cls.__match_args__ if name in stored})


def letter_values(
    published: Published, links: Links, facts: MailFacts, *, subscriber_id: int, enrollment_id: int
) -> dict[str, object]:
    """The values of a letter, a guide mail or a guide sent again; its links lead straight to their targets."""
    leave = links.leave(subscriber_id)
    return {
        **_values(published, links, facts),
        "confirmed": True,
        "first_name": facts.first_name,
        "guide_url": links.guide(enrollment_id) if enrollment_id != SAMPLE else links.sample_guide(facts.guide),
        "guide_opened": facts.guide_opened,
        "unsubscribe_url": leave,
        "preferences_url": leave,
        "form_url": links.form(facts.guide) if facts.guide is not None else links.base_url,
        "clicked": set(facts.clicked).__contains__,
        "tagged": set(facts.tags).__contains__,
    }


def counted(values: dict[str, object], links: Links, delivery_id: int) -> dict[str, object]:
    """The same values with the letter's links led over counted ones of this delivery."""
    return values | {"click": links.clicks(delivery_id)}


def confirmation_values(published: Published, links: Links, facts: MailFacts, *, confirm_url: str) -> dict[str, object]:
    """The values of a mail to an address that is to be confirmed: nothing that somebody typed, one link."""
    return {**_values(published, links, facts), "confirmed": False, "confirm_url": confirm_url}


def _values(published: Published, links: Links, facts: MailFacts) -> dict[str, object]:
    return {
        "media": _media_words(links.base_url),
        "site": published.site_words,
        "guide": published.guide_words(facts.guide),
        "asked_on": _spoken(facts.asked_on),
    }


@lru_cache(maxsize=4)
def _media_words(base_url: str) -> Words:
    """Where pictures lie, which no release knows: only a machine knows its own address."""
    return Words({"url": f"{base_url}/media"})


@lru_cache(maxsize=64)
def _spoken(day: str) -> str:
    asked_on = date.fromisoformat(day)
    return f"{asked_on.day} {asked_on:%B %Y}"
