"""Says what reads differently, and who still gets the new words."""

import re
from collections.abc import Iterator
from datetime import timedelta

from leadmagnet.publishing.changes import LetterChange, Link
from leadmagnet.publishing.plan import Plan
from leadmagnet.reports.planned.line import Line, file_name, stem
from leadmagnet.reports.words import count, people, span

_SAID = {
    "subject": "a new subject", "preheader": "a new preheader", "words": "new words", "look": "a new look",
    "sender": "a new sender",
}  # fmt: skip


def lines(plan: Plan) -> Iterator[Line]:
    """Heads, letters, links, guides, settings."""
    yield from _heads(plan)
    yield from _words(plan)
    yield from _guides(plan)
    yield from _settings(plan)


def _heads(plan: Plan) -> Iterator[Line]:
    for change in plan.changes.letters:
        tally, letter = plan.effects.letter(change.name), "/".join(change.name)
        if change.was_renamed and change.old is not None:
            words = f"{stem(change)} was called {change.old.slug}: whoever had it does not get it again."
            yield Line("note", "renamed", plan.had.get(change.name, 0), words, letter)
        if change.for_whom:
            words = f"{stem(change)} has other conditions: {people(tally.still)} will get it, as things stand today."
            yield Line("change", "conditions", tally.still, words, letter)
        if change.new is not None and change.new.draft and change.old is None:
            yield Line("note", "draft", 0, f"new {stem(change)} is a draft: nobody gets it.", letter)
    for slug, one in plan.changes.sequences_changed:
        words = f"{slug}: {one.name} is {_spoken(one.new)}, and was {_spoken(one.old)}."
        yield Line("change", "sequence rules", plan.effects.sequence(slug).active, words)


def _words(plan: Plan) -> Iterator[Line]:
    own = [one for one in plan.changes.letters if one.words and not one.shared_only]
    shared = [one for one in plan.changes.letters if one.words and one.shared_only]
    for change in own:
        what = " and ".join(_SAID[part] for part in change.words)
        yield _read(plan, (change,), f"{stem(change)} has {what}")
    if shared:
        names = ", ".join(plan.changes.shared) or "something that letters share"
        which = stem(shared[0]) if len(shared) == 1 else f"{len(shared)} letters"
        verb = "looks" if len(shared) == 1 else "look"
        yield _read(plan, tuple(shared), f"{which} {verb} or read differently, because {names} changed")
    yield from _links(plan)


def _links(plan: Plan) -> Iterator[Line]:
    """A link that leads elsewhere, once for all letters that have it."""
    found: dict[Link, list[LetterChange]] = {}
    for change in plan.changes.letters:
        for link in change.links:
            found.setdefault(link, []).append(change)
    for link, changes in found.items():
        had = sum(plan.had.get(change.name, 0) for change in changes)
        names = ", ".join(map(stem, changes))
        words = f"{names}: the link to {_target(link.old)} leads to {_target(link.new) or 'nowhere, it is gone'}"
        if had:
            words += f"; {count(had, 'mail has', 'mails have')} the old link already"
        if had and link.fix is not None and link.old not in plan.would_be.compiled.settings.link_fixes:
            words += f". To mend them, add below [link_fixes] in leadmagnet.toml:  {link.fix}"
        else:
            words += "."
        yield Line("change", "link", had, words, "/".join(changes[0].name) if len(changes) == 1 else None)


def _target(url: str) -> str:
    return re.sub(r"\{\{[-\s]*guide_url[-\s]*\}\}", "the guide", url).replace("the guide#", "the guide's #")


def _read(plan: Plan, changes: tuple[LetterChange, ...], what: str) -> Line:
    """Who still gets new words, and who has the old ones."""
    coming = sum(plan.effects.letter(change.name).still for change in changes)
    had = sum(plan.had.get(change.name, 0) for change in changes)
    if len(changes) == 1:
        who = f"{count(coming, 'person is', 'people are')} still to get it"
        old = f", {count(had, 'already has', 'already have')} the old one" if had else ""
    else:
        who = f"{count(coming, 'of them is', 'of them are')} still to be sent"
        old = f", {had:,} went out the old way" if had else ""
    name = "/".join(changes[0].name) if len(changes) == 1 else None
    return Line("change", "words", coming, f"{what}: {who}{old}.", name)


def _guides(plan: Plan) -> Iterator[Line]:
    changes, readers = plan.changes, plan.guide_readers
    for slug in changes.guides_removed:
        reading = readers.get(slug, 0)
        yield Line(
            "loss",
            "removed guide",
            reading,
            f"the guide {slug} is removed: the links of {people(reading)} lead nowhere.",
        )
    for slug in changes.guides_added:
        yield Line("change", "new guide", 0, f"new guide {slug}: its form opens at /f/{slug}.")
    for slug in changes.editions:
        reading = readers.get(slug, 0)
        whose = "1 person's link shows" if reading == 1 else f"the links of {people(reading)} show"
        yield Line("change", "edition", reading, f"the guide {slug} has a new edition: {whose} it at once.")
    for slug in changes.guide_words:
        yield Line("note", "form words", 0, f"the form of {slug} says something else to visitors.")
    for slug in changes.questions:
        yield Line("note", "question", 0, f"the page of {slug} asks something else; what was answered stays.")
    for path in changes.system:
        words = f"{file_name(path)} reads differently: whoever gets it from now on gets the new one."
        yield Line("note", "system mail", 0, words)


def _settings(plan: Plan) -> Iterator[Line]:
    coming = sum(tally.still for tally in plan.effects.letters.values())
    for one in plan.changes.settings:
        words = f"{one.name} is {_spoken(one.new)}, and was {_spoken(one.old)}"
        if one.name.startswith("[site]") and coming:
            words += f": in all {count(coming, 'letter that is', 'letters that are')} still to go"
        yield Line("change", "setting", 0, words + ".")


def _spoken(value: object) -> str:
    match value:
        case None | () | "":
            return "not set"
        case timedelta():
            return span(value)
        case bool():
            return "on" if value else "off"
        case tuple() | list():
            return ", ".join(map(str, value))
        case _:
            return f'"{value}"' if isinstance(value, str) else str(value)
