"""Says a plan in sentences, for people, in the order of consequence; in JSON, for programs."""

from leadmagnet.publishing.effects import Name, Tally
from leadmagnet.publishing.plan import Plan
from leadmagnet.reports.planned import courses, readings, whole
from leadmagnet.reports.planned.line import Line
from leadmagnet.reports.words import count

__all__ = ["Line", "lines", "summary", "to_json"]


def lines(plan: Plan) -> tuple[Line, ...]:
    """Everything that publishing would do, the worst first."""
    return (*whole.lines(plan), *courses.lines(plan), *readings.lines(plan))


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
        "too_close": {"/".join(name): number for name, number in sorted(effects.too_close.items())},
        "same_day": {"/".join(name): number for name, number in sorted(effects.same_day.items())},
        "crowded": {day.isoformat(): number for day, number in plan.crowded.items()},
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


def summary(plan: Plan) -> str:
    """The last words: what does not happen."""
    effects = plan.effects
    rest = effects.people - effects.changed
    parts = []
    if effects.people:
        parts.append("Nobody gets anything twice." if not effects.twice else "")
        if not effects.changed:
            parts.append(f"Nothing moves for anybody ({count(effects.people, 'person is', 'people are')} in a series).")
        elif rest:
            parts.append(f"For the other {rest:,} nothing moves.")
    else:
        parts.append("Nobody is in a series now: it is for those who come.")
    if plan.unconfirmed:
        parts.append(f"{count(plan.unconfirmed, 'person has', 'people have')} not confirmed yet.")
    return " ".join(filter(None, parts))
