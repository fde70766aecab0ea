"""Compiled content under the number it was published as: what every mail and page is made from."""

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import parseaddr
from functools import cached_property
from zoneinfo import ZoneInfo

from leadmagnet.content.compiled import Compiled, Letter
from leadmagnet.content.guides import Guide
from leadmagnet.content.sequences import Sequence
from leadmagnet.content.site import Site


class Words(dict[str, object]):
    """Words that are the same for all readers of a release: what fills letters may put them in once for all."""

    def __init__(self, words: Mapping[str, object]) -> None:
        super().__init__(words)
        self._hash = hash(repr(sorted(words.items())))

    def __hash__(self) -> int:  # type: ignore[override]  # it is made once, and never changed
        return self._hash


_NO_GUIDE = Words({"title": ""})


def fresh_name() -> str:
    """32 hexadecimal digits, time first: rows made together lie together in the index of Message-IDs."""
    return f"{time.time_ns() // 1_000_000:012x}{os.urandom(10).hex()}"


@dataclass(frozen=True, eq=False)
class Published:
    """One release in memory. `number` is its row id, and grows with every publish.

    `name_mail` makes the left side of a Message-ID; a rehearsal brings its own, so that it can be repeated.
    """

    number: int
    digest: str
    compiled: Compiled
    name_mail: Callable[[], str] = fresh_name

    @property
    def site(self) -> Site:
        return self.compiled.settings.site

    @cached_property
    def sender_address(self) -> str:
        """The operator's bare address."""
        return parseaddr(self.site.sender)[1]

    @cached_property
    def operator_address(self) -> str:
        """Where the operator reads: the address for answers, or else the sender's; empty if there is none."""
        return parseaddr(self.site.reply_to or "")[1] or self.sender_address

    @cached_property
    def sender_domain(self) -> str:
        """The right side of every Message-ID."""
        return self.sender_address.rpartition("@")[2]

    @cached_property
    def site_words(self) -> Words:
        """The site's words, as letters may use them."""
        return Words(self.site.model_dump())

    def guide_words(self, slug: str | None) -> Words:
        """The words of a guide likewise; without one they are empty."""
        return self._guide_words.get(slug, _NO_GUIDE)

    @cached_property
    def _guide_words(self) -> dict[str | None, Words]:
        return {slug: Words({"title": guide.title}) for slug, guide in self.compiled.guides.items()}

    @cached_property
    def zone(self) -> ZoneInfo:
        """The site's zone: for people who told none, and for dates said to the operator."""
        return ZoneInfo(self.site.timezone)

    def zone_of(self, name: str | None) -> ZoneInfo:
        """A subscriber's zone; a name that this machine no longer knows falls back to the site's."""
        try:
            return ZoneInfo(name) if name else self.zone
        except (ValueError, OSError, LookupError):
            return self.zone

    def guide(self, slug: str) -> Guide | None:
        return self.compiled.guides.get(slug)

    def sequence(self, slug: str) -> Sequence | None:
        return self.compiled.sequences.get(slug)

    def letter(self, folder: str, slug: str) -> Letter:
        """A compiled letter, such as ("system", "confirm"). Raises KeyError if this release has none."""
        return self.compiled.letters[f"{folder}/{slug}"]
