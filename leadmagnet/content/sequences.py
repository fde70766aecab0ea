"""Sequences: folders of letters, as the operator wrote them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from pydantic import BaseModel, ConfigDict

from leadmagnet.content import keys, values
from leadmagnet.content.checks import identity
from leadmagnet.content.findings import Notes, Place, did_you_mean
from leadmagnet.content.heads import Head
from leadmagnet.content.manuscripts import Manuscript, read_manuscript
from leadmagnet.errors import ContentError


class Condition(BaseModel):
    """One entry of `only_if` or `skip_if`, such as `not tag:tried-barre`."""

    model_config = ConfigDict(frozen=True)

    kind: str  # "tag" | "clicked"
    name: str
    negated: bool


class Step(BaseModel):
    """One letter of a sequence: its slug is its identity for ever, its place in `Sequence.steps` its order."""

    model_config = ConfigDict(frozen=True)

    slug: str
    number: int
    day: int  # whole days since the person started; 0: at once
    send_at: time  # local time of the subscriber
    send_on: frozenset[int]  # weekdays, Monday is 0; never empty
    only_if: tuple[Condition, ...] = ()
    skip_if: tuple[Condition, ...] = ()
    tag: str | None = None  # given when this letter has been sent
    draft: bool = False
    was: tuple[str, ...] = ()  # earlier slugs
    catch_up: bool = False
    watch: bool = False
    expires_after: timedelta | None = None  # `not_after` as an age past the due time
    expires_on: date | None = None  # `not_after` as a date
    since: datetime | None = None  # when this step was first published; None: in the sequence from its start
    planned_in: int | None = None  # the oldest release whose plans for this step still hold; None: only its own


class Sequence(BaseModel):
    """A folder of letters and the rules they share."""

    model_config = ConfigDict(frozen=True)

    slug: str
    title: str
    starts: str  # "confirmed" | "tag:NAME" | "manual"
    guide: str | None  # slug of the guide it follows; required for "confirmed"
    min_gap: timedelta
    stop_when: tuple[str, ...]  # "unsubscribed", "bounced", "complained", "tag:NAME"
    then: str | None = None  # tag given when the series ends
    steps: tuple[Step, ...]  # in number order, drafts included

    def step(self, slug: str) -> Step | None:
        """The step with this slug, or that once had it."""
        return next((step for step in self.steps if slug == step.slug or slug in step.was), None)


SEQUENCE_FILE = "sequence.toml"
MIN_GAP = timedelta(hours=20)
EVERY_DAY = frozenset(range(7))

_LETTER_FILE = re.compile(r"(\d{1,6})-([A-Za-z0-9]+(?:-[A-Za-z0-9]+)*)\.md")
_CONDITION = re.compile(r"(not\s+)?([a-z]+):(\S+)")


@dataclass(frozen=True, slots=True)
class Reading:
    """A sequence as read, with its letters still uncompiled: `manuscripts[i]` belongs to `sequence.steps[i]`."""

    sequence: Sequence
    manuscripts: tuple[Manuscript, ...]
    slugs: frozenset[str]  # of all its letters, also of those that do not read
    starts_place: Place  # in sequence.toml
    guide_place: Place


@dataclass(frozen=True, slots=True)
class _Defaults:
    """What sequence.toml says for all letters that do not say otherwise."""

    send_at: time | None
    send_on: frozenset[int]
    sender: str | None
    layout: str
    clicks: bool


def read_sequence(slug: str, texts: Mapping[str, str], *, clicks: bool, notes: Notes) -> Reading | None:
    """The sequence in the folder `slug`, whose `texts` are named relative to it.

    `clicks` tells whether clicks are counted. None when sequence.toml does not read at all; a letter that does
    not read is left out, and noted like every other mistake.
    """
    folder = f"email_templates/{slug}"
    head = _open(f"{folder}/{SEQUENCE_FILE}", texts.get(SEQUENCE_FILE), notes)
    if head is None:
        return None
    head.closed(keys.SEQUENCE)
    defaults = _Defaults(
        send_at=head.read("send_at", values.wall_time, None),
        send_on=head.read("send_on", values.weekdays, EVERY_DAY),
        sender=head.read("from", values.mailbox, None),
        layout=head.read("layout", values.name, "letter"),
        clicks=clicks,
    )
    read = [_read_letter(folder, name, texts[name], defaults, notes) for name in sorted(texts)]
    letters = sorted(filter(None, read), key=lambda letter: (letter[0].number, letter[0].slug))
    identity.judge([_entry(step, manuscript) for step, manuscript in letters], notes)
    # By file name: a letter whose head does not read is still one that others may name.
    slugs = frozenset(found[2] for name in texts if (found := _LETTER_FILE.fullmatch(name)))
    _judge_clicked(letters, slugs, notes)
    sequence = _sequence(slug, head, tuple(step for step, _ in letters))
    return Reading(sequence, tuple(m for _, m in letters), slugs, head.place("starts"), head.place("guide"))


def _entry(step: Step, manuscript: Manuscript) -> identity.Entry:
    was, day = manuscript.at("was"), manuscript.at("day")
    return identity.Entry(manuscript.path, step.slug, step.was, was, step.day, day)


def _open(path: str, text: str | None, notes: Notes) -> Head | None:
    if text is None:
        notes.error(Place(path, 0), "E102", "the sequence has no sequence.toml.", "Add one with title and starts.")
        return None
    try:
        return Head(path, text, notes)
    except ContentError as error:
        notes.take(error)
        return None


def _sequence(slug: str, head: Head, steps: tuple[Step, ...]) -> Sequence:
    likely = "confirmed" if "guide" in head else "manual"  # so that one mistake is not reported as three
    starts = head.need("starts", _starts, likely, 'Write starts = "confirmed", "tag:NAME" or "manual".')
    guide = head.read("guide", values.name, None)
    if starts == "confirmed" and "guide" not in head:
        head.wrong("starts", "'guide' is missing: a confirmed sequence follows a guide.", 'Add guide = "…".')
    return Sequence(
        slug=slug,
        title=head.need("title", values.text, slug, 'Add title = "…".'),
        starts=starts,
        guide=guide,
        min_gap=head.read("min_gap", values.duration, MIN_GAP),
        stop_when=head.read("stop_when", _stop_when, keys.ENDINGS),
        then=head.read("then", values.tag_rule, None),
        steps=steps,
    )


def _starts(value: object) -> str:
    if value in ("confirmed", "manual"):
        return str(value)
    try:
        return f"tag:{values.tag_rule(value)}"
    except values.Unreadable:
        raise values.Unreadable(f"cannot be {value!r}.", 'Write "confirmed", "tag:NAME" or "manual".') from None


def _stop_when(value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise values.Unreadable("must be a list.", 'Write ["unsubscribed", "tag:student"].')
    return tuple(one if one in keys.ENDINGS else _stopping_tag(one) for one in value)


def _stopping_tag(value: object) -> str:
    try:
        return f"tag:{values.tag_rule(value)}"
    except values.Unreadable:
        raise values.Unreadable(
            f"cannot hold {value!r}.", did_you_mean(str(value), [*keys.ENDINGS, "tag:NAME"])
        ) from None


def _read_letter(
    folder: str, name: str, text: str, defaults: _Defaults, notes: Notes
) -> tuple[Step, Manuscript] | None:
    path = f"{folder}/{name}"
    found = _LETTER_FILE.fullmatch(name)
    if found is None:
        if name.endswith(".md"):
            fix = "A letter's file lies in the folder of its sequence and is named like 20-tight-hips.md."
            notes.error(Place(path, 0), "E102", "the file's name is not that of a letter.", fix)
        return None
    key = f"{folder.rpartition('/')[2]}/{found[2]}"
    read = read_manuscript(key, path, text, keys.LETTER, sender=defaults.sender, layout=defaults.layout, notes=notes)
    if read is None:
        return None
    head, manuscript = read
    return _step(found[2], int(found[1]), head, defaults), manuscript


def _step(slug: str, number: int, head: Head, defaults: _Defaults) -> Step:
    day = head.need("day", values.days, 0, "Add day = 2: whole days since the person started.")
    send_at = head.read("send_at", values.wall_time, defaults.send_at)
    if day > 0 and send_at is None and "send_at" not in head:
        head.wrong("day", "nobody says at what time this letter leaves.", 'Add send_at = "7:30" to sequence.toml.')
    not_after = head.read("not_after", values.expiry, None)
    no_conditions: tuple[Condition, ...] = ()
    conditions = {key: head.read(key, _conditions, no_conditions) for key in ("only_if", "skip_if")}
    for key, entries in conditions.items():
        if not defaults.clicks and any(one.kind == "clicked" for one in entries):
            fix = "Set clicks = true in [tracking], or use a tag."
            head.wrong(key, f"'{key}' asks for clicks, and they are not counted.", fix, "E101")
    return Step(
        slug=slug,
        number=number,
        day=day,
        send_at=send_at or time(0, 0),
        send_on=head.read("send_on", values.weekdays, defaults.send_on),
        only_if=conditions["only_if"],
        skip_if=conditions["skip_if"],
        tag=head.read("tag", values.name, None),
        draft=head.read("draft", values.flag, False),
        was=head.read("was", values.names, ()),
        catch_up=head.read("catch_up", values.flag, False),
        watch=head.read("watch", values.flag, False),
        expires_after=not_after if isinstance(not_after, timedelta) else None,
        expires_on=not_after if isinstance(not_after, date) else None,
    )


def _conditions(value: object) -> tuple[Condition, ...]:
    if not isinstance(value, list):
        raise values.Unreadable("must be a list.", 'Write ["not tag:tried-barre"].')
    return tuple(_condition(one) for one in value)


def _condition(value: object) -> Condition:
    found = _CONDITION.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is None or found[2] not in ("tag", "clicked"):
        reason = "opens are not tracked" if found and found[2] == "opened" else f"{value!r} is no condition"
        raise values.Unreadable(f"does not read: {reason}.", 'Write "tag:x", "not tag:x", "clicked:slug".')
    return Condition(kind=found[2], name=values.name(found[3]), negated=bool(found[1]))


def _judge_clicked(letters: list[tuple[Step, Manuscript]], slugs: frozenset[str], notes: Notes) -> None:
    for step, manuscript in letters:
        for one in (*step.only_if, *step.skip_if):
            if one.kind == "clicked" and one.name not in slugs:
                place = manuscript.at("only_if" if one in step.only_if else "skip_if")
                notes.error(place, "E101", f"no letter '{one.name}' in this sequence.", did_you_mean(one.name, slugs))
