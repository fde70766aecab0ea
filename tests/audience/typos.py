"""Addresses with a slip in them, and what was meant; None: nothing to ask. Server and script answer alike."""

import random

from leadmagnet.audience.typos import LIKELY

MEANT = {
    "sam@gmial.com": "sam@gmail.com",
    "sam@gamil.com": "sam@gmail.com",
    "sam@gmai.com": "sam@gmail.com",
    "sam@gmaill.com": "sam@gmail.com",
    "sam@gmail.co": "sam@gmail.com",
    "sam@gmail.cm": "sam@gmail.com",
    "sam@gmail.con": "sam@gmail.com",
    "sam@GMAIL.CON": "sam@gmail.com",
    "Sam.Lee+run@gmail.cmo": "Sam.Lee+run@gmail.com",
    "sam@gmial.con": "sam@gmail.com",
    "sam@gmail": "sam@gmail.com",
    "sam@gmial": "sam@gmail.com",
    "sam@proton": "sam@proton.me",
    "sam@comcast": "sam@comcast.net",
    "sam@yaho.com": "sam@yahoo.com",
    "sam@yahoo.co": "sam@yahoo.com",
    "sam@yahoo.cm": "sam@yahoo.com",
    "sam@hotmial.com": "sam@hotmail.com",
    "sam@hotamil.co": "sam@hotmail.com",
    "sam@otmaill.com": "sam@hotmail.com",
    "sam@outlok.com": "sam@outlook.com",
    "sam@iclod.com": "sam@icloud.com",
    "sam@icuold.com": "sam@icloud.com",
    "sam@aol.vom": "sam@aol.com",
    "sam@btinternt.com": "sam@btinternet.com",
    "sam@gmx.nte": "sam@gmx.net",
    "sam@studio.con": "sam@studio.com",
    "sam@ymail.con": "sam@ymail.com",
    "sam@mail.my-studio.comm": "sam@mail.my-studio.com",
    # Right as they stand.
    "sam@gmail.com": None,
    "sam@ymail.com": None,
    "sam@email.com": None,
    "sam@mail.com": None,
    "sam@me.com": None,
    "sam@gmx.de": None,
    "sam@gmx.at": None,
    "sam@yahoo.co.uk": None,
    "sam@yahoo.com.br": None,
    "sam@hotmail.fr": None,
    "sam@live.nl": None,
    "sam@protonmail.ch": None,
    # Somebody's own.
    "sam@example.com": None,
    "sam@gmall.de": None,
    "sam@studio.co": None,
    "sam@company": None,
    "sam@bücher.example": None,
    "sam@gmaiil.co": None,  # two slips in a short name
    "sam@otmall.co": None,  # three in a long one
    # No address at all.
    "": None,
    "sam": None,
    "@gmial.com": None,
    "sam@": None,
}


def slips(count: int) -> list[str]:
    """Addresses with one to three slips, the same ones every time."""
    chance = random.Random(7)
    return [f"sam@{_mistyped(chance.choice(LIKELY), chance)}" for _ in range(count)]


def _mistyped(domain: str, chance: random.Random) -> str:
    for _ in range(chance.randint(1, 3)):
        at = chance.randrange(len(domain) - 1)
        domain = chance.choice(
            (
                domain[:at] + domain[at + 1 :],
                domain[:at] + chance.choice("aceimnou") + domain[at:],
                domain[:at] + domain[at + 1] + domain[at] + domain[at + 2 :],
            )
        )
    return domain
