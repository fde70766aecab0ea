"""Every error that the operator or the visitor is meant to read.

    LeadmagnetError            something a person can mend; its text says what, where, and what to do
    ├── SettingsError          a machine setting is wrong or missing
    ├── ContentError           an operator file does not read: carries code, path, line and fix
    ├── InvalidInput           a visitor's field cannot be accepted: carries the field
    └── StoreError             the database is out of reach, out of date, or not fit to promise durability

An error that is not of this tree is a defect of ours, and shows its traceback.
"""

from pathlib import PurePath


class LeadmagnetError(Exception):
    """Something went wrong that a person can mend."""


class SettingsError(LeadmagnetError):
    """A machine setting is wrong or missing."""


class StoreError(LeadmagnetError):
    """The database cannot be used as it is."""


class ContentError(LeadmagnetError):
    """An operator file that does not read.

    `code` is the rule's stable name (`E101`), `path` is relative to the site's folder, `line` counts
    from 1 (0: the file as a whole), `fix` says in one sentence what to do.
    """

    def __init__(self, code: str, path: PurePath | str, line: int, message: str, fix: str) -> None:
        self.code = code
        self.path = str(path)
        self.line = line
        self.message = message
        self.fix = fix
        place = f"{self.path}:{line}" if line else self.path
        super().__init__(f"{place} {code} {message} {fix}")


class InvalidInput(LeadmagnetError):
    """A visitor's field that cannot be accepted; `message` is shown beside the field."""

    def __init__(self, field: str, message: str) -> None:
        self.field = field
        self.message = message
        super().__init__(f"{field}: {message}")
