"""Compares what is live with what is in the folder: which letters, guides and settings are different, and in what."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from leadmagnet.content.compiled import Build, Compiled, Letter
from leadmagnet.content.published import Published
from leadmagnet.content.sequences import Sequence, Step
from leadmagnet.publishing.effects import Name

#: Shared files whose change is seen in letters that were not themselves edited.
SHARED = ("email_templates/_layouts/", "email_templates/_snippets/", "guides/", "leadmagnet.toml")

_HREF = re.compile(r'href="([^"]+)"')
_WHEN = ("day", "send_at", "send_on")
_FOR_WHOM = ("only_if", "skip_if", "expires_after", "expires_on")


@dataclass(frozen=True, slots=True)
class Link:
    """A link that leads elsewhere now. `fix` is the line that redirects it in letters already sent; None: none can."""

    old: str
    new: str
    fix: str | None


@dataclass(frozen=True, slots=True)
class LetterChange:
    """One letter of a sequence, before and after; one of the two may be missing."""

    name: Name
    path: str
    old: Step | None
    new: Step | None
    old_letter: Letter | None
    new_letter: Letter | None
    words: tuple[str, ...]  # of "subject", "preheader", "words", "look", "sender": what readers see of it
    links: tuple[Link, ...]
    shared_only: bool  # its own file is as it was: something that letters share has changed

    @property
    def is_new(self) -> bool:
        """Whether it can be sent from now on, and could not before."""
        return self.new is not None and not self.new.draft and (self.old is None or self.old.draft)

    @property
    def is_gone(self) -> bool:
        """Whether it was sent until now, and is not any more."""
        return self.old is not None and not self.old.draft and (self.new is None or self.new.draft)

    @property
    def was_renamed(self) -> bool:
        return self.old is not None and self.new is not None and self.old.slug != self.new.slug

    @property
    def when(self) -> bool:
        return self._differs(_WHEN)

    @property
    def for_whom(self) -> bool:
        return self._differs(_FOR_WHOM)

    @property
    def catches_up(self) -> bool:
        return self._differs(("catch_up",))

    def _differs(self, names: tuple[str, ...]) -> bool:
        old, new = self.old, self.new
        return old is not None and new is not None and any(getattr(old, one) != getattr(new, one) for one in names)


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting of the site that is different: `[site] from`."""

    name: str
    old: object
    new: object


@dataclass(frozen=True, slots=True)
class Changes:
    """All that a publish would change, before anybody is asked."""

    letters: tuple[LetterChange, ...]  # in the order of the sequences; those that are as they were are left out
    system: tuple[str, ...]  # paths of system mails that read differently
    sequences_added: tuple[str, ...]
    sequences_removed: tuple[str, ...]
    sequences_changed: tuple[tuple[str, Setting], ...]
    reordered: tuple[str, ...]  # sequences whose letters come in another order
    guides_added: tuple[str, ...]
    guides_removed: tuple[str, ...]
    editions: tuple[str, ...]  # guides whose page shows something else
    guide_words: tuple[str, ...]  # guides whose form says something else
    questions: tuple[str, ...]  # guides whose page asks something else, or nothing any more
    settings: tuple[Setting, ...]
    shared: tuple[str, ...]  # files that letters share, and that are different


def compare(live: Published, would_be: Published, build: Build, files: Mapping[str, bytes]) -> Changes:
    """What is different. `files` are the operator's files of the live release."""
    old, new = live.compiled, would_be.compiled
    changed = {path for path in files.keys() | build.files.keys() if files.get(path) != build.files.get(path)}
    common = [slug for slug in new.sequences if slug in old.sequences]
    return Changes(
        letters=tuple(_letters(old, new, changed)),
        system=tuple(
            letter.path
            for key, letter in new.letters.items()
            if key.startswith("system/") and key in old.letters and _words(old.letters[key], letter)
        ),
        sequences_added=tuple(slug for slug in new.sequences if slug not in old.sequences),
        sequences_removed=tuple(slug for slug in old.sequences if slug not in new.sequences),
        sequences_changed=tuple(
            (slug, one) for slug in common for one in _rules(old.sequences[slug], new.sequences[slug])
        ),
        reordered=tuple(slug for slug in common if _is_reordered(old.sequences[slug], new.sequences[slug])),
        guides_added=tuple(slug for slug in new.guides if slug not in old.guides),
        guides_removed=tuple(slug for slug in old.guides if slug not in new.guides),
        editions=tuple(
            slug for slug in new.guides if slug in old.guides and old.guides[slug].edition != new.guides[slug].edition
        ),
        guide_words=tuple(
            slug
            for slug in new.guides
            if slug in old.guides
            and any(
                getattr(old.guides[slug], one) != getattr(new.guides[slug], one)
                for one in ("headline", "line", "button", "consent")
            )
        ),
        questions=tuple(
            slug for slug in new.guides if slug in old.guides and old.guides[slug].question != new.guides[slug].question
        ),
        settings=tuple(_settings(old, new)),
        shared=tuple(sorted(path for path in changed if path.startswith(SHARED))),
    )


def _letters(old: Compiled, new: Compiled, changed: set[str]) -> Iterator[LetterChange]:
    for slug in dict.fromkeys((*new.sequences, *old.sequences)):
        before, after = old.sequences.get(slug), new.sequences.get(slug)
        if before is None or after is None:
            continue  # a whole sequence is told as one
        for step in after.steps:
            found = next((found for name in (step.slug, *step.was) if (found := _own(before, name))), None)
            one = _change(old, new, slug, found, step, changed)
            if one is not None:
                yield one
        for step in before.steps:
            if after.step(step.slug) is None:
                one = _change(old, new, slug, step, None, changed)
                if one is not None:
                    yield one


def _own(sequence: Sequence, slug: str) -> Step | None:
    return next((step for step in sequence.steps if step.slug == slug), None)


def _change(
    old: Compiled, new: Compiled, sequence: str, before: Step | None, after: Step | None, changed: set[str]
) -> LetterChange | None:
    one = old.letters.get(f"{sequence}/{before.slug}") if before is not None else None
    other = new.letters.get(f"{sequence}/{after.slug}") if after is not None else None
    words = _words(one, other) if one is not None and other is not None else ()
    step, letter = after or before, other or one
    if step is None or letter is None:
        return None
    change = LetterChange(
        name=Name(sequence, step.slug),
        path=letter.path,
        old=before,
        new=after,
        old_letter=one,
        new_letter=other,
        words=words,
        links=tuple(_links(one, other)) if one is not None and other is not None else (),
        shared_only=letter.path not in changed,
    )
    different = (change.is_new, change.is_gone, change.was_renamed, change.when, change.for_whom, change.catches_up)
    is_draft = after is not None and after.draft and before is None
    return change if any(different) or words or change.links or is_draft else None


def _words(old: Letter, new: Letter) -> tuple[str, ...]:
    found = [name for name in ("subject", "preheader") if getattr(old, name) != getattr(new, name)]
    if old.sender != new.sender:
        found.append("sender")
    if _bare(old.text) != _bare(new.text):
        found.append("words")
    elif old.html != new.html and not {"subject", "preheader"} & set(found):
        found.append("look")
    return tuple(found)


def _bare(text: str) -> str:
    """The words of a letter's text without where its links lead."""
    return re.sub(r"https?://\S+|\{\{[^}]*\}\}\S*", "", text)


def targets(letter: Letter) -> tuple[str, ...]:
    """Where the letter's links lead, in their order, whether or not they are counted."""
    if letter.links:
        return letter.links
    return tuple(one for one in _HREF.findall(letter.html) if one.startswith("http"))


def _links(old: Letter, new: Letter) -> Iterator[Link]:
    before, after = targets(old), targets(new)
    gone = [one for one in dict.fromkeys(before) if one not in after]
    came = [one for one in dict.fromkeys(after) if one not in before]
    for index, one in enumerate(gone):
        same_place = before.index(one)
        heir = after[same_place] if len(before) == len(after) else came[min(index, len(came) - 1)] if came else ""
        fixable = bool(old.links) and one.startswith("http") and heir.startswith("http")
        yield Link(one, heir, f'"{one}" = "{heir}"' if fixable else None)


def _rules(old: Sequence, new: Sequence) -> Iterator[Setting]:
    for name in ("title", "starts", "guide", "min_gap", "stop_when", "then"):
        if getattr(old, name) != getattr(new, name):
            yield Setting(name, getattr(old, name), getattr(new, name))


def _is_reordered(old: Sequence, new: Sequence) -> bool:
    """Whether letters that were there before come in another order among themselves."""
    slugs = [step.slug for step in old.steps]
    places = [slugs.index(name) for step in new.steps for name in (step.slug, *step.was) if name in slugs]
    return places != sorted(places)


def _settings(old: Compiled, new: Compiled) -> Iterator[Setting]:
    for table in ("site", "form", "links", "link_fixes", "tracking", "publish"):
        before, after = _flat(old, table), _flat(new, table)
        for key in dict.fromkeys((*before, *after)):
            if before.get(key) != after.get(key):
                yield Setting(f"[{table}] {key}", before.get(key), after.get(key))


def _flat(compiled: Compiled, table: str) -> dict[str, object]:
    found = getattr(compiled.settings, table)
    return dict(found) if isinstance(found, dict) else found.model_dump(by_alias=True)
