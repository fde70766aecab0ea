"""Judges whether anything asks for the tags that a guide's answers give."""

import re
from collections.abc import Iterator, Mapping

from leadmagnet.content.compiled import Compiled
from leadmagnet.content.findings import Notes, Place, did_you_mean
from leadmagnet.content.guides import GUIDE_FILE
from leadmagnet.content.sequences import Sequence
from leadmagnet.settings import line_of

_TAGGED = re.compile(r"\btagged\(\s*[\"']([^\"']+)[\"']\s*\)")


def judge(compiled: Compiled, texts: Mapping[str, str], notes: Notes) -> None:
    """Notes rule W220. `texts` are the operator's files."""
    wanted = {tag for sequence in compiled.sequences.values() for tag in _wanted(sequence)}
    wanted |= {
        tag for path, text in texts.items() if path.endswith((".md", ".html", ".txt")) for tag in _TAGGED.findall(text)
    }
    for slug, guide in compiled.guides.items():
        path = f"guides/{slug}/{GUIDE_FILE}"
        for tag in sorted(guide.question.tags - wanted) if guide.question is not None else ():
            place = Place(path, line_of("answers", texts.get(path, "")))
            known = f"{did_you_mean(tag, wanted)} " if wanted else ""
            fix = f'{known}A letter asks for it with only_if = ["tag:{tag}"], or with tagged("{tag}").'
            notes.warn(place, "W220", f"no letter asks for the tag '{tag}' of this answer.", fix)


def _wanted(sequence: Sequence) -> Iterator[str]:
    """The tags that decide who gets what of a sequence."""
    yield from (rule.removeprefix("tag:") for rule in (sequence.starts, *sequence.stop_when) if rule.startswith("tag:"))
    for step in sequence.steps:
        yield from (one.name for one in (*step.only_if, *step.skip_if) if one.kind == "tag")
