"""One letter on the desk: what arrives in the inbox, what is in its file, and what is found wrong with it."""

import hashlib
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.utils import parseaddr
from pathlib import Path
from urllib.parse import quote

from leadmagnet.content.compiled import Letter
from leadmagnet.content.findings import Finding
from leadmagnet.content.published import Published
from leadmagnet.delivery import samples
from leadmagnet.delivery.samples import Sample
from leadmagnet.errors import LeadmagnetError
from leadmagnet.links import Links
from leadmagnet.mail import render
from leadmagnet.publishing import drafts
from leadmagnet.web.preview.shown import Shown

#: Where inboxes cut a subject: a small phone, a large one, a narrow window.
CUTS = (35, 55, 70)
LEVELS = ("error", "warning", "info")
_LONGEST_NAME = 28
#: What every test mail says in front of its subject, and no reader sees.
_TEST = "[test] "


@dataclass(frozen=True, slots=True)
class Mail:
    """A letter as one sample reader gets it: `raw` is the whole message, the rest is taken from it."""

    raw: bytes
    sender: str
    subject: str
    preheader: str
    html: str
    text: str

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.html.encode()).hexdigest()[:12]

    @property
    def kilobytes(self) -> float:
        """The size of the HTML, as Gmail counts it."""
        return len(self.html.encode()) / 1000


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the operator's file."""

    number: int
    text: str
    level: str = ""  # of what is found there


@dataclass(frozen=True, slots=True)
class Sheet:
    """All about one letter. Without a `mail` it has never been read: then its file is shown."""

    key: str
    path: str
    mail: Mail | None
    people: tuple[str, ...]
    person: int
    lines: tuple[Line, ...]
    findings: tuple[Finding, ...]  # of this letter
    elsewhere: tuple[Finding, ...]
    banner: Finding | None  # what keeps it from being shown as it is on disk
    banner_line: str = ""

    @property
    def slug(self) -> str:
        return self.path.rpartition("/")[2].removesuffix(".md")


def of(shown: Shown, site: Path, key: str, person: int, links: Links) -> Sheet:
    """The letter `key`, which is one of `shown.paths`, for its sample reader number `person`."""
    path = shown.paths[key]
    letter = shown.published.compiled.letters.get(key) if shown.published is not None else None
    readers = drafts.readers_of(letter) if letter is not None else [drafts.NO_NAME]
    person = person if 0 <= person < len(readers) else 0
    mail = None
    if shown.published is not None and letter is not None and letter.html:
        mail = _mail(shown, shown.published, letter, readers[person], links)
    banner = _banner(shown, key, path, whole=mail is not None)
    return Sheet(
        key=key,
        path=path,
        mail=mail,
        people=tuple(_label(reader) for reader in readers),
        person=person,
        lines=_lines(shown, path),
        findings=tuple(sorted((found for found in shown.findings if found.path == path), key=_gravest_first)),
        elsewhere=tuple(found for found in shown.findings if found.path != path),
        banner=banner,
        banner_line=_line_of(site, banner) if banner is not None else "",
    )


def _gravest_first(found: Finding) -> tuple[int, int]:
    return LEVELS.index(found.level), found.line


def message_of(shown: Shown, published: Published, letter: Letter, person: dict[str, str], links: Links) -> bytes:
    """The whole message, byte for byte as a test mail would leave. Raises LeadmagnetError."""
    site = published.site
    to = parseaddr(site.reply_to or site.sender)[1]
    sample = Sample(published, letter.path.split("/")[1], letter.slug, to)
    return samples.mail(sample, drafts.sample_facts(published.compiled, letter, person), links, now=shown.at)


def first_name_of(shown: Shown, key: str, person: int) -> str:
    """The first name of a sample reader; empty for one without."""
    letter = shown.published.compiled.letters.get(key) if shown.published is not None else None
    readers = drafts.readers_of(letter) if letter is not None else []
    return readers[person].get("first_name", "") if 0 <= person < len(readers) else ""


def cut(subject: str) -> list[tuple[str, int]]:
    """`subject` in pieces, each with the length at which some inboxes cut after it; 0: nobody does."""
    pieces, start = [], 0
    for length in CUTS:
        if len(subject) <= length:
            break
        pieces.append((subject[start:length], length))
        start = length
    return [*pieces, (subject[start:], 0)]


def editor_link(site: Path, path: str, line: int) -> str:
    """What opens the file in the operator's editor, at the line."""
    return f"vscode://file{quote(str(site / path))}:{max(line, 1)}"


def _mail(shown: Shown, published: Published, letter: Letter, person: dict[str, str], links: Links) -> Mail | None:
    facts = drafts.sample_facts(published.compiled, letter, person)
    try:
        raw = message_of(shown, published, letter, person, links)
        preheader = render.preheader(letter, drafts.sample_values(published, letter, facts, links))
    except LeadmagnetError:  # the banner says it: whatever cannot be rendered is found by the check
        return None
    message = message_from_bytes(raw, policy=policy.default)
    return Mail(
        raw=raw,
        sender=str(message["From"]),
        subject=str(message["Subject"]).removeprefix(_TEST),
        preheader=preheader.strip(),
        html=_part(message, "html"),
        text=_part(message, "plain"),
    )


def _part(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    return str(part.get_content()).replace("\r\n", "\n") if part is not None else ""


def _label(person: dict[str, str]) -> str:
    name = person.get("first_name", "")
    if person is drafts.VERY_LONG_NAME:
        return "very long name"
    return name[:_LONGEST_NAME] or "no name"


def _banner(shown: Shown, key: str, path: str, *, whole: bool) -> Finding | None:
    """The first error that this letter, or what it is made with, has to be mended for."""
    if key in shown.fresh and whole:
        return None
    errors = [found for found in shown.findings if found.level == "error"]
    own = [found for found in errors if found.path == path]
    shared = [found for found in errors if found.path not in shown.paths.values()]
    return next(iter([*own, *shared, *errors]), None)


def _lines(shown: Shown, path: str) -> tuple[Line, ...]:
    text = shown.build.files.get(path, b"").decode(errors="replace").replace("\r\n", "\n")
    levels: dict[int, str] = {}
    for found in shown.findings:
        if found.path == path and levels.get(found.line) != "error":
            levels[found.line] = found.level
    return tuple(Line(n, line, levels.get(n, "")) for n, line in enumerate(text.split("\n"), 1))


def _line_of(site: Path, found: Finding) -> str:
    """The line that a finding speaks of, as it is on disk."""
    try:
        lines = (site / found.path).read_text(errors="replace").splitlines()
    except OSError:
        return ""
    return lines[found.line - 1].strip() if 0 < found.line <= len(lines) else ""
