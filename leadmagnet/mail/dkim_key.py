"""The key that signs mail: made here, read from its file, told to the world as a DNS record (RFC 6376 §3.6)."""

import base64
from typing import TYPE_CHECKING

from leadmagnet.errors import SettingsError
from leadmagnet.mail.addresses import ascii_domain

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

#: RFC 8301 §3.2: signers should use 2048, verifiers must not look at less than 1024.
BITS = 2048
#: RFC 1035 §3.3: a TXT record is made of strings no longer than this.
_STRING = 255
_MEND = "`leadmagnet doctor --make-key` makes one that fits, once this file is out of the way."


def make() -> str:
    """A new private key, as unencrypted PEM (PKCS #8): whoever can read it can sign."""
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    key = rsa.generate_private_key(public_exponent=65_537, key_size=BITS)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def read(pem: str, place: str) -> "RSAPrivateKey":
    """The RSA key of `pem`; takes a while, as the numbers are checked. Raises SettingsError that names `place`."""
    # Imported here: cryptography takes longer to load than most commands take altogether.
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(pem.encode(), password=None)
    except TypeError:
        raise SettingsError(f"{place} is locked with a password, which nobody can type at night. {_MEND}") from None
    except ValueError:  # from None: nothing of a key belongs into a message
        raise SettingsError(f"{place} holds no private key in PEM. {_MEND}") from None
    if not isinstance(key, RSAPrivateKey):
        raise SettingsError(f"{place} is not an RSA key, the only kind that every mailbox verifies. {_MEND}")
    if key.key_size < BITS:
        raise SettingsError(
            f"{place} is an RSA key of {key.key_size} bits: mailboxes distrust less than {BITS}. {_MEND}"
        )
    return key


def record(key: "RSAPrivateKey") -> str:
    """The text of the TXT record that lets the world verify what `key` signed."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return f"v=DKIM1; k=rsa; p={base64.b64encode(public).decode()}"


def record_name(selector: str, domain: str) -> str:
    """Where the record stands: "leadmagnet._domainkey.mail.example.com". Raises NotAnAddress for no domain."""
    return f"{selector}._domainkey.{ascii_domain(domain)}"


def zone_line(name: str, text: str) -> str:
    """The record as a zone file wants it: strings that a reader joins without anything between (RFC 1035 §5.1)."""
    strings = " ".join(f'"{text[at : at + _STRING]}"' for at in range(0, len(text), _STRING))
    return f"{name}. IN TXT ( {strings} )"
