"""The example site, copied out as a site of one's own."""

import json
import shutil
from importlib.resources import files as resources
from pathlib import Path

from leadmagnet.errors import LeadmagnetError

_PARTS = ("leadmagnet.toml", "email_templates", "guides")
_SCHEMAS = ".schemas"
#: Where editors look for schemas, and which of them VS Code should offer to install.
_EDITOR_FILES = (".taplo.toml", ".vscode/extensions.json")
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
        help_editors(folder)
    except OSError as error:
        raise LeadmagnetError(f"cannot write to {folder}: {error.strerror}.") from error


def help_editors(folder: Path) -> None:
    """Writes what editors of TOML read into the site in `folder`: schemas anew, their settings where there are none.

    Raises OSError.
    """
    # Imported here: the models behind them take longer to load than the help may take.
    from leadmagnet.content.schemas import schemas

    (folder / _SCHEMAS).mkdir(exist_ok=True)
    for name, schema in schemas().items():
        (folder / _SCHEMAS / name).write_text(json.dumps(schema, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    for name in _EDITOR_FILES:
        if not (folder / name).exists():
            (folder / name).parent.mkdir(exist_ok=True)
            # Kept without the leading dot: what packs the program leaves hidden files out.
            blank = resources("leadmagnet.cli") / "editor" / Path(name).name.lstrip(".")
            (folder / name).write_text(blank.read_text(encoding="utf-8"), encoding="utf-8")


def _source() -> Path:
    """Where the example lies: beside the package in a checkout, inside it when installed."""
    package = Path(__file__).resolve().parents[1]
    installed = package / "example"
    return installed if installed.is_dir() else package.parent
