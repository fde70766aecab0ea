"""Says a plan in sentences, for people, in the order of consequence; in JSON, for programs."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import PurePosixPath

from leadmagnet.publishing.changes import LetterChange, Link
from leadmagnet.publishing.effects import Name, Tally
from leadmagnet.publishing.plan import Plan

#: A day with too many letters is named; of more than these only the worst.
_DAYS_NAMED = 3
_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


@dataclass(frozen=True, slots=True)
class Line:
    """One sentence of a plan. `people`: how many it is about; `level`: "warning", "loss", "change" or "note"."""

    level: str
    kind: str  # a stable word for programs: "removed sequence", "new letter", "moved", …
    people: int
    words: str
    letter: str | None = None  # sequence/slug

    def to_json(self) -> dict[str, object]:
        """The documented form of a line."""
        return {
            "level": self.level, "kind": self.kind, "people": self.people, "letter": self.letter, "words": self.words,
        }  # fmt: skip


def lines(plan: Plan) -> tuple[Line, ...]:
    """Everything that publishing would do, the worst first."""
    return (
        *_sequences(plan),
        *_warnings(plan),
        *(line for change in plan.changes.letters if change.is_gone for line in _gone(plan, change)),
        *_missed(plan),
        *_ending(plan),
        *(_new(plan, change) for change in plan.changes.letters if change.is_new),
        *_moved(plan),
        *_heads(plan),
        *_words(plan),
        *_guides(plan),
        *_settings(plan),
    )


def to_json(plan: Plan) -> dict[str, object]:
    """The documented form of `plan --json`."""
    effects = plan.effects
    return {
        "live": plan.live.number,
        "digest": plan.would_be.digest,
        "changed": plan.would_be.digest != plan.live.digest,
        "ok": not plan.warns,
        "people": effects.people,
        "people_changed": effects.changed,
        "twice": effects.twice,
        "lines": [line.to_json() for line in lines(plan)],
        "letters": [_letter_json(name, tally) for name, tally in sorted(effects.letters.items())],
        "sequences": {
            slug: {
                "active": one.active, "exits": one.exits, "finish_now": one.finish_now,
                "finish_earlier": one.finish_earlier, "finish_later": one.finish_later, "continued": one.continued,
                "started": one.started,
            }
            for slug, one in sorted(effects.series.items())
        },
        "too_close": {"/".join(name): count for name, count in sorted(effects.too_close.items())},
        "same_day": {"/".join(name): count for name, count in sorted(effects.same_day.items())},
        "crowded": {day.isoformat(): count for day, count in plan.crowded.items()},
    }  # fmt: skip


def _letter_json(name: Name, tally: Tally) -> dict[str, object]:
    return {
        "sequence": name.sequence,
        "letter": name.slug,
        "will_get": tally.still,
        "newly": tally.gain,
        "will_miss": tally.lose,
        "past": tally.past,
        "finished": tally.finished,
        "later": tally.later.total(),
        "earlier": tally.earlier.total(),
        "first": tally.first.isoformat() if tally.first else None,
        "first_changed": tally.first_changed.isoformat() if tally.first_changed else None,
    }


def people(count: int) -> str:
    """ "1 person", "1,204 people"."""
    return f"{count:,} {'person' if count == 1 else 'people'}"


def day(value: date) -> str:
    """ "Tuesday 10 March"."""
    return f"{value:%A} {value.day} {value:%B}"


def _sequences(plan: Plan) -> Iterator[Line]:
    alike = dict(plan.folders_alike)
    for slug in plan.changes.sequences_removed:
        count = plan.effects.sequence(slug).exits
        if slug in alike:
            words = (
                f"the folder {slug} looks renamed to {alike[slug]}: the letters of {people(count)} would end, and "
                f"nobody would be in {alike[slug]}. Give the folder its name back; its title is in sequence.toml."
            )
            yield Line("warning", "renamed sequence", count, words)
        else:
            words = f"the sequence {slug} is removed: the letters of {people(count)} end at once."
            yield Line("loss" if count else "note", "removed sequence", count, words)
    for slug in plan.changes.sequences_added:
        sequence = plan.would_be.compiled.sequences[slug]
        how = {
            "confirmed": "it starts for everybody who confirms its guide from now on",
            "manual": "nobody is in it yet",
        }
        start = how.get(sequence.starts, f"it starts with the tag {sequence.starts[4:]}")
        reached = plan.effects.sequence(slug).started
        more = f"; {people(reached)} will come to it from other letters" if reached else ""
        count = len([step for step in sequence.steps if not step.draft])
        yield Line("change", "new sequence", reached, f"new sequence {slug}, {count} letters: {start}{more}.")


def _warnings(plan: Plan) -> Iterator[Line]:
    effects = plan.effects
    if effects.twice:
        yield Line("warning", "twice", effects.twice, f"{people(effects.twice)} would get a letter again.")
    for name, count in sorted(effects.too_close.items()):
        words = f"{people(count)} would get {_file(plan, name)} closer to the letter before it than min_gap."
        yield Line("warning", "too close", count, words, "/".join(name))
    for name, count in sorted(effects.same_day.items()):
        words = f"{people(count)} would get {_file(plan, name)} on the same day as another letter."
        yield Line("warning", "same day", count, words, "/".join(name))
    crowded = sorted(plan.crowded.items(), key=lambda one: -one[1])
    for on, count in sorted(crowded[:_DAYS_NAMED]):
        words = (
            f"{count:,} letters fall on {day(on)}, {plan.effects.days_before[on]:,} without this change: daily_cap "
            f"leaves {plan.letters_a_day:,} for letters. The others follow on the days after."
        )
        yield Line("warning", "burst", count, words)
    if len(crowded) > _DAYS_NAMED:
        yield Line(
            "warning", "burst", 0, f"{len(crowded) - _DAYS_NAMED} more days have more letters than daily_cap leaves."
        )


def _gone(plan: Plan, change: LetterChange) -> Iterator[Line]:
    tally = plan.effects.letter(change.name)
    how = "becomes a draft" if change.new is not None else "is removed"
    what = f"{_stem(change)} {how}"
    first = f", the first of them on {day(tally.first_lost)}" if tally.first_lost else ""
    if tally.lose:
        yield Line("loss", "removed letter", tally.lose, f"{what}: {people(tally.lose)} will not get it{first}.",
                   "/".join(change.name))  # fmt: skip
    else:
        yield Line("note", "removed letter", 0, f"{what}: nobody is waiting for it.", "/".join(change.name))


def _missed(plan: Plan) -> Iterator[Line]:
    """Letters that are still there, and that somebody will not get for all that."""
    told = {change.name for change in plan.changes.letters if change.is_gone}
    removed = set(plan.changes.sequences_removed)
    for name, tally in sorted(plan.effects.letters.items()):
        if tally.lose and name not in told and name.sequence not in removed:
            why = [
                reason for reason, _count in tally.reasons.most_common() if reason and reason != "added after her turn"
            ]
            reason = f" ({why[0]})" if why else ""
            if not why and name.sequence in plan.changes.reordered:
                reason = ": they are past its new place"
            words = f"{people(tally.lose)} will miss {_file(plan, name)}{reason}."
            yield Line("loss", "missed", tally.lose, words, "/".join(name))


def _ending(plan: Plan) -> Iterator[Line]:
    for slug, one in sorted(plan.effects.series.items()):
        if one.finish_earlier:
            now = f", {one.finish_now:,} of them at once" if one.finish_now else ""
            yield Line(
                "loss", "finish early", one.finish_earlier, f"{people(one.finish_earlier)} finish {slug} earlier{now}."
            )


def _new(plan: Plan, change: LetterChange) -> Line:
    tally, step = plan.effects.letter(change.name), change.new
    what = f"new {_stem(change)}" if change.old is None else f"{_stem(change)} is no draft any more"
    first = f", first on {day(tally.first)}" if tally.first else ""
    parts = [f"{people(tally.still)} will get it{first}" if tally.still else "nobody who is here now will get it"]
    if step is not None and step.catch_up and (more := plan.effects.sequence(change.name.sequence).continued):
        parts.append(f"{more:,} of them had finished, and are continued")
    if tally.past:
        hint = "" if step is not None and step.catch_up else " (catch_up = true in its head sends it to them)"
        parts.append(f"{tally.past:,} {'is' if tally.past == 1 else 'are'} further on and will not{hint}")
    return Line("change", "new letter", tally.still, f"{what}: {'; '.join(parts)}.", "/".join(change.name))


def _moved(plan: Plan) -> Iterator[Line]:
    changes = {change.name: change for change in plan.changes.letters}
    news = {change.name for change in plan.changes.letters if change.is_new}
    names = plan.effects.letters.keys() | {name for name, change in changes.items() if change.when}
    for name in sorted(names, key=lambda name: _place(plan, name)):
        tally = plan.effects.letter(name)
        change = changes.get(name)
        shifted = [_shift(tally.later, "later"), _shift(tally.earlier, "earlier")]
        gained = tally.gain if name not in news and name.sequence not in plan.changes.sequences_added else 0
        if gained:
            shifted.append(f"{people(gained)} will get it who would not have")
        said = ", ".join(filter(None, shifted))
        when = _when(change) if change is not None and change.when else ""
        if not said and not when:
            continue
        first = f", first on {day(tally.first_changed)}" if tally.first_changed and said else ""
        what = f"{_file(plan, name)} {when}" if when else f"{_file(plan, name)} moves along"
        count = tally.later.total() + tally.earlier.total() + gained
        words = f"{what}: {said or 'nobody is waiting for it'}{first}."
        yield Line("change" if count else "note", "moved", count, words, "/".join(name))


def _shift(by: Counter[int], word: str) -> str:
    if not by:
        return ""
    days = sorted(by)
    one = {0: "some hours", 1: "a day"}
    if len(days) == 1:
        span = one.get(days[0], f"{days[0]} days")
    else:
        span = f"{'some hours' if days[0] == 0 else days[0]} to {days[-1]} days"
    count = by.total()
    return f"{people(count)} {'gets' if count == 1 else 'get'} it {span} {word}"


def _when(change: LetterChange) -> str:
    old, new = change.old, change.new
    if old is None or new is None:
        return ""
    parts = []
    if old.day != new.day:
        parts.append(f"moves from day {old.day} to day {new.day}")
    if old.send_at != new.send_at:
        parts.append(f"goes at {new.send_at:%H:%M} instead of {old.send_at:%H:%M}")
    if old.send_on != new.send_on:
        days = (
            "every day"
            if len(new.send_on) == len(_WEEKDAYS)
            else ", ".join(_WEEKDAYS[one] for one in sorted(new.send_on))
        )
        parts.append(f"goes on {days}" if days != "every day" else "goes on every day of the week")
    return " and ".join(parts)


def _heads(plan: Plan) -> Iterator[Line]:
    for change in plan.changes.letters:
        tally, letter = plan.effects.letter(change.name), "/".join(change.name)
        if change.was_renamed and change.old is not None:
            words = f"{_stem(change)} was called {change.old.slug}: whoever had it does not get it again."
            yield Line("note", "renamed", plan.had.get(change.name, 0), words, letter)
        if change.for_whom:
            words = f"{_stem(change)} has other conditions: {people(tally.still)} will get it, as things stand today."
            yield Line("change", "conditions", tally.still, words, letter)
        if change.new is not None and change.new.draft and change.old is None:
            yield Line("note", "draft", 0, f"new {_stem(change)} is a draft: nobody gets it.", letter)
    for slug, one in plan.changes.sequences_changed:
        words = f"{slug}: {one.name} is {_spoken(one.new)}, and was {_spoken(one.old)}."
        yield Line("change", "sequence rules", plan.effects.sequence(slug).active, words)


def _words(plan: Plan) -> Iterator[Line]:
    own = [one for one in plan.changes.letters if one.words and not one.shared_only]
    shared = [one for one in plan.changes.letters if one.words and one.shared_only]
    for change in own:
        what = " and ".join(_SAID[part] for part in change.words)
        yield _read(plan, (change,), f"{_stem(change)} has {what}")
    if shared:
        names = ", ".join(plan.changes.shared) or "something that letters share"
        which = _stem(shared[0]) if len(shared) == 1 else f"{len(shared)} letters"
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
        names = ", ".join(map(_stem, changes))
        words = f"{names}: the link to {_target(link.old)} leads to {_target(link.new) or 'nowhere, it is gone'}"
        if had:
            words += f"; {had:,} {'mail has' if had == 1 else 'mails have'} the old link already"
        if had and link.fix is not None and link.old not in plan.would_be.compiled.settings.link_fixes:
            words += f". To mend them, add below [link_fixes] in leadmagnet.toml:  {link.fix}"
        else:
            words += "."
        yield Line("change", "link", had, words, "/".join(changes[0].name) if len(changes) == 1 else None)


def _target(url: str) -> str:
    return re.sub(r"\{\{[-\s]*guide_url[-\s]*\}\}", "the guide", url).replace("the guide#", "the guide's #")


_SAID = {
    "subject": "a new subject", "preheader": "a new preheader", "words": "new words", "look": "a new look",
    "sender": "a new sender",
}  # fmt: skip


def _read(plan: Plan, changes: tuple[LetterChange, ...], what: str) -> Line:
    """Who still gets new words, and who has the old ones."""
    coming = sum(plan.effects.letter(change.name).still for change in changes)
    had = sum(plan.had.get(change.name, 0) for change in changes)
    if len(changes) == 1:
        who = f"{people(coming)} {'is' if coming == 1 else 'are'} still to get it"
        old = f", {had:,} already {'has' if had == 1 else 'have'} the old one" if had else ""
    else:
        who = f"{coming:,} of them are still to be sent"
        old = f", {had:,} went out the old way" if had else ""
    name = "/".join(changes[0].name) if len(changes) == 1 else None
    return Line("change", "words", coming, f"{what}: {who}{old}.", name)


def _guides(plan: Plan) -> Iterator[Line]:
    changes, readers = plan.changes, plan.guide_readers
    for slug in changes.guides_removed:
        count = readers.get(slug, 0)
        yield Line(
            "loss", "removed guide", count, f"the guide {slug} is removed: the links of {people(count)} lead nowhere."
        )
    for slug in changes.guides_added:
        yield Line("change", "new guide", 0, f"new guide {slug}: its form opens at /f/{slug}.")
    for slug in changes.editions:
        count = readers.get(slug, 0)
        whose = "1 person's link shows" if count == 1 else f"the links of {people(count)} show"
        yield Line("change", "edition", count, f"the guide {slug} has a new edition: {whose} it at once.")
    for slug in changes.guide_words:
        yield Line("note", "form words", 0, f"the form of {slug} says something else to visitors.")
    for path in changes.system:
        words = f"{_file_name(path)} reads differently: whoever gets it from now on gets the new one."
        yield Line("note", "system mail", 0, words)


def _settings(plan: Plan) -> Iterator[Line]:
    coming = sum(tally.still for tally in plan.effects.letters.values())
    for one in plan.changes.settings:
        words = f"{one.name} is {_spoken(one.new)}, and was {_spoken(one.old)}"
        if one.name.startswith("[site]") and coming:
            words += f": in all {coming:,} letters that are still to go"
        yield Line("change", "setting", 0, words + ".")


def summary(plan: Plan) -> str:
    """The last words: what does not happen."""
    effects = plan.effects
    rest = effects.people - effects.changed
    parts = []
    if effects.people:
        parts.append("Nobody gets anything twice." if not effects.twice else "")
        if not effects.changed:
            parts.append(f"Nothing moves for anybody ({people(effects.people)} are in a series).")
        elif rest:
            parts.append(f"For the other {rest:,} nothing moves.")
    else:
        parts.append("Nobody is in a series now: it is for those who come.")
    if plan.unconfirmed:
        parts.append(f"{people(plan.unconfirmed)} {'has' if plan.unconfirmed == 1 else 'have'} not confirmed yet.")
    return " ".join(filter(None, parts))


def _spoken(value: object) -> str:
    match value:
        case None | () | "":
            return "not set"
        case timedelta():
            hours = value.total_seconds() / 3600
            return f"{hours:g} hours" if hours < 48 else f"{hours / 24:g} days"
        case bool():
            return "on" if value else "off"
        case tuple() | list():
            return ", ".join(map(str, value))
        case _:
            return f'"{value}"' if isinstance(value, str) else str(value)


def _stem(change: LetterChange) -> str:
    return _file_name(change.path)


def _file_name(path: str) -> str:
    return PurePosixPath(path).stem


def _file(plan: Plan, name: Name) -> str:
    """The letter by its file's name, as the operator sees it in the folder."""
    for published in (plan.would_be, plan.live):
        letter = published.compiled.letters.get("/".join(name))
        if letter is not None:
            return _file_name(letter.path)
    return name.slug


def _place(plan: Plan, name: Name) -> tuple[str, int]:
    sequence = plan.would_be.sequence(name.sequence)
    slugs = [step.slug for step in sequence.steps] if sequence is not None else []
    return name.sequence, slugs.index(name.slug) if name.slug in slugs else len(slugs)
