"""Reads the operator's folder from disk: nothing else in this room touches a file."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from leadmagnet.content.findings import Notes, Place
from leadmagnet.content.values import NO_TEXT
from leadmagnet.errors import ContentError

SETTINGS_FILE = "leadmagnet.toml"
TEXTS = frozenset({".md", ".toml", ".html", ".txt", ".json"})
#: The picture files that every mail program shows, by what Pillow calls them.
PICTURES = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".gif": "GIF"}
#: Those that some do not.
OTHER_PICTURES = frozenset({".svg", ".webp"})
MAX_TEXT = 1_000_000
MAX_PICTURE = 10_000_000

_CONTENT_FOLDERS = ("email_templates", "guides")


@dataclass(frozen=True, slots=True)
class Folder:
    """The operator's folder in memory.

    `files` holds every file exactly as read, by its path relative to the site; leadmagnet.toml is not among
    them, because its machine half does not belong to a release. `texts` holds those that are text, decoded,
    with `\\n` line ends. `settings` is the text of leadmagnet.toml, None when it is missing or does not read.
    """

    files: Mapping[str, bytes]
    texts: Mapping[str, str]
    settings: str | None

    def under(self, folder: str) -> dict[str, str]:
        """The texts below `folder`, by their path relative to it."""
        prefix = f"{folder}/"
        return {path.removeprefix(prefix): text for path, text in self.texts.items() if path.startswith(prefix)}


def read_folder(folder: Path, notes: Notes) -> Folder:
    """Reads the site in `folder`; what cannot be read is noted and left out."""
    found = ((name, _bytes_of(name, path, notes)) for name, path in _listing(folder))
    files = {name: data for name, data in found if data is not None}
    return Folder(files, _texts(files, notes), _settings_of(folder, notes))


def kept_folder(files: Mapping[str, bytes], notes: Notes) -> Folder:
    """The folder that held `files`, without its leadmagnet.toml, of which a release keeps what it says."""
    return Folder(files, _texts(files, notes), None)


def _texts(files: Mapping[str, bytes], notes: Notes) -> dict[str, str]:
    texts = {name: _text_of(name, data, notes) for name, data in files.items() if Path(name).suffix.lower() in TEXTS}
    return {name: text for name, text in texts.items() if text is not None}


def decode(path: str, data: bytes) -> str:
    """The text of `data`, without BOM, lines ending in `\\n`.

    Raises ContentError with the line when it is not UTF-8 or holds control characters.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ContentError("E102", path, line, "the file is not UTF-8 text.", "Save it as UTF-8.") from error
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if stray := NO_TEXT.search(text):
        line = text.count("\n", 0, stray.start()) + 1
        raise ContentError("E102", path, line, "there is a control character in the text.", "Delete it.")
    return text


def _listing(folder: Path) -> Iterator[tuple[str, Path]]:
    root = folder.resolve()
    for top in _CONTENT_FOLDERS:
        for here, folders, names in os.walk(folder / top):
            folders[:] = sorted(name for name in folders if not _is_hidden(name))
            for name in sorted(names):
                path = Path(here, name)
                if _is_hidden(name) or path.suffix.lower() not in TEXTS | OTHER_PICTURES | PICTURES.keys():
                    continue
                if path.is_file() and path.resolve().is_relative_to(root):
                    yield PurePosixPath(path.relative_to(folder)).as_posix(), path


def _is_hidden(name: str) -> bool:
    """Dotfiles, and what editors leave behind while they save."""
    return name.startswith((".", "#")) or name.endswith(("~", ".swp", ".bak", ".orig"))


def _bytes_of(name: str, path: Path, notes: Notes) -> bytes | None:
    limit = MAX_TEXT if path.suffix.lower() in TEXTS else MAX_PICTURE
    try:
        with path.open("rb") as file:
            data = file.read(limit + 1)
    except FileNotFoundError:  # an editor is replacing it this very moment; the next event shows it again
        return None
    except OSError as error:
        notes.error(Place(name, 0), "E102", f"the file cannot be read ({error.strerror}).", "Check its permissions.")
        return None
    if len(data) > limit:
        notes.error(Place(name, 0), "E105", f"the file is larger than {limit // 1_000_000} MB.", "Make it smaller.")
        return None
    return data


def _text_of(name: str, data: bytes, notes: Notes) -> str | None:
    try:
        return decode(name, data)
    except ContentError as error:
        notes.take(error)
        return None


def _settings_of(folder: Path, notes: Notes) -> str | None:
    path = folder / SETTINGS_FILE
    data = _bytes_of(SETTINGS_FILE, path, notes) if path.exists() else None
    if data is None:
        if not path.exists():
            fix = "Make a site with `leadmagnet init`, or name its folder with --site."
            notes.error(Place(SETTINGS_FILE, 0), "E102", "the site has no leadmagnet.toml.", fix)
        return None
    return _text_of(SETTINGS_FILE, data, notes)
