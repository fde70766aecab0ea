"""The doors for browsers, opened onto a world in which time is passed in."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from leadmagnet.content.compiled import Build
from leadmagnet.publishing import drafts
from leadmagnet.settings import Settings
from leadmagnet.web.app import create_app
from tests.conftest import ROOT
from tests.world import SECRET, World

#: For what the kind of database cannot change.
only_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

#: Opens a browser of its own, without cookies; keywords are machine settings.
OpenDoor = Callable[..., FlaskClient]


@pytest.fixture
def open_door(world: World, tmp_path: Path) -> OpenDoor:
    """Makes browsers at the web pages of `world`: its keys, its clock, its mailbox."""

    def open_with(**settings: Any) -> FlaskClient:
        given = {"secret_keys": "first key", "suppression_key": SECRET.decode(), "data_dir": tmp_path, **settings}
        app = create_app(Settings(**given), world.database, clock=lambda: world.now)
        return app.test_client()

    return open_with


@pytest.fixture
def client(open_door: OpenDoor) -> FlaskClient:
    """Somebody's browser."""
    return open_door()


@pytest.fixture(scope="session")
def asking_names(tmp_path_factory: pytest.TempPathFactory) -> Build:
    """The example site with a form that asks for the first name too."""
    site = copy_of_example(tmp_path_factory.mktemp("names"))
    settings = (site / "leadmagnet.toml").read_text()
    assert "first_name      = false" in settings
    (site / "leadmagnet.toml").write_text(settings.replace("first_name      = false", "first_name = true"))
    return _passed(site)


@pytest.fixture(scope="session")
def two_guides(tmp_path_factory: pytest.TempPathFactory) -> Build:
    """The example site with a second guide, whose series is one letter long."""
    site = copy_of_example(tmp_path_factory.mktemp("two-guides"))
    shutil.copytree(site / "guides" / "hip-openers", site / "guides" / "strong-feet")
    guide = site / "guides" / "strong-feet" / "guide.md"
    guide.write_text(guide.read_text().replace("Hip Openers for Runners", "Strong Feet for Runners"))
    letters = site / "email_templates" / "strong-feet"
    letters.mkdir()
    for name in ("10-guide.md", "20-tight-hips.md"):
        shutil.copy(site / "email_templates" / "hip-openers" / name, letters)
    (letters / "sequence.toml").write_text(
        'title = "Strong feet"\nstarts = "confirmed"\nguide = "strong-feet"\nsend_at = "7:30"\n'
    )
    return _passed(site)


def copy_of_example(folder: Path) -> Path:
    """A copy to be changed, in a folder of its own."""
    site = folder / "site"
    for part in ("email_templates", "guides"):
        shutil.copytree(ROOT / part, site / part)
    shutil.copy(ROOT / "leadmagnet.toml", site)
    return site


def _passed(site: Path) -> Build:
    build = drafts.check(site)
    assert build.compiled is not None, [str(found) for found in build.findings]
    return build
