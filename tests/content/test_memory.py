"""What is remembered of a compiled site: never anything but what compiling it anew would give."""

from pathlib import Path

import pytest

from leadmagnet.content.memory import Memory, key_of
from leadmagnet.publishing import drafts
from tests.web.conftest import copy_of_example

LETTERS = "email_templates/hip-openers"
TIGHT = f"{LETTERS}/20-tight-hips.md"
GUIDE = "guides/hip-openers/guide.md"
TOML = "leadmagnet.toml"
FIGURES = "guides/hip-openers/figures/poses.json"

BODY = """\
## Flow {#flow}

{{ pose("low-lunge") }}

## Chair {#chair}

## Week {#week}
"""

#: One edit after the other: a file, old words, new words; without old words the file is written, without any it goes.
EDITS = [
    (TIGHT, "Two things", "Three things"),
    (TIGHT, "day       = 2", "day       = 3"),
    (TIGHT, "links.flow", "links.flew"),  # an error …
    (TIGHT, "links.flew", "links.flow"),  # … and its end
    ("email_templates/_snippets/sign-off.md", "floor", "mat"),
    ("email_templates/_layouts/letter.html", "18px", "17px"),
    ("email_templates/_layouts/letter.txt", "{{ site.postal_address }}", ""),
    ("email_templates/_layouts/letter.txt", "{{ content }}", "{{ content }}\n{{ site.postal_address }}"),
    (TOML, 'chair   = "#chair"', 'chair   = "#nowhere"'),
    (TOML, 'chair   = "#nowhere"', 'chair   = "https://example.com/chair"'),
    (GUIDE, "{#chair}", "{#seat}"),
    (GUIDE, "{#flow}", "{#flaw}"),
    (GUIDE, "{#flaw}", "{#flow}"),
    (GUIDE, "## Chair", "![A cat](figures/cat.png)\n\n## Chair"),
    ("guides/hip-openers/figures/cat.png", "", "not a picture"),
    (FIGURES, '"low-lunge"', '"lower-lunge"'),  # letters and the guide show it
    (FIGURES, '"lower-lunge"', '"low-lunge"'),
    (f"{LETTERS}/25-more.md", "", "+++\nsubject = 'More'\npreheader = 'x'\nday = 4\n+++\n![A cat](cat.png)\n"),
    (f"{LETTERS}/cat.png", "", "not a picture"),
    (f"{LETTERS}/25-more.md", "day = 4", "day = 4\n# check: off W201"),
    (f"{LETTERS}/sequence.toml", 'layout = "letter"', 'layout = "letter"'),
    (f"{LETTERS}/25-more.md", "", ""),
    ("email_templates/system/confirm.md", "", ""),
]


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """The example with two letters and a short guide: each edit is compiled twice."""
    site = copy_of_example(tmp_path)
    for path in sorted((site / LETTERS).glob("*.md"))[2:]:
        path.unlink()
    head = (site / GUIDE).read_text().split("+++")[1]
    (site / GUIDE).write_text(f"+++{head}+++\n{BODY}")
    return site


def test_a_site_compiled_with_a_memory_is_just_the_same_after_any_edit(site: Path) -> None:
    memory = Memory()
    assert drafts.check(site, memory) == drafts.check(site)
    outcomes = set()
    for name, old, new in EDITS:
        path = site / name
        if not old and not new:
            path.unlink()
        elif not old:
            path.write_text(new)
        else:
            path.write_text(path.read_text().replace(old, new))
        build = drafts.check(site, memory)
        assert build == drafts.check(site), (name, new)
        outcomes.add(build.compiled is not None)
    assert outcomes == {True, False}


def test_a_save_compiles_only_what_it_changed(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from leadmagnet.content import compile as compiling

    made: list[str] = []
    original = compiling.compile_letter

    def counting(manuscript, *others):  # type: ignore[no-untyped-def]
        made.append(manuscript.key)
        return original(manuscript, *others)

    monkeypatch.setattr(compiling, "compile_letter", counting)
    memory = Memory()
    drafts.check(site, memory)
    assert len(made) == 6
    made.clear()
    (site / TIGHT).write_text((site / TIGHT).read_text() + "\nOne more word.\n")
    drafts.check(site, memory)
    assert made == ["hip-openers/tight-hips"]


def test_a_key_tells_apart_what_differs_and_nothing_else() -> None:
    assert key_of({"a": "1", "b": b"2"}) == key_of({"b": b"2", "a": "1"})
    assert len({key_of("a", "b"), key_of("ab"), key_of("b", "a"), key_of({"a": "b"}), key_of(b"ab"), key_of(None)}) == 6
