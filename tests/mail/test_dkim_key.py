"""The key that signs: which are fit, and what the world is told of them."""

import base64
import re

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
)

from leadmagnet.errors import SettingsError
from leadmagnet.mail import dkim_key
from leadmagnet.mail.addresses import NotAnAddress
from tests.mail.verify import pem, signer


def as_pem(key: rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey, lock: KeySerializationEncryption | None = None) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, lock or NoEncryption()).decode()


def test_a_key_that_was_made_is_fit_and_no_two_are_the_same() -> None:
    again = dkim_key.make()
    assert dkim_key.read(again, "key.pem").key_size == 2048
    assert again != pem()


def test_the_old_form_of_an_rsa_key_is_read_too() -> None:
    old = signer().key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode()
    assert dkim_key.record(dkim_key.read(old, "key.pem")) == dkim_key.record(signer().key)


def test_what_cannot_sign_is_refused_with_its_place_and_without_its_words() -> None:
    weak = as_pem(rsa.generate_private_key(65_537, 1024))
    other = as_pem(ed25519.Ed25519PrivateKey.generate())
    locked = as_pem(signer().key, BestAvailableEncryption(b"geheim"))
    public = "-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----\n"
    cut = pem()[: len(pem()) // 2]
    for unfit, words in (
        (weak, "is an RSA key of 1024 bits: mailboxes distrust less than 2048."),
        (other, "is not an RSA key"),
        (locked, "is locked with a password"),
        (public, "holds no private key"),
        (cut, "holds no private key"),
        ("", "holds no private key"),
    ):
        with pytest.raises(SettingsError) as refused:
            dkim_key.read(unfit, "var/dkim/leadmagnet.pem")
        assert str(refused.value).startswith(f"var/dkim/leadmagnet.pem {words}")
        assert "leadmagnet doctor --make-key" in str(refused.value)
        assert "BEGIN" not in str(refused.value)


def test_the_record_tells_the_public_half_only() -> None:
    text = dkim_key.record(signer().key)
    assert re.fullmatch(r"v=DKIM1; k=rsa; p=[A-Za-z0-9+/]+=*", text)
    private = base64.b64decode("".join(pem().splitlines()[1:-1]))
    assert base64.b64decode(text.partition("p=")[2]) not in private
    assert len(text) > 255


def test_a_zone_file_gets_the_record_in_strings_that_fit() -> None:
    text = dkim_key.record(signer().key)
    name = dkim_key.record_name("leadmagnet", "Mail.Example.com")
    line = dkim_key.zone_line(name, text)
    assert line.startswith("leadmagnet._domainkey.mail.example.com. IN TXT ( ")
    strings = re.findall(r'"([^"]*)"', line)
    assert "".join(strings) == text
    assert [len(string) <= 255 for string in strings] == [True, True]


def test_a_record_belongs_to_a_domain() -> None:
    assert dkim_key.record_name("s1", "bücher.example") == "s1._domainkey.xn--bcher-kva.example"
    with pytest.raises(NotAnAddress):
        dkim_key.record_name("s1", "")
