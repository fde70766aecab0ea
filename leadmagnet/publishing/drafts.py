"""What is on disk, compiled and checked with sample readers: may it be published?"""

import re
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

from leadmagnet.content.checks import finished, idle, pace, silence, size
from leadmagnet.content.compile import compile_kept, read_draft
from leadmagnet.content.compiled import Build, Compiled, Draft, Letter
from leadmagnet.content.files import SETTINGS_FILE, TEXTS
from leadmagnet.content.findings import Notes, Place
from leadmagnet.content.manuscripts import NEW_ADDRESS
from leadmagnet.content.memory import Memory, key_of
from leadmagnet.content.published import Published
from leadmagnet.content.sequences import Step
from leadmagnet.content.site import SiteSettings
from leadmagnet.errors import SettingsError
from leadmagnet.links import Keys, Links
from leadmagnet.mail import render
from leadmagnet.mail.facts import MailFacts, confirmation_values, letter_values
from leadmagnet.mail.render import RenderError
from leadmagnet.publishing import drift
from leadmagnet.settings import line_of, load

#: Every letter must work for these two, whoever else its head names.
NO_NAME = {"first_name": ""}
VERY_LONG_NAME = {"first_name": "Maximiliane-Friederike Aurelia Bartholomea von und zu Hohenstein"}

_SAMPLE_DAY = "2026-03-03"
_SETTING_PLACE = re.compile(rf"{re.escape(SETTINGS_FILE)}:(\d+):\s*(.*)", re.DOTALL)


def check(folder: Path, memory: Memory | None = None) -> Build:
    """Compiles the folder, judges it by every rule, renders every letter for every sample reader.

    Never raises for what the operator wrote. Needs no database and no network. The same with a `memory` as without:
    only sooner.
    """
    return look(folder, memory or Memory())[1]


def look(folder: Path, memory: Memory) -> tuple[Draft, Build]:
    """What of the folder reads, and what `check` says of it."""
    notes = Notes()
    draft = read_draft(folder, notes, memory)
    build = draft.build()
    _judge_machine(folder, build, notes)
    return draft, _judged(build, memory, notes)


def check_kept(files: Mapping[str, bytes], settings: SiteSettings) -> Build:
    """As `check`, for the files and settings that a release has kept."""
    notes = Notes()
    return _judged(compile_kept(files, settings, notes), Memory(), notes)


def _judged(build: Build, memory: Memory, notes: Notes) -> Build:
    if build.compiled is not None:
        texts = texts_of(build.files)
        _judge_letters(build.compiled, texts, memory, notes)
        _judge_series(build.compiled, texts, notes)
        idle.judge(build.compiled, texts, notes)
    wrong = any(found.level == "error" for found in notes.findings())
    silence.judge(notes, complete=not wrong)
    return replace(
        build,
        compiled=None if wrong else build.compiled,
        findings=notes.findings(),
        silenced=frozenset(notes.silenced),
    )


def _judge_letters(compiled: Compiled, texts: Mapping[str, str], memory: Memory, notes: Notes) -> None:
    shared = {path: text for path, text in texts.items() if path.startswith("email_templates/_")}
    guides = {slug: guide.title for slug, guide in compiled.guides.items()}
    delivered = {slug: sequence.guide for slug, sequence in compiled.sequences.items()}
    around = key_of(compiled.settings.model_dump_json(), shared, guides, delivered)
    for letter in compiled.letters.values():
        key = key_of("finished", letter.model_dump_json(), texts.get(letter.path), around)
        memory.of(key, partial(judge_letter, compiled, letter, texts), notes)


def judge_letter(compiled: Compiled, letter: Letter, texts: Mapping[str, str], notes: Notes) -> None:
    """Notes what the finished letter is like: as a page, and rendered for each of its sample readers."""
    finished.judge(letter, texts, notes)
    published = Published(0, "", compiled)
    links = Links("https://mail.example.com", Keys.of(("sample",)))
    largest = (0, 0)
    for person in readers_of(letter):
        values = sample_values(published, letter, sample_facts(compiled, letter, person), links)
        try:
            rendered = render.render(letter, values)
        except RenderError as error:
            who = person["first_name"] or "a reader without a name"
            message = f"the {error.part} cannot be rendered for {who}: {error.reason}."
            notes.error(Place(letter.path, 0), "E101", message, "Mend the letter, or give the value a default.")
            return
        largest = max(largest, (len(rendered.html.encode()), len(rendered.html_body)))
    size.judge(letter.path, *largest, notes)


def sample_facts(compiled: Compiled, letter: Letter, person: dict[str, str]) -> MailFacts:
    """The facts of a sample reader of this letter."""
    folder = letter.path.split("/")[1]
    sequence = compiled.sequences.get(folder)
    guide = sequence.guide if sequence is not None else next(iter(compiled.guides), None)
    return MailFacts(asked_on=_SAMPLE_DAY, first_name=person.get("first_name", ""), guide=guide)


def readers_of(letter: Letter) -> list[dict[str, str]]:
    """The sample readers of a letter: its own, and the two built in."""
    return [*(dict(person) for person in letter.people), NO_NAME, VERY_LONG_NAME]


def texts_of(files: Mapping[str, bytes]) -> dict[str, str]:
    """The files of a build that are text, by path."""
    return {
        path: data.decode("utf-8-sig", "replace").replace("\r\n", "\n").replace("\r", "\n")
        for path, data in files.items()
        if Path(path).suffix.lower() in TEXTS
    }


def _judge_series(compiled: Compiled, texts: Mapping[str, str], notes: Notes) -> None:
    """What each sequence is like as a whole."""
    zone = Published(0, "", compiled).zone
    for sequence in compiled.sequences.values():
        places = {}
        for step in sequence.steps:
            path = compiled.letters[f"{sequence.slug}/{step.slug}"].path
            places[step.slug] = Place(path, line_of("day", texts.get(path, "")))
        turns = [_turn(step, places[step.slug]) for step in sequence.steps if not step.draft]
        pace.judge(turns, notes)
        drift.judge(sequence, zone, places, notes)


def _turn(step: Step, place: Place) -> pace.Turn:
    only_if = frozenset((f"{one.kind}:{one.name}", one.negated) for one in step.only_if)
    return pace.Turn(step.slug, step.day, place, only_if)


def _judge_machine(folder: Path, build: Build, notes: Notes) -> None:
    """What the machine's half of leadmagnet.toml has to say: a mistake in it, and rule W216."""
    try:
        settings = load(folder)
    except SettingsError as error:
        # A site that is no site, a broken file and a variable of this machine are said elsewhere.
        if found := _SETTING_PLACE.match(str(error)):
            place = Place(SETTINGS_FILE, int(found[1]))
            if not notes.blames(place):  # an unknown table may be meant as either half
                notes.error(place, "E102", found[2], "Correct it: the program does not start with it.")
        return
    if settings.uses_test_mailbox or build.compiled is None:
        return
    text = (folder / SETTINGS_FILE).read_text(encoding="utf-8-sig", errors="replace")
    table = line_of("links", text)
    for name, target in build.compiled.settings.links.items():
        if target.startswith("#"):
            message = f"mail goes to real readers, and 'links.{name}' leads to the section '{target}' of the guide."
            place = Place(SETTINGS_FILE, line_of(name, text, after=table))
            notes.warn(place, "W216", message, "Write the address of your own page, once you have one.")


def sample_values(published: Published, letter: Letter, facts: MailFacts, links: Links) -> dict[str, object]:
    """What fills a letter for a sample reader."""
    if letter.path.startswith("email_templates/system/confirm"):
        url = links.address(0) if letter.slug == NEW_ADDRESS else links.confirm(0)
        return confirmation_values(published, links, facts, confirm_url=url)
    return letter_values(published, links, facts, subscriber_id=0, enrollment_id=0)
