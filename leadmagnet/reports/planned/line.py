"""One sentence of a plan, with the letters called by their files."""

from dataclasses import dataclass
from pathlib import PurePosixPath

from leadmagnet.publishing.changes import LetterChange
from leadmagnet.publishing.effects import Name
from leadmagnet.publishing.plan import Plan


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


def stem(change: LetterChange) -> str:
    return file_name(change.path)


def file_name(path: str) -> str:
    return PurePosixPath(path).stem


def file_of(plan: Plan, name: Name) -> str:
    """The letter by its file's name, as the operator sees it in the folder."""
    for published in (plan.would_be, plan.live):
        letter = published.compiled.letters.get("/".join(name))
        if letter is not None:
            return file_name(letter.path)
    return name.slug


def place(plan: Plan, name: Name) -> tuple[str, int]:
    sequence = plan.would_be.sequence(name.sequence)
    slugs = [step.slug for step in sequence.steps] if sequence is not None else []
    return name.sequence, slugs.index(name.slug) if name.slug in slugs else len(slugs)
