"""Signed links: what is minted reads back, and nothing else reads at all."""

import base64
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadmagnet.links import Keys, Links, Purpose, mint, read, read_return_path, return_path

KEYS = Keys.of(("first key",))
ROWS = st.integers(0, 2**63 - 1)
PURPOSES = st.sampled_from(Purpose)
#: What may stand in a token, and what a mail program or a forger may put there instead.
LETTERS = string.ascii_letters + string.digits + "-_"
OTHERS = "+/=. %~\n\0éＡ"


@given(PURPOSES, ROWS)
def test_what_is_minted_reads_back_for_its_purpose_alone(purpose: Purpose, row: int) -> None:
    token = mint(purpose, row, KEYS)
    assert len(token) == 30 and set(token) <= set(LETTERS)
    assert {other: read(token, other, KEYS) for other in Purpose} == dict.fromkeys(Purpose) | {purpose: row}


@given(PURPOSES, ROWS, st.integers(0, 29), st.sampled_from(LETTERS + OTHERS))
def test_any_one_letter_changed_is_refused(purpose: Purpose, row: int, position: int, letter: str) -> None:
    token = mint(purpose, row, KEYS)
    changed = token[:position] + letter + token[position + 1 :]
    assert read(changed, purpose, KEYS) == (row if changed == token else None)


@given(PURPOSES, st.text(max_size=40))
def test_no_other_text_reads(purpose: Purpose, text: str) -> None:
    assert read(text, purpose, KEYS) is None


@pytest.mark.parametrize("position", range(30))
def test_every_letter_in_every_place_of_one_token_counts(position: int) -> None:
    token = mint(Purpose.LEAVE, 4711, KEYS)
    changed = [token[:position] + letter + token[position + 1 :] for letter in LETTERS if letter != token[position]]
    assert [one for one in changed if read(one, Purpose.LEAVE, KEYS) is not None] == []


def _token(row: int = 7) -> str:
    return mint(Purpose.LEAVE, row, KEYS)


@pytest.mark.parametrize(
    "forged",
    [
        pytest.param("", id="nothing"),
        pytest.param(_token()[:-1], id="cut"),
        pytest.param(_token()[:-4], id="cut where base64 still reads"),
        pytest.param(_token() + "A", id="one letter more"),
        pytest.param(_token() + "==", id="padded"),
        pytest.param(" " + _token(), id="a space in front"),
        pytest.param(_token() + "\n", id="a line end behind"),
        pytest.param(_token()[:10] + "\n" + _token()[10:], id="broken in two"),
        pytest.param(_token().swapcase(), id="in the other case"),
        pytest.param(_token(8)[:14] + _token(7)[14:], id="another row's name with this one's proof"),
        pytest.param(mint(Purpose.CONFIRM, 7, KEYS), id="another purpose"),
        pytest.param(mint(Purpose.LEAVE, 7, Keys.of(("another key",))), id="another key"),
        pytest.param(base64.urlsafe_b64encode(bytes(22)).decode().rstrip("="), id="zeros"),
        pytest.param(base64.urlsafe_b64encode(bytes([3, KEYS.signing]) + bytes(20)).decode()[:30], id="no proof"),
        pytest.param("٣" * 30, id="digits of another script"),
    ],
)
def test_a_forgery_is_refused(forged: str) -> None:
    assert read(_token(), Purpose.LEAVE, KEYS) == 7
    assert read(forged, Purpose.LEAVE, KEYS) is None


def test_every_key_of_the_list_verifies_and_the_first_signs() -> None:
    old = mint(Purpose.LEAVE, 7, KEYS)
    both = Keys.of(("second key", "first key"))
    new = mint(Purpose.LEAVE, 7, both)
    assert read(old, Purpose.LEAVE, both) == read(new, Purpose.LEAVE, both) == 7
    assert read(new, Purpose.LEAVE, KEYS) is None
    assert mint(Purpose.LEAVE, 7, Keys.of(("first key", "second key"))) == old
    assert read(old, Purpose.LEAVE, Keys.of(("second key",))) is None


def test_the_same_key_twice_is_one_key() -> None:
    assert Keys.of(("first key", "first key")) == KEYS


def test_keys_that_could_not_be_told_apart_are_refused() -> None:
    first: dict[int, str] = {}
    for number in range(257):  # one byte names a key: of 257 two are alike
        secret = f"key {number}"
        alike = first.setdefault(Keys.of((secret,)).signing, secret)
        if alike != secret:
            with pytest.raises(ValueError, match="share a number"):
                Keys.of((alike, secret))
            return
    raise AssertionError("257 keys with 257 numbers")


def test_without_a_key_nothing_is_signed() -> None:
    with pytest.raises(ValueError, match="at least one"):
        Keys.of(())


@given(ROWS)
def test_a_return_path_names_its_mail_in_any_case_and_fits_every_server(row: int) -> None:
    path = return_path(row, "bounce.example.com", KEYS)
    local = path.removesuffix("@bounce.example.com")
    assert len(local) <= 64 and local.startswith("b+") and set(local[2:]) <= set(string.ascii_lowercase + "234567")
    for seen in (path, path.upper(), f"<{path}>", f" {path}\n", f"{local}@relay.example", return_path(row, "x", KEYS)):
        assert read_return_path(seen, KEYS) == row


@given(ROWS, st.integers(2, 37), st.sampled_from(string.ascii_lowercase + string.digits + OTHERS))
def test_a_return_path_with_one_letter_changed_is_refused(row: int, position: int, letter: str) -> None:
    path = return_path(row, "bounce.example.com", KEYS)
    changed = path[:position] + letter + path[position + 1 :]
    assert read_return_path(changed, KEYS) == (row if changed == path else None)


@given(st.text(max_size=60))
def test_no_other_address_reads_as_a_return_path(text: str) -> None:
    assert [read_return_path(one, KEYS) for one in (text, f"b+{text}@example.com", f"<{text}@x>")] == [None] * 3


def test_a_return_path_is_worth_nothing_for_another_purpose_or_key() -> None:
    path = return_path(7, "bounce.example.com", KEYS)
    assert read_return_path(path, Keys.of(("another key",))) is None
    assert read_return_path(path, Keys.of(("another key", "first key"))) == 7
    raw = base64.b32decode(path[2:38].upper() + "====")
    as_link = base64.urlsafe_b64encode(raw).decode().rstrip("=")
    assert {purpose: row for purpose in Purpose if (row := read(as_link, purpose, KEYS))} == {Purpose.RETURN: 7}
    link = base64.urlsafe_b64decode(mint(Purpose.CLICK, 7, KEYS) + "==")
    as_path = base64.b32encode(link).decode().rstrip("=").lower()
    assert read_return_path(f"b+{as_path}@bounce.example.com", KEYS) is None
    assert read_return_path(path.replace("b+", "c+"), KEYS) is None
    assert read_return_path(path[2:], KEYS) is None


def test_every_link_is_short_and_stands_on_the_base_url() -> None:
    links = Links("https://mail.example.com", KEYS)
    assert links.form("hip-openers") == "https://mail.example.com/f/hip-openers"
    assert links.confirm(1) == f"https://mail.example.com/c/{mint(Purpose.CONFIRM, 1, KEYS)}"
    assert links.guide(1) == "https://mail.example.com" + links.guide_path(1)
    assert links.guide_path(1) == f"/g/{mint(Purpose.GUIDE, 1, KEYS)}"
    assert links.leave(2**62) == f"https://mail.example.com/u/{mint(Purpose.LEAVE, 2**62, KEYS)}"
    assert len(links.leave(2**62)) < 75


def test_mails_have_return_paths_of_their_own_once_a_domain_receives_bounces() -> None:
    assert Links("https://mail.example.com", KEYS).return_path(7) is None
    paths = Links("https://mail.example.com", KEYS, "bounce.example.com")
    assert paths.return_path(7) == return_path(7, "bounce.example.com", KEYS) != paths.return_path(8)
