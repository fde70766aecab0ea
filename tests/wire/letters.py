"""Which mails there are, read off the folder, so that a new letter is tested without a word here."""

import pytest

from tests.conftest import ROOT


def slugs(folder: str) -> list[str]:
    """The letters of a folder, in their order."""
    files = sorted((ROOT / "email_templates" / folder).glob("*.md"))
    return [file.stem.lstrip("0123456789").lstrip("-") for file in files]


#: What answers a visitor's own request, before and after she has confirmed.
REQUESTS = ["confirm", "confirm-reminder", "confirm-address"]
AGAIN = "guide-again"
#: The guide mail, the letters, and the one that the tests put beside them.
LETTERS = [*slugs("hip-openers"), "names-everywhere"]
OPERATORS = ["test", "notice"]

every_mail = pytest.mark.parametrize("letter", [*REQUESTS, *LETTERS, AGAIN, *OPERATORS])
every_letter = pytest.mark.parametrize("letter", [*LETTERS, AGAIN, "test"])
every_request = pytest.mark.parametrize("letter", REQUESTS)
every_list_mail = pytest.mark.parametrize("letter", [*LETTERS, AGAIN])
