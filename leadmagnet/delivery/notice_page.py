"""Lays out a mail to the operator: lines, small tables and commands, for a phone and as plain text."""

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any

from leadmagnet.content.compiled import Letter

_PAGE = (
    '<!doctype html><html lang="en"><head><meta charset="utf-8">'
    '<meta name="viewport" content="width=device-width"><title>{title}</title></head>'
    '<body style="margin:0;padding:24px;font:16px/1.5 -apple-system,Segoe UI,sans-serif;color:#222;background:#fff">'
    '<div style="max-width:560px;margin:0 auto">{body}</div></body></html>'
)
_COMMAND = '<pre style="padding:12px;background:#f3f1ee;white-space:pre-wrap;font-size:14px">{command}</pre>'
_HEADING = '<h2 style="margin:28px 0 8px;font-size:18px">{words}</h2>'
_TABLE = (
    '<table role="presentation" cellspacing="0" cellpadding="0" style="width:100%;border-collapse:collapse">'
    "{rows}</table>"
)
_CELL = '<td style="padding:6px 0{gap};border-bottom:1px solid #e6e2dc;vertical-align:top{more}">{words}</td>'
_LABEL, _NUMBER = "", ";text-align:right;white-space:nowrap"
_FOOT = '<p style="margin-top:28px;color:#666;font-size:14px">{words}</p>'
_WIDTH = 72


def compiled(words: Mapping[str, Any], foot: str) -> Letter:
    """The mail as a compiled letter: nothing is left to fill in.

    `words` holds `subject`, and either `lines` with `commands` behind them, or `parts`: pairs of `heading`, `line`,
    `command` or `table` with what it shows; a table is rows of two texts. `foot` may be overruled in `words`.
    """
    parts = words.get("parts") or [
        *(("line", line) for line in words["lines"]),
        *(("command", command) for command in words["commands"]),
    ]
    subject, foot = _inert(words["subject"]), _inert(words.get("foot", foot))
    preheader = next((_inert(shown) for kind, shown in parts if kind == "line"), subject)
    body = "".join(_html(kind, shown) for kind, shown in parts) + _FOOT.format(words=escape(foot))
    text = "\n\n".join([*(_text(kind, shown) for kind, shown in parts), f"-- \n{_wrapped(foot)}"])
    return Letter(
        path="email_templates/system/notice.md",
        slug="notice",
        subject=subject,
        preheader=preheader,
        html=_PAGE.format(title=escape(subject), body=body),
        text=f"{text}\n",
    )


def _html(kind: str, shown: Any) -> str:
    match kind:
        case "heading":
            return _HEADING.format(words=escape(_inert(shown)))
        case "command":
            return _COMMAND.format(command=escape(_inert(shown)))
        case "table":
            return _TABLE.format(rows="".join(_html_row(row) for row in shown))
    return f"<p>{escape(_inert(shown))}</p>"


def _html_row(row: Sequence[str]) -> str:
    label, number = (escape(_inert(cell)) for cell in row)
    left = _CELL.format(gap=" 6px", more=_LABEL, words=label)
    return f"<tr>{left}{_CELL.format(gap=' 6px 12px', more=_NUMBER, words=number)}</tr>"


def _text(kind: str, shown: Any) -> str:
    match kind:
        case "heading":
            return f"{_inert(shown)}\n{'-' * len(shown)}"
        case "command":
            return f"    {_inert(shown)}"
        case "table":
            return "\n".join(_text_rows(shown))
    return _wrapped(_inert(shown))


def _text_rows(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    width = max(len(label) for label, _number in rows)
    for label, number in rows:
        yield f"  {_inert(label):<{width}}   {_inert(number)}"


def _wrapped(line: str) -> str:
    return textwrap.fill(line, _WIDTH, break_long_words=False, break_on_hyphens=False)


def _inert(text: str) -> str:
    # These words become a template: none of them may begin an expression.
    return text.replace("{", "(").replace("}", ")")
