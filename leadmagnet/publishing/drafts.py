"""What is on disk, compiled and checked with sample readers: may it be published?"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from leadmagnet.content.compile import compile_folder, compile_kept
from leadmagnet.content.compiled import Build, Compiled, Letter
from leadmagnet.content.findings import Finding
from leadmagnet.content.published import Published
from leadmagnet.content.site import SiteSettings
from leadmagnet.links import Keys, Links
from leadmagnet.mail import render
from leadmagnet.mail.facts import MailFacts, confirmation_values, letter_values
from leadmagnet.mail.render import RenderError

#: Every letter must work for these two, whoever else its head names.
NO_NAME = {"first_name": ""}
VERY_LONG_NAME = {"first_name": "Maximiliane-Friederike Aurelia Bartholomea von und zu Hohenstein"}

_SAMPLE_DAY = "2026-03-03"


def check(folder: Path) -> Build:
    """Compiles the folder and renders every letter for every sample reader; never raises for its content."""
    return _tried(compile_folder(folder))


def check_kept(files: Mapping[str, bytes], settings: SiteSettings) -> Build:
    """As `check`, for the files and settings that a release has kept."""
    return _tried(compile_kept(files, settings))


def _tried(build: Build) -> Build:
    if build.compiled is None:
        return build
    findings = [found for letter in build.compiled.letters.values() for found in _trial(build.compiled, letter)]
    if not findings:
        return build
    return replace(build, compiled=None, findings=tuple(sorted((*build.findings, *findings))))


def sample_facts(compiled: Compiled, letter: Letter, person: dict[str, str]) -> MailFacts:
    """The facts of a sample reader of this letter."""
    folder = letter.path.split("/")[1]
    sequence = compiled.sequences.get(folder)
    guide = sequence.guide if sequence is not None else next(iter(compiled.guides), None)
    return MailFacts(asked_on=_SAMPLE_DAY, first_name=person.get("first_name", ""), guide=guide)


def readers_of(letter: Letter) -> list[dict[str, str]]:
    """The sample readers of a letter: its own, and the two built in."""
    return [*(dict(person) for person in letter.people), NO_NAME, VERY_LONG_NAME]


def _trial(compiled: Compiled, letter: Letter) -> list[Finding]:
    published = Published(0, "", compiled)
    links = Links("https://mail.example.com", Keys.of(("sample",)))
    for person in readers_of(letter):
        facts = sample_facts(compiled, letter, person)
        if letter.path.startswith("email_templates/system/confirm"):
            values = confirmation_values(published, links, facts, enrollment_id=1)
        else:
            values = letter_values(published, links, facts, subscriber_id=1, enrollment_id=1)
        try:
            render.render(letter, values)
        except RenderError as error:
            who = person["first_name"] or "a reader without a name"
            message = f"the {error.part} cannot be rendered for {who}: {error.reason}."
            return [Finding(letter.path, 0, "E101", "error", message, "Mend the letter, or give the value a default.")]
    return []
