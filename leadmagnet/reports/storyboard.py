"""Draws a plan as one page that needs no network: each sequence as an inbox, before and after."""

import base64
import difflib
import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import time
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from sqlalchemy.orm import Session

from leadmagnet.content.compiled import Letter
from leadmagnet.content.published import Published
from leadmagnet.content.sequences import Sequence, Step
from leadmagnet.links import Keys, Links
from leadmagnet.mail import render
from leadmagnet.mail.facts import letter_values
from leadmagnet.publishing import drafts, media
from leadmagnet.publishing.changes import LetterChange, targets
from leadmagnet.publishing.effects import Name
from leadmagnet.publishing.plan import Plan
from leadmagnet.reports import planned, words

#: After so many characters a subject ends on a phone, in a narrow list, in a wide one.
CUTS = (35, 55, 70)
#: Words shown on each side of what has changed.
_CONTEXT = 12
_MIDNIGHT = time(0)
#: What stands for a reader's own link to her guide.
_GUIDE = "(her guide)"


@dataclass(frozen=True, slots=True)
class Piece:
    """Some words of a difference: `same`, `gone`, `new`, or `far` where words that are the same are left out."""

    kind: str
    words: str


@dataclass(frozen=True, slots=True)
class Face:
    """A letter as a reader of the sample sees it."""

    sender: str
    subject: tuple[str, ...]  # cut where inboxes cut it
    preheader: str
    page: str
    links: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Row:
    """One letter in the inbox of the storyboard."""

    file: str
    day: int | None
    was_day: int | None  # None: it was not there
    marks: tuple[str, ...]  # "new", "removed", "moved", "draft", "words"
    before: Face | None
    after: Face | None
    lines: tuple[str, ...]  # what the plan says of it
    difference: tuple[Piece, ...]

    @property
    def shown(self) -> Face | None:
        return self.after or self.before


@dataclass(frozen=True, slots=True)
class Strip:
    """One sequence: its rows, and how many days the ruler spans."""

    title: str
    slug: str
    days: int
    rows: tuple[Row, ...]

    def place(self, day: int) -> float:
        """Where a day lies on the ruler, in percent."""
        return 100 * day / max(1, self.days)


def pictures(session: Session, plan: Plan) -> dict[str, str]:
    """The pictures of the letters that are kept already, as data: URLs by their address.

    A new one is drawn only when it is published; until then its words stand there.
    """
    found = {}
    letters = (*plan.would_be.compiled.letters.values(), *plan.live.compiled.letters.values())
    for one in {picture.address: picture for letter in letters for picture in letter.pictures}.values():
        kind = media.media_type(session, one.digest, one.name)
        if kind is not None:
            content = base64.b64encode(media.content(session, one.digest, one.name)).decode()
            found[one.address] = f"data:{kind};base64,{content}"
    return found


def page(plan: Plan, shown: Mapping[str, str], *, base_url: str) -> str:
    """The storyboard as HTML. `shown` is from `pictures`, `base_url` what links in letters begin with."""
    easel = _Easel(plan, shown, Links(base_url, Keys.of(("storyboard",))), base_url)
    return _template().render(
        plan=plan,
        now=words.moment(plan.now, plan.would_be.zone),
        lines=planned.lines(plan),
        summary=planned.summary(plan),
        strips=list(easel.strips()),
        site=plan.would_be.site,
        cuts=CUTS,
        changed=plan.live.digest != plan.would_be.digest,
    )


@cache
def _template() -> Template:
    folder = Path(__file__).parent / "templates"
    environment = Environment(
        loader=FileSystemLoader(folder),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("storyboard.html")


@dataclass(frozen=True, slots=True)
class _Easel:
    """What every letter of the page is drawn with."""

    plan: Plan
    shown: Mapping[str, str]
    links: Links
    base_url: str

    @property
    def guide_url(self) -> str:
        return self.links.guide(1)

    def strips(self) -> Iterator[Strip]:
        plan = self.plan
        old, new = plan.live.compiled.sequences, plan.would_be.compiled.sequences
        for slug in dict.fromkeys((*new, *old)):
            before, after = old.get(slug), new.get(slug)
            rows = tuple(self._rows(slug, before, after))
            days = [day for row in rows for day in (row.day, row.was_day) if day is not None]
            title = (after or before or next(iter(new.values()))).title
            yield Strip(title, slug, max(days, default=1), rows)

    def _rows(self, slug: str, before: Sequence | None, after: Sequence | None) -> Iterator[Row]:
        changes = {one.name: one for one in self.plan.changes.letters}
        said: dict[str | None, list[str]] = {}
        for line in planned.lines(self.plan):
            said.setdefault(line.letter, []).append(line.words)
        for step in after.steps if after is not None else ():
            old = _before(before, step)
            yield self._row(slug, old, step, changes.get(Name(slug, step.slug)), said)
        for step in before.steps if before is not None else ():
            if after is None or after.step(step.slug) is None:
                yield self._row(slug, step, None, changes.get(Name(slug, step.slug)), said)

    def _row(
        self,
        slug: str,
        old: Step | None,
        new: Step | None,
        change: LetterChange | None,
        said: Mapping[str | None, list[str]],
    ) -> Row:
        name = (new or old or Step(slug="", number=0, day=0, send_at=_MIDNIGHT, send_on=frozenset({0}))).slug
        before = self._letter(self.plan.live, slug, old)
        after = self._letter(self.plan.would_be, slug, new)
        one = before[0] if before else None
        other = after[0] if after else None
        reads_otherwise = change is not None and bool(change.words or change.links)
        letter = after[1] if after else before[1] if before else None
        return Row(
            file=Path(letter.path).stem if letter is not None else name,
            day=new.day if new is not None else None,
            was_day=old.day if old is not None else None,
            marks=tuple(_marks(old, new, change)),
            before=one if new is None or reads_otherwise else None,
            after=other,
            lines=tuple(said.get(f"{slug}/{name}", ())),
            difference=tuple(_difference(before[2], after[2])) if before and after and reads_otherwise else (),
        )

    def _letter(self, published: Published, slug: str, step: Step | None) -> tuple[Face, Letter, str] | None:
        """How the letter looks, the letter, its text."""
        letter = published.compiled.letters.get(f"{slug}/{step.slug}") if step is not None else None
        if letter is None:
            return None
        person = dict(letter.people[0]) if letter.people else drafts.NO_NAME
        facts = drafts.sample_facts(published.compiled, letter, person)
        values = letter_values(published, self.links, facts, subscriber_id=1, enrollment_id=1)
        rendered = render.render(letter, values)
        html = rendered.html
        for address, data in self.shown.items():
            html = html.replace(f"{self.base_url}{address}", data)
        face = Face(
            sender=(letter.sender or published.site.sender).partition("<")[0].strip(' "'),
            subject=_cut(rendered.subject),
            preheader=_preheader(letter, values),
            page=html,
            links=tuple(one.replace(self.guide_url, _GUIDE) for one in _targets(letter, values)),
        )
        return face, letter, rendered.text.replace(self.guide_url, _GUIDE)


def _targets(letter: Letter, values: dict[str, object]) -> tuple[str, ...]:
    if not letter.links:
        return targets(letter)
    return tuple(render.link_target(letter, number, values) for number in range(len(letter.links)))


def _before(before: Sequence | None, step: Step) -> Step | None:
    steps = before.steps if before is not None else ()
    return next((old for name in (step.slug, *step.was) for old in steps if old.slug == name), None)


def _preheader(letter: Letter, values: dict[str, object]) -> str:
    return render.render(
        letter.model_copy(update={"subject": letter.preheader or "–", "html": "", "text": ""}), values
    ).subject


def _marks(old: Step | None, new: Step | None, change: LetterChange | None) -> Iterator[str]:
    if new is None:
        yield "removed"
        return
    if new.draft:
        yield "draft"
    elif old is None or old.draft:
        yield "new"
    if change is None or old is None:
        return
    if change.when:
        yield "moved"
    if change.was_renamed:
        yield "renamed"
    if change.for_whom or change.catches_up:
        yield "rules"
    if change.words:
        yield "words"
    if change.links:
        yield "links"


def _cut(subject: str) -> tuple[str, ...]:
    """The subject in pieces that end where inboxes cut it."""
    ends = [0, *CUTS, len(subject)]
    return tuple(subject[start:end] for start, end in itertools.pairwise(ends) if subject[start:end])


def _difference(old: str, new: str) -> Iterator[Piece]:
    """What changed, in words; long runs of the same are shortened."""
    one, other = old.split(), new.split()
    blocks = difflib.SequenceMatcher(None, one, other, autojunk=False).get_opcodes()
    for number, (kind, i1, i2, j1, j2) in enumerate(blocks):
        if kind == "equal":
            yield from _same(one[i1:i2], first=number == 0, last=number == len(blocks) - 1)
            continue
        if i2 > i1:
            yield Piece("gone", " ".join(one[i1:i2]))
        if j2 > j1:
            yield Piece("new", " ".join(other[j1:j2]))


def _same(words: list[str], *, first: bool, last: bool) -> Iterator[Piece]:
    head = [] if first else words[:_CONTEXT]
    tail = [] if last else words[-_CONTEXT:]
    if len(head) + len(tail) >= len(words):
        yield Piece("same", " ".join(words))
        return
    if head:
        yield Piece("same", " ".join(head))
    yield Piece("far", "…")
    if tail:
        yield Piece("same", " ".join(tail))
