"""A slip of the fingers in an address's domain: what its writer may have meant.

The form's script holds the same rule (`web/static/embed.js`), so that it can ask before anything is sent.
"""

import re

#: Where private mail is read, the likelier first: what a mistyped domain is compared with.
LIKELY = (
    "gmail.com", "yahoo.com", "hotmail.com", "outlook.com", "icloud.com", "aol.com", "live.com", "msn.com", "me.com",
    "googlemail.com", "proton.me", "protonmail.com", "comcast.net", "verizon.net", "sbcglobal.net", "btinternet.com",
    "gmx.com", "gmx.de", "gmx.net",
)  # fmt: skip
#: Right as they stand, though one of the above is near.
_ALSO_RIGHT = frozenset({"ymail.com", "email.com", "mail.com", "protonmail.ch"})
#: Providers with a domain in many countries: yahoo.co.uk, hotmail.fr. Colombia, Cameroon and Oman are slips of "com".
_ABROAD = re.compile(r"(yahoo|hotmail|outlook|live|gmx|aol)\.(com?\.)?(?!co$|cm$|om$)[a-z]{2}")
#: Ends that no domain has, and that fingers make of "com".
_SLIP = re.compile(r"\.(con|cmo|cim|comm|vom)$")
#: Two slips are forgiven from nine letters and a dot on: in a short name they would make another one of it.
_LONG = 10


def suggestion(address: str) -> str | None:
    """The address that was probably meant, or None. "joe@gmail", which has no ending yet, is understood too."""
    local, _, domain = address.strip().rpartition("@")
    meant = _meant(domain.lower()) if local and domain else None
    return f"{local}@{meant}" if meant is not None else None


def distance(one: str, other: str) -> int:
    """The slips between two words: a letter too many, too few, wrong, or swapped with its neighbour.

    The optimal string alignment distance: no letter is touched twice.
    """
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, letter in enumerate(one, 1):
        before, above, row = row, before, [i]
        for j, wanted in enumerate(other, 1):
            least = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (letter != wanted))
            if i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == wanted:
                least = min(least, above[j - 2] + 1)
            row.append(least)
    return row[-1]


def _meant(domain: str) -> str | None:
    if _is_right(domain):
        return None
    if "." not in domain:
        return next((one for one in LIKELY if one.startswith(f"{domain}.")), None) or _nearest(f"{domain}.com")
    ended = _SLIP.sub(".com", domain)
    if _is_right(ended):
        return ended
    return _nearest(ended) or (ended if ended != domain else None)


def _is_right(domain: str) -> bool:
    return domain in LIKELY or domain in _ALSO_RIGHT or _ABROAD.fullmatch(domain) is not None


def _nearest(domain: str) -> str | None:
    """The likely domain that is one slip away, or two where it is long; of several the nearest, then the likeliest."""
    near = [(distance(domain, one), order) for order, one in enumerate(LIKELY) if abs(len(domain) - len(one)) <= 2]
    near = [(slips, order) for slips, order in near if slips <= (2 if len(LIKELY[order]) >= _LONG else 1)]
    return LIKELY[min(near)[1]] if near else None
