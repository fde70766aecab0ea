"""What DNS says of a sender is read as mailboxes read it, and silence is never taken for an answer."""

import pytest

from leadmagnet.mail import dkim_key, spf
from leadmagnet.mail.dns import Nameserver, Resolver, Unknown
from leadmagnet.mail.dns_records import Found, Sending, look
from leadmagnet.mail.server import Server
from tests.mail.nameservers import NameserverOnLoopback
from tests.mail.verify import signer

DOMAIN = "mail.runbendbarre.com"
HOST = "letters.runbendbarre.com"
BOUNCES = "bounce.runbendbarre.com"
Zone = dict[tuple[str, str], list[str]]


def key() -> tuple[str, str]:
    return f"leadmagnet._domainkey.{DOMAIN}", dkim_key.record(signer().key)


def quoted(text: str) -> str:
    """As a zone file has it, in strings of at most 255."""
    return " ".join(f'"{text[at : at + 255]}"' for at in range(0, len(text), 255))


def healthy() -> Zone:
    return {
        (BOUNCES, "TXT"): ['"other words"', '"v=spf1 include:amazonses.com " "ip4:192.0.2.0/24 ~all"'],
        ("amazonses.com", "TXT"): ['"v=spf1 ip4:199.255.192.0/22 -all"'],
        (key()[0], "TXT"): [quoted(key()[1])],
        ("_dmarc.runbendbarre.com", "TXT"): ['"v=DMARC1; p=reject; sp=quarantine; rua=mailto:maya@runbendbarre.com"'],
        (BOUNCES, "MX"): ["10 mx.runbendbarre.com."],
        ("mx.runbendbarre.com", "A"): ["192.0.2.5"],
        (HOST, "A"): ["192.0.2.6"],
        (HOST, "AAAA"): ["2001:db8::6"],
    }


def sending(server: str | None = "smtp://email-smtp.eu-west-1.amazonaws.com", **other: object) -> Sending:
    values: dict[str, object] = {"domain": DOMAIN, "envelope": BOUNCES, "bounce_domain": BOUNCES, "host": HOST}
    return Sending(**values | {"dkim": key()} | other, server=Server.from_url(server) if server else None)  # type: ignore[arg-type]


def seen(zone: Zone, of: Sending | None = None, **server: tuple[str, ...]) -> dict[str, Found]:
    with NameserverOnLoopback(zone, **server) as world:
        found = list(look(Resolver(world.address, each=0.3), of or sending()))
    return {one.name: one for one in found}


def test_a_healthy_domain_is_fine_and_says_what_it_found() -> None:
    found = seen(healthy())
    assert {name: one.fine for name, one in found.items()} == dict.fromkeys(
        ["SPF", "DKIM record", "DMARC", "MX", "host"], True
    )
    assert "in 1 of 10 lookups; email-smtp.eu-west-1.amazonaws.com is among them" in found["SPF"].words
    assert "says p=quarantine, and you get the reports" in found["DMARC"].words
    assert found["host"].words == f"{HOST} leads to 192.0.2.6, 2001:db8::6."


def test_an_empty_domain_is_told_every_record_to_publish() -> None:
    found = seen({})
    assert {one.fine for one in found.values()} == {False}
    assert f"{BOUNCES}  v=spf1 include:amazonses.com ~all" in found["SPF"].words
    assert f"{key()[0]}  {key()[1]}" in found["DKIM record"].words
    assert f"_dmarc.{DOMAIN}  v=DMARC1; p=none; rua=mailto:YOU@{DOMAIN}" in found["DMARC"].words
    assert f"{BOUNCES}  MX 10 HOST" in found["MX"].words
    assert f"{HOST}  A ADDRESS" in found["host"].words


def test_what_a_site_does_not_use_is_not_asked() -> None:
    found = seen(healthy(), sending(bounce_domain=None, host=None, dkim=None))
    assert list(found) == ["SPF", "DMARC"]


def test_silence_is_unknown_and_never_missing() -> None:
    found = seen({}, silent=(BOUNCES,), failing=(f"_dmarc.{DOMAIN}", HOST, key()[0]))
    assert {name: one.fine for name, one in found.items()} == dict.fromkeys(found, None)
    assert f"DNS did not answer about {BOUNCES}: unknown." in found["SPF"].words


def test_without_a_network_the_asking_ends_after_two_silences() -> None:
    with NameserverOnLoopback({}, silent=(DOMAIN,)) as world:
        resolver = Resolver(world.address, each=0.2)
        for _ in range(6):
            with pytest.raises(Unknown):
                resolver.texts(DOMAIN)
        before = len(world.asked)
        with pytest.raises(Unknown):
            resolver.addresses("runbendbarre.com")
        assert len(world.asked) == before
        late = Resolver(world.address, altogether=0)
        with pytest.raises(Unknown):
            late.texts("runbendbarre.com")
        with pytest.raises(Unknown):
            Resolver(Nameserver("127.0.0.1", world.address.port)).texts(f"{'x' * 64}.com")  # no name at all


def test_a_record_in_several_strings_is_one() -> None:
    with NameserverOnLoopback({("a.com", "TXT"): ['"v=spf1 inc" "lude:b.com" " -all"']}) as world:
        assert Resolver(world.address).texts("a.com") == ["v=spf1 include:b.com -all"]


SPF = {
    "two records": (['"v=spf1 ~all"', '"v=SPF1 -all"'], False, "has 2 SPF records, so none counts"),
    "the whole world": (['"v=spf1 +all"'], False, "lets the whole world send"),
    "something broken": (['"v=spf1 include:nothing.com ~all"'], False, "includes nothing.com, which has none"),
    "another provider": (['"v=spf1 include:_spf.google.com ~all"'], None, "else add include:amazonses.com"),
    "too much": (['"v=spf1 include:loop.com ~all"'], False, "takes more than 10 lookups"),
    "macros": (['"v=spf1 exists:%{i}.x.com include:amazonses.com ~all"'], True, "in 2 of 10 lookups"),
    "nonsense": (['"v=spf1 ip4:nowhere ip4:1.2.3.4/99 !! include:amazonses.com ~all"'], True, "in 1 of 10"),
    "redirected": (['"v=spf1 redirect=amazonses.com"'], True, "is among them"),
}


@pytest.mark.parametrize("name", SPF)
def test_spf_is_read_as_a_receiver_reads_it(name: str) -> None:
    records, fine, words = SPF[name]
    others: Zone = {
        ("loop.com", "TXT"): ['"v=spf1 include:loop.com include:loop.com -all"'],
        ("_spf.google.com", "TXT"): ['"v=spf1 ip4:192.0.2.99 ~all"'],
    }
    found = seen(healthy() | others | {(BOUNCES, "TXT"): records})["SPF"]
    assert found.fine is fine and words in found.words


@pytest.mark.parametrize(
    ("record", "fine", "words"),
    [
        ("v=spf1 ip4:198.51.100.0/24 ~all", True, "relay.example.net is among them"),
        ("v=spf1 ip6:2001:db8::/32 ~all", True, "relay.example.net is among them"),
        ("v=spf1 a:relay.example.net ~all", True, "relay.example.net is among them"),
        ("v=spf1 mx/24 ~all", True, "relay.example.net is among them"),
        ("v=spf1 mx ~all", None, "is not among them"),
        ("v=spf1 -ip4:198.51.100.0/24 ~all", None, "is not among them"),
    ],
)
def test_a_relay_of_ones_own_is_found_by_its_address(record: str, fine: bool | None, words: str) -> None:
    zone = healthy() | {
        (BOUNCES, "TXT"): [f'"{record}"'],
        ("relay.example.net", "A"): ["198.51.100.7"],
        ("relay.example.net", "AAAA"): ["2001:db8::7"],
        ("mx.runbendbarre.com", "A"): ["198.51.100.9"],
    }
    found = seen(zone, sending("smtp://relay.example.net"))["SPF"]
    assert found.fine is fine and words in found.words


def test_the_record_for_a_relay_is_made_from_what_is_known_of_it() -> None:
    zone: Zone = {("relay.example.net", "A"): ["198.51.100.7"], ("relay.example.net", "AAAA"): ["2001:db8::7"]}
    assert (
        "v=spf1 ip4:198.51.100.7 ip6:2001:db8::7 ~all" in seen(zone, sending("smtp://relay.example.net"))["SPF"].words
    )
    assert "ip4:THE-ADDRESS-YOUR-MAIL-LEAVES-FROM" in seen({}, sending("smtp://127.0.0.1"))["SPF"].words
    gmail = sending("smtps://smtp.gmail.com")
    found = seen(healthy(), gmail)["SPF"]
    assert found.fine is False and "Add include:_spf.google.com" in found.words


def test_lookups_are_counted_to_the_very_limit() -> None:
    zone: Zone = {("a.com", "TXT"): ['"v=spf1 -all"']}
    with NameserverOnLoopback(zone) as world:
        ten = "v=spf1 " + "include:a.com " * 10 + "-all"
        assert spf.read(Resolver(world.address), "x.com", ten).lookups == 10
        assert spf.read(Resolver(world.address), "x.com", f"{ten} include:a.com").lookups == 11


@pytest.mark.parametrize(
    ("name", "records", "fine", "words"),
    [
        ("DKIM record", ["v=DKIM1; k=rsa; p=AAAA"], False, "holds another key than this machine's"),
        ("DKIM record", ["v=DKIM1; p="], False, "holds another key"),
        ("DKIM record", ["nothing like it"], False, "is not there"),
        ("DKIM record", ["v=DKIM1; p=AAAA", "v=DKIM1; p=BBBB"], False, "has 2 keys"),
        ("DMARC", ["v=DMARC1; p=none; rua=mailto:a@b.com"], True, "make it p=quarantine"),
        ("DMARC", ["v=DMARC1;p=reject"], True, "nobody gets the reports"),
        ("DMARC", ["v=DMARC1; p=reject", "v=DMARC1; p=none"], True, "_dmarc.runbendbarre.com says p=quarantine"),
    ],
)
def test_each_record_is_read(name: str, records: list[str], fine: bool, words: str) -> None:
    place = key()[0] if name == "DKIM record" else f"_dmarc.{DOMAIN}"
    found = seen(healthy() | {(place, "TXT"): [quoted(record) for record in records]})[name]
    assert found.fine is fine and words in found.words


def test_a_bounce_domain_that_leads_nowhere_is_said() -> None:
    assert "has no mail server" in seen(healthy() | {(BOUNCES, "MX"): ["0 ."]})["MX"].words
    assert (
        "mx2.runbendbarre.com, which has no address"
        in seen(healthy() | {(BOUNCES, "MX"): ["10 mx2.runbendbarre.com."]})["MX"].words
    )
