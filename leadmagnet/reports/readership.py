"""Compares the letters on disk with the people there are."""

import re
from collections.abc import Iterator, Mapping

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from leadmagnet.content.checks import finished
from leadmagnet.content.compiled import Compiled
from leadmagnet.content.findings import Notes, Place
from leadmagnet.content.sequences import Sequence
from leadmagnet.settings import line_of
from leadmagnet.store.models import Subscriber, SubscriberTag

_LETTER = re.compile(r"email_templates/(?:_snippets/|system/|[^_/][^/]*/\d).*\.md")


def judge(session: Session, compiled: Compiled, texts: Mapping[str, str], notes: Notes) -> None:
    """Notes rules W218 and W219: whom the letters on disk leave out. Two queries, whatever the number of people."""
    _judge_names(session, texts, notes)
    _judge_tags(session, compiled, texts, notes)


def _judge_names(session: Session, texts: Mapping[str, str], notes: Notes) -> None:
    """Rule W218."""
    holes = [
        Place(path, line)
        for path, text in sorted(texts.items())
        if "first_name" in text and _LETTER.fullmatch(path)
        for line, _ in finished.nameless(path, text)
    ]
    if not holes:
        return
    nameless = func.count().filter(func.coalesce(Subscriber.first_name, "") == "")
    everybody, without = session.execute(
        select(func.count(), nameless).select_from(Subscriber).where(Subscriber.status == "active")
    ).one()
    if not without:
        return
    for place in holes:
        message = f"{without:,} of {everybody:,} people have no first name, and this line has nothing in its place."
        fix = 'Write {{ first_name or "there" }}, or put {% if first_name %} around it.'
        notes.warn(place, "W218", message, fix)


def _judge_tags(session: Session, compiled: Compiled, texts: Mapping[str, str], notes: Notes) -> None:
    """Rule W219."""
    wanted = {
        tag: place for sequence in compiled.sequences.values() for tag, place in _wanted(sequence, compiled, texts)
    }
    missing = wanted.keys() - _given(compiled)
    if not missing:
        return
    there = set(session.scalars(select(SubscriberTag.tag).where(SubscriberTag.tag.in_(missing)).distinct()))
    for tag in sorted(missing - there):
        message = f"nobody has the tag '{tag}', and no letter or answer gives it."
        notes.warn(wanted[tag], "W219", message, "Correct its name, or give it to somebody.")


def _wanted(sequence: Sequence, compiled: Compiled, texts: Mapping[str, str]) -> Iterator[tuple[str, Place]]:
    """The tags that somebody must have to get something."""
    path = f"email_templates/{sequence.slug}/sequence.toml"
    if sequence.starts.startswith("tag:"):
        yield sequence.starts[4:], Place(path, line_of("starts", texts.get(path, "")))
    for step in sequence.steps:
        for condition in step.only_if:
            if condition.kind == "tag" and not condition.negated and not step.draft:
                path = compiled.letters[f"{sequence.slug}/{step.slug}"].path
                yield condition.name, Place(path, line_of("only_if", texts.get(path, "")))


def _given(compiled: Compiled) -> set[str]:
    """The tags that letters, finished sequences and answers on a guide's page give."""
    sequences = compiled.sequences.values()
    ends = {sequence.then.removeprefix("tag:") for sequence in sequences if sequence.then}
    answers = {tag for guide in compiled.guides.values() if guide.question for tag in guide.question.tags}
    return (
        answers | ends | {step.tag for sequence in sequences for step in sequence.steps if step.tag and not step.draft}
    )
