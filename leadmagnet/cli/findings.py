"""Findings on a terminal."""

from collections.abc import Iterable

import click

from leadmagnet.content.findings import Finding

_COLOURS = {"error": "red", "warning": "yellow", "info": "blue"}


def show(findings: Iterable[Finding]) -> str:
    """One paragraph a finding: where, what, and what to do."""
    lines = []
    for found in findings:
        place = f"{found.path}:{found.line}" if found.line else found.path
        code = click.style(f"{found.level} {found.code}", fg=_COLOURS[found.level], bold=True)
        lines.append(f"{click.style(place, bold=True)} {code}\n    {found.message}\n    {found.fix}")
    return "\n".join(lines)
