"""Addresses as visitors type them: which are taken, what is said about the others, when two are the same."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leadmagnet.audience import addresses
from leadmagnet.errors import InvalidInput

NO_ADDRESS = "That does not look like an email address. Example: sam@gmail.com"
ONE_ONLY = "Please type one address only. Example: sam@gmail.com"
SECRET = b"a secret"


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("", "Please type your email address. Example: sam@gmail.com"),
        ("  \t ", "Please type your email address. Example: sam@gmail.com"),
        ("sam", "That address is missing its @. Example: sam@gmail.com"),
        ("sam＠gmail.com", "That address is missing its @. Example: sam@gmail.com"),
        ("sam@", "That address is missing the part after @. Example: sam@gmail.com"),
        ("@gmail.com", "That address is missing the part before @. Example: sam@gmail.com"),
        ("joe@gmail", "The part after @ looks incomplete: gmail. Example: sam@gmail.com"),
        ("a@b@c.example", ONE_ONLY),
        ("a..b@x.example", NO_ADDRESS),
        (".a@x.example", NO_ADDRESS),
        ("a.@x.example", NO_ADDRESS),
        ("a" * 65 + "@x.example", NO_ADDRESS),
        ("a@" + "x" * 64 + ".example", NO_ADDRESS),
        ("a@" + ".".join(["x" * 60] * 5), NO_ADDRESS),
        ("a" * 1_000_000, NO_ADDRESS),
        ("a@localhost", "The part after @ looks incomplete: localhost. Example: sam@gmail.com"),
        ("a@[127.0.0.1]", NO_ADDRESS),
        ("a@10.0.0.1", NO_ADDRESS),
        ("a@127.1", NO_ADDRESS),
        ("a@-x.example", NO_ADDRESS),
        ("a@x-.example", NO_ADDRESS),
        ("a@x_y.example", NO_ADDRESS),
        ("a@example.com\r\nBcc: z@e", NO_ADDRESS),
        ("a@example.com\n", NO_ADDRESS),
        ("a@example.com%0d%0aRCPT TO:<z>", NO_ADDRESS),
        ("a@x.example, b@y.example", ONE_ONLY),
        ("a@x.example; b@y.example", ONE_ONLY),
        ("<a@x.example>", NO_ADDRESS),
        ("Bob <a@x.example>", NO_ADDRESS),
        ("a@x.example(a comment)", NO_ADDRESS),
        ('"a b"@x.example', NO_ADDRESS),
        ("mailto:a@example.com", NO_ADDRESS),
        ("josé@example.com", "We cannot write to an address with accented letters before the @. Another one?"),
        ("a\u200b@example.com", NO_ADDRESS),  # zero width
        ("a@exa\u202emple.com", NO_ADDRESS),  # right to left
        ("a\x00@example.com", NO_ADDRESS),
        ("a@example.com\x7f", NO_ADDRESS),
        ("\ud800@example.com", NO_ADDRESS),  # half a character
        ("a@example.com.", NO_ADDRESS),
        ("a@xn--zzzz.example", NO_ADDRESS),
        ("a@☃.example", NO_ADDRESS),
    ],
)
def test_what_is_said_about_a_bad_address(typed: str, message: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        addresses.parse(typed)
    assert (caught.value.field, caught.value.message) == ("email", message)


@pytest.mark.parametrize(
    ("typed", "text", "domain"),
    [
        ("sam@gmail.com", "sam@gmail.com", "gmail.com"),
        (" \tsam@gmail.com ", "sam@gmail.com", "gmail.com"),
        ("O'Neil@x.example", "O'Neil@x.example", "x.example"),
        ("me+tag@x.example", "me+tag@x.example", "x.example"),
        ("!#$%&*/=?^_`{|}~-@x.example", "!#$%&*/=?^_`{|}~-@x.example", "x.example"),
        ("a" * 64 + "@x.example", "a" * 64 + "@x.example", "x.example"),
        ("USER@X.EXAMPLE", "USER@x.example", "x.example"),
        ("a@bücher.example", "a@bücher.example", "xn--bcher-kva.example"),
        ("a@xn--bcher-kva.example", "a@bücher.example", "xn--bcher-kva.example"),
        ("a@bu\u0308cher.example", "a@bücher.example", "xn--bcher-kva.example"),
    ],
)
def test_a_good_address_is_kept_as_typed_with_its_domain_in_one_form(typed: str, text: str, domain: str) -> None:
    found = addresses.parse(typed)
    assert (found.text, found.domain) == (text, domain)


@pytest.mark.parametrize(
    "spellings",
    [
        ("user@x.example", "USER@X.EXAMPLE", " User@x.Example "),
        ("a@bücher.example", "A@BÜCHER.example", "a@xn--bcher-kva.example", "a@XN--BCHER-KVA.example"),
    ],
)
def test_spellings_of_one_mailbox_have_one_key(spellings: tuple[str, ...]) -> None:
    assert len({addresses.parse(one).key(SECRET) for one in spellings}) == 1


def test_different_mailboxes_and_different_secrets_have_different_keys() -> None:
    typed = ["a@x.example", "a.b@x.example", "ab@x.example", "a+b@x.example", "a@faß.example", "a@fass.example"]
    keys = {addresses.parse(one).key(SECRET) for one in typed}
    assert len(keys) == len(typed)
    assert addresses.parse("a@x.example").key(b"another secret") not in keys
    assert all(len(key) == 32 and int(key, 16) >= 0 for key in keys)


@pytest.mark.parametrize(
    ("typed", "is_role", "is_disposable", "group"),
    [
        ("sam@gmail.com", False, False, "gmail"),
        ("sam@googlemail.com", False, False, "gmail"),
        ("sam@Hotmail.com", False, False, "outlook"),
        ("sam@aol.com", False, False, "yahoo"),
        ("sam@me.com", False, False, "apple"),
        ("info@shop.example", False, False, "shop.example"),
        ("Postmaster@x.example", True, False, "x.example"),
        ("abuse@x.example", True, False, "x.example"),
        ("NO-REPLY@x.example", True, False, "x.example"),
        ("postmaster+me@x.example", False, False, "x.example"),
        ("sam@mailinator.com", False, True, "mailinator.com"),
        ("sam@eu.mailinator.com", False, True, "eu.mailinator.com"),
        ("sam@notmailinator.example", False, False, "notmailinator.example"),
    ],
)
def test_whose_mailbox_it_is(typed: str, is_role: bool, is_disposable: bool, group: str) -> None:
    found = addresses.parse(typed)
    assert (found.is_role, found.is_disposable, found.domain_group) == (is_role, is_disposable, group)


def _parse_or_message(typed: str) -> addresses.Address | str:
    try:
        return addresses.parse(typed)
    except InvalidInput as error:
        return error.message


@settings(derandomize=True, database=None, deadline=None, max_examples=300)
@given(st.one_of(st.text(), st.from_regex(r"[ -~]{1,20}@[ -~]{1,20}\.[a-z]{2,5}", fullmatch=True)))
def test_whatever_is_typed_is_taken_or_explained(typed: str) -> None:
    found = _parse_or_message(typed)
    if isinstance(found, str):
        assert found.endswith(("sam@gmail.com", "Another one?"))
        return
    assert found.text.count("@") == 1
    assert not set("\r\n\0 <>,;") & set(found.text)
    assert addresses.parse(found.text) == found
