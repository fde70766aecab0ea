"""Log lines for people or for programs, in which nothing that looks like an email address is left.

Our own rooms log ids, never addresses. The masking is the safety net under that, for the words of other libraries,
of mail servers, and of a database that repeats the row it refuses.
"""

import json
import logging
import re
import sys
import threading
from datetime import UTC, datetime
from types import TracebackType
from typing import Literal, TextIO

Format = Literal["text", "json"]
Level = Literal["debug", "info", "warning"]

log = logging.getLogger(__name__)

#: What stands for an address that was left out.
MASK = "[address]"
#: Wider than RFC 5321 §4.1.2 on purpose: a word too many costs nothing. Bounded, so that no line takes long.
_ADDRESS = re.compile(
    r'(?:"[^"\n]{0,256}"|[^\s@<>()\[\],;:"\\]{1,256})(?:@|%40)(?:\[[^\]\s]{1,64}\]|[\w.-]{1,256})', re.IGNORECASE
)
#: Where PostgreSQL repeats the values of a row or key that it refuses.
_ROW = re.compile(r"(Failing row contains |Key \([^)\n]*\)=)\(.*\)")
_TEXT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
#: What every record carries; whatever else stands in one was given as `extra`.
_USUAL = frozenset({*vars(logging.makeLogRecord({})), "message", "asctime"})


def set_up(format: Format | None, level: Level = "info", *, to: TextIO | None = None) -> logging.Handler:  # noqa: A002
    """Sends every library's warnings, and our own words from `level` on, to `to` (default: standard error).

    `format` None: text on a terminal, JSON lines otherwise. An error that nobody caught becomes a log line as well.
    A second call replaces what the first has set up.
    """
    stream = to if to is not None else sys.stderr
    for_people = format == "text" or (format is None and stream.isatty())
    handler = _Handler(stream)
    handler.setFormatter(TextLines(_TEXT) if for_people else JsonLines())
    root = logging.getLogger()
    for old in [old for old in root.handlers if isinstance(old, _Handler)]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    logging.getLogger("leadmagnet").setLevel(level.upper())
    sys.excepthook = _uncaught
    threading.excepthook = _uncaught_in_thread
    return handler


def masked(text: str) -> str:
    """The text without anything that looks like an address, and without a database row that an error quotes."""
    if "@" in text or "%40" in text:
        text = _ADDRESS.sub(MASK, text)
    if "DETAIL:" in text:
        text = _ROW.sub(r"\1(…)", text)
    return text


class _Handler(logging.StreamHandler[TextIO]):
    """Ours, so that it can be told from handlers that others have put there."""


class TextLines(logging.Formatter):
    """One line for each record, and the traceback below it."""

    def format(self, record: logging.LogRecord) -> str:
        return masked(super().format(record))


class JsonLines(logging.Formatter):
    """One JSON object for each record: time (UTC), level, logger, message, what was given as `extra`, exception."""

    def format(self, record: logging.LogRecord) -> str:
        fields: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": masked(record.getMessage()),
        }
        for name, value in vars(record).items():
            if name not in _USUAL:
                fields.setdefault(name, _plain(value))
        if record.exc_info:
            fields["exception"] = masked(self.formatException(record.exc_info))
        if record.stack_info:
            fields["stack"] = masked(record.stack_info)
        return json.dumps(fields, ensure_ascii=False)


def _plain(value: object) -> object:
    return value if value is None or isinstance(value, bool | int | float) else masked(str(value))


def _uncaught(kind: type[BaseException], error: BaseException, at: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, at)
    else:
        log.critical("the process ends by a defect", exc_info=(kind, error, at))


def _uncaught_in_thread(caught: threading.ExceptHookArgs) -> None:
    name = caught.thread.name if caught.thread is not None else "?"
    if caught.exc_value is not None:
        error = (caught.exc_type, caught.exc_value, caught.exc_traceback)
        log.critical("the thread %s ends by a defect", name, exc_info=error)
