"""Says what becomes of whole sequences, and what must not happen to anybody."""

from collections.abc import Iterator

from leadmagnet.publishing.plan import Plan
from leadmagnet.reports.planned.line import Line, file_of
from leadmagnet.reports.words import count, people, weekday

#: A day with too many letters is named; of more than these only the worst.
_DAYS_NAMED = 3


def lines(plan: Plan) -> Iterator[Line]:
    """Sequences that come and go, then the warnings."""
    yield from _sequences(plan)
    yield from _warnings(plan)


def _sequences(plan: Plan) -> Iterator[Line]:
    alike = dict(plan.folders_alike)
    for slug in plan.changes.sequences_removed:
        exits = plan.effects.sequence(slug).exits
        if slug in alike:
            words = (
                f"the folder {slug} looks renamed to {alike[slug]}: the letters of {people(exits)} would end, and "
                f"nobody would be in {alike[slug]}. Give the folder its name back; its title is in sequence.toml."
            )
            yield Line("warning", "renamed sequence", exits, words)
        else:
            words = f"the sequence {slug} is removed: the letters of {people(exits)} end at once."
            yield Line("loss" if exits else "note", "removed sequence", exits, words)
    for slug in plan.changes.sequences_added:
        sequence = plan.would_be.compiled.sequences[slug]
        how = {
            "confirmed": "it starts for everybody who confirms its guide from now on",
            "manual": "nobody is in it yet",
        }
        start = how.get(sequence.starts, f"it starts with the tag {sequence.starts[4:]}")
        reached = plan.effects.sequence(slug).started
        more = f"; {people(reached)} will come to it from other letters" if reached else ""
        letters = count(len([step for step in sequence.steps if not step.draft]), "letter")
        yield Line("change", "new sequence", reached, f"new sequence {slug}, {letters}: {start}{more}.")


def _warnings(plan: Plan) -> Iterator[Line]:
    effects = plan.effects
    if effects.twice:
        yield Line("warning", "twice", effects.twice, f"{people(effects.twice)} would get a letter again.")
    for name, number in sorted(effects.too_close.items()):
        words = f"{people(number)} would get {file_of(plan, name)} closer to the letter before it than min_gap."
        yield Line("warning", "too close", number, words, "/".join(name))
    for name, number in sorted(effects.same_day.items()):
        words = f"{people(number)} would get {file_of(plan, name)} on the same day as another letter."
        yield Line("warning", "same day", number, words, "/".join(name))
    crowded = sorted(plan.crowded.items(), key=lambda one: -one[1])
    for on, number in sorted(crowded[:_DAYS_NAMED]):
        words = (
            f"{number:,} letters fall on {weekday(on)}, {plan.effects.days_before[on]:,} without this change: "
            f"daily_cap leaves {plan.letters_a_day:,} for letters. The others follow on the days after."
        )
        yield Line("warning", "burst", number, words)
    if len(crowded) > _DAYS_NAMED:
        more = count(len(crowded) - _DAYS_NAMED, "more day has", "more days have")
        yield Line("warning", "burst", 0, f"{more} more letters than daily_cap leaves.")
