"""What mail programs know is read from a table that says where it is from."""

from importlib.resources import files

import pytest

from leadmagnet.content.checks import clients
from leadmagnet.content.checks.clients import support


def test_the_table_names_its_source_its_date_and_its_licence() -> None:
    table = support()
    assert "caniemail.com" in table.source
    assert len(table.updated) == 10
    assert table.clients == ("Gmail", "Outlook on Windows", "Apple Mail")
    licence = files("leadmagnet.content.checks").joinpath("client_support.LICENSE").read_text()
    assert licence.startswith("MIT License") and "Copyright" in licence


def test_the_table_holds_only_what_somebody_lacks() -> None:
    features = support().features
    assert all(len(words) == 3 and set(words) <= set("ynau") and "n" in words for words in features.values())
    assert features.keys() >= clients._PLAINER


@pytest.mark.parametrize(
    ("name", "value", "used"),
    [
        ("display", "flex", "display:flex"),
        ("width", "calc(1px + 2%)", "calc()"),
        ("height", "50vh", "1vh"),
        ("width", "max-content", "=max-content"),
        ("position", "absolute", "position"),
        ("background", "linear-gradient(red, blue)", "linear-gradient()"),
    ],
)
def test_a_declaration_is_known_by_what_it_uses(name: str, value: str, used: str) -> None:
    assert used in clients._used(name, value)
    assert used in support().features


def test_a_colour_or_a_word_is_no_unit() -> None:
    assert not any(word.startswith("1") for word in clients._used("color", "#1a1vh0"))
