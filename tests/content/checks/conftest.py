"""A site that every rule is content with, to be spoilt one line at a time."""

from pathlib import Path

import pytest

from leadmagnet.content.findings import Finding
from leadmagnet.publishing import drafts
from tests.content.conftest import EXAMPLE, FILES, HEAD, TIGHT, SiteFolder

LAYOUT = "email_templates/_layouts/letter.html"
TEXT_LAYOUT = "email_templates/_layouts/letter.txt"
#: 45 words in one line: enough for a letter.
WORDS = (
    "You take the stairs the morning after hills and your hips creak like a garden gate. It is natural to think that "
    "something in there has shrunk. Most often nothing has: the muscle stays as long as it was, and only asks for rest."
)


class CleanSite(SiteFolder):
    """Judged by all rules, as `check` does."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        for name in (LAYOUT, TEXT_LAYOUT):
            self.write(name, (EXAMPLE / name).read_text())
        for name, text in FILES.items():
            if name.startswith("email_templates/") and name.endswith(".md") and "_snippets" not in name:
                self.write(name, text.replace("Hello **there**.\n", "") + f"\n{WORDS}\n")

    def judged(self) -> tuple[Finding, ...]:
        return drafts.check(self.path).findings

    def codes(self) -> list[str]:
        """`20-tight.md:8 W206` for each finding."""
        return [f"{f.path.rpartition('/')[2]}{f':{f.line}' if f.line else ''} {f.code}" for f in self.judged()]

    def body(self, body: str, *, head: str = HEAD) -> list[str]:
        """What is found with another body in the letter "tight", whose first line is 6; WORDS follow it."""
        self.write(TIGHT, f"{head}{body}\n\n{WORDS}\n")
        return self.codes()


@pytest.fixture
def clean(tmp_path: Path) -> CleanSite:
    return CleanSite(tmp_path / "site")
