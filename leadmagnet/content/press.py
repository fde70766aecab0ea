"""Paints figures and sets PDFs in a process of its own: the memory that takes goes with it."""

import os
import pickle
import subprocess
import sys
from collections.abc import Iterator, Sequence
from io import BytesIO
from pathlib import Path

from leadmagnet.content.painting import draw_png
from leadmagnet.content.pdf import Paper, PdfError
from leadmagnet.content.pictures import Picture
from leadmagnet.errors import LeadmagnetError

#: What can be made: a figure as a PNG, a guide as a PDF.
Order = Picture | Paper

_HOME = Path(__file__).parents[2]
#: Far more than a publish takes: what has not come to an end by then never will.
_SECONDS = 300


def make(orders: Sequence[Order]) -> list[bytes]:
    """What was ordered, in the same order; the same order gives the same bytes. Takes about a second.

    Raises PdfError, naming the file, when a guide cannot be set.
    """
    if not orders:
        return []
    # No folder but ours comes before the libraries: the one we were started in is the operator's.
    path = os.pathsep.join(filter(None, (str(_HOME), os.environ.get("PYTHONPATH"))))
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-m", __name__],
            input=pickle.dumps(list(orders)),
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": path},
            timeout=_SECONDS,
            check=False,
            start_new_session=True,  # Ctrl-C is for us: a publish that has begun comes to its end
        ).stdout
    except subprocess.TimeoutExpired as error:
        done = error.stdout or b""
    except OSError as error:
        raise LeadmagnetError(f"Pictures and PDFs cannot be made: no process can be started ({error}).") from error
    made = list(_read(done))
    for answer in made:
        if isinstance(answer, str):
            raise PdfError(answer)
    if len(made) < len(orders):
        raise PdfError(_given_up(orders[len(made)]))
    return [answer for answer in made if isinstance(answer, bytes)]


def _read(answers: bytes) -> Iterator[bytes | str]:
    """Whatever came back whole: bytes, or the words of an error."""
    file = BytesIO(answers)
    while True:
        try:
            yield pickle.load(file)  # noqa: S301 - written by ourselves
        except (EOFError, pickle.UnpicklingError):
            return


def _given_up(order: Order) -> str:
    if isinstance(order, Paper):
        return order.refusal("the process that makes it came to no end, or died")
    return f"The picture {order.name} cannot be painted: the process that does it died. Nothing was published."


def _made(order: Order) -> bytes | str:
    try:
        if isinstance(order, Paper):
            return order.pdf()
        if order.figure is None:
            raise ValueError(f"{order.name} is a file, and needs no painting")
        return draw_png(order.figure, mirrored=order.mirrored)
    except LeadmagnetError as error:
        return str(error)


def _serve() -> None:
    """The other side of `make`: one answer for each order, each written as soon as it is there."""
    for order in pickle.load(sys.stdin.buffer):  # noqa: S301 - written by ourselves
        pickle.dump(_made(order), sys.stdout.buffer)
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    _serve()
