"""Shows findings: to people at a terminal, to GitHub beside the changed lines, to programs."""

import os
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from leadmagnet.content.checks.catalogue import why
from leadmagnet.content.findings import Finding, Level
from leadmagnet.reports import words

_COLOURS = {"error": "red", "warning": "yellow", "info": "blue"}
_ON_GITHUB = {"error": "error", "warning": "warning", "info": "notice"}


def show(findings: Iterable[Finding]) -> str:
    """One paragraph a finding: where, what, and what to do; why, where a rule is met for the first time."""
    lines = []
    explained: set[str] = set()
    for found in findings:
        place = f"{found.path}:{found.line}" if found.line else found.path
        code = click.style(f"{found.level} {found.code}", fg=_COLOURS[found.level], bold=True)
        lines.append(f"{click.style(place, bold=True)} {code}\n    {found.message}\n    {found.fix}")
        if found.code not in explained:
            lines.append("    " + click.style(f"Why: {why(found.code)}", dim=True))
            explained.add(found.code)
    return "\n".join(lines)


def as_json(findings: Iterable[Finding]) -> list[dict[str, Any]]:
    """Findings for programs: path, line, code, level, message, fix, why."""
    return [{**asdict(found), "why": why(found.code)} for found in findings]


def count(findings: Iterable[Finding]) -> str:
    """`2 errors, 1 warning`; empty when there is nothing."""
    levels = [found.level for found in findings]
    called: dict[Level, str] = {"error": "error", "warning": "warning", "info": "hint"}
    numbers = [(levels.count(level), word) for level, word in called.items()]
    return ", ".join(words.count(number, word) for number, word in numbers if number)


def annotations(findings: Iterable[Finding], site: Path) -> str:
    """GitHub's workflow commands, which it shows beside the lines of a pull request.

    Paths are relative to the repository: the site may be a folder of it.
    """
    root = os.environ.get("GITHUB_WORKSPACE")
    folder = os.path.relpath(site, root) if root and site.is_relative_to(Path(root).resolve()) else "."
    return "\n".join(_annotation(found, folder) for found in findings)


def _annotation(found: Finding, folder: str) -> str:
    path = Path(folder, found.path).as_posix()
    keys = {"file": path, "line": str(max(1, found.line)), "title": f"leadmagnet {found.code}"}
    place = ",".join(f"{key}={_escaped(value, ':,')}" for key, value in keys.items())
    return f"::{_ON_GITHUB[found.level]} {place}::{_escaped(f'{_sentence(found.message)} {found.fix}')}"


def _escaped(words: str, also: str = "") -> str:
    """`words` as a workflow command can hold them; `also` are the characters that end a property."""
    return "".join(f"%{ord(one):02X}" if one in f"%\r\n{also}" else one for one in words)


def _sentence(words: str) -> str:
    return words[:1].upper() + words[1:]
