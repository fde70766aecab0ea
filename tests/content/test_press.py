"""The press: what it makes comes back from a process of its own, and so does what goes wrong there."""

import os
from datetime import date
from pathlib import Path

import pytest

from leadmagnet.content import press
from leadmagnet.content.compiled import Compiled
from leadmagnet.content.painting import draw_png
from leadmagnet.content.pdf import Paper, PdfError
from leadmagnet.content.pictures import Picture

from .conftest import SiteFolder

DAY = date(2026, 11, 22)


def test_it_makes_what_we_would_make_wherever_we_were_started(
    example_content: Compiled, site: SiteFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "leadmagnet").mkdir()
    (tmp_path / "leadmagnet" / "__init__.py").write_text("raise SystemExit('an operator may call a folder so')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PYTHONPATH", raising=False)
    frog = example_content.guides["hip-openers"].figures["frog"]
    paper = Paper.of(site.compiled().guides["hips"], "Run Bend Barre", DAY)
    painted, there, printed = press.make([Picture.of_figure(frog), Picture.of_figure(frog, mirrored=True), paper])
    assert (painted, there) == (draw_png(frog), draw_png(frog, mirrored=True))
    assert printed == paper.pdf()


def test_nothing_starts_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(press.sys, "executable", "/nowhere")
    assert press.make([]) == []


def test_a_guide_that_cannot_be_set_names_its_file(site: SiteFolder) -> None:
    guide = site.compiled().guides["hips"].model_copy(update={"html": "<svg><desc>A lunge.</desc></rect></svg>"})
    with pytest.raises(PdfError, match=r"^guides/hips/guide\.md: its PDF cannot be made \(failed"):
        press.make([Paper.of(guide, "Run Bend Barre", DAY)])


def test_a_process_that_dies_names_the_file_that_it_had_in_hand(
    site: SiteFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "python"
    script.write_text("#!/bin/sh\ncat >/dev/null\nkill -9 $$\n")
    os.chmod(script, 0o755)
    monkeypatch.setattr(press.sys, "executable", str(script))
    with pytest.raises(PdfError, match=r"^guides/hips/guide\.md: its PDF cannot be made \(the process"):
        press.make([Paper.of(site.compiled().guides["hips"], "Run Bend Barre", DAY)])
