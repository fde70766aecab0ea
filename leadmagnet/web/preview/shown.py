"""What the preview shows: each letter as it is on disk, or as it was when it last could be read."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import parseaddr
from zoneinfo import ZoneInfo

from leadmagnet.content.compiled import Build, Compiled, Draft, Letter
from leadmagnet.content.findings import Finding, Notes
from leadmagnet.content.guides import Guide
from leadmagnet.content.manuscripts import SYSTEM_MAILS
from leadmagnet.content.published import Published
from leadmagnet.content.sequences import Sequence, Step
from leadmagnet.content.site import SiteSettings
from leadmagnet.publishing import drafts

_NUMBERED = re.compile(r"(\d{1,6})-(.+)")


@dataclass(frozen=True)
class Shown:
    """The site at one moment. `version` grows with every change."""

    version: int
    at: datetime
    build: Build  # just what `check` says
    findings: tuple[Finding, ...]  # that, and what comes to light of the letters that do read
    published: Published | None  # None: the site's own settings have never been read
    paths: Mapping[str, str]  # key → file, of all letters on disk
    fresh: frozenset[str]  # keys of letters that are shown as they are on disk
    old: frozenset[str]  # and as they last were; a letter in neither has never been read

    def broken(self, path: str) -> bool:
        """Whether an error is found in this file."""
        return any(found.level == "error" and found.path == path for found in self.findings)


def next_shown(before: Shown | None, draft: Draft, build: Build, *, at: datetime) -> Shown:
    """What to show after a look at the folder; `before` is what was shown until then, `build` what `check` says."""
    then = before.published.compiled if before is not None and before.published is not None else None
    paths = dict(_letters_on(draft.files))
    settings = _settings(draft.settings, then)
    version = before.version + 1 if before is not None else 1
    if settings is None:
        return Shown(version, at, build, build.findings, None, paths, frozenset(), frozenset())
    read = Compiled(settings=settings, sequences={}, guides=_guides(draft, then), letters=_sound(draft, build))
    read = read.model_copy(update={"sequences": _sequences(draft, then, paths)})
    findings = build.findings
    if build.compiled is None:
        findings = tuple(sorted({*findings, *_judged(read, build)}))
    wrong = {found.path for found in findings if found.level == "error"}
    letters = {key: letter for key, letter in read.letters.items() if letter.path not in wrong}
    past = {
        key: letter for key, letter in (then.letters if then else {}).items() if key in paths and key not in letters
    }
    old = frozenset(key for key, letter in past.items() if letter.html)
    stubs = {key: _stub(path) for key, path in paths.items() if key not in letters and key not in past}
    whole = read.model_copy(update={"letters": {**letters, **past, **stubs}})
    published = Published(0, build.digest, whole)
    return Shown(version, at, build, findings, published, paths, frozenset(letters), old)


def _judged(read: Compiled, build: Build) -> list[Finding]:
    """What comes to light of letters that read, while others do not."""
    notes, texts = Notes(), drafts.texts_of(build.files)
    for letter in read.letters.values():
        drafts.judge_letter(read, letter, texts, notes)
    return [f for f in notes.findings() if f.level == "error" or (f.path, f.code) not in build.silenced]


def _letters_on(files: Iterable[str]) -> Iterator[tuple[str, str]]:
    """The letters of a site with their keys; folders that begin with an underscore hold none."""
    for path in sorted(files):
        top, _, rest = path.partition("/")
        folder, _, name = rest.partition("/")
        if top != "email_templates" or folder.startswith("_") or "/" in name or not name.endswith(".md"):
            continue
        stem = name.removesuffix(".md")
        if folder == "system":
            if stem in SYSTEM_MAILS:
                yield f"system/{stem}", path
            continue
        numbered = _NUMBERED.fullmatch(stem)
        yield f"{folder}/{numbered[2] if numbered else stem}", path


def _settings(settings: SiteSettings | None, then: Compiled | None) -> SiteSettings | None:
    """Those on disk if letters can be made with them, or else the last ones."""
    if settings is not None:
        try:
            ZoneInfo(settings.site.timezone)
        except (ValueError, OSError, LookupError):
            return then.settings if then else None
        if "@" in parseaddr(settings.site.sender)[1]:
            return settings
    return then.settings if then else None


def _guides(draft: Draft, then: Compiled | None) -> dict[str, Guide]:
    names = {path.split("/")[1] for path in draft.files if path.startswith("guides/") and path.count("/") > 1}
    wrong = {f.path.split("/")[1] for f in draft.findings if f.level == "error" and f.path.startswith("guides/")}
    before = {slug: guide for slug, guide in (then.guides if then else {}).items() if slug in names}
    read = {slug: guide for slug, guide in draft.guides.items() if slug not in wrong or slug not in before}
    return {**before, **read}


def _sound(draft: Draft, build: Build) -> dict[str, Letter]:
    wrong = {found.path for found in build.findings if found.level == "error"}
    return {key: letter for key, letter in draft.letters.items() if letter.path not in wrong}


def _sequences(draft: Draft, then: Compiled | None, paths: Mapping[str, str]) -> dict[str, Sequence]:
    """Those that read, with the steps that do not as they last were."""
    folders = {key.partition("/")[0] for key in paths}
    before = {slug: one for slug, one in (then.sequences if then else {}).items() if slug in folders}
    sequences = {**before, **draft.sequences}
    return {slug: _with_old_steps(one, before.get(slug), paths) for slug, one in sequences.items()}


def _with_old_steps(sequence: Sequence, before: Sequence | None, paths: Mapping[str, str]) -> Sequence:
    known = {step.slug for step in sequence.steps}
    lost: list[Step] = [
        step
        for step in (before.steps if before else ())
        if step.slug not in known and f"{sequence.slug}/{step.slug}" in paths
    ]
    if not lost:
        return sequence
    steps = sorted((*sequence.steps, *lost), key=lambda step: (step.number, step.slug))
    return sequence.model_copy(update={"steps": tuple(steps)})


def _stub(path: str) -> Letter:
    """Something to name in the place of a letter that has never been read."""
    stem = path.rpartition("/")[2].removesuffix(".md")
    numbered = _NUMBERED.fullmatch(stem)
    slug = numbered[2] if numbered else stem
    return Letter(path=path, slug=slug, subject=slug.replace("{", "("), preheader="", html="", text="")
