"""Awkward people, every one of whom is real somewhere, or tried to be somebody else."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Reader:
    """`address` as typed into the form; `stored` and `name` as in the database, whatever a form would have said."""

    who: str
    address: str
    stored: str
    on_the_wire: str
    name: str | None = None


def _plain(who: str, address: str, name: str | None = None) -> Reader:
    return Reader(who, address, address, address, name)


ACCENTED = Reader("an accented address", "jose@example.com", "josé@example.com", "josé@example.com", "José")
#: Awkward names and awkward addresses, on as few people as there are names: each of them gets every letter.
READERS = (
    _plain("Ada without a name", "ada@example.com"),
    _plain("the longest local part", "x" * 64 + "@example.com"),
    _plain(
        "a long name at a plus address",
        "me+hips@example.com",
        "Wolfeschlegelsteinhausenbergerdorff von und zu der Langen Gasse",
    ),
    _plain("a name from right to left at an address with a quote", "o'cohen@example.com", "מאיה כהן"),
    _plain("a name of emoji at an address of signs", "!#$%&*/=?^_`{|}~-@example.com", "💃🏽👩‍👩‍👧‍👦"),
    _plain("a name of markup", "markup@example.com", "<b>O'Bob</b><img src=x onerror=alert(1)>"),
    _plain("a name of headers", "headers@example.com", "Bob\r\nBcc: victim@evil.example\r\n\r\nBuy"),
    _plain("a name that decodes to headers", "decodes@example.com", "=?UTF-8?Q?Bob=0D=0ABcc:_victim@evil.example?="),
    _plain("a name of dots", "dots@example.com", ".\r\n.\r\nQUIT"),
    Reader(
        "a name of template at a domain with an umlaut",
        "ada@bücher.example",
        "ada@bücher.example",
        "ada@xn--bcher-kva.example",
        "{{ 7*7 }}{% include 'x' %}${7*7}",
    ),
    ACCENTED,
)
