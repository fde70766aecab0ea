"""leadmagnet.toml: its content half reads strictly, its machine half is not ours."""

import pytest

from leadmagnet.content.findings import Notes
from leadmagnet.content.site import check_site, read_site
from leadmagnet.errors import ContentError

from .conftest import SETTINGS


def test_the_content_tables_read_and_machine_settings_are_passed_over() -> None:
    settings = read_site('secret_keys = "a,b"\n' + SETTINGS + '[smtp]\nprovider = "postmark"\n')
    assert settings.site.sender == "Maya <maya@mail.example.com>"
    assert settings.links["flow"] == "#flow"
    assert settings.tracking.clicks
    assert not settings.form.first_name


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("name = ", "nmae = ", ["3 E102 'name' is missing in [site]. Add name = … below [site].",
                                "4 E102 unknown key 'nmae' in [site]. Did you mean 'name'?"]),
        ("[links]", "[linkz]", ["10 E102 unknown table [linkz]. Did you mean 'links'?"]),
        ('"America/New_York"', '"America/New_Yrk"', ["6 E102 'timezone' is no time zone: 'America/New_Yrk'."]),
        ('"America/New_York"', '"../etc/passwd"', ["6 E102 'timezone' is no time zone"]),
        ("Maya <maya@mail.example.com>", "a@b.com, c@d.com", ["7 E102 'from' is not one mail address."]),
        ("from =", "sender =", ["3 E102 'from' is missing", "7 E102 unknown key 'sender'"]),
        ('"1 Example Street, Springfield"', '""', ["8 E104 'postal_address' is empty."]),
        ('"https://example.com"', '"example.com"', ["5 E102 'url' is not a web address."]),
        ('"#flow"', '"flow"', ["11 E102 'flow' is not a web address."]),
        ('"#flow"', '"#flow now"', ["11 E102 'flow' is not a section of a guide"]),
        ('"#flow"', '"http://example.com"', ["11 E108 'flow' is not safe on its way"]),
        ('"#flow"', '"javascript:alert(1)"', ["11 E102 'flow' is not a web address."]),
        ('"#flow"', '"https://example.com/{{ config }}"', ["11 E102 'flow' is not a web address."]),
        ('"#flow"', "3", ["11 E102 'flow' does not fit"]),
        ("flow =", "my-flow =", ["11 E102 'my-flow' cannot be used as links.my-flow."]),
        ("[site]", "[site", ["3 E102 this is not TOML"]),
    ],
)  # fmt: skip
def test_every_mistake_has_its_line(old: str, new: str, expected: list[str]) -> None:
    notes = Notes()
    check_site(SETTINGS.replace(old, new, 1), notes)
    found = [str(finding).removeprefix("leadmagnet.toml:") for finding in notes.findings()]
    assert len(found) == len(expected), found
    for one, start in zip(found, expected, strict=True):
        assert one.startswith(start)


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ('[form]\nfirst_name = "no"\n', "14 E102 'first_name' does not fit"),
        ('[form]\nallowed_origins = ["https://example.com/x"]\n', "14 E102 'allowed_origins' is not the origin"),
        ("[tracking]\nopens = true\n", "14 E102 unknown key 'opens' in [tracking]. Known are: clicks."),
        ("[publish]\nkeep = 0\n", "14 E102 'keep' does not fit"),
        ('[publish]\nkeep = "20"\n', "14 E102 'keep' does not fit"),
        ('[link_fixes]\n"https://a.com/x" = "/y"\n', "14 E102 'https://a.com/x' is not a web address."),
        ("[[form]]\n", "13 E102 'form' does not fit"),
    ],
)
def test_the_other_tables_are_as_strict(more: str, expected: str) -> None:
    with pytest.raises(ContentError) as caught:
        read_site(SETTINGS + more)
    assert str(caught.value).removeprefix("leadmagnet.toml:").startswith(expected)


def test_loopback_may_be_http() -> None:
    assert read_site(SETTINGS.replace('"#flow"', '"http://127.0.0.1:8000/x"')).links["flow"].startswith("http:")


def test_a_site_without_its_tables_says_so() -> None:
    with pytest.raises(ContentError, match=r"the table \[site\] is missing"):
        read_site("")
