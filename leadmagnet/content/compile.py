"""Compiles a site from its folder: every file is read, judged, made into templates once."""

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import fields
from functools import partial
from pathlib import Path

from leadmagnet.content.checks.wishes import read_wishes
from leadmagnet.content.compiled import Build, Draft, Letter
from leadmagnet.content.figures import Figure
from leadmagnet.content.files import Folder, kept_folder, read_folder
from leadmagnet.content.findings import Notes, Place, did_you_mean
from leadmagnet.content.guides import GUIDE_FILE, Guide, Promise, read_guide
from leadmagnet.content.letters import compile_letter, new_setting
from leadmagnet.content.manuscripts import Manuscript, read_system
from leadmagnet.content.memory import Memory, key_of
from leadmagnet.content.scopes import Scope, body_scope
from leadmagnet.content.sequences import Reading, read_sequence
from leadmagnet.content.site import SiteSettings, check_site


def compile_folder(path: Path) -> Build:
    """Reads and compiles the site in the folder `path`; never raises for what the operator wrote."""
    return read_draft(path, Notes(), Memory()).build()


def compile_kept(files: Mapping[str, bytes], settings: SiteSettings, notes: Notes) -> Build:
    """Compiles a site from the files and settings that a release has kept; never raises for what is in them."""
    return _drafted(kept_folder(files, notes), settings, notes, Memory()).build()


def read_draft(path: Path, notes: Notes, memory: Memory) -> Draft:
    """All that reads of the site in the folder `path`, even if something does not; what is found goes into `notes`.

    Whatever `memory` holds, the outcome is the same: with it, it comes sooner.
    """
    folder = read_folder(path, notes)
    settings = check_site(folder.settings, notes) if folder.settings is not None else None
    return _drafted(folder, settings, notes, memory)


def _drafted(folder: Folder, settings: SiteSettings | None, notes: Notes, memory: Memory) -> Draft:
    readings = _sequences(folder, settings, notes)
    shelf = _shelf(folder)
    guides = _guides(folder, readings, shelf, memory, notes)
    layouts, snippets = (_shared(folder, name, notes) for name in ("_layouts", "_snippets"))
    setting = new_setting(layouts, snippets, folder.files, read_wishes(folder.settings, notes))
    around = key_of(layouts, snippets, shelf, setting.wishes.also, setting.wishes.claims)
    letters: dict[str, Letter] = {}
    for manuscript, scope in _manuscripts(folder, settings, readings, guides, notes):
        key = key_of(manuscript, around, _spelled(scope))
        letter = memory.of(key, partial(compile_letter, manuscript, setting, scope), notes)
        if letter is not None:
            letters[manuscript.key] = letter
    return Draft(
        findings=notes.findings(),
        settings=settings,
        sequences={slug: reading.sequence for slug, reading in readings.items() if reading},
        guides={slug: guide for slug, guide in guides.items() if guide},
        letters=letters,
        files=folder.files,
        digest=_digest(folder, settings),
    )


def _shared(folder: Folder, name: str, notes: Notes) -> dict[str, str]:
    """What several letters use, whose comments may switch rules off."""
    texts = folder.under(f"email_templates/{name}")
    for path, text in texts.items():
        notes.silence(f"email_templates/{name}/{path}", text)
    return texts


def _shelf(folder: Folder) -> str:
    """A key for all that letters and guides may point at: the names of all files, and what pictures hold."""
    return key_of({path: None if path in folder.texts else content for path, content in folder.files.items()})


def _spelled(scope: Scope) -> str:
    figures = None if scope.figures is None else {name: f.model_dump_json() for name, f in scope.figures.items()}
    told = {one.name: getattr(scope, one.name) for one in fields(scope) if one.name != "figures"}
    return key_of(told, figures)


def _sequences(folder: Folder, settings: SiteSettings | None, notes: Notes) -> dict[str, Reading | None]:
    """Every sequence by its slug, None for one whose sequence.toml does not read."""
    clicks = settings.tracking.clicks if settings else True
    readings: dict[str, Reading | None] = {}
    for slug, texts in _folders(folder.under("email_templates"), "email_templates", notes).items():
        if not slug.startswith("_") and slug != "system":
            readings[slug] = read_sequence(slug, texts, clicks=clicks, notes=notes)
    return readings


def _folders(texts: Mapping[str, str], root: str, notes: Notes) -> dict[str, dict[str, str]]:
    """`texts` by the first part of their path; one that lies directly in `root` is in no one's folder."""
    folders: dict[str, dict[str, str]] = defaultdict(dict)
    for path, text in sorted(texts.items()):
        slug, slash, rest = path.partition("/")
        if slash:
            folders[slug][rest] = text
        elif path.endswith((".md", ".toml")):
            fix = f"Put it into a folder of its own: {root}/NAME/."
            notes.error(Place(f"{root}/{path}", 0), "E102", "this file belongs to nothing.", fix)
    return dict(folders)


def _guides(
    folder: Folder, readings: Mapping[str, Reading | None], shelf: str, memory: Memory, notes: Notes
) -> dict[str, Guide | None]:
    """Every guide by its slug, None for one that does not read."""
    texts = _folders(folder.under("guides"), "guides", notes)
    slugs = {path.split("/")[1] for path in folder.files if path.startswith("guides/") and path.count("/") > 1}
    followers = _followers(slugs, readings, notes)
    guides: dict[str, Guide | None] = {}
    for slug in sorted(slugs):
        promise, own = _promise(followers.get(slug)), texts.get(slug, {})
        read = partial(read_guide, slug, own, folder.files, promise)
        guides[slug] = memory.of(key_of(slug, own, promise, shelf), read, notes)
        # A sequence that does not read may be the one that is missed here.
        if slug not in followers and None not in readings.values():
            fix = f'Make a sequence with starts = "confirmed" and guide = "{slug}".'
            notes.error(Place(f"guides/{slug}/{GUIDE_FILE}", 0), "E102", "no sequence delivers this guide.", fix)
    return guides


def _followers(slugs: set[str], readings: Mapping[str, Reading | None], notes: Notes) -> dict[str, Reading]:
    """The sequence that starts when somebody confirms a guide, by guide."""
    followers: dict[str, Reading] = {}
    for reading in filter(None, readings.values()):
        sequence = reading.sequence
        if sequence.guide is None:
            continue
        if sequence.guide not in slugs:
            message = f"there is no guide '{sequence.guide}'."
            notes.error(reading.guide_place, "E101", message, did_you_mean(sequence.guide, slugs))
        if sequence.starts != "confirmed":
            continue
        _judge_first_step(reading, notes)
        if followers.setdefault(sequence.guide, reading) is not reading:
            message = f"'{followers[sequence.guide].sequence.slug}' starts with the guide '{sequence.guide}' already."
            notes.error(reading.guide_place, "E102", message, "A guide has one confirmed sequence.")
    return followers


def _judge_first_step(reading: Reading, notes: Notes) -> None:
    live = [(step, m) for step, m in zip(reading.sequence.steps, reading.manuscripts, strict=True) if not step.draft]
    if not live:
        fix = "Add one with day = 0: it brings the guide."
        notes.error(reading.starts_place, "E102", "the sequence has no letter to begin with.", fix)
    elif live[0][0].day != 0:
        fix = "Set day = 0: the first letter brings the guide, at once."
        notes.error(live[0][1].at("day"), "E102", "the first letter does not leave at once.", fix)


def _promise(reading: Reading | None) -> Promise:
    """What follows the guide mail; drafts are never sent, so nobody is asked to agree to them."""
    steps = [step for step in reading.sequence.steps if not step.draft][1:] if reading else []
    return Promise(len(steps), max((step.day for step in steps), default=0))


def _manuscripts(
    folder: Folder,
    settings: SiteSettings | None,
    readings: Mapping[str, Reading | None],
    guides: Mapping[str, Guide | None],
    notes: Notes,
) -> Iterator[tuple[Manuscript, Scope]]:
    """Every letter whose head reads, with what it may speak of."""
    shared, drawn = _shared_sections(guides), _shared_figures(guides)
    for mail in read_system(folder.under("email_templates/system"), notes):
        yield (
            mail,
            body_scope(
                settings,
                asks_for_consent=mail.asks_for_consent,
                has_guide=mail.is_about_a_guide,
                sections=shared,
                figures=drawn,
            ),
        )
    for reading in filter(None, readings.values()):
        scope = _scope(reading, settings, guides)
        for manuscript in reading.manuscripts:
            yield manuscript, scope


def _shared_sections(guides: Mapping[str, Guide | None]) -> frozenset[str] | None:
    """What the mails of the system may link to: they speak of any guide."""
    sections = [frozenset(guide.sections) for guide in guides.values() if guide]
    return frozenset.intersection(*sections) if sections and len(sections) == len(guides) else None


def _shared_figures(guides: Mapping[str, Guide | None]) -> dict[str, Figure] | None:
    """What the mails of the system may show: figures that are the same in every guide."""
    first, *others = [guide.figures if guide else None for guide in guides.values()] or [{}]
    if first is None or None in others:
        return None
    return {name: figure for name, figure in first.items() if all(one and one.get(name) == figure for one in others)}


def _scope(reading: Reading, settings: SiteSettings | None, guides: Mapping[str, Guide | None]) -> Scope:
    sequence = reading.sequence
    guide = guides.get(sequence.guide) if sequence.guide else None
    sections = frozenset(guide.sections) if guide else None
    figures = guide.figures if guide else None if sequence.guide else {}
    has_guide = sequence.guide is not None or sequence.starts == "confirmed"
    return body_scope(settings, has_guide=has_guide, sections=sections, figures=figures, slugs=reading.slugs)


def _digest(folder: Folder, settings: SiteSettings | None) -> str:
    """Hex SHA-256 over the files and the content tables: machine settings do not make a new version."""
    if settings is not None:
        tables = json.dumps(settings.model_dump(mode="json"), sort_keys=True, ensure_ascii=False)
    else:
        tables = folder.settings or ""
    digest = hashlib.sha256()
    for path, content in [*sorted(folder.files.items()), ("", tables.encode())]:
        for part in (path.encode("utf-8", "surrogateescape"), content):
            digest.update(len(part).to_bytes(8, "big"))
            digest.update(part)
    return digest.hexdigest()
