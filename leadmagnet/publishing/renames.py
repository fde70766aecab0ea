"""Finds letters that look renamed without `was`: whoever had the old one would get it again under the new name.

A letter that went away and a new one in the same sequence are never passed over in silence: the operator says in the
new letter's head which it is, `was = ["old"]` or, if it is a new letter indeed, `was = []`.
"""

import difflib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from leadmagnet.content.compiled import Build, Compiled
from leadmagnet.content.findings import Finding, Notes
from leadmagnet.content.heads import front_matter
from leadmagnet.content.sequences import Sequence, Step
from leadmagnet.errors import ContentError
from leadmagnet.publishing import releases
from leadmagnet.sequences.facts import HANDLED
from leadmagnet.store.models import Delivery, Release

#: So much of two letters' words must be the same for them to look like one letter, when the old one went long ago.
_ALIKE = 0.6
#: Versions that are looked through for letters that went earlier.
_VERSIONS = 200
_HAD = HANDLED - {"skipped", "expired"}


@dataclass(frozen=True, slots=True)
class _Gone:
    """A letter that was live and is not in the folder any more; `now` if it goes with this very publish."""

    slug: str
    release: int
    now: bool


def find(session: Session, build: Build) -> tuple[Finding, ...]:
    """Rule E103 against what is live and what was sent: one error for each new letter that may be a renamed one.

    Empty for a build with errors of its own, and before the first publish.
    """
    live = _live(session)
    if live is None or build.compiled is None:
        return ()
    found: list[Finding] = []
    for slug, sequence in build.compiled.sequences.items():
        before = live[1].sequences.get(slug)
        if before is not None:
            found += _in_sequence(session, build, live, before, sequence)
            found += _forgotten(session, build, before, sequence)
    return tuple(sorted(found))


def _live(session: Session) -> tuple[int, Compiled] | None:
    number = session.scalar(select(Release.id).order_by(Release.id.desc()).limit(1))
    return None if number is None else (number, releases.load(session, number).compiled)


def _in_sequence(
    session: Session, build: Build, live: tuple[int, Compiled], before: Sequence, sequence: Sequence
) -> Iterator[Finding]:
    known = _names(before)
    new = [
        step
        for step in sequence.steps
        if step.slug not in known and not step.was and not _says_new(build, sequence.slug, step)
    ]
    if not new:
        return
    here = _names(sequence)
    gone = [one for one in _gone(session, live[0], before, here) if _was_sent(session, sequence.slug, one.slug)]
    if not gone:
        return
    texts = _texts(session, gone, sequence.slug)
    for step in new:
        path = _path(build, sequence.slug, step)
        own = _own_words(build.files.get(path, b"").decode(errors="replace"))
        likeness = {one: _likeness(own, texts.get(one.slug, "")) for one in gone}
        likely = [one for one in gone if one.now or likeness[one] >= _ALIKE]
        if likely:
            yield _finding(path, step, max(likely, key=lambda one: (likeness[one], one.now)), sequence.slug)


def _forgotten(session: Session, build: Build, before: Sequence, sequence: Sequence) -> Iterator[Finding]:
    """Letters that lost one of their earlier names: a chain of renames lists them all."""
    here = _names(sequence)
    for step in sequence.steps:
        old = next((old for old in before.steps if old.slug in (step.slug, *step.was)), None)
        lost = [name for name in (old.was if old else ()) if name not in here]
        if old is not None and any(_was_sent(session, sequence.slug, name) for name in lost):
            names = ", ".join(f'"{name}"' for name in dict.fromkeys((*step.was, *old.was)))
            message = f"'{step.slug}' was called '{lost[0]}' once, and people had it then: they would get it again."
            yield Finding(
                _path(build, sequence.slug, step), 1, "E103", "error", message, f"Write in its head: was = [{names}]"
            )


def _names(sequence: Sequence) -> set[str]:
    return {name for step in sequence.steps for name in (step.slug, *step.was)}


def _finding(path: str, step: Step, old: _Gone, sequence: str) -> Finding:
    went = "is gone from the folder" if old.now else "went with an earlier version"
    message = (
        f"'{step.slug}' is new in {sequence}, and '{old.slug}', which people have had, {went}. "
        "If this is the same letter under another name, they would get it again."
    )
    fix = f'Add to its head: was = ["{old.slug}"], or, if it is another letter: was = []'
    return Finding(path, 1, "E103", "error", message, fix)


def _gone(session: Session, live: int, before: Sequence, here: set[str]) -> list[_Gone]:
    found = {step.slug: _Gone(step.slug, live, True) for step in before.steps if step.slug not in here}
    heirs = _names(before)
    earlier = (
        select(Release.id, Release.compiled)
        .where(Release.id < live, Release.compiled != "")
        .order_by(Release.id.desc())
    )
    for number, compiled in session.execute(earlier.limit(_VERSIONS).execution_options(yield_per=1)):
        steps = json.loads(compiled)["sequences"].get(before.slug, {}).get("steps", ())
        for step in steps:
            slug = step["slug"]
            if slug not in here and slug not in heirs:
                found.setdefault(slug, _Gone(slug, number, False))
    return list(found.values())


def _was_sent(session: Session, sequence: str, slug: str) -> bool:
    had = select(Delivery.id).where(
        Delivery.sequence == sequence,
        Delivery.step == slug,
        Delivery.state.in_(_HAD),
        Delivery.enrollment_id.is_not(None),
    )
    return session.scalar(had.limit(1)) is not None


def _texts(session: Session, gone: Iterable[_Gone], sequence: str) -> Mapping[str, str]:
    """The files of letters that went, by slug."""
    texts = {}
    archives: dict[int, dict[str, bytes]] = {}
    for one in gone:
        if one.release not in archives:
            archives[one.release] = releases.files(session, one.release)
        folder = f"email_templates/{sequence}/"
        for path, content in archives[one.release].items():
            if path.startswith(folder) and path.removesuffix(".md").partition(folder)[2].partition("-")[2] == one.slug:
                texts[one.slug] = _own_words(content.decode(errors="replace"))
    return texts


def _says_new(build: Build, sequence: str, step: Step) -> bool:
    """Whether its head says `was = []`."""
    path = _path(build, sequence, step)
    try:
        text = build.files.get(path, b"").decode(errors="replace").replace("\r\n", "\n")
        head, _body = front_matter(path, text, Notes())
    except ContentError:
        return False
    return "was" in head


def _path(build: Build, sequence: str, step: Step) -> str:
    letters = build.compiled.letters if build.compiled is not None else {}
    return letters[f"{sequence}/{step.slug}"].path


def _own_words(text: str) -> str:
    """The letter without what any two heads share."""
    return "\n".join(line for line in text.splitlines() if line.strip() not in ("", "+++"))


def _likeness(one: str, other: str) -> float:
    return difflib.SequenceMatcher(None, one.split(), other.split(), autojunk=False).ratio()
