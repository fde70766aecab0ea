"""A script as it goes out: without what only its readers need."""

import re

_COMMENT = re.compile(r"^//.*$|(?<=[;{,]) // .*$")
#: Never inside quotes: no string of ours has one of these between spaces, which a test holds.
_LOOSE = re.compile(r" ?(=>|[!=]==|&&|\|\|=?|[-=<>?:+,{}*]) ?")
#: A statement has ended here anyway, or cannot.
_GOES_ON = re.compile(r"([;{,])\n")


def squeezed(source: str) -> str:
    """The same script without comments, indentation, the spaces around operators and line ends that end nothing."""
    lines = (_LOOSE.sub(r"\1", _COMMENT.sub("", line.strip())) for line in source.splitlines())
    return _GOES_ON.sub(r"\1", "\n".join(line for line in lines if line))
