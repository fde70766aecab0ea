"""A sequence as a map on the terminal: letter by letter, who had it, who waits, who clicked, who left after it."""

from collections.abc import Iterator

import click

from leadmagnet.cli.words import wrapped
from leadmagnet.reports import words
from leadmagnet.reports.counts import SequenceStatus, StepStatus, share
from leadmagnet.reports.funnel import Funnel
from leadmagnet.reports.reasons import conditions

_NAME, _TO = 24, "     "
#: States that are no normal end, in words.
_ODD = {
    "skipped": "passed over", "expired": "too late", "failed": "failed", "uncertain": "maybe sent", "held": "held",
}  # fmt: skip


def sequence(found: SequenceStatus) -> Iterator[str]:
    """One sequence, in lines of at most 80 columns."""
    counts = found.enrollments
    yield click.style(found.sequence.title, bold=True)
    yield f" {found.started:,} {'began' if found.sequence.starts != 'confirmed' else 'confirmed'}"
    arrow = "  └─► "
    for step in found.steps:
        yield from _letter(step, arrow)
        arrow = " " * len(arrow)
    ends = [f"{counts.get('completed', 0):,} finished", f"{counts.get('active', 0):,} reading"]
    ends += [f"{counts['exited']:,} left or stopped"] if counts.get("exited") else []
    yield f" {' · '.join(ends)}"


def _letter(found: StepStatus, arrow: str) -> Iterator[str]:
    step = found.step
    name = f"{step.number}-{step.slug}"
    name = f"{name[: _NAME - 1]}…" if len(name) > _NAME else name
    head = f"{arrow}{name:<{_NAME}} day {step.day:<3} "
    if step.draft:
        yield click.style(f"{head}draft: nobody gets it", dim=True)
        return
    parts = list(_parts(found))
    waiting = f"● {found.waiting:,} waiting" if found.waiting else ""
    line = f"{head}{' · '.join(parts)}"
    if waiting and len(line) + len(waiting) + 2 <= 80:
        line, waiting = f"{line:<{78 - len(waiting)}}  {click.style(waiting, fg='green')}", ""
    yield line
    under = " " * len(head)
    if waiting:
        yield under + click.style(waiting, fg="green")
    if conditions(step):
        yield click.style(wrapped(conditions(step), under), dim=True)
    odd = [f"{found.counts[state]:,} {said}" for state, said in _ODD.items() if found.counts.get(state)]
    if odd:
        needs_her = found.counts.get("uncertain") or found.counts.get("held")
        yield click.style(wrapped(" · ".join(odd), under), fg="yellow" if needs_her else None, dim=not needs_her)


def _parts(found: StepStatus) -> Iterator[str]:
    yield f"{found.sent:,} sent"
    if found.clicked is not None and found.sent:
        percent = share(found.clicked, found.sent)
        if percent is not None:
            yield f"{percent}% clicked"
        elif found.clicked:
            yield f"{found.clicked} clicked"
    if found.left:
        yield f"{found.left:,} left"


def funnel(found: Funnel) -> str:
    """Asked, confirmed, opened: shares only of enough people."""
    parts = [words.count(found.asked, "person asked", "people asked")]
    for number, said in ((found.confirmed, "confirmed"), (found.opened, "opened the guide")):
        percent = share(number, found.asked)
        parts.append(f"{number:,} {said}" + (f" ({percent}%)" if percent is not None else ""))
    return f"in the last seven days {' → '.join(parts)}"
