"""The example site, copied out as a site of one's own."""

import shutil
from pathlib import Path

from leadmagnet.errors import LeadmagnetError

_PARTS = ("leadmagnet.toml", "email_templates", "guides")
_GITIGNORE = "# The database, the keys and the test mailbox of this machine: never in git.\nvar/\n"


def copy_to(folder: Path) -> None:
    """Writes the example site into `folder`. Raises LeadmagnetError rather than touch anything that is there."""
    taken = [name for name in (*_PARTS, ".gitignore") if (folder / name).exists()]
    if taken:
        raise LeadmagnetError(
            f"{folder} already has {', '.join(taken)}. Nothing was changed: name an empty folder, or a new one."
        )
    source = _source()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name in _PARTS:
            if (source / name).is_dir():
                shutil.copytree(source / name, folder / name)
            else:
                shutil.copy(source / name, folder / name)
        (folder / ".gitignore").write_text(_GITIGNORE)
    except OSError as error:
        raise LeadmagnetError(f"cannot write to {folder}: {error.strerror}.") from error


def _source() -> Path:
    """Where the example lies: beside the package in a checkout, inside it when installed."""
    package = Path(__file__).resolve().parents[1]
    installed = package / "example"
    return installed if installed.is_dir() else package.parent
