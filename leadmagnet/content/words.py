"""Says numbers in words, as a consent text wants them."""

_SMALL = [
    "no",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
]
_TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]


def count(number: int) -> str:
    """`number` from 0 in words ("no", "eight", "twenty-four"), in digits from 100."""
    if number < len(_SMALL):
        return _SMALL[number]
    if number > 99:
        return str(number)
    tens, ones = divmod(number, 10)
    return _TENS[tens - 2] + (f"-{_SMALL[ones]}" if ones else "")


def span(days: int) -> str:
    """A length of `days` in words: whole weeks where they fit ("four weeks"), else days ("ten days")."""
    weeks, rest = divmod(days, 7)
    number, unit = (weeks, "week") if weeks and not rest else (days, "day")
    return f"{count(number)} {unit}{'' if number == 1 else 's'}"
