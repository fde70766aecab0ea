"""Findings, as people, GitHub and programs get them."""

from pathlib import Path

import click
import pytest

from leadmagnet.cli import findings
from leadmagnet.content.findings import Finding

BUTTON = Finding("a,b:c.md", 8, "W206", "warning", "100 % of\nthem: two buttons.", "Keep one.")
WHOLE = Finding("letter.md", 0, "E102", "error", "this file belongs to nothing.", "Move it.")


def test_an_annotation_survives_every_character(tmp_path: Path) -> None:
    line = findings.annotations([BUTTON], tmp_path)
    message = "100 %25 of%0Athem: two buttons. Keep one."
    assert line == f"::warning file=a%2Cb%3Ac.md,line=8,title=leadmagnet W206::{message}"


def test_an_annotation_is_placed_in_the_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_WORKSPACE", str(tmp_path))
    line = findings.annotations([WHOLE], tmp_path / "letters" / "site")
    assert line.startswith("::error file=letters/site/letter.md,line=1,title=leadmagnet E102::This file")
    assert findings.annotations([WHOLE], Path("/elsewhere")).startswith("::error file=letter.md,")


def test_a_reason_is_given_once() -> None:
    shown = click.unstyle(findings.show([BUTTON, BUTTON, WHOLE]))
    assert shown.count("Why: ") == 2
    assert "letter.md error E102" in shown


def test_programs_get_all_of_it() -> None:
    (found,) = findings.as_json([BUTTON])
    assert list(found) == ["path", "line", "code", "level", "message", "fix", "why"]


def test_what_was_found_is_counted_in_words() -> None:
    hint = Finding("a", 1, "I303", "info", "x", "y")
    assert findings.count([BUTTON, WHOLE, BUTTON, hint]) == "1 error, 2 warnings, 1 hint"
    assert findings.count([]) == ""
