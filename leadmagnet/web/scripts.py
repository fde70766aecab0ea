"""A script as it goes out: without what only its readers need."""

import re

_COMMENT = re.compile(r"^//.*$|(?<=[;{,]) // .*$")
#: Never inside quotes: no string of ours has one of these between spaces, which a test holds.
_LOOSE = re.compile(r" ?(=>|[!=]==|&&|\|\|=?|[-=<>?:+,{}*]) ?")


def squeezed(source: str) -> str:
    """The same script without comments, indentation and the spaces around operators; each line stays one."""
    lines = (_LOOSE.sub(r"\1", _COMMENT.sub("", line.strip())) for line in source.splitlines())
    return "\n".join(line for line in lines if line)
