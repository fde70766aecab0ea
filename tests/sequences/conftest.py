"""A site with two guides, for those who want another one."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from leadmagnet.content.compiled import Build
from leadmagnet.publishing import drafts
from leadmagnet.store.database import Database
from tests.world import World

ROOT = Path(__file__).resolve().parents[2]
BARRE = "barre-basics"

_FILES = {
    f"guides/{BARRE}/guide.md": """\
+++
title    = "Barre Basics"
headline = "FREE Barre Basics"
line     = "Six moves at a kitchen chair."
button   = "Send me the moves"
consent  = "You'll get the moves and {{ letters }} short emails over {{ span }}."
+++
## The moves {#moves}

Hold the chair, and bend your knees.
""",
    f"email_templates/{BARRE}/sequence.toml": f"""\
title   = "Barre basics"
starts  = "confirmed"
guide   = "{BARRE}"
send_at = "18:00"
""",
    f"email_templates/{BARRE}/10-moves.md": """\
+++
subject   = "Your barre basics are here"
preheader = "Six moves, one chair, and the first of them now."
day       = 0
+++
[Open the moves]({{ guide_url }}){.button}
""",
    f"email_templates/{BARRE}/20-plie.md": """\
+++
subject   = "The first plié"
preheader = "Heels together, toes apart, and down we go."
day       = 1
+++
Bend your knees, and stay there.
""",
}


@pytest.fixture(scope="session")
def two_guides(tmp_path_factory: pytest.TempPathFactory) -> Build:
    """The example site with a second guide, compiled once."""
    folder = tmp_path_factory.mktemp("two-guides")
    for name in ("email_templates", "guides"):
        shutil.copytree(ROOT / name, folder / name)
    shutil.copy(ROOT / "leadmagnet.toml", folder)
    for name, text in _FILES.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    build = drafts.check(folder)
    assert build.compiled is not None, build.findings
    return build


@pytest.fixture
def wide_world(database: Database, two_guides: Build, tmp_path: Path) -> Iterator[World]:
    """A world with two guides, `hip-openers` and `barre-basics`."""
    with World(database, two_guides, tmp_path) as made:
        yield made
