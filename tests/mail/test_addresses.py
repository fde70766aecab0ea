import pytest

from leadmagnet.mail.addresses import NotAnAddress, Unsupported, wire_address


@pytest.mark.parametrize(
    ("typed", "wire"),
    [
        ("ada@example.com", "ada@example.com"),
        ("Ada@Example.COM", "Ada@example.com"),
        ("me+tag@example.com", "me+tag@example.com"),
        ("O'Neil@x.example", "O'Neil@x.example"),
        ("!#$%&*/=?^_`{|}~-@x.example", "!#$%&*/=?^_`{|}~-@x.example"),
        ("a@bücher.example", "a@xn--bcher-kva.example"),
        ("a@xn--bcher-kva.example", "a@xn--bcher-kva.example"),
        ("a@straße.example", "a@xn--strae-oqa.example"),
        ("a@例え.example", "a@xn--r8jz45g.example"),
        ("b+abc234@bounce.example.com", "b+abc234@bounce.example.com"),
    ],
)
def test_the_domain_becomes_ascii_and_the_local_part_stays(typed: str, wire: str) -> None:
    assert wire_address(typed) == wire


def test_a_local_part_beyond_ascii_needs_a_server_that_takes_it() -> None:
    with pytest.raises(Unsupported, match="SMTPUTF8"):
        wire_address("josé@bücher.example")
    assert wire_address("josé@bücher.example", smtputf8=True) == "josé@xn--bcher-kva.example"


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "ada",
        "@example.com",
        "a@b@c.example",
        "a..b@x.example",
        ".a@x.example",
        "a.@x.example",
        "a" * 65 + "@x.example",
        "é" * 33 + "@x.example",
        "a@",
        "a@-x.example",
        "a@x_y.example",
        "a@[127.0.0.1]",
        "a@x.example.",
        "a@" + "x" * 64 + ".example",
        "a@" + ".".join(["x" * 60] * 5),
        "a@ex ample.com",
        "a b@x.example",
        '"a b"@x.example',
        "a@example.com\r\nBcc: z@evil.example",
        "a\r\nRCPT TO:<z@evil.example>@example.com",
        "a\x00@example.com",
        "a>@example.com",
        "é\u202e@example.com",
        "é b@example.com",
        "=?utf-8?q?a?=@example.com",
        "a@ü\u202e.example",
        "\ud800@x.example",
    ],
)
def test_what_could_break_out_of_the_envelope_is_no_address(typed: str) -> None:
    for smtputf8 in (False, True):
        with pytest.raises(NotAnAddress) as raised:
            wire_address(typed, smtputf8=smtputf8)
        assert "x.example" not in str(raised.value)
