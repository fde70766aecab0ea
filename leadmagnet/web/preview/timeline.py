"""The site's letters in the order in which somebody who starts now would get them."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from leadmagnet.content.findings import Finding
from leadmagnet.content.manuscripts import SYSTEM_MAILS
from leadmagnet.content.published import Published
from leadmagnet.content.sequences import Sequence
from leadmagnet.links import Keys, Links
from leadmagnet.mail import render
from leadmagnet.mail.render import RenderError
from leadmagnet.publishing import drafts
from leadmagnet.reports import forecast
from leadmagnet.reports.forecast import Coming
from leadmagnet.web.preview.shown import Shown

#: A subject has no links.
NOWHERE = Links("https://mail.example.com", Keys.of(("timeline",)))

_STARTS = {"confirmed": "somebody who confirms now", "manual": "somebody you start now"}


@dataclass(frozen=True, slots=True)
class Entry:
    """One letter, or one guide."""

    key: str
    name: str  # "20-tight-hips"
    subject: str
    dot: str  # "error" | "warning" | "fine"
    day: int | None = None  # None: in no sequence, or it has never been read
    when: datetime | None = None  # in the site's zone
    note: str = ""  # why this day, or why not at all
    passed: bool = False  # she does not get it
    draft: bool = False

    @property
    def path(self) -> str:
        """Where it stands in the preview."""
        return f"/preview/{'' if self.key.startswith('guides/') else 'letters/'}{self.key}"


@dataclass(frozen=True, slots=True)
class Series:
    """Entries under one heading."""

    title: str
    line: str
    entries: tuple[Entry, ...]


def of(shown: Shown, *, first_name: str, now: datetime) -> list[Series]:
    """All series, then the mails outside any, then the guides."""
    published = shown.published
    found: list[Series] = []
    if published is not None:
        found += [_series(shown, published, one, first_name, now) for one in published.compiled.sequences.values()]
    known = {entry.key for one in found for entry in one.entries}
    lost = tuple(_plain(shown, key) for key in shown.paths if key not in known and not key.startswith("system/"))
    if lost:
        found.append(Series("Not in a series", "what keeps them out is said beside them", lost))
    system = tuple(_plain(shown, f"system/{name}") for name in SYSTEM_MAILS if f"system/{name}" in shown.paths)
    found.append(Series("System mails", "confirm, remind, ask at a new address, send the guide again", system))
    found.append(Series("Guides", "the page behind the link", tuple(_guides(shown))))
    return [one for one in found if one.entries]


def _series(shown: Shown, published: Published, sequence: Sequence, first_name: str, now: datetime) -> Series:
    entries = []
    for coming in _course(published, sequence, first_name, now):
        key, step = f"{sequence.slug}/{coming.step.slug}", coming.step
        entries.append(
            Entry(
                key=key,
                name=_name(shown.paths.get(key, step.slug)),
                subject=coming.subject,
                dot=_dot(shown.findings, shown.paths.get(key, "")),
                day=step.day,
                when=coming.due.astimezone(published.zone),
                note="never sent: a draft" if step.draft else coming.skipped or coming.why,
                passed=coming.skipped is not None,
                draft=step.draft,
            )
        )
    known = {entry.key for entry in entries}
    lost = [key for key in shown.paths if key.startswith(f"{sequence.slug}/") and key not in known]
    entries += [_plain(shown, key) for key in lost]
    who = _STARTS.get(sequence.starts, "somebody who starts now")
    return Series(sequence.title, f"for {who}", tuple(sorted(entries, key=_order)))


def _order(entry: Entry) -> tuple[int, str]:
    number = entry.name.partition("-")[0]
    return (int(number) if number.isdecimal() else 0, entry.name)


def _course(published: Published, sequence: Sequence, first_name: str, now: datetime) -> tuple[Coming, ...]:
    try:
        return forecast.course(published, sequence, now, published.zone, first_name=first_name)
    except RenderError:  # a subject that fails for just this course says so beside its letter
        letters = {key: one.model_copy(update={"subject": one.slug}) for key, one in published.compiled.letters.items()}
        plain = Published(0, published.digest, published.compiled.model_copy(update={"letters": letters}))
        return forecast.course(plain, sequence, now, published.zone)


def _plain(shown: Shown, key: str) -> Entry:
    path = shown.paths[key]
    return Entry(key, _name(path), _subject(shown, key) or _name(path), _dot(shown.findings, path))


def _subject(shown: Shown, key: str) -> str | None:
    published = shown.published
    letter = published.compiled.letters.get(key) if published is not None else None
    if published is None or letter is None:
        return None
    facts = drafts.sample_facts(published.compiled, letter, drafts.NO_NAME)
    try:
        return render.subject(letter, drafts.sample_values(published, letter, facts, NOWHERE))
    except RenderError:
        return None


def _guides(shown: Shown) -> Iterator[Entry]:
    for slug, guide in (shown.published.compiled.guides if shown.published is not None else {}).items():
        yield Entry(f"guides/{slug}", slug, guide.title, _dot(shown.findings, f"guides/{slug}/"))


def _name(path: str) -> str:
    return path.rpartition("/")[2].removesuffix(".md")


def _dot(findings: tuple[Finding, ...], path: str) -> str:
    levels = {one.level for one in findings if one.path == path or (path.endswith("/") and one.path.startswith(path))}
    return "error" if "error" in levels else "warning" if "warning" in levels else "fine"
