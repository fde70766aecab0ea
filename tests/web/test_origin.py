"""Where a request came from: only a configured proxy is believed, and only from the right."""

import pytest
from flask import Request
from werkzeug.test import EnvironBuilder

from leadmagnet.web.origin import client_address, is_public, is_this_machine, origin_of

PROXY = "10.0.0.1"
PROXIES = ("10.0.0.0/8", "2001:db8:1::/48")


def asked(peer: str | None, *forwarded: str, **headers: str) -> Request:
    builder = EnvironBuilder(environ_base={"REMOTE_ADDR": peer} if peer is not None else {})
    for value in forwarded:
        builder.headers.add("X-Forwarded-For", value)
    builder.headers.extend({name.replace("_", "-"): value for name, value in headers.items()})
    return Request(builder.get_environ())


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        pytest.param("192.0.2.7", [], "192.0.2.7", id="nobody between"),
        pytest.param("192.0.2.7", ["198.51.100.1"], "192.0.2.7", id="a forged hop without a proxy"),
        pytest.param("192.0.2.7", ["10.0.0.1, 10.0.0.2"], "192.0.2.7", id="a stranger who names our proxies"),
        pytest.param(PROXY, [], PROXY, id="a proxy that says nothing"),
        pytest.param(PROXY, ["192.0.2.7"], "192.0.2.7", id="one proxy"),
        pytest.param(PROXY, ["198.51.100.1, 192.0.2.7"], "192.0.2.7", id="one proxy, a forged hop in front"),
        pytest.param(PROXY, ["192.0.2.7, 10.1.1.1, 10.2.2.2"], "192.0.2.7", id="three proxies"),
        pytest.param(PROXY, ["192.0.2.7", "10.1.1.1"], "192.0.2.7", id="one header a proxy"),
        pytest.param(PROXY, ["198.51.100.1, 192.0.2.7", "10.1.1.1"], "192.0.2.7", id="forged in another header"),
        pytest.param(PROXY, ["10.1.1.1, 10.2.2.2"], "10.1.1.1", id="nobody but proxies"),
        pytest.param(PROXY, ["198.51.100.1, rubbish"], PROXY, id="rubbish ends the reading"),
        pytest.param(PROXY, ["198.51.100.1, rubbish, 10.1.1.1"], "10.1.1.1", id="rubbish in the middle"),
        pytest.param(PROXY, ["192.0.2.7,"], PROXY, id="an empty hop"),
        pytest.param(PROXY, ["192.0.2.7:4711"], "192.0.2.7", id="a hop with a port"),
        pytest.param(PROXY, ["[2001:db8::7]:4711"], "2001:db8::7", id="a hop on IPv6 with a port"),
        pytest.param(PROXY, ["[2001:db8::7]"], "2001:db8::7", id="a hop on IPv6 in brackets"),
        pytest.param(PROXY, ["198.51.100.1, 192.0.2.7:4711, 10.1.1.1:80"], "192.0.2.7", id="proxies that tell ports"),
        pytest.param(PROXY, ["192.0.2.7:port"], PROXY, id="a port that is none"),
        pytest.param(PROXY, ["[::1"], PROXY, id="a bracket that does not close"),
        pytest.param(PROXY, ["::ffff:192.0.2.7"], "192.0.2.7", id="a hop on IPv4 spelled as IPv6"),
        pytest.param(PROXY, ["unknown"], PROXY, id="a hop that hides itself"),
        pytest.param(PROXY, [", ".join(["198.51.100.1"] * 100 + ["192.0.2.7"])], "192.0.2.7", id="a hundred hops"),
        pytest.param(PROXY, ["2001:db8::7"], "2001:db8::7", id="IPv6"),
        pytest.param(PROXY, ["2001:DB8:0::0007"], "2001:db8::7", id="IPv6 in another spelling"),
        pytest.param(PROXY, ["fe80::1%eth0"], "fe80::1", id="IPv6 with a zone"),
        pytest.param(PROXY, ["fe80::1%<script>"], "fe80::1", id="a script as the zone"),
        pytest.param("2001:db8:1::1", ["192.0.2.7"], "192.0.2.7", id="a proxy on IPv6"),
        pytest.param("::ffff:10.0.0.1", ["192.0.2.7"], "192.0.2.7", id="a proxy on IPv4 seen by an IPv6 socket"),
        pytest.param("::ffff:192.0.2.7", [], "192.0.2.7", id="a visitor seen by an IPv6 socket"),
        pytest.param("fe80::1%eth0", [], "fe80::1", id="a peer with a zone"),
        pytest.param("", ["192.0.2.7"], None, id="no peer"),
        pytest.param("localhost", ["192.0.2.7"], None, id="a socket in the file system"),
    ],
)
def test_the_visitors_address_is_the_nearest_hop_that_no_proxy_of_ours_is(
    peer: str, forwarded: list[str], address: str | None
) -> None:
    assert client_address(asked(peer, *forwarded), PROXIES) == address


@pytest.mark.parametrize(
    ("peer", "forwarded", "proxies", "counted"),
    [
        pytest.param("192.0.2.7", [], (), "192.0.2.7", id="a visitor"),
        pytest.param("192.0.2.7", ["203.0.113.1"], (), "192.0.2.7", id="who forges a hop"),
        pytest.param("192.0.2.7", ["127.0.0.1"], PROXIES, "192.0.2.7", id="who forges one of this machine"),
        pytest.param("2001:db8::7%eth0", [], (), "2001:db8::7", id="on IPv6, with a zone"),
        pytest.param(PROXY, ["192.0.2.7"], PROXIES, "192.0.2.7", id="behind a proxy that is named"),
        pytest.param("10.0.0.1", ["192.0.2.7"], ("10.0.0.1",), "192.0.2.7", id="named by its address"),
        pytest.param("10.0.0.2", ["192.0.2.7"], ("10.0.0.1",), None, id="beside the one that is named"),
        pytest.param("127.0.0.1", ["192.0.2.7"], (), None, id="nginx that nobody named"),
        pytest.param("::1", [], (), None, id="on this machine"),
        pytest.param("::ffff:127.0.0.1", [], (), None, id="on this machine, by an IPv6 socket"),
        pytest.param("172.17.0.1", ["192.0.2.7"], (), None, id="the gateway of a container"),
        pytest.param("100.64.3.4", ["192.0.2.7"], (), None, id="a load balancer of a cluster"),
        pytest.param("fe80::1%eth0", [], (), None, id="on the same wire"),
        pytest.param(PROXY, ["rubbish"], PROXIES, None, id="a named proxy that hides who comes"),
        pytest.param("localhost", ["192.0.2.7"], PROXIES, None, id="a socket in the file system"),
        pytest.param(None, [], (), None, id="nobody knows"),
    ],
)
def test_only_what_can_be_one_visitors_own_address_is_counted_by(
    peer: str | None, forwarded: list[str], proxies: tuple[str, ...], counted: str | None
) -> None:
    """A proxy that is not named would look like one visitor: a limit would lock everybody out together."""
    address = client_address(asked(peer, *forwarded), proxies)
    assert (address if address is not None and is_public(address) else None) == counted


def test_without_configured_proxies_nobody_is_believed() -> None:
    assert client_address(asked("127.0.0.1", "192.0.2.7"), ()) == "127.0.0.1"


@pytest.mark.parametrize(
    ("peer", "forwarded", "here"),
    [
        ("127.0.0.1", [], True),
        ("127.8.8.8", [], True),
        ("::1", [], True),
        ("::ffff:127.0.0.1", [], True),
        ("192.0.2.7", [], False),
        ("::ffff:192.0.2.7", [], False),
        ("10.0.0.1", [], False),
        ("", [], False),
        ("127.0.0.1", ["192.0.2.7"], False),
        ("127.0.0.1", ["127.0.0.1"], False),
        ("127.0.0.1", [""], False),
        ("192.0.2.7", ["127.0.0.1"], False),
    ],
)
def test_this_machine_is_a_loopback_peer_without_a_proxy(peer: str, forwarded: list[str], here: bool) -> None:
    assert is_this_machine(asked(peer, *forwarded)) is here


@pytest.mark.parametrize(
    ("referer", "page"),
    [
        ("https://example.com/barre?utm_source=x#box", "https://example.com/barre"),
        ("http://example.com", "http://example.com"),
        ("https://user:secret@example.com:8443/x", "https://example.com:8443/x"),
        ("https://example.com/" + "x" * 3000, ("https://example.com/" + "x" * 3000)[:512]),
        ("http://example.com/\0\x1b[31m", "http://example.com/[31m"),
        ("http://[", None),
        ("http://[::1/x", None),
        ("//example.com/x", None),
        ("android-app://com.example", None),
        ("javascript:alert(1)", None),
        ("https:", None),
        ("about:blank", None),
        ("", None),
    ],
)
def test_the_page_is_kept_without_its_query_and_without_a_password(referer: str, page: str | None) -> None:
    assert origin_of(asked("192.0.2.7", Referer=referer), ()).page == page


def test_a_browsers_name_is_kept_short_and_printable() -> None:
    assert origin_of(asked("192.0.2.7", User_Agent="A\0\x1bb" + "c" * 600), ()).user_agent == "Ab" + "c" * 508
    assert origin_of(asked("192.0.2.7"), ()).user_agent is None
