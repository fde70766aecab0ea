"""Compiled content: templates that only a person's facts are missing from, and the outcome of compiling."""

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict

from leadmagnet.content.findings import Finding
from leadmagnet.content.guides import Guide
from leadmagnet.content.pictures import Picture
from leadmagnet.content.sequences import Sequence
from leadmagnet.content.site import SiteSettings


class Letter(BaseModel):
    """One letter compiled: four Jinja sources in the closed language of letters.

    `html` is rendered with autoescape on; `subject`, `preheader` and `text` with autoescape off.
    """

    model_config = ConfigDict(frozen=True)

    path: str  # "email_templates/hip-openers/20-tight-hips.md"
    slug: str
    subject: str
    preheader: str
    html: str
    text: str
    sender: str | None = None  # `from` of the head, else the site's
    links: tuple[str, ...] = ()  # where `click(n)` leads: Jinja sources of URLs; empty while clicks are not counted
    pictures: tuple[Picture, ...] = ()  # what of it lies at `media.url`
    people: tuple[Mapping[str, str], ...] = ()  # `preview` of the head: used by preview, check and send-test only


class Compiled(BaseModel):
    """All operator content, checked and compiled: what a release holds and workers send from."""

    model_config = ConfigDict(frozen=True)

    settings: SiteSettings
    sequences: Mapping[str, Sequence]
    guides: Mapping[str, Guide]
    letters: Mapping[str, Letter]  # "hip-openers/tight-hips", "system/confirm"

    def sequence_of(self, guide: str) -> Sequence:
        """The sequence that starts when somebody confirms `guide`; every guide has exactly one."""
        return next(s for s in self.sequences.values() if s.guide == guide and s.starts == "confirmed")


@dataclass(frozen=True, slots=True)
class Build:
    """The outcome of compiling a folder. `compiled` is None when a finding is an error."""

    findings: tuple[Finding, ...]
    compiled: Compiled | None
    files: Mapping[str, bytes]  # path relative to the site → content, exactly as read
    digest: str  # hex SHA-256 over sorted paths, contents and the content tables of leadmagnet.toml
    settings: SiteSettings | None = None  # None: they do not read
    silenced: frozenset[tuple[str, str]] = frozenset()  # path and code of the rules that comments switch off


@dataclass(frozen=True, slots=True)
class Draft:
    """What of a folder reads, although something else may not; `build` judges it as a whole."""

    findings: tuple[Finding, ...]
    settings: SiteSettings | None
    sequences: Mapping[str, Sequence]
    guides: Mapping[str, Guide]
    letters: Mapping[str, Letter]
    files: Mapping[str, bytes]
    digest: str

    def build(self) -> Build:
        """The outcome: everything, or nothing."""
        compiled = None
        if self.settings is not None and not any(found.level == "error" for found in self.findings):
            compiled = Compiled(
                settings=self.settings, sequences=self.sequences, guides=self.guides, letters=self.letters
            )
        return Build(self.findings, compiled, self.files, self.digest, self.settings)
