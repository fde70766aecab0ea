"""Says a lasting trouble once, instead of at every try."""

import logging


class Complaint:
    """One kind of trouble of one thread: said when it begins or changes, and again when it is over."""

    def __init__(self, log: logging.Logger, over: str) -> None:
        self._log = log
        self._over = over
        self._said: str | None = None

    def say(self, text: str) -> None:
        """Logs the trouble, unless that was the last thing said."""
        if text != self._said:
            self._said = text
            self._log.error("%s", text)

    def over(self) -> None:
        """Says that it is over, if there was any."""
        if self._said is not None:
            self._said = None
            self._log.warning("%s", self._over)
