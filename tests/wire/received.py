"""One mail as it was received, read in two ways: byte by byte, and as Python reads it."""

import binascii
import re
from dataclasses import dataclass
from datetime import datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from functools import cached_property
from html.parser import HTMLParser

from tests.mail import strict
from tests.wire.readers import Reader

_PART = re.compile(
    rb'Content-Type: text/(plain|html); charset="utf-8"\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n(.*)',
    re.DOTALL,
)


@dataclass(frozen=True, repr=False)
class Received:
    """`letter` names which mail it is; `reader` is None where the operator gets it; ids are the row's, `at` is its hour."""

    letter: str
    reader: Reader | None
    delivery_id: int
    message_id: str
    at: datetime
    sender: str
    recipient: str
    raw: bytes

    def __repr__(self) -> str:
        return f"{self.letter} for {self.reader.who if self.reader else 'the operator'}"

    @cached_property
    def head(self) -> bytes:
        return self.raw.partition(b"\r\n\r\n")[0] + b"\r\n"

    @cached_property
    def fields(self) -> list[tuple[str, str]]:
        """Header fields in their order, unfolded."""
        return strict.parse(self.raw)[0]

    @cached_property
    def names(self) -> list[str]:
        return [name for name, _ in self.fields]

    def value(self, name: str) -> str:
        """The one field of that name."""
        (value,) = [value for found, value in self.fields if found == name]
        return value

    @cached_property
    def message(self) -> EmailMessage:
        return message_from_bytes(self.raw, policy=policy.default)

    @property
    def subject(self) -> str:
        return str(self.message["Subject"])

    @cached_property
    def parts(self) -> list[tuple[str, bytes]]:
        """Kind and encoded body of each part, split at its boundary by hand."""
        found = re.fullmatch(r'multipart/alternative; boundary="([^"]{1,70})"', self.value("Content-Type"))
        assert found, self.value("Content-Type")
        delimiter = f"--{found[1]}".encode()
        before, *parts, end = (b"\r\n" + strict.parse(self.raw)[1]).split(b"\r\n" + delimiter)
        assert before == b"" and end == b"--\r\n"
        matches = [_PART.fullmatch(part.removeprefix(b"\r\n")) for part in parts]
        assert all(matches), "every part says what it is, in one way"
        return [(match[1].decode(), match[2]) for match in matches if match]

    @cached_property
    def text(self) -> str:
        return self._part("plain")

    @cached_property
    def html(self) -> str:
        return self._part("html")

    def _part(self, kind: str) -> str:
        (body,) = [body for found, body in self.parts if found == kind]
        return binascii.a2b_qp(body).decode().replace("\r\n", "\n")

    @cached_property
    def page(self) -> "Page":
        return Page(self.html)

    @cached_property
    def text_links(self) -> list[str]:
        return re.findall(r"https?://[^\s<>]*[^\s<>.,;:!?)\]]", self.text)

    @cached_property
    def unsubscribe_url(self) -> str:
        """As a mailbox provider takes it: the one https URI in angle brackets (RFC 8058 §3.1)."""
        (url,) = re.findall(r"<(https://[^>]+)>", self.value("List-Unsubscribe"))
        return str(url)


class Page(HTMLParser):
    """What a reader can see of a document, its links, and what it would load."""

    _SILENT = frozenset({"style", "title", "script", "head"})

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.links: list[tuple[str, str]] = []  # target, words
        self._words: list[str] = []
        self._quiet: list[str] = []
        self._link: tuple[str, int] | None = None
        self.feed(html)
        self.close()

    @property
    def words(self) -> str:
        return " ".join("".join(self._words).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self.tags.append((tag, values))
        hidden = "display:none" in values.get("style", "").replace(" ", "")
        if tag in self._SILENT or (tag == "div" and (self._quiet or hidden)):
            self._quiet.append(tag)
        if tag == "a":
            self._link = (values.get("href", ""), len(self._words))
        if tag in ("p", "br", "li", "td", "h1", "h2", "h3", "div"):
            self._words.append(" ")

    def handle_endtag(self, tag: str) -> None:
        if self._quiet and self._quiet[-1] == tag:
            self._quiet.pop()
        if tag == "a" and self._link:
            target, at = self._link
            self.links.append((target, " ".join("".join(self._words[at:]).split())))
            self._link = None

    def handle_data(self, data: str) -> None:
        if not self._quiet:
            self._words.append(data)
