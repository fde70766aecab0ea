"""Says who gets which letter, and when, that would not have, or not then."""

from collections import Counter
from collections.abc import Iterator

from leadmagnet.publishing.changes import LetterChange
from leadmagnet.publishing.plan import Plan
from leadmagnet.reports.planned.line import Line, file_of, place, stem
from leadmagnet.reports.words import count, people, weekday
from leadmagnet.sequences.schedule import ADDED, MOVED

_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def lines(plan: Plan) -> Iterator[Line]:
    """What people lose first, then what is new to them, then what comes at another time."""
    for change in plan.changes.letters:
        if change.is_gone:
            yield from _gone(plan, change)
    yield from _missed(plan)
    yield from _ending(plan)
    yield from (_new(plan, change) for change in plan.changes.letters if change.is_new)
    yield from _moved(plan)


def _gone(plan: Plan, change: LetterChange) -> Iterator[Line]:
    tally = plan.effects.letter(change.name)
    how = "becomes a draft" if change.new is not None else "is removed"
    what = f"{stem(change)} {how}"
    first = f", the first of them on {weekday(tally.first_lost)}" if tally.first_lost else ""
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
            why = [reason for reason, _count in tally.reasons.most_common() if reason not in ("", ADDED, MOVED)]
            reason = f" ({why[0]})" if why else ""
            if not why and name.sequence in plan.changes.reordered:
                reason = (
                    ": they have had a letter that comes after it now (catch_up = true in its head sends it to them)"
                )
            words = f"{people(tally.lose)} will miss {file_of(plan, name)}{reason}."
            yield Line("loss", "missed", tally.lose, words, "/".join(name))


def _ending(plan: Plan) -> Iterator[Line]:
    for slug, one in sorted(plan.effects.series.items()):
        if one.finish_earlier:
            now = f", {one.finish_now:,} of them at once" if one.finish_now else ""
            finish = count(one.finish_earlier, "person finishes", "people finish")
            yield Line("loss", "finish early", one.finish_earlier, f"{finish} {slug} earlier{now}.")


def _new(plan: Plan, change: LetterChange) -> Line:
    tally, step = plan.effects.letter(change.name), change.new
    what = f"new {stem(change)}" if change.old is None else f"{stem(change)} is no draft any more"
    first = f", first on {weekday(tally.first)}" if tally.first else ""
    parts = [f"{people(tally.still)} will get it{first}" if tally.still else "nobody who is here now will get it"]
    if step is not None and step.catch_up and (more := plan.effects.sequence(change.name.sequence).continued):
        parts.append(f"{more:,} of them had finished, and are continued")
    if tally.past:
        hint = "" if step is not None and step.catch_up else " (catch_up = true in its head sends it to them)"
        parts.append(f"{count(tally.past, 'is', 'are')} further on and will not{hint}")
    return Line("change", "new letter", tally.still, f"{what}: {'; '.join(parts)}.", "/".join(change.name))


def _moved(plan: Plan) -> Iterator[Line]:
    changes = {change.name: change for change in plan.changes.letters}
    news = {change.name for change in plan.changes.letters if change.is_new}
    names = plan.effects.letters.keys() | {name for name, change in changes.items() if change.when}
    for name in sorted(names, key=lambda name: place(plan, name)):
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
        first = f", first on {weekday(tally.first_changed)}" if tally.first_changed and said else ""
        what = f"{file_of(plan, name)} {when}" if when else f"{file_of(plan, name)} moves along"
        reached = tally.later.total() + tally.earlier.total() + gained
        words = f"{what}: {said or 'nobody is waiting for it'}{first}."
        yield Line("change" if reached else "note", "moved", reached, words, "/".join(name))


def _shift(by: Counter[int], word: str) -> str:
    if not by:
        return ""
    days = sorted(by)
    one = {0: "some hours", 1: "a day"}
    if len(days) == 1:
        span = one.get(days[0], f"{days[0]} days")
    else:
        span = f"{'some hours' if days[0] == 0 else days[0]} to {days[-1]} days"
    return f"{count(by.total(), 'person gets', 'people get')} it {span} {word}"


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
