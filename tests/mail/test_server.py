import pytest

from leadmagnet.errors import SettingsError
from leadmagnet.mail.server import PROVIDERS, Server


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (
            "smtp://maya:s3cret@mail.example.com:2525?tls=required",
            ("mail.example.com", 2525, "required", "maya", "s3cret"),
        ),
        ("smtp://mail.example.com", ("mail.example.com", 587, "required", None, None)),
        ("smtp://mail.example.com:25", ("mail.example.com", 25, "required", None, None)),
        ("smtp://mail.example.com:465", ("mail.example.com", 465, "implicit", None, None)),
        ("smtps://mail.example.com", ("mail.example.com", 465, "implicit", None, None)),
        ("smtps://mail.example.com:8465/?tls=implicit", ("mail.example.com", 8465, "implicit", None, None)),
        ("smtp://mail.example.com?tls=off", ("mail.example.com", 587, "off", None, None)),
        ("smtp://localhost", ("localhost", 25, "offered", None, None)),
        ("smtp://127.0.0.1:1025", ("127.0.0.1", 1025, "offered", None, None)),
        ("smtp://[::1]:1025", ("::1", 1025, "offered", None, None)),
        ("smtp://127.0.0.1:1025?tls=required", ("127.0.0.1", 1025, "required", None, None)),
        (
            "smtp://maya%40example.com:p%40ss%2Fw%3Ard%25@mail.example.com",
            ("mail.example.com", 587, "required", "maya@example.com", "p@ss/w:rd%"),
        ),
    ],
)
def test_a_url_names_a_server(url: str, expected: tuple[str, int, str, str | None, str | None]) -> None:
    server = Server.from_url(url)
    assert (server.host, server.port, server.tls, server.username, server.password) == expected


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("", "begin with smtp://"),
        ("http://maya:s3cret@mail.example.com", "begin with smtp://"),
        ("smtp://", "host is missing"),
        ("smtp://maya:s3cret@", "host is missing"),
        ("smtp://mail example.com", "not a host name"),
        ("smtp://mail.example.com:0", "between 1 and 65535"),
        ("smtp://mail.example.com:70000", "does not read"),
        ("smtp://[::1", "does not read"),
        ("smtp://maya:s3cret/@mail.example.com", "does not read|behind its port"),
        ("smtp://maya:12/s3cret@mail.example.com", "behind its port"),
        ("smtp://maya:12?s3cret@mail.example.com", "not tls="),
        ("smtp://maya:s3cret#@mail.example.com", "does not read"),
        ("smtp://maya:s3cret%zz@mail.example.com", "bare %"),
        ("smtp://maya@mail.example.com", "without a password"),
        ("smtp://maya:@mail.example.com", "password .* is empty"),
        ("smtp://:s3cret@mail.example.com", "username .* is empty"),
        ("smtp://maya:s3cret%0A@mail.example.com", "not printable ASCII"),
        ("smtp://maya:s3cret%C3%BC@mail.example.com", "not printable ASCII"),
        ("smtp://mail.example.com?tls=requird", 'Did you mean "required"'),
        ("smtp://mail.example.com?tsl=off", "not tls="),
        ("smtps://mail.example.com?tls=off", "from the first byte"),
    ],
)
def test_a_wrong_url_is_explained_without_its_password(url: str, words: str) -> None:
    with pytest.raises(SettingsError, match=words) as raised:
        Server.from_url(url)
    assert "s3cret" not in str(raised.value)
    assert raised.value.__cause__ is None and (raised.value.__suppress_context__ or raised.value.__context__ is None)


def test_a_server_shows_no_login() -> None:
    server = Server.from_url("smtp://maya:s3cret@mail.example.com")
    assert "s3cret" not in repr(server) and "maya" not in repr(server)
    assert str(server) == "mail.example.com:587"
    assert str(Server.from_url("smtp://[::1]:25")) == "[::1]:25"


@pytest.mark.parametrize("provider", PROVIDERS)
def test_every_known_provider_is_encrypted(provider: str) -> None:
    server = Server.from_provider(provider, username="maya", password="s3cret")
    assert server.tls in ("required", "implicit")
    assert (server.tls == "implicit") == (server.port == 465)
    assert server.tls == PROVIDERS[provider].tls


def test_a_provider_may_have_another_region() -> None:
    server = Server.from_provider("ses", host="email-smtp.eu-west-1.amazonaws.com", username="a", password="b")
    assert (server.host, server.port, server.tls) == ("email-smtp.eu-west-1.amazonaws.com", 587, "required")


def test_custom_needs_a_host_and_a_typo_gets_a_hint() -> None:
    with pytest.raises(SettingsError, match="needs a host"):
        Server.from_provider("custom")
    with pytest.raises(SettingsError, match='Did you mean "postmark"'):
        Server.from_provider("postmrk")
    assert Server.from_provider("custom", host="localhost").port == 25


@pytest.mark.parametrize(
    ("host", "loopback"),
    [("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("localhost", True), ("mail.localhost", True),
     ("mail.example.com", False), ("192.0.2.1", False), ("localhost.example.com", False)],
)  # fmt: skip
def test_this_machine_is_known_by_its_names(host: str, loopback: bool) -> None:
    assert Server(host, 25, "off").is_loopback is loopback
