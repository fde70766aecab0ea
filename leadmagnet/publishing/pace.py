"""Finds how many rows fit into a transaction of a given length."""

#: Below this a transaction costs more than what is in it, however slow the machine is.
_FEWEST = 100


class Pace:
    """Grows and shrinks a batch of at most `most` rows, so that one transaction lasts about `seconds`."""

    def __init__(self, seconds: float, *, most: int) -> None:
        self._seconds = seconds
        self._most = most
        self.rows = _FEWEST

    def took(self, rows: int, seconds: float) -> None:
        """Learns from a batch. A slow one counts at once, a quick one by and by."""
        if rows < self.rows:
            return  # the last of a kind: too few to learn from
        fitting = int(rows * self._seconds / max(seconds, 1e-6))
        self.rows = max(_FEWEST, min(fitting, 2 * rows, self._most))
